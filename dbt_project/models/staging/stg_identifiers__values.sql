{#
    Grain: one row per distinct personal identifier.
    Reads: the staging models with persons. Feeds: the identifiers asset (vault.identifiers).
#}
{{
    config(
        unique_key=['tenant_id', 'kind', 'raw_value'],
        indexes=[
            {'columns': ['tenant_id', 'kind', 'raw_value'], 'unique': true},
            {'columns': ['staged_at']},
        ],
    )
}}

{%- set kinds = ['email', 'phone', 'first_name', 'last_name', 'city', 'zip', 'country'] %}

with

tenants as (

    select * from {{ source('ops', 'tenants') }}

),

persons as (

    select
        tenant_id,
        received_at,
        staged_at,
        {{ kinds | join(',\n        ') }},
        null as email_sha256,
        null as phone_sha256
    from {{ ref('stg_forms__submissions') }}

    union all

    select
        tenant_id,
        received_at,
        staged_at,
        {{ kinds | join(',\n        ') }},
        null as email_sha256,
        null as phone_sha256
    from {{ ref('stg_csv__leads') }}

    union all

    select
        tenant_id,
        received_at,
        staged_at,
        {{ kinds | join(',\n        ') }},
        null as email_sha256,
        null as phone_sha256
    from {{ ref('stg_csv__deals') }}

    union all

    select
        tenant_id,
        received_at,
        staged_at,
        {{ kinds | join(',\n        ') }},
        email_sha256,
        phone_sha256
    from {{ ref('stg_crm__conversions') }}

    union all

    select
        tenant_id,
        received_at,
        staged_at,
        {%- for kind in kinds %}
        null as {{ kind }},
        {%- endfor %}
        email_sha256,
        phone_sha256
    from {{ ref('stg_intake__consents') }}

    union all

    select
        tenant_id,
        received_at,
        staged_at,
        null as email,
        phone,
        null as first_name,
        null as last_name,
        null as city,
        null as zip,
        null as country,
        null as email_sha256,
        null as phone_sha256
    from {{ ref('stg_whatsapp__messages') }}

),

identifiers as (

    select
        persons.tenant_id,
        value.kind,
        value.raw_value,
        persons.received_at,
        persons.staged_at
    from persons
    cross join
        lateral (
            values
            {%- for kind in kinds %}
            ('{{ kind }}', persons.{{ kind }}),
            {%- endfor %}
            ('email', persons.email_sha256),
            ('phone', persons.phone_sha256)
        ) as value (kind, raw_value)
    where
        value.raw_value is not null
        {% if is_incremental() %}
        and persons.staged_at > {{ last_written('staged_at') }}
        {% endif %}

),

new_identifiers as (

    select distinct on (identifiers.tenant_id, identifiers.kind, identifiers.raw_value)
        identifiers.tenant_id,
        identifiers.kind,
        identifiers.raw_value,
        tenants.region,
        identifiers.received_at,
        identifiers.staged_at
    from identifiers
    inner join tenants on identifiers.tenant_id = tenants.tenant_id
    {% if is_incremental() %}
    where not exists (
            select 1
            from {{ this }} as known
            where
                known.tenant_id = identifiers.tenant_id
                and known.kind = identifiers.kind
                and known.raw_value = identifiers.raw_value
        )
    {% endif %}
    order by identifiers.tenant_id, identifiers.kind, identifiers.raw_value, identifiers.received_at

)

select * from new_identifiers
