-- Leads are made of touches: none is left behind.
{{ config(meta={'dagster': {'ref': {'name': 'fct_leads'}}}) }}

with

touches as (

    select * from {{ ref('fct_touches') }}

),

leads as (

    select * from {{ ref('fct_leads') }}

)

select
    touches.tenant_id,
    touches.touch_id
from touches
left join leads
    on
        touches.tenant_id = leads.tenant_id
        and touches.lead_id = leads.lead_id
where leads.lead_id is null
