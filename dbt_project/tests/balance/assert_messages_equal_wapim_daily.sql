-- Days of WhatsApp leads hold every message once.
{{ config(meta={'dagster': {'ref': {'name': 'wapim_daily'}}}) }}

with

messages as (

    select
        tenant_id,
        count(*) as message_count
    from {{ ref('fct_touches') }}
    where source = 'whatsapp'
    group by tenant_id

),

days as (

    select
        tenant_id,
        sum(message_count) as message_count
    from {{ ref('wapim_daily') }}
    group by tenant_id

)

select coalesce(messages.tenant_id, days.tenant_id) as tenant_id
from messages
full join days on messages.tenant_id = days.tenant_id
where messages.message_count is distinct from days.message_count
