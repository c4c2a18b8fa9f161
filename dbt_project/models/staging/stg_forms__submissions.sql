{#
    Grain: one row per form submission.
    Reads: raw.events. Feeds: stg_landings__values, stg_identifiers__values, int_touches__identified.
#}
{{
    config(
        unique_key=['tenant_id', 'dedupe_key'],
        indexes=[
            {'columns': ['tenant_id', 'dedupe_key'], 'unique': true},
            {'columns': ['tenant_id', 'touch_id']},
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
        tenants.timezone
    from {{ source('raw', 'events') }} as events
    inner join tenants on events.tenant_id = tenants.tenant_id
    where
        events.source = 'form'
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
        {{ json_text('payload', ['submission_id']) }} as external_id,
        {{ json_text('payload', ['submitted_at']) }} as submitted_at,
        {{ json_text('payload', ['form_id']) }} as form_id,
        coalesce(
            {{ json_text("payload -> 'dataW'", ['url']) }},
            {{ json_text('payload', ['dataW.url', 'url', 'landing_url']) }}
        ) as landing_url,
        {%- for kind in lead_ids() %}
        {{ json_text('payload', lead_id_members(kind)) }} as {{ kind }},
        {%- endfor %}
        {{ json_text('payload', ['email']) }} as email,
        {{ json_text('payload', ['phone']) }} as phone,
        {{ json_text('payload', ['name']) }} as full_name,
        {{ json_text('payload', ['first_name']) }} as first_name,
        {{ json_text('payload', ['last_name']) }} as last_name,
        {{ json_text('payload', ['city']) }} as city,
        {{ json_text('payload', ['zip']) }} as zip,
        {{ json_text('payload', ['country']) }} as country,
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
        {{ key_of(["tenant_id::text", "'touch'", "'form'", "dedupe_key"]) }} as touch_id,
        {{ key_of(["tenant_id::text", "'lead'", "'form'", "dedupe_key"]) }} as lead_id,
        {{ limited('external_id') }} as external_id,
        {{ limited('form_id') }} as form_id,

        -- times
        coalesce(
            {{ safe_timestamptz('submitted_at', 'timezone') }}, occurred_at, received_at
        ) as submitted_at,
        received_at,
        now() as staged_at,

        -- where the person came from
        landing_url,
        encode(sha256(convert_to(landing_url, 'UTF8')), 'hex') as landing_key,
        {%- for kind in lead_ids() %}
        {{ lead_id_of(kind) }} as {{ kind }},
        {%- endfor %}

        -- who it is
        {{ limited('email') }} as email,
        {{ limited('phone') }} as phone,
        {{ limited("coalesce(first_name, regexp_replace(full_name, '[[:space:]]+[^[:space:]]+$', ''))") }}
            as first_name,
        {{ limited("coalesce(last_name, substring(full_name from '[[:space:]]([^[:space:]]+)$'))") }} as last_name,
        {{ limited('city') }} as city,
        {{ limited('zip') }} as zip,
        {{ limited('country') }} as country,
        {{ region_of('country') }} as region,
        {{ consent_of('consent') }} as consent
    from named

)

select * from typed
