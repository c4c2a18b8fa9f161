-- name: count_stored
-- One tenant's events and deliveries.
select
    (
        select count(*) from raw.events
        where tenant_id = :tenant_id and source <> 'sender_counts'
    ) as events,
    (select count(*) from ops.deliveries where tenant_id = :tenant_id) as deliveries

-- name: has_marts
-- Whether dbt has built the marts yet.
select to_regclass('marts.fct_conversions') is not null

-- name: count_built
-- One tenant's leads and conversions.
select
    (select count(*) from marts.fct_leads where tenant_id = :tenant_id) as leads,
    (select count(*) from marts.fct_conversions where tenant_id = :tenant_id) as conversions

-- name: list_leads
-- Leads by source and campaign, as the analyst reads them.
select
    source,
    coalesce(campaign_name, '(none)') as campaign_name,
    count(*) as leads,
    count(*) filter (where campaign_name_from = 'campaign_map') as named_by_map
from marts.fct_leads
where tenant_id = :tenant_id
group by source, campaign_name
order by source, leads desc, campaign_name

-- name: list_credit
-- First- and last-touch credit by campaign, as the analyst reads it.
select
    coalesce(campaign_name, case when touch_id = '' then '(no touch)' else '(no campaign)' end)
        as campaign_name,
    coalesce(platform, '') as platform,
    sum(credit) filter (where model = 'first') as first_credit,
    sum(credit) filter (where model = 'last') as last_credit,
    sum(credit * value) filter (where model = 'last') as last_value
from marts.fct_attribution
where tenant_id = :tenant_id
group by 1, 2
order by last_credit desc nulls last, campaign_name

-- name: list_verdicts
-- The newest verdict of each rule.
select distinct on (rule) rule, severity, passed, failed_count, reason
from ops.check_results
where tenant_id = :tenant_id
order by rule, checked_at desc

-- name: pick_lead
-- A lead with conversions, to try `leadloop why` on.
select lead_id
from marts.fct_conversions
where tenant_id = :tenant_id and lead_id is not null
group by lead_id
order by count(*) desc, lead_id
limit 1

-- name: pick_conversion
-- A conversion of that kind of lead, to try the preview on: one that the plan sends, where there is any.
select c.conversion_id
from marts.fct_conversions as c
where c.tenant_id = :tenant_id and c.lead_id is not null
order by
    exists(
        select 1
        from marts.delivery_plan as p
        where p.tenant_id = c.tenant_id and p.conversion_id = c.conversion_id and p.decision = 'send'
    ) desc,
    c.conversion_id
limit 1
