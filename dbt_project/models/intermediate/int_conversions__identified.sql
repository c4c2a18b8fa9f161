{#
    Grain: one row per conversion, from the CRM or a file.
    Reads: stg_crm__conversions, stg_csv__deals, vault.identifiers. Feeds: int_people__linked, int_conversions__matched.

    Why here: personal data ends at this join. A raw identifier is believed before a hash.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['tenant_id', 'conversion_id'],
        indexes=[
            {'columns': ['tenant_id', 'conversion_id'], 'unique': true},
            {'columns': ['staged_at']},
            {'columns': ['identified_at']},
        ],
    )
}}

with

crm_conversions as (

    select
        tenant_id,
        conversion_id,
        'crm' as source,
        1 as source_version,
        kind,
        converted_at,
        received_at,
        staged_at,
        event_id,
        crm_record_id,
        lead_external_id,
        value,
        currency,
        is_reversed,
        gclid,
        gbraid,
        wbraid,
        fbclid,
        ttclid,
        ctwa_clid,
        meta_lead_id,
        tiktok_lead_id,
        region,
        phone,
        phone_sha256,
        email,
        email_sha256
    from {{ ref('stg_crm__conversions') }}

),

csv_conversions as (

    select
        tenant_id,
        conversion_id,
        'csv' as source,
        version as source_version,
        kind,
        converted_at,
        received_at,
        staged_at,
        null::text as event_id,
        record_id as crm_record_id,
        lead_external_id,
        value,
        currency,
        is_reversed,
        gclid,
        gbraid,
        wbraid,
        fbclid,
        ttclid,
        ctwa_clid,
        meta_lead_id,
        tiktok_lead_id,
        region,
        phone,
        null::text as phone_sha256,
        email,
        null::text as email_sha256
    from {{ ref('stg_csv__deals') }}

),

conversions as (

    select * from crm_conversions
    union all
    select * from csv_conversions

),

new_conversions as (

    select conversions.*
    from conversions
    {% if is_incremental() %}
    where conversions.staged_at > {{ last_written('staged_at') }}

    union all

    -- Written before enrichment had read all of its identifiers.
    select conversions.*
    from conversions
    inner join {{ this }} as known
        on
            conversions.tenant_id = known.tenant_id
            and conversions.conversion_id = known.conversion_id
    where
        conversions.staged_at <= {{ last_written('staged_at') }}
        and not known.is_enriched
    {% endif %}

),

identified as (

    select
        new_conversions.*,
        phones.token as phone_token,
        emails.token as email_token,
        phones.known_count = num_nonnulls(new_conversions.phone, new_conversions.phone_sha256)
        and emails.known_count = num_nonnulls(new_conversions.email, new_conversions.email_sha256) as is_enriched
    from new_conversions
    cross join
        lateral (
            select
                coalesce(
                    max(identifiers.token) filter (where identifiers.raw_value = new_conversions.phone),
                    max(identifiers.token)
                ) as token,
                count(distinct identifiers.raw_value) as known_count
            from {{ source('vault', 'identifiers') }} as identifiers
            where
                identifiers.tenant_id = new_conversions.tenant_id
                and identifiers.kind = 'phone'
                and identifiers.raw_value in (new_conversions.phone, new_conversions.phone_sha256)
        ) as phones
    cross join lateral (
        select
            coalesce(
                max(identifiers.token) filter (where identifiers.raw_value = new_conversions.email),
                max(identifiers.token)
            ) as token,
            count(distinct identifiers.raw_value) as known_count
        from {{ source('vault', 'identifiers') }} as identifiers
        where
            identifiers.tenant_id = new_conversions.tenant_id
            and identifiers.kind = 'email'
            and identifiers.raw_value in (new_conversions.email, new_conversions.email_sha256)
    ) as emails

),

keyed as (

    select
        tenant_id,
        conversion_id,
        source,
        source_version,
        kind,
        converted_at,
        received_at,
        staged_at,
        event_id,
        {{ scrubbed('crm_record_id') }} as crm_record_id,
        {{ scrubbed('lead_external_id') }} as lead_external_id,
        value,
        currency,
        is_reversed,
        {%- for click_id in click_ids() %}
        {{ scrubbed(click_id) }} as {{ click_id }},
        {%- endfor %}
        meta_lead_id,
        tiktok_lead_id,
        region,
        phone_token,
        email_token,
        is_enriched,
        now() as identified_at
    from identified

)

select keyed.*
from keyed
{% if is_incremental() %}
where not exists (
        select 1
        from {{ this }} as known
        where
            known.tenant_id = keyed.tenant_id
            and known.conversion_id = keyed.conversion_id
            and known.source_version = keyed.source_version
            and known.is_enriched = keyed.is_enriched
            and known.phone_token is not distinct from keyed.phone_token
            and known.email_token is not distinct from keyed.email_token
    )
{% endif %}
