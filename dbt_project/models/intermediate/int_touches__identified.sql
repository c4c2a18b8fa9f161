{#
    Grain: one row per touch: a form submission, a WhatsApp message, an imported lead.
    Reads: the staging models with leads, vault.identifiers. Feeds: int_people__linked, fct_touches.

    Why here: personal data ends at this join. What goes on is a keyed token. A chat is one lead; a message whose
    number has no token (not yet, or never: it is no number) is a lead of its own until it has one.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['tenant_id', 'touch_id'],
        indexes=[
            {'columns': ['tenant_id', 'touch_id'], 'unique': true},
            {'columns': ['tenant_id', 'lead_id']},
            {'columns': ['tenant_id', 'email_token']},
            {'columns': ['tenant_id', 'phone_token']},
            {'columns': ['staged_at']},
            {'columns': ['identified_at']},
        ],
    )
}}

{%- set parameters = ['utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'campaign_id',
    'campaign_name', 'adgroup_id', 'gclid', 'gbraid', 'wbraid', 'fbclid', 'ttclid', 'msclkid', 'twclid', 'li_fat_id',
    'ctwa_clid', 'kcid', 'kpv'] %}

with

form_touches as (

    select
        tenant_id,
        touch_id,
        'form' as source,
        1 as source_version,
        lead_id,
        external_id,
        submitted_at as touched_at,
        received_at,
        staged_at,
        landing_key,
        null::jsonb as given,
        null::text as phone_id,
        null::text as ref_id,
        null::text as ctwa_clid,
        meta_lead_id,
        tiktok_lead_id,
        phone,
        email,
        region,
        consent
    from {{ ref('stg_forms__submissions') }}

),

csv_touches as (

    select
        tenant_id,
        touch_id,
        'csv' as source,
        version as source_version,
        lead_id,
        record_id as external_id,
        created_at as touched_at,
        received_at,
        staged_at,
        landing_key,
        nullif(
            jsonb_strip_nulls(
                jsonb_build_object(
                    {%- for parameter in parameters %}
                    '{{ parameter }}', {{ scrubbed(parameter) }}{{ ',' if not loop.last }}
                    {%- endfor %}
                )
            ),
            '{}'
        ) as given,
        null::text as phone_id,
        null::text as ref_id,
        null::text as ctwa_clid,
        meta_lead_id,
        tiktok_lead_id,
        phone,
        email,
        region,
        consent
    from {{ ref('stg_csv__leads') }}

),

whatsapp_touches as (

    select
        tenant_id,
        touch_id,
        'whatsapp' as source,
        1 as source_version,
        null::text as lead_id,
        null::text as external_id,
        sent_at as touched_at,
        received_at,
        staged_at,
        landing_key,
        null::jsonb as given,
        phone_id,
        ref_id,
        ctwa_clid,
        null::text as meta_lead_id,
        null::text as tiktok_lead_id,
        phone,
        null::text as email,
        null::text as region,
        null::text as consent
    from {{ ref('stg_whatsapp__messages') }}

),

touches as (

    select * from form_touches
    union all
    select * from csv_touches
    union all
    select * from whatsapp_touches

),

new_touches as (

    select touches.*
    from touches
    {% if is_incremental() %}
    where touches.staged_at > {{ last_written('staged_at') }}

    union all

    -- Written before enrichment had read all of its identifiers.
    select touches.*
    from touches
    inner join {{ this }} as known
        on
            touches.tenant_id = known.tenant_id
            and touches.touch_id = known.touch_id
    where
        touches.staged_at <= {{ last_written('staged_at') }}
        and not known.is_enriched
    {% endif %}

),

identified as (

    select
        new_touches.*,
        phones.token as phone_token,
        emails.token as email_token,
        (new_touches.phone is null or phones.is_known)
        and (new_touches.email is null or emails.is_known) as is_enriched
    from new_touches
    cross join
        lateral (
            select
                max(identifiers.token) as token,
                count(*) > 0 as is_known
            from {{ source('vault', 'identifiers') }} as identifiers
            where
                identifiers.tenant_id = new_touches.tenant_id
                and identifiers.kind = 'phone'
                and identifiers.raw_value = new_touches.phone
        ) as phones
    cross join lateral (
        select
            max(identifiers.token) as token,
            count(*) > 0 as is_known
        from {{ source('vault', 'identifiers') }} as identifiers
        where
            identifiers.tenant_id = new_touches.tenant_id
            and identifiers.kind = 'email'
            and identifiers.raw_value = new_touches.email
    ) as emails

),

keyed as (

    select
        tenant_id,
        touch_id,
        source,
        source_version,
        case
            when source <> 'whatsapp' then lead_id
            when phone_token is not null
                then {{ key_of(["tenant_id::text", "'lead'", "'whatsapp'", "coalesce(phone_id, '')", "phone_token"]) }}
            else {{ key_of(["tenant_id::text", "'lead'", "'whatsapp'", "touch_id"]) }}
        end as lead_id,
        case when source = 'whatsapp' then phone_token else {{ scrubbed('external_id') }} end as external_id,
        touched_at,
        received_at,
        staged_at,
        landing_key,
        given,
        phone_id,
        ref_id,
        ctwa_clid,
        meta_lead_id,
        tiktok_lead_id,
        phone_token,
        email_token,
        region,
        consent,
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
            and known.touch_id = keyed.touch_id
            and known.source_version = keyed.source_version
            and known.is_enriched = keyed.is_enriched
            and known.phone_token is not distinct from keyed.phone_token
            and known.email_token is not distinct from keyed.email_token
    )
{% endif %}
