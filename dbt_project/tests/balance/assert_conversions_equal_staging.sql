-- Matching and attribution neither lose nor double a conversion or its value.
{{ config(meta={'dagster': {'ref': {'name': 'fct_attribution'}}}) }}

with

staged as (

    select
        tenant_id,
        conversion_id,
        value
    from {{ ref('stg_crm__conversions') }}

    union all

    select
        tenant_id,
        conversion_id,
        value
    from {{ ref('stg_csv__deals') }}

),

before_join as (

    select
        tenant_id,
        count(*) as row_count,
        coalesce(sum(value), 0) as total_value
    from staged
    group by tenant_id

),

after_join as (

    select
        tenant_id,
        count(*) as row_count,
        coalesce(sum(value), 0) as total_value
    from {{ ref('fct_conversions') }}
    group by tenant_id

),

after_credit as (

    select
        tenant_id,
        model,
        coalesce(sum(credit * value), 0) as total_value
    from {{ ref('fct_attribution') }}
    group by tenant_id, model

)

select
    before_join.tenant_id,
    after_credit.model
from before_join
left join after_join on before_join.tenant_id = after_join.tenant_id
left join after_credit on before_join.tenant_id = after_credit.tenant_id
where
    before_join.row_count is distinct from after_join.row_count
    or before_join.total_value is distinct from after_join.total_value
    or before_join.total_value is distinct from after_credit.total_value
