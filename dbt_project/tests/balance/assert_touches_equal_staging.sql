-- Every lead-source event in staging is exactly one touch, per tenant and source.
{{ config(meta={'dagster': {'ref': {'name': 'fct_touches'}}}) }}

with

staged as (

    select
        tenant_id,
        'form' as source,
        touch_id
    from {{ ref('stg_forms__submissions') }}

    union all

    select
        tenant_id,
        'whatsapp' as source,
        touch_id
    from {{ ref('stg_whatsapp__messages') }}

    union all

    select
        tenant_id,
        'csv' as source,
        touch_id
    from {{ ref('stg_csv__leads') }}

),

before_join as (

    select
        tenant_id,
        source,
        count(*) as row_count
    from staged
    group by tenant_id, source

),

after_join as (

    select
        tenant_id,
        source,
        count(*) as row_count
    from {{ ref('fct_touches') }}
    group by tenant_id, source

)

select
    coalesce(before_join.tenant_id, after_join.tenant_id) as tenant_id,
    coalesce(before_join.source, after_join.source) as source,
    before_join.row_count as staged_count,
    after_join.row_count as touch_count
from before_join
full join after_join
    on
        before_join.tenant_id = after_join.tenant_id
        and before_join.source = after_join.source
where before_join.row_count is distinct from after_join.row_count
