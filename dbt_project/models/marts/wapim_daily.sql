{#
    Grain: one row per day (of the tenant's time zone) and WhatsApp lead that wrote on it.
    Reads: fct_touches, fct_leads. Feeds: the panel.

    Why: the day's first message with a campaign names it; a day without one shows what brought the lead.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['tenant_id', 'lead_id'],
        indexes=[
            {'columns': ['tenant_id', 'day', 'lead_id'], 'unique': true},
            {'columns': ['tenant_id', 'lead_id']},
            {'columns': ['built_at']},
        ],
        post_hook="{{ drop_days_without_lead() }}",
    )
}}

with

tenants as (

    select * from {{ source('ops', 'tenants') }}

),

leads as (

    select leads.*
    from {{ ref('fct_leads') }} as leads
    where
        leads.source = 'whatsapp'
        {% if is_incremental() %}
        and leads.built_at > {{ last_written('built_at') }}
        {% endif %}

),

messages as (

    select
        touches.*,
        (touches.touched_at at time zone tenants.timezone)::date as day
    from {{ ref('fct_touches') }} as touches
    inner join tenants on touches.tenant_id = tenants.tenant_id
    inner join leads
        on
            touches.tenant_id = leads.tenant_id
            and touches.lead_id = leads.lead_id

),

days as (

    select
        tenant_id,
        day,
        lead_id,
        count(*) as message_count,
        min(touched_at) as first_message_at
    from messages
    group by tenant_id, day, lead_id

),

leading_messages as (

    select distinct on (tenant_id, day, lead_id) *
    from messages
    order by tenant_id asc, day asc, lead_id asc, has_campaign desc, touched_at asc, received_at asc, touch_id asc

)

select
    days.tenant_id,
    days.day,
    days.lead_id,
    leading_messages.phone_id,
    leading_messages.external_id as chat_id,
    leading_messages.ref_id,
    case when leading_messages.has_campaign then leading_messages.utm_source else leads.utm_source end as utm_source,
    case when leading_messages.has_campaign then leading_messages.campaign_id else leads.campaign_id end as campaign_id,
    case when leading_messages.has_campaign then leading_messages.campaign_name else leads.campaign_name end
        as campaign_name,
    case when leading_messages.has_campaign then leading_messages.adgroup_id else leads.adgroup_id end as adgroup_id,
    days.message_count,
    days.first_message_at,
    now() as built_at
from days
inner join leading_messages
    on
        days.tenant_id = leading_messages.tenant_id
        and days.day = leading_messages.day
        and days.lead_id = leading_messages.lead_id
inner join leads
    on
        days.tenant_id = leads.tenant_id
        and days.lead_id = leads.lead_id
