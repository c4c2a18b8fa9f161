-- name: read_facts
-- What a platform's optimizer would see of each action in a period: outcomes by time, how soon they were sent, and what
-- they carried. Leads are those of the period that the platform's own clicks or forms brought.
with tenant as (
    select
        tenant_id,
        timezone
    from ops.tenants
    where tenant_id = :tenant_id
),

leads as (
    select
        platform,
        count(*) as lead_count
    from marts.fct_leads
    where
        tenant_id = :tenant_id
        and created_at >= :since
        and created_at < :until
        and platform is not null
    group by platform
),

sent as (
    select distinct on (conversion_id, platform, account_id, action)
        conversion_id,
        platform,
        account_id,
        action,
        lane,
        sent_at,
        state,
        identifiers
    from ops.deliveries
    where tenant_id = :tenant_id and kind = 'send' and sent_at is not null
    order by conversion_id, platform, account_id, action, version desc
),

outcomes as (
    select
        p.platform,
        p.account_id,
        p.action,
        p.conversion_id,
        p.converted_at,
        p.click_at,
        p.consent,
        l.created_at as lead_at,
        l.platform as lead_platform,
        s.sent_at,
        s.lane,
        s.identifiers
    from marts.delivery_plan as p
    left join marts.fct_leads as l on p.tenant_id = l.tenant_id and p.lead_id = l.lead_id
    left join sent as s
        on
            p.conversion_id = s.conversion_id
            and p.platform = s.platform
            and p.account_id = s.account_id
            and p.action = s.action
    where
        p.tenant_id = :tenant_id
        and p.action is not null
        and p.converted_at >= :since
        and p.converted_at < :until
        and (cast(:platform as text) is null or p.platform = :platform)
)

select
    o.platform,
    o.account_id,
    o.action,
    coalesce(max(l.lead_count), 0) as lead_count,
    count(*) as outcome_count,
    count(o.sent_at) as sent_count,
    count(*) filter (where o.lead_platform = o.platform) as own_count,
    count(*) filter (where o.lead_at is not null) as timed_count,
    count(*) filter (where o.converted_at <= o.lead_at + interval '28 days') as within_28_days,
    count(*) filter (where o.converted_at <= o.lead_at + interval '63 days') as within_63_days,
    count(*) filter (where o.click_at is not null) as clicked_count,
    count(*) filter (where o.converted_at >= o.click_at) as after_click_count,
    count(*) filter (where o.converted_at <= o.click_at + interval '90 days') as within_90_days,
    count(o.sent_at) filter (where o.sent_at <= o.converted_at + interval '1 hour') as within_an_hour,
    count(o.sent_at) filter (where o.sent_at <= o.converted_at + interval '28 days') as sent_within_28_days,
    count(o.sent_at) filter (where o.identifiers && array['email', 'phone']) as hashed_count,
    count(o.sent_at) filter (where cardinality(o.identifiers) > 0) as matchable_count,
    count(o.sent_at) filter (where o.consent = 'granted') as granted_count,
    count(o.sent_at) filter (where o.lane = 'crm') as crm_count,
    count(distinct cast(o.sent_at at time zone t.timezone as date))
    filter (where o.sent_at >= cast(:until as timestamptz) - interval '7 days') as days_of_seven
from outcomes as o
cross join tenant as t
left join leads as l on o.platform = l.platform
group by o.platform, o.account_id, o.action
order by o.platform, o.account_id, o.action
