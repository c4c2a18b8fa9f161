{#
    Grain: one row per conversion, kind and token: its own identifiers and its lead's.
    Reads: int_conversions__matched, int_leads__identifiers, the staging models with conversions, vault.identifiers.
    Feeds: delivery_plan; the senders take the hashes from the vault by token.
#}
{{
    config(
        indexes=[
            {'columns': ['tenant_id', 'conversion_id', 'kind', 'token'], 'unique': true},
        ],
    )
}}

{%- set kinds = ['email', 'phone', 'first_name', 'last_name', 'city', 'zip', 'country'] %}

with

conversions as (

    select * from {{ ref('int_conversions__matched') }}

),

lead_identifiers as (

    select * from {{ ref('int_leads__identifiers') }}

),

vault as (

    select * from {{ source('vault', 'identifiers') }}

),

own_values as (

    select
        persons.tenant_id,
        persons.conversion_id,
        value.kind,
        value.raw_value
    from {{ ref('stg_crm__conversions') }} as persons
    cross join
        lateral (
            values
            {%- for kind in kinds %}
            ('{{ kind }}', persons.{{ kind }}),
            {%- endfor %}
            ('email', persons.email_sha256),
            ('phone', persons.phone_sha256)
        ) as value (kind, raw_value)
    where value.raw_value is not null

    union all

    select
        persons.tenant_id,
        persons.conversion_id,
        value.kind,
        value.raw_value
    from {{ ref('stg_csv__deals') }} as persons
    cross join
        lateral (
            values
            {%- for kind in kinds %}
            ('{{ kind }}', persons.{{ kind }}){{ ',' if not loop.last }}
            {%- endfor %}
        ) as value (kind, raw_value)
    where value.raw_value is not null

),

own_identifiers as (

    select
        own_values.tenant_id,
        own_values.conversion_id,
        vault.kind,
        vault.token
    from own_values
    inner join vault
        on
            own_values.tenant_id = vault.tenant_id
            and own_values.kind = vault.kind
            and own_values.raw_value = vault.raw_value
    where vault.token is not null

),

all_identifiers as (

    select * from own_identifiers

    union

    select
        conversions.tenant_id,
        conversions.conversion_id,
        lead_identifiers.kind,
        lead_identifiers.token
    from conversions
    inner join lead_identifiers
        on
            conversions.tenant_id = lead_identifiers.tenant_id
            and conversions.lead_id = lead_identifiers.lead_id

)

select * from all_identifiers
