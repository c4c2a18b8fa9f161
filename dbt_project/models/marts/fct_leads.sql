{#
    Grain: one row per lead: a form submission, a WhatsApp chat, an imported lead.
    Reads: fct_touches. Feeds: fct_conversions, the panel.

    Why: a lead is named by its earliest touch that had a campaign; a chat that opens with "Merhaba" and
    comes from an ad later was still brought by that ad.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['tenant_id', 'lead_id'],
        indexes=[
            {'columns': ['tenant_id', 'lead_id'], 'unique': true},
            {'columns': ['tenant_id', 'created_at']},
            {'columns': ['tenant_id', 'person_id']},
            {'columns': ['tenant_id', 'external_id']},
            {'columns': ['built_at']},
        ],
        post_hook="{{ drop_leads_without_touch() }}",
    )
}}

with

touches as not materialized (

    select * from {{ ref('fct_touches') }}

),

{% if is_incremental() %}

changed as (

    select distinct
        tenant_id,
        lead_id
    from touches
    where built_at > {{ last_written('built_at') }}

),

changed_touches as (

    select touches.*
    from touches
    inner join changed
        on
            touches.tenant_id = changed.tenant_id
            and touches.lead_id = changed.lead_id

),

{% else %}

changed_touches as (

    select * from touches

),

{% endif %}

spans as (

    select
        tenant_id,
        lead_id,
        min(touched_at) as created_at,
        min(received_at) as received_at,
        (array_agg(touch_id order by touched_at, received_at, touch_id))[1] as first_touch_id,
        (array_agg(touch_id order by touched_at desc, received_at desc, touch_id desc))[1] as last_touch_id,
        (
            array_agg(consent order by touched_at desc, received_at desc, touch_id desc) filter (
                where consent is not null
            )
        )[1]
            as consent,
        (
            array_agg(region order by touched_at desc, received_at desc, touch_id desc) filter (
                where region is not null
            )
        )[1]
            as region
    from changed_touches
    group by tenant_id, lead_id

),

leading_touches as (

    select distinct on (tenant_id, lead_id) *
    from changed_touches
    order by tenant_id asc, lead_id asc, has_campaign desc, touched_at asc, received_at asc, touch_id asc

)

select
    spans.tenant_id,
    spans.lead_id,
    leading_touches.source,
    spans.created_at,
    spans.received_at,
    leading_touches.utm_source,
    leading_touches.utm_medium,
    leading_touches.utm_campaign,
    leading_touches.utm_term,
    leading_touches.utm_content,
    leading_touches.utm_source_received,
    leading_touches.platform,
    leading_touches.campaign_id,
    leading_touches.campaign_name,
    leading_touches.campaign_name_from,
    leading_touches.adgroup_id,
    leading_touches.gclid,
    leading_touches.gbraid,
    leading_touches.wbraid,
    leading_touches.fbclid,
    leading_touches.ttclid,
    leading_touches.msclkid,
    leading_touches.twclid,
    leading_touches.li_fat_id,
    leading_touches.ctwa_clid,
    leading_touches.kcid,
    leading_touches.kpv,
    leading_touches.meta_lead_id,
    leading_touches.tiktok_lead_id,
    leading_touches.person_id,
    spans.region,
    spans.consent,
    spans.first_touch_id,
    spans.last_touch_id,
    leading_touches.external_id,
    now() as built_at
from spans
inner join leading_touches
    on
        spans.tenant_id = leading_touches.tenant_id
        and spans.lead_id = leading_touches.lead_id
