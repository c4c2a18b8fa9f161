-- Conversions times active accounts equals planned pairs, per tenant. A day less than the plan covers, because its edge
-- moves on between the build and this test.
{{ config(meta={'dagster': {'ref': {'name': 'delivery_plan'}}}) }}

{%- set days = (var('plan_days') | int) - 1 %}
with

accounts as (

    select
        tenant_id,
        count(*) as account_count
    from {{ source('ops', 'accounts') }}
    where is_active
    group by tenant_id

),

conversions as (

    select
        tenant_id,
        count(*) as conversion_count
    from {{ ref('fct_conversions') }}
    where converted_at >= {{ current_moment() }} - make_interval(days => {{ days }})
    group by tenant_id

),

planned as (

    select
        tenant_id,
        count(*) as pair_count
    from {{ ref('delivery_plan') }}
    where converted_at >= {{ current_moment() }} - make_interval(days => {{ days }})
    group by tenant_id

)

select conversions.tenant_id
from conversions
inner join accounts on conversions.tenant_id = accounts.tenant_id
left join planned on conversions.tenant_id = planned.tenant_id
where conversions.conversion_count * accounts.account_count <> coalesce(planned.pair_count, 0)
