-- Each conversion is shared out exactly once by each model.
{{ config(meta={'dagster': {'ref': {'name': 'fct_attribution'}}}) }}

with

conversions as (

    select * from {{ ref('fct_conversions') }}

),

models (model) as (

    values ('first'), ('last')

),

credited as (

    select
        tenant_id,
        conversion_id,
        model,
        sum(credit) as credit
    from {{ ref('fct_attribution') }}
    group by tenant_id, conversion_id, model

)

select
    conversions.tenant_id,
    conversions.conversion_id,
    models.model
from conversions
cross join models
left join credited
    on
        conversions.tenant_id = credited.tenant_id
        and conversions.conversion_id = credited.conversion_id
        and models.model = credited.model
where credited.credit is distinct from 1
