{#
    Grain: one row per deal of an imported file, in its latest version.
    Reads: raw.records. Feeds: stg_identifiers__values, int_conversions__identified.
#}
{{
    config(
        unique_key=['tenant_id', 'record_id'],
        indexes=[
            {'columns': ['tenant_id', 'record_id'], 'unique': true},
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

records as (

    select distinct on (records.tenant_id, records.record_id)
        records.*,
        tenants.timezone,
        tenants.currency as tenant_currency
    from {{ source('raw', 'records') }} as records
    inner join tenants on records.tenant_id = tenants.tenant_id
    where
        records.system = 'csv'
        and records.object = 'deal'
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
        deleted,
        timezone,
        tenant_currency,
        {{ json_text('payload', ['kind', 'event_type']) }} as kind,
        {{ json_text('payload', ['converted_at', 'event_time', 'won_at']) }} as converted_at,
        {{ json_text('payload', ['value']) }} as value,
        {{ json_text('payload', ['currency']) }} as currency,
        {{ json_text('payload', ['lead_id']) }} as lead_external_id,
        {%- for kind in lead_ids() %}
        {{ json_text('payload', lead_id_members(kind)) }} as {{ kind }},
        {%- endfor %}
        {{ json_text('payload', ['is_reversed', 'reversed']) }} as is_reversed,
        {%- for name in ['gclid', 'gbraid', 'wbraid', 'fbclid', 'ttclid', 'ctwa_clid', 'email', 'phone', 'first_name',
            'last_name', 'city', 'zip', 'country', 'consent'] %}
    {{ json_text('payload', [name]) }} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
    from records

),

typed as (

    select
        -- keys
        tenant_id,
        record_id,
        version,
        {{ key_of(["tenant_id::text", "'conversion'", "'csv'", "record_id"]) }} as conversion_id,
        {{ limited('lead_external_id') }} as lead_external_id,

        -- what happened
        coalesce({{ limited(fold_case('kind'), 128) }}, 'purchase') as kind,
        coalesce({{ safe_timestamptz('converted_at', 'timezone') }}, updated_at, seen_at) as converted_at,
        seen_at as received_at,
        now() as staged_at,
        {{ safe_numeric('value') }} as value,
        coalesce(
            case when upper(currency) ~ '^[A-Z]{3}$' then upper(currency) end,
            case when value is not null then tenant_currency end
        ) as currency,
        deleted or coalesce({{ consent_of('is_reversed') }} = 'granted', false) as is_reversed,

        -- which click
        {%- for click_id in ['gclid', 'gbraid', 'wbraid', 'fbclid', 'ttclid', 'ctwa_clid'] %}
        {{ limited(click_id) }} as {{ click_id }},
        {%- endfor %}
        {%- for kind in lead_ids() %}
        {{ lead_id_of(kind) }} as {{ kind }},
        {%- endfor %}

        -- who it is
        {%- for kind in ['email', 'phone', 'first_name', 'last_name', 'city', 'zip', 'country'] %}
        {{ limited(kind) }} as {{ kind }},
        {%- endfor %}
        {{ region_of('country') }} as region,
        {{ consent_of('consent') }} as consent
    from named

)

select * from typed
