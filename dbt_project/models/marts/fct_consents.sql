{#
    Grain: one row per word about consent: a yes or a no, of one subject, at one moment, as one sender told it.
    Reads: the staging models with consent, ops.consent_changes, vault.identifiers.
    Feeds: int_consents__resolved, `leadloop consent prove`.

    Why insert-only, and never refreshed: what was known when is a fact of its own. A proof about last month must find
    the yes of last month, however often it was taken back since.

    Why a file's later version counts only when it says something else: a file that is imported again for a corrected
    city must not take back what the person said elsewhere in the meantime.

    Why clamped: a browser's clock that runs ahead must not outlive a later word.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        indexes=[
            {'columns': ['tenant_id', 'consent_id'], 'unique': true},
            {'columns': ['tenant_id', 'subject_kind', 'subject_id']},
            {'columns': ['built_at']},
        ],
    )
}}

with

form_words as (

    select
        tenant_id,
        'form' as source,
        dedupe_key as record_key,
        1 as version,
        'lead' as subject_kind,
        lead_id as subject_id,
        consent as status,
        submitted_at as said_at,
        received_at,
        staged_at
    from {{ ref('stg_forms__submissions') }}
    where consent is not null

),

crm_words as (

    select
        tenant_id,
        'crm' as source,
        dedupe_key as record_key,
        1 as version,
        'conversion' as subject_kind,
        conversion_id as subject_id,
        consent as status,
        converted_at as said_at,
        received_at,
        staged_at
    from {{ ref('stg_crm__conversions') }}
    where consent is not null

),

csv_words as (

    select
        tenant_id,
        'csv' as source,
        record_id as record_key,
        version,
        'lead' as subject_kind,
        lead_id as subject_id,
        consent as status,
        created_at as said_at,
        received_at,
        staged_at
    from {{ ref('stg_csv__leads') }}
    where consent is not null

    union all

    select
        tenant_id,
        'csv' as source,
        record_id as record_key,
        version,
        'conversion' as subject_kind,
        conversion_id as subject_id,
        consent as status,
        converted_at as said_at,
        received_at,
        staged_at
    from {{ ref('stg_csv__deals') }}
    where consent is not null

),

-- A hashed address is a person by its token, as soon as the vault has one.
pushed_words as (

    select
        pushed.tenant_id,
        'consent' as source,
        pushed.dedupe_key as record_key,
        1 as version,
        subject.kind as subject_kind,
        subject.id as subject_id,
        pushed.status,
        pushed.changed_at as said_at,
        pushed.received_at,
        pushed.staged_at
    from {{ ref('stg_intake__consents') }} as pushed
    cross join
        lateral (
            values
            ('crm_record', pushed.crm_record_id),
            ('lead', pushed.lead_external_id),
            (
                'email',
                (
                    select max(identifiers.token)
                    from {{ source('vault', 'identifiers') }} as identifiers
                    where
                        identifiers.tenant_id = pushed.tenant_id
                        and identifiers.kind = 'email'
                        and identifiers.raw_value = pushed.email_sha256
                )
            ),
            (
                'phone',
                (
                    select max(identifiers.token)
                    from {{ source('vault', 'identifiers') }} as identifiers
                    where
                        identifiers.tenant_id = pushed.tenant_id
                        and identifiers.kind = 'phone'
                        and identifiers.raw_value = pushed.phone_sha256
                )
            )
        ) as subject (kind, id)
    where
        pushed.status is not null
        and subject.id is not null

),

person_words as (

    select
        tenant_id,
        'person' as source,
        change_id::text as record_key,
        1 as version,
        subject_kind,
        subject_id,
        status,
        changed_at as said_at,
        recorded_at as received_at,
        recorded_at as staged_at
    from {{ source('ops', 'consent_changes') }}

),

followed_words as (

    select * from form_words
    union all
    select * from crm_words
    union all
    select * from csv_words

),

words as (

    select *
    from followed_words
    {% if is_incremental() %}
    where staged_at > {{ last_written('staged_at') }}
    {% endif %}

    union all

    -- Few, and their tokens may come later than they do: all of them are looked at.
    select * from pushed_words

    union all

    select * from person_words

),

keyed as (

    select
        *,
        {{ key_of(["tenant_id::text", "'consent'", "source", "record_key", "version::text", "subject_kind"]) }}
            as consent_id
    from words

),

new_words as (

    select keyed.*
    from keyed
    {% if is_incremental() %}
    where not exists (
            select 1
            from {{ this }} as known
            where
                known.tenant_id = keyed.tenant_id
                and known.consent_id = keyed.consent_id
        )
    {% endif %}

),

{% if is_incremental() %}

compared as (

    select
        new_words.*,
        case when new_words.version > 1 then earlier.status end as earlier_status
    from new_words
    left join lateral (
        select known.status
        from {{ this }} as known
        where
            known.tenant_id = new_words.tenant_id
            and known.subject_kind = new_words.subject_kind
            and known.subject_id = new_words.subject_id
            and known.source = new_words.source
        order by known.known_at desc, known.changed_at desc, known.status asc
        limit 1
    ) as earlier on true

)

{% else %}

compared as (

    select
        *,
        null::text as earlier_status
    from new_words

)

{% endif %}

select
    tenant_id,
    consent_id,
    subject_kind,
    subject_id,
    status,
    least(case when earlier_status is null then said_at end, received_at) as changed_at,
    received_at,
    -- The sender of deliveries reads pushes and people's own records itself; the rest it knows from here, or, where
    -- this table is new, from the models that were there before it.
    case
        when source in ('consent', 'person') then received_at
        else {{ 'now()' if is_incremental() else 'staged_at' }}
    end as known_at,
    source,
    staged_at,
    now() as built_at
from compared
where earlier_status is distinct from status
