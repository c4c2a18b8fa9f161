-- name: list_decisions
-- Each destination's decision about the conversions of a lead, a conversion or a CRM record, with what became of it.
with wanted as (
    select
        tenant_id,
        conversion_id,
        kind,
        converted_at
    from marts.fct_conversions
    where
        tenant_id = :tenant_id
        and (conversion_id = :key or lead_id = :key or crm_record_id = :key)
),

owed as (
    select distinct on (d.conversion_id, d.platform, d.account_id, d.action) d.*
    from ops.deliveries as d
    inner join wanted as w on d.tenant_id = w.tenant_id and d.conversion_id = w.conversion_id
    where d.tenant_id = :tenant_id and d.kind = 'send'
    order by d.conversion_id, d.platform, d.account_id, d.action, d.version desc
),

planned as (
    select p.*
    from marts.delivery_plan as p
    inner join wanted as w on p.tenant_id = w.tenant_id and p.conversion_id = w.conversion_id
    where p.tenant_id = :tenant_id
)

select
    w.conversion_id,
    w.kind,
    w.converted_at,
    coalesce(p.platform, o.platform) as platform,
    coalesce(p.account_id, o.account_id) as account_id,
    coalesce(p.action, o.action) as action,
    p.decision,
    p.reason,
    p.rules,
    p.facts,
    coalesce(p.expires_at, o.expires_at) as expires_at,
    o.delivery_id,
    o.state,
    o.reason as state_reason,
    o.platform_code,
    o.attempts,
    o.failures,
    o.next_at,
    o.sent_at,
    o.is_matched,
    o.is_doubtful,
    o.lane,
    o.payload,
    now() as now_at
from planned as p
full join owed as o
    on
        p.conversion_id = o.conversion_id
        and p.platform = o.platform
        and p.account_id = o.account_id
        and p.action = o.action
inner join wanted as w on w.conversion_id = coalesce(p.conversion_id, o.conversion_id)
order by w.converted_at, w.conversion_id, platform, account_id, action

-- name: list_chain
-- Every row of the ledger about these conversions, changes and earlier versions among them, in order.
select
    conversion_id,
    platform,
    account_id,
    action,
    delivery_id,
    version,
    kind,
    state,
    reason,
    platform_code as code,
    value,
    currency,
    created_at,
    sent_at
from ops.deliveries
where tenant_id = :tenant_id and conversion_id = any(cast(:conversion_ids as text []))
order by conversion_id, platform, account_id, action, version

-- name: list_attempts
-- Every time that these conversions were taken to be sent, with the request that carried them and its answers.
select
    d.conversion_id,
    d.platform,
    d.account_id,
    d.action,
    d.version,
    a.attempt,
    a.started_at,
    a.finished_at,
    a.outcome,
    a.code,
    a.request_key,
    a.place,
    a.consent,
    a.legal_basis,
    a.policy_from,
    a.late_outcome,
    a.late_code,
    a.settled_at,
    r.event_count,
    r.platform_request_id,
    r.is_unresolved,
    j.content as late_answer
from ops.deliveries as d
inner join ops.delivery_attempts as a on d.tenant_id = a.tenant_id and d.delivery_id = a.delivery_id
left join ops.delivery_requests as r on a.tenant_id = r.tenant_id and a.request_key = r.request_key
left join lateral (
    select e.content
    from ops.delivery_journal as e
    where
        e.tenant_id = a.tenant_id
        and e.request_key = a.request_key
        and e.kind = 'answer'
        and a.settled_at is not null
    order by e.sequence desc
    limit 1
) as j on true
where d.tenant_id = :tenant_id and d.conversion_id = any(cast(:conversion_ids as text []))
order by d.conversion_id, d.platform, d.account_id, d.action, a.started_at, a.attempt

-- name: list_accounts
-- The tenant's accounts, those that nothing is sent to any more included.
select
    platform,
    account_id,
    config,
    is_active
from ops.accounts
where tenant_id = :tenant_id

-- name: read_knowledge
-- What is known of a key that has no decision: as a lead, as an outcome, and whether there is a destination at all.
select
    (
        select count(*) from marts.fct_leads
        where tenant_id = :tenant_id and lead_id = :key
    ) as leads,
    (
        select count(*) from marts.fct_conversions
        where
            tenant_id = :tenant_id
            and (conversion_id = :key or lead_id = :key or crm_record_id = :key)
    ) as conversions,
    (
        select count(*) from ops.accounts
        where tenant_id = :tenant_id and is_active
    ) as accounts

-- name: list_payloads
-- A conversion's frozen events at one account, the newest version of each action.
select distinct on (action)
    action,
    lane,
    payload
from ops.deliveries
where
    tenant_id = :tenant_id
    and platform = :platform
    and account_id = :account_id
    and conversion_id = :conversion_id
    and kind = 'send'
    and payload is not null
order by action, version desc

-- name: summarize_deliveries
-- Every outcome × destination of a tenant, counted once: by what became of it, or by why it was not sent.
with owed as (
    select distinct on (conversion_id, platform, account_id, action) *
    from ops.deliveries
    where tenant_id = :tenant_id and kind = 'send'
    order by conversion_id, platform, account_id, action, version desc
)

select
    coalesce(o.platform, p.platform) as platform,
    case
        when o.state is null then p.decision
        else o.state
    end as state,
    o.sent_at is not null as is_sent,
    case
        when o.state = 'rejected' then coalesce(o.platform_code, o.reason)
        when o.state is null then p.reason
        else o.reason
    end as reason,
    o.is_matched,
    count(*) as row_count
from marts.delivery_plan as p
full join owed as o
    on
        p.tenant_id = o.tenant_id
        and p.conversion_id = o.conversion_id
        and p.platform = o.platform
        and p.account_id = o.account_id
        and p.action = o.action
where coalesce(p.tenant_id, o.tenant_id) = :tenant_id
group by 1, 2, 3, 4, 5
order by 1, 2, 3, 4, 5
