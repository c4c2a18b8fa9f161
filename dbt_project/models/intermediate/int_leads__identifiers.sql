{#
    Grain: one row per lead, kind and token: every identifier that the lead's touches brought.
    Reads: the staging models with leads, vault.identifiers, fct_touches. Feeds: int_conversions__identifiers.

    Why a view: it is read for the leads of conversions only, a few of all.
#}
{{ config(materialized='view') }}

{%- set kinds = ['email', 'phone', 'first_name', 'last_name', 'city', 'zip', 'country'] %}

with

touches as (

    select * from {{ ref('fct_touches') }}

),

vault as (

    select * from {{ source('vault', 'identifiers') }}

),

values_of_touches as (

    {% for model in ['stg_forms__submissions', 'stg_csv__leads'] %}
    select
        persons.tenant_id,
        persons.touch_id,
        value.kind,
        value.raw_value
    from {{ ref(model) }} as persons
    cross join
        lateral (
            values
            {%- for kind in kinds %}
            ('{{ kind }}', persons.{{ kind }}){{ ',' if not loop.last }}
            {%- endfor %}
        ) as value (kind, raw_value)
    where value.raw_value is not null

    union all
    {% endfor %}

    select
        tenant_id,
        touch_id,
        'phone' as kind,
        phone as raw_value
    from {{ ref('stg_whatsapp__messages') }}
    where phone is not null

)

select distinct
    touches.tenant_id,
    touches.lead_id,
    vault.kind,
    vault.token
from touches
inner join values_of_touches
    on
        touches.tenant_id = values_of_touches.tenant_id
        and touches.touch_id = values_of_touches.touch_id
inner join vault
    on
        values_of_touches.tenant_id = vault.tenant_id
        and values_of_touches.kind = vault.kind
        and values_of_touches.raw_value = vault.raw_value
where vault.token is not null
