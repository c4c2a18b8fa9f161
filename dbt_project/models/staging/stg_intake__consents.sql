{#
    Grain: one row per change of consent that was pushed to us.
    Reads: raw.events. Feeds: stg_identifiers__values, fct_consents.

    Why clamped: a clock that runs ahead must not outlive a later word.
#}
{{
    config(
        unique_key=['tenant_id', 'dedupe_key'],
        indexes=[
            {'columns': ['tenant_id', 'dedupe_key'], 'unique': true},
            {'columns': ['received_at']},
            {'columns': ['staged_at']},
        ],
    )
}}

with

events as (

    select events.*
    from {{ source('raw', 'events') }} as events
    where
        events.source = 'consent'
    {% if is_incremental() %}
    and events.received_at >= {{ window_start() }}
    and not exists (
        select 1
        from {{ this }} as known
        where
            known.tenant_id = events.tenant_id
            and known.dedupe_key = events.dedupe_key
    )
    {% endif %}

),

named as (

    select
        tenant_id,
        dedupe_key,
        received_at,
        occurred_at,
        {{ json_text('payload', ['crm_record_id']) }} as crm_record_id,
        {{ json_text('payload', ['lead_id']) }} as lead_external_id,
        {{ json_text('payload', ['email_sha256']) }} as email_sha256,
        {{ json_text('payload', ['phone_sha256']) }} as phone_sha256,
        {{ json_text('payload', ['status']) }} as status
    from events

)

select
    -- keys
    tenant_id,
    dedupe_key,

    -- whose word it is
    {{ limited('crm_record_id') }} as crm_record_id,
    {{ limited('lead_external_id') }} as lead_external_id,
    case when lower(email_sha256) ~ '^[0-9a-f]{64}$' then lower(email_sha256) end as email_sha256,
    case when lower(phone_sha256) ~ '^[0-9a-f]{64}$' then lower(phone_sha256) end as phone_sha256,

    -- what was said, and when
    {{ consent_of('status') }} as status,
    least(occurred_at, received_at) as changed_at,
    received_at,
    now() as staged_at
from named
