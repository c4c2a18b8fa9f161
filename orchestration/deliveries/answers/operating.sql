-- name: list_dead_letters
-- What was given up or refused and nobody has taken up again, by destination, reason and code.
select
    d.platform,
    d.account_id,
    d.state,
    d.reason,
    d.platform_code as code,
    count(*) as row_count,
    min(d.updated_at) as oldest_at,
    max(d.updated_at) as newest_at
from ops.deliveries as d
where
    d.tenant_id = :tenant_id
    and d.state in ('dead', 'rejected')
    and not exists (
        select from ops.deliveries as newer
        where
            newer.tenant_id = d.tenant_id
            and newer.conversion_id = d.conversion_id
            and newer.platform = d.platform
            and newer.account_id = d.account_id
            and newer.action = d.action
            and newer.version > d.version
    )
group by d.platform, d.account_id, d.state, d.reason, d.platform_code
order by row_count desc, d.platform asc, d.account_id asc, d.reason asc, d.platform_code asc

-- name: make_letters
-- A place for the rows of one retry, for as long as its transaction.
create temporary table if not exists letters (
    delivery_id text not null,
    state text not null,
    verdict text not null
) on commit drop

-- name: judge_letters
-- Take the rows that a retry asks for and say of each whether it may go again: the plan, the outcome, the consent and
-- the platform's windows are asked again.
insert into letters (delivery_id, state, verdict)
select
    d.delivery_id,
    d.state,
    case
        when coalesce(p.expires_at, d.expires_at) <= now() then 'expired'
        when c.consent = 'denied' then 'consent_denied'
        when d.kind <> 'send' then 'ok'
        when p.action is distinct from d.action then 'not_planned'
        when c.is_reversed then 'reversed'
        when p.decision <> 'send' then p.reason
        else 'ok'
    end
from ops.deliveries as d
left join marts.delivery_plan as p
    on
        d.tenant_id = p.tenant_id
        and d.conversion_id = p.conversion_id
        and d.platform = p.platform
        and d.account_id = p.account_id
left join marts.fct_conversions as c
    on d.tenant_id = c.tenant_id and d.conversion_id = c.conversion_id
where
    d.tenant_id = :tenant_id
    and d.platform = :platform
    and d.account_id = :account_id
    and d.state in ('dead', 'rejected')
    and d.reason = :reason
    and (
        cast(:code as text) is null
        or d.platform_code = :code
        or split_part(d.platform_code, ':', 1) = :code
    )
    and (cast(:before as timestamptz) is null or d.updated_at < :before)
    and not exists (
        select from ops.deliveries as newer
        where
            newer.tenant_id = d.tenant_id
            and newer.conversion_id = d.conversion_id
            and newer.platform = d.platform
            and newer.account_id = d.account_id
            and newer.action = d.action
            and newer.version > d.version
    )
order by d.updated_at, d.delivery_id
limit cast(:row_limit as bigint)
for update of d skip locked

-- name: keep_what_could_count_twice
-- Hold back what may have arrived and that the platform would no longer recognise as a repeat.
update letters as l
set verdict = case when d.lane = any(cast(:once_lanes as text [])) then 'never_recognised' else 'outside_window' end
from ops.deliveries as d
where
    d.tenant_id = :tenant_id
    and d.delivery_id = l.delivery_id
    and l.verdict = 'ok'
    and d.is_doubtful
    and (
        d.lane = any(cast(:once_lanes as text []))
        or d.sent_at <= now() - cast(:resend_within as interval)
    )

-- name: revive_dead
-- Rows that were given up go again under the same event id and with the same bytes, on a fresh budget.
update ops.deliveries as d
set
    state = 'pending',
    reason = case d.kind when 'adjust' then 'value_changed' when 'retract' then 'reversed' else 'eligible' end,
    failures = 0,
    first_leased_at = null,
    next_at = now(),
    updated_at = now()
from letters as l
where
    d.tenant_id = :tenant_id
    and d.delivery_id = l.delivery_id
    and l.verdict = 'ok'
    and d.state = 'dead'

-- name: open_versions
-- A refused body would be refused again: its next version is worded and hashed anew, under the same event id.
insert into ops.deliveries (
    tenant_id, delivery_id, platform, account_id, action, action_id, conversion_id, kind, version, parent_id, event_id,
    state, reason, expires_at, value, currency
)
select
    d.tenant_id,
    ops.delivery_id(d.tenant_id, d.platform, d.account_id, d.action, d.conversion_id, d.version + 1),
    d.platform,
    d.account_id,
    d.action,
    coalesce(p.action_id, d.action_id),
    d.conversion_id,
    d.kind,
    d.version + 1,
    d.parent_id,
    d.event_id,
    'pending',
    case d.kind when 'adjust' then 'value_changed' when 'retract' then 'reversed' else 'eligible' end,
    coalesce(p.expires_at, d.expires_at),
    case when d.kind <> 'send' then d.value end,
    case when d.kind <> 'send' then d.currency end
from letters as l
inner join ops.deliveries as d on l.delivery_id = d.delivery_id
left join marts.delivery_plan as p
    on
        d.tenant_id = p.tenant_id
        and d.conversion_id = p.conversion_id
        and d.platform = p.platform
        and d.account_id = p.account_id
        and d.action = p.action
where d.tenant_id = :tenant_id and l.verdict = 'ok' and d.state = 'rejected'

-- name: count_letters
-- What was decided about how many.
select
    state,
    verdict,
    count(*) as row_count
from letters
group by state, verdict
order by row_count desc, state asc, verdict asc

-- name: note_retry
-- Say in the audit log who sent what again.
insert into ops.audit_log (tenant_id, actor, action, object, result, reason)
values (:tenant_id, 'operator', 'deliveries.retry', :object, :result, :reason)

-- name: count_expiring
-- What is still waiting and whose time at its platform ends soon.
select
    platform,
    account_id,
    state,
    reason,
    count(*) as row_count,
    min(expires_at) as first_at,
    now() as now_at
from ops.deliveries
where
    tenant_id = :tenant_id
    and state in ('held', 'pending', 'retry_wait', 'in_doubt')
    and expires_at > now()
    and expires_at <= now() + cast(:within as interval)
group by platform, account_id, state, reason
order by first_at, platform, account_id, state, reason

-- name: list_nearest
-- Of each destination the rows whose time ends first.
select
    delivery_id,
    conversion_id,
    platform,
    account_id,
    action,
    state,
    reason,
    expires_at,
    now() as now_at
from (
    select
        *,
        row_number() over (partition by platform, account_id order by expires_at, delivery_id) as place
    from ops.deliveries
    where
        tenant_id = :tenant_id
        and state in ('held', 'pending', 'retry_wait', 'in_doubt')
        and expires_at > now()
        and expires_at <= now() + cast(:within as interval)
) as ranked
where place <= :nearest
order by expires_at, delivery_id

-- name: list_destinations
-- The tenant's accounts, those that nothing is sent to any more included.
select
    platform,
    account_id,
    is_active
from ops.accounts
where tenant_id = :tenant_id
order by platform, account_id

-- name: count_states
-- How many rows of each destination are where, and how many of them are due.
select
    platform,
    account_id,
    state,
    count(*) as row_count,
    count(*) filter (where state in ('pending', 'retry_wait', 'in_doubt') and next_at <= now()) as due_count,
    min(next_at) filter (where state in ('pending', 'retry_wait', 'in_doubt') and next_at <= now()) as oldest_due_at
from ops.deliveries
where tenant_id = :tenant_id
group by platform, account_id, state
order by platform, account_id, state

-- name: list_last_requests
-- The last request of each destination and what it was answered.
select distinct on (platform, account_id)
    platform,
    account_id,
    sequence,
    event_count,
    sent_at,
    answered_at,
    answer_code
from ops.delivery_requests
where tenant_id = :tenant_id
order by platform asc, account_id asc, sequence desc

-- name: list_waits
-- What rows wait for after an answer, by its code, and until when.
select
    platform,
    account_id,
    platform_code as code,
    min(next_at) as until_at
from ops.deliveries
where tenant_id = :tenant_id and state = 'retry_wait' and platform_code is not null and next_at > now()
group by platform, account_id, platform_code
order by platform, account_id, platform_code
