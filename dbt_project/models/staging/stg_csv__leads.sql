{#
    Grain: one row per lead of an imported file, in its latest version.
    Reads: raw.records. Feeds: stg_landings__values, stg_identifiers__values, int_touches__identified.
#}
{{
    config(
        unique_key=['tenant_id', 'record_id'],
        indexes=[
            {'columns': ['tenant_id', 'record_id'], 'unique': true},
            {'columns': ['tenant_id', 'touch_id']},
            {'columns': ['received_at']},
            {'columns': ['staged_at']},
        ],
    )
}}

{%- set parameters = ['utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'campaign_id',
    'campaign_name', 'adgroup_id', 'gclid', 'gbraid', 'wbraid', 'fbclid', 'ttclid', 'msclkid', 'twclid', 'li_fat_id',
    'ctwa_clid', 'kcid', 'kpv'] %}

with

tenants as (

    select * from {{ source('ops', 'tenants') }}

),

records as (

    select distinct on (records.tenant_id, records.record_id)
        records.*,
        tenants.timezone
    from {{ source('raw', 'records') }} as records
    inner join tenants on records.tenant_id = tenants.tenant_id
    where
        records.system = 'csv'
        and records.object = 'lead'
    {% if is_incremental() %}
    and records.seen_at >= {{ window_start() }}
    and not exists (
        select 1
        from {{ this }} as known
        where
            known.tenant_id = records.tenant_id
            and known.record_id = records.record_id
            and known.version >= records.version
    )
    {% endif %}
    order by records.tenant_id asc, records.record_id asc, records.version desc

),

named as (

    select
        tenant_id,
        record_id,
        version,
        seen_at,
        updated_at,
        timezone,
        {{ json_text('payload', ['created_at', 'submitted_at']) }} as created_at,
        {{ json_text('payload', ['landing_url', 'url']) }} as landing_url,
        {%- for parameter in parameters %}
        {{ json_text('payload', [parameter]) }} as {{ parameter }},
        {%- endfor %}
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
        {{ json_text('payload', ['consent']) }} as consent
    from records

),

typed as (

    select
        -- keys
        tenant_id,
        record_id,
        version,
        {{ key_of(["tenant_id::text", "'touch'", "'csv'", "record_id"]) }} as touch_id,
        {{ key_of(["tenant_id::text", "'lead'", "'csv'", "record_id"]) }} as lead_id,

        -- times
        coalesce({{ safe_timestamptz('created_at', 'timezone') }}, updated_at, seen_at) as created_at,
        seen_at as received_at,
        now() as staged_at,

        -- where the person came from: a landing URL, or columns of the file
        landing_url,
        encode(sha256(convert_to(landing_url, 'UTF8')), 'hex') as landing_key,
        {%- for parameter in parameters %}
        {{ limited(parameter) }} as {{ parameter }},
        {%- endfor %}
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
