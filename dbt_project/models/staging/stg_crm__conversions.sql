{#
    Grain: one row per conversion that the CRM reported.
    Reads: raw.events. Feeds: stg_identifiers__values, int_conversions__identified.
#}
{{
    config(
        unique_key=['tenant_id', 'dedupe_key'],
        indexes=[
            {'columns': ['tenant_id', 'dedupe_key'], 'unique': true},
            {'columns': ['tenant_id', 'conversion_id']},
            {'columns': ['received_at']},
            {'columns': ['staged_at']},
        ],
    )
}}

with

tenants as (

    select * from {{ source('ops', 'tenants') }}

),

events as (

    select
        events.*,
        tenants.timezone,
        tenants.currency as tenant_currency
    from {{ source('raw', 'events') }} as events
    inner join tenants on events.tenant_id = tenants.tenant_id
    where
        events.source = 'crm'
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
        timezone,
        tenant_currency,
        {{ json_text('payload', ['event_id']) }} as event_id,
        {{ json_text('payload', ['event_type']) }} as event_type,
        {{ json_text('payload', ['event_time']) }} as event_time,
        {{ json_text('payload', ['value']) }} as value,
        {{ json_text('payload', ['currency']) }} as currency,
        {{ json_text('payload', ['crm_record_id']) }} as crm_record_id,
        {{ json_text('payload', ['is_reversed', 'reversed']) }} as is_reversed,
        {%- for click_id in ['gclid', 'gbraid', 'wbraid', 'fbclid', 'ttclid', 'ctwa_clid'] %}
        {{ json_text("payload -> 'identifiers'", [click_id]) }} as {{ click_id }},
        {%- endfor %}
        {%- for kind in lead_ids() %}
        {{ json_text("payload -> 'identifiers'", lead_id_members(kind)) }} as {{ kind }},
        {%- endfor %}
        {{ json_text("payload -> 'identifiers'", ['lead_id', 'submission_id']) }} as lead_external_id,
        {%- for kind in ['email', 'phone', 'email_sha256', 'phone_sha256', 'first_name', 'last_name', 'city', 'zip',
            'country'] %}
        {{ json_text("payload -> 'identifiers'", [kind]) }} as {{ kind }},
        {%- endfor %}
        coalesce(
            {{ json_text('payload', ['consent']) }},
            {{ json_text("payload -> 'consent'", ['ad_user_data', 'status', 'granted']) }}
        ) as consent
    from events

),

typed as (

    select
        -- keys
        tenant_id,
        dedupe_key,
        {{ key_of(["tenant_id::text", "'conversion'", "'crm'", "dedupe_key"]) }} as conversion_id,
        {{ limited('event_id') }} as event_id,
        {{ limited('crm_record_id') }} as crm_record_id,
        {{ limited('lead_external_id') }} as lead_external_id,

        -- what happened
        coalesce({{ limited(fold_case('event_type'), 128) }}, 'unknown') as kind,
        coalesce({{ safe_timestamptz('event_time', 'timezone') }}, occurred_at, received_at) as converted_at,
        received_at,
        now() as staged_at,
        {{ safe_numeric('value') }} as value,
        coalesce(
            case when upper(currency) ~ '^[A-Z]{3}$' then upper(currency) end,
            case when value is not null then tenant_currency end
        ) as currency,
        coalesce({{ consent_of('is_reversed') }} = 'granted', false) as is_reversed,

        -- which click
        {%- for click_id in ['gclid', 'gbraid', 'wbraid', 'fbclid', 'ttclid', 'ctwa_clid'] %}
        {{ limited(click_id) }} as {{ click_id }},
        {%- endfor %}
        {%- for kind in lead_ids() %}
        {{ lead_id_of(kind) }} as {{ kind }},
        {%- endfor %}

        -- who it is
        {{ limited('email') }} as email,
        {{ limited('phone') }} as phone,
        case when lower(email_sha256) ~ '^[0-9a-f]{64}$' then lower(email_sha256) end as email_sha256,
        case when lower(phone_sha256) ~ '^[0-9a-f]{64}$' then lower(phone_sha256) end as phone_sha256,
        {%- for kind in ['first_name', 'last_name', 'city', 'zip', 'country'] %}
        {{ limited(kind) }} as {{ kind }},
        {%- endfor %}
        {{ region_of('country') }} as region,
        {{ consent_of('consent') }} as consent
    from named

)

select * from typed
