-- name: plan_for_bulk
-- Let the planner join sets as sets for the rest of this transaction. Right after a large plan its statistics are those
-- of a small one, and it would loop over all of a tenant's rows for each row of ours: minutes instead of a second.
select set_config('enable_nestloop', 'off', true)

-- name: enroll_deliveries
-- Put what the plan owes and the ledger does not hold yet into the ledger, and count it. A cancelled row never left,
-- so a plan that changed its mind again opens the next version. Both halves find what is new by an anti-join: the plan
-- is read once, and nothing else is touched where nothing is new.
with plan as (
    select
        tenant_id,
        conversion_id,
        platform,
        account_id,
        action,
        action_id,
        decision,
        reason,
        converted_at,
        expires_at
    from marts.delivery_plan
    where
        tenant_id = :tenant_id
        and decision in ('send', 'hold')
        and conversion_id <> all(cast(:withdrawn as text []))
),

owed as (
    select
        p.*,
        1 as version
    from plan as p
    where
        not exists (
            select from ops.deliveries as d
            where
                d.tenant_id = :tenant_id
                and d.conversion_id = p.conversion_id
                and d.platform = p.platform
                and d.account_id = p.account_id
                and d.action = p.action
        )
    union all
    select
        p.*,
        l.version + 1 as version
    from ops.deliveries as d
    inner join plan as p
        on
            d.conversion_id = p.conversion_id
            and d.platform = p.platform
            and d.account_id = p.account_id
            and d.action = p.action
    cross join lateral (
        select
            max(n.version) as version,
            max(n.version) filter (where n.kind = 'send') as send_version
        from ops.deliveries as n
        where
            n.tenant_id = :tenant_id
            and n.conversion_id = d.conversion_id
            and n.platform = d.platform
            and n.account_id = d.account_id
            and n.action = d.action
    ) as l
    where
        d.tenant_id = :tenant_id
        and d.kind = 'send'
        and d.state = 'cancelled'
        and d.version = l.send_version
),

enrolled as (
    insert into ops.deliveries (
        tenant_id, delivery_id, platform, account_id, action, action_id, conversion_id, version, event_id, state,
        reason, next_at, expires_at
    )
    select
        tenant_id,
        ops.delivery_id(tenant_id, platform, account_id, action, conversion_id, version),
        platform,
        account_id,
        action,
        action_id,
        conversion_id,
        version,
        ops.event_id(tenant_id, platform, account_id, action, conversion_id),
        case decision when 'send' then 'pending' else 'held' end,
        reason,
        greatest(now(), converted_at),
        expires_at
    from owed
    on conflict do nothing
    returning platform, state, reason
)

select
    platform,
    state,
    reason,
    count(*) as row_count
from enrolled
group by platform, state, reason
order by platform, state, reason

-- name: follow_plan
-- Take rows that have not left yet to where the plan now wants them, and count the moves. The plan has one row for each
-- conversion and account, so another action there means that the route was changed.
with wanted as (
    select
        d.delivery_id,
        case
            when p.action is distinct from d.action then 'cancelled'
            when p.decision = 'send' then 'pending'
            when p.decision = 'hold' then 'held'
            when p.reason = any(cast(:age_reasons as text [])) then 'expired'
            else 'cancelled'
        end as state,
        case when p.action <> d.action then 'route_changed' else p.reason end as reason,
        p.action_id,
        p.expires_at
    from ops.deliveries as d
    inner join marts.delivery_plan as p
        on
            d.tenant_id = p.tenant_id
            and d.conversion_id = p.conversion_id
            and d.platform = p.platform
            and d.account_id = p.account_id
    where
        d.tenant_id = :tenant_id
        and p.tenant_id = :tenant_id
        -- What changes an earlier row follows that row, and not the plan.
        and d.kind = 'send'
        and d.state in ('held', 'pending', 'retry_wait')
),

moved as (
    update ops.deliveries as d
    set
        state = w.state,
        reason = w.reason,
        action_id = case when w.reason = 'route_changed' then d.action_id else w.action_id end,
        expires_at = w.expires_at,
        updated_at = now()
    from wanted as w
    where
        d.tenant_id = :tenant_id
        and d.delivery_id = w.delivery_id
        and (d.state <> w.state or d.reason <> w.reason)
        -- A row that was tried already waits for its next try; only an end reaches it.
        and (d.state <> 'retry_wait' or w.state in ('cancelled', 'expired'))
        and d.state in ('held', 'pending', 'retry_wait')
    returning d.platform, d.state, d.reason
)

select
    platform,
    state,
    reason,
    count(*) as row_count
from moved
group by platform, state, reason
order by platform, state, reason

-- name: expire_overdue
-- What has not left before the platform's age limit never leaves.
update ops.deliveries
set state = 'expired', reason = 'expired', updated_at = now()
where
    tenant_id = :tenant_id
    and state in ('held', 'pending', 'retry_wait')
    and expires_at <= now()

-- name: reclaim_leases
-- A lease that ran out: its sender is gone. Without a request that left, this attempt sent nothing; with one, the row
-- may have been applied.
with lapsed as (
    select
        d.delivery_id,
        a.attempt,
        a.started_at,
        a.request_key is not null as has_left
    from ops.deliveries as d
    inner join ops.delivery_attempts as a
        on d.tenant_id = a.tenant_id and d.delivery_id = a.delivery_id and d.attempts = a.attempt
    where d.tenant_id = :tenant_id and d.state = 'leased' and d.lease_until < now()
    for update of d skip locked
),

moved as (
    update ops.deliveries as d
    set
        state = case when l.has_left or d.is_doubtful then 'in_doubt' else 'retry_wait' end,
        is_doubtful = l.has_left or d.is_doubtful,
        sent_at = case when l.has_left then coalesce(d.sent_at, l.started_at) else d.sent_at end,
        failures = d.failures + 1,
        platform_code = 'lease_expired',
        lease_token = null,
        lease_until = null,
        next_at = now(),
        updated_at = now()
    from lapsed as l
    where d.tenant_id = :tenant_id and d.delivery_id = l.delivery_id
    returning d.delivery_id, d.state, l.attempt
)

update ops.delivery_attempts as a
set finished_at = now(), outcome = m.state, code = 'lease_expired'
from moved as m
where a.tenant_id = :tenant_id and a.delivery_id = m.delivery_id and a.attempt = m.attempt

-- name: bury_spent
-- Rows whose budget of attempts and time is used up, and those in doubt that the platform would no longer recognise.
update ops.deliveries
set
    state = 'dead',
    reason = case
        when state = 'in_doubt' then 'may_have_arrived'
        else 'budget_spent'
    end,
    updated_at = now()
where
    tenant_id = :tenant_id
    and platform = :platform
    and account_id = :account_id
    and (
        (
            state in ('retry_wait', 'in_doubt')
            and failures >= :max_failures
            and first_leased_at < now() - cast(:max_age as interval)
        )
        or (
            state = 'in_doubt'
            and (
                lane = any(cast(:once_lanes as text []))
                or sent_at < now() - cast(:resend_within as interval)
                or expires_at <= now()
            )
        )
    )

-- name: count_unresolved
-- Requests of the last day whose answer could not be told apart by row.
select count(*) as request_count
from ops.delivery_requests
where
    tenant_id = :tenant_id
    and platform = :platform
    and account_id = :account_id
    and is_unresolved
    and answered_at > now() - interval '1 day'

-- name: take_due
-- Lock due rows for one sender, if the plan and the consent of this moment still say so; what each stands on comes with
-- it. Rows of doors that are closed are passed over.
select
    d.delivery_id,
    d.conversion_id,
    d.action,
    coalesce(d.action_id, d.action) as target,
    d.kind as purpose,
    d.created_at as changed_at,
    d.attempts + 1 as attempt,
    d.failures,
    d.lane,
    -- Looked up for the few that change something, whatever the planner believes of the table's size.
    case
        when d.parent_id is not null
            then (
                select parent.lane
                from ops.deliveries as parent
                where parent.tenant_id = :tenant_id and parent.delivery_id = d.parent_id
            )
    end as parent_lane,
    d.payload,
    d.payload_sha256,
    c.consent,
    policy.legal_basis,
    policy.valid_from as policy_from
from ops.deliveries as d
inner join marts.delivery_plan as p
    on
        d.tenant_id = p.tenant_id
        and d.conversion_id = p.conversion_id
        and d.platform = p.platform
        and d.account_id = p.account_id
        and d.action = p.action
inner join marts.fct_conversions as c
    on p.tenant_id = c.tenant_id and p.conversion_id = c.conversion_id
cross join lateral (
    -- The region's own policy, else the one for everywhere, as it holds now.
    select
        y.legal_basis,
        y.unknown_consent,
        y.valid_from
    from ops.consent_policies as y
    where y.tenant_id = :tenant_id and y.region in (p.region, '*') and y.valid_from <= now()
    order by y.region = '*' asc, y.valid_from desc
    limit 1
) as policy
where
    d.tenant_id = :tenant_id
    and p.tenant_id = :tenant_id
    and c.tenant_id = :tenant_id
    and d.platform = :platform
    and d.account_id = :account_id
    and d.state in ('pending', 'retry_wait', 'in_doubt')
    and d.next_at <= now()
    and (d.expires_at is null or d.expires_at > now())
    -- A clock that is ahead: platforms refuse what has not happened yet, Meta the whole request that holds it.
    and p.converted_at <= now()
    and (
        d.state <> 'in_doubt'
        or (
            d.lane <> all(cast(:once_lanes as text []))
            and d.sent_at > now() - cast(:resend_within as interval)
        )
    )
    and (d.lane is null or d.lane <> all(cast(:closed as text [])))
    and coalesce(d.action_id, d.action) <> all(cast(:closed as text []))
    -- The plan of this moment. What changes an earlier row waits until the platform has that one, and is owed though
    -- the outcome was taken back: that is what it tells.
    and case d.kind
        when 'send' then p.decision = 'send' and not c.is_reversed
        else
            p.reason not in ('no_route', 'route_inactive')
            and exists (
                select from ops.deliveries as parent
                where
                    parent.tenant_id = :tenant_id
                    and parent.delivery_id = d.parent_id
                    and parent.state in ('accepted', 'duplicate')
            )
    end
    -- The consent of this moment: the person's latest word, the policy's rule where nobody said, and every no that the
    -- plan does not know yet (withdrawn.sql).
    and c.consent is distinct from 'denied'
    and (
        c.consent = 'granted'
        or policy.legal_basis = 'legitimate_interest'
        or policy.unknown_consent = 'send'
    )
    and d.conversion_id <> all(cast(:withdrawn as text []))
order by d.next_at, d.delivery_id
limit :batch_limit
for update of d skip locked

-- name: lease_deliveries
-- Give locked rows to a sender, with their bytes; a row that has bytes keeps them.
update ops.deliveries as d
set
    state = 'leased',
    lease_token = :token,
    lease_until = now() + cast(:lease as interval),
    attempts = d.attempts + 1,
    first_leased_at = coalesce(d.first_leased_at, now()),
    lane = coalesce(d.lane, t.lane),
    payload = coalesce(d.payload, t.payload),
    payload_sha256 = coalesce(d.payload_sha256, t.payload_sha256),
    value = case when d.payload is null then t.value else d.value end,
    currency = case when d.payload is null then t.currency else d.currency end,
    identifiers = case when d.payload is null then string_to_array(t.identifiers, ' ') else d.identifiers end,
    updated_at = now()
from
    unnest(
        cast(:delivery_ids as text []), cast(:lanes as text []), cast(:payloads as bytea []),
        cast(:payload_sha256s as text []), cast(:values as numeric []), cast(:currencies as text []),
        cast(:identifiers as text [])
    ) as t (delivery_id, lane, payload, payload_sha256, value, currency, identifiers)
where
    d.tenant_id = :tenant_id
    and d.delivery_id = any(cast(:delivery_ids as text []))
    and d.delivery_id = t.delivery_id

-- name: open_attempts
-- Open an attempt for each row that was leased: what it stands on, and the request that carries it, where it has one.
insert into ops.delivery_attempts (
    tenant_id, delivery_id, attempt, consent, legal_basis, policy_from, request_key, place
)
select
    cast(:tenant_id as uuid),
    t.*
from
    unnest(
        cast(:delivery_ids as text []), cast(:attempts as integer []), cast(:consents as text []),
        cast(:legal_bases as text []), cast(:policies_from as timestamptz []), cast(:request_keys as text []),
        cast(:places as integer [])
    ) as t

-- name: postpone_rows
-- Let rows whose door is closed wait, so that they do not stand before those of open doors.
update ops.deliveries
set next_at = now() + cast(:wait as interval), updated_at = now()
where tenant_id = :tenant_id and delivery_id = any(cast(:delivery_ids as text []))

-- name: list_conversions
-- What a destination needs to know of conversions, as the plan has them now.
select
    p.conversion_id,
    p.action,
    p.action_id,
    p.decision,
    p.kind,
    p.converted_at,
    case when r.with_value or p.kind = 'purchase' then p.value end as value,
    p.currency,
    p.consent,
    p.click_at,
    p.gclid,
    p.gbraid,
    p.wbraid,
    p.fbclid,
    p.ttclid,
    p.ctwa_clid,
    p.meta_lead_id,
    p.tiktok_lead_id,
    p.limited_data_use,
    coalesce(c.crm_record_id, p.lead_id) as person_key,
    ops.event_id(p.tenant_id, p.platform, p.account_id, p.action, p.conversion_id) as event_id
from marts.delivery_plan as p
left join marts.fct_conversions as c
    on p.tenant_id = c.tenant_id and p.conversion_id = c.conversion_id
left join ops.routes as r
    on
        p.tenant_id = r.tenant_id
        and p.platform = r.platform
        and p.account_id = r.account_id
        and p.kind = r.conversion_kind
where
    p.tenant_id = :tenant_id
    and p.action is not null
    and p.platform = :platform
    and p.account_id = :account_id
    and p.conversion_id = any(cast(:conversion_ids as text []))

-- name: list_hashes
-- The hashes of conversions' identifiers under one platform's rules.
select
    i.conversion_id,
    i.kind,
    array_agg(distinct v.sha256 order by v.sha256) as hashes
from intermediate.int_conversions__identifiers as i
inner join vault.identifiers as v
    on i.tenant_id = v.tenant_id and i.kind = v.kind and i.token = v.token
where
    i.tenant_id = :tenant_id
    and v.tenant_id = :tenant_id
    and v.platform = :platform
    and v.sha256 is not null
    and i.conversion_id = any(cast(:conversion_ids as text []))
group by i.conversion_id, i.kind

-- name: renew_lease
-- Make sure that the rows are still this sender's for long enough to send them; a young lease is left as it is, as
-- each renewal costs a version of the row.
update ops.deliveries
set lease_until = now() + cast(:lease as interval)
where
    tenant_id = :tenant_id
    and delivery_id = any(cast(:delivery_ids as text []))
    and lease_token = :token
    and lease_until < now() + cast(:enough as interval)

-- name: lock_leased
-- Which rows are still this sender's.
select delivery_id
from ops.deliveries
where
    tenant_id = :tenant_id
    and delivery_id = any(cast(:delivery_ids as text []))
    and lease_token = :token
for update

-- name: mark_attempts
-- Say in each row's attempt which request carries it, and where in it.
update ops.delivery_attempts as a
set request_key = :request_key, place = t.place
from
    unnest(cast(:delivery_ids as text []), cast(:attempts as integer []), cast(:places as integer []))
        as t (delivery_id, attempt, place)
where
    a.tenant_id = :tenant_id
    and a.delivery_id = any(cast(:delivery_ids as text []))
    and a.delivery_id = t.delivery_id
    and a.attempt = t.attempt

-- name: settle_rows
-- Store what became of each row, if it is still this sender's, and close its attempt. A row that a newer owner has is
-- left alone. What an earlier attempt may have done stays possible, whatever this one was answered: such a row goes on
-- in doubt instead of waiting as if it had never left, and ends as one that may have arrived instead of as refused.
--
-- The token alone says that a row is leased, and by whom. The ids stand beside the join so that both tables are looked up
-- by their keys, whatever the planner believes of their sizes.
with outcome as (
    select
        one.delivery_id,
        o.*
    from
        unnest(
            cast(:delivery_ids as text []), cast(:states as text []), cast(:codes as text []),
            cast(:request_ids as text []), cast(:waits as double precision []), cast(:failures as integer []),
            cast(:sent as boolean []), cast(:doubtful as boolean []), cast(:matched as boolean []),
            cast(:reasons as text [])
        ) as o (
            delivery_ids, state, code, platform_request_id, wait_seconds, failures, is_sent, is_doubtful, is_matched,
            reason
        )
    cross join lateral unnest(string_to_array(o.delivery_ids, ' ')) as one (delivery_id)
),

settled as (
    update ops.deliveries as d
    set
        state = case
            when d.is_doubtful and o.state in ('retry_wait', 'pending') then 'in_doubt'
            when d.is_doubtful and o.state = 'rejected' then 'dead'
            else o.state
        end,
        reason = case
            when d.is_doubtful and o.state = 'rejected' then 'may_have_arrived'
            else coalesce(o.reason, d.reason)
        end,
        is_doubtful = d.is_doubtful or o.is_doubtful,
        platform_code = o.code,
        platform_request_id = coalesce(o.platform_request_id, d.platform_request_id),
        failures = d.failures + o.failures,
        next_at = now() + make_interval(secs => o.wait_seconds),
        sent_at = case when o.is_sent then coalesce(d.sent_at, now()) else d.sent_at end,
        is_matched = coalesce(o.is_matched, d.is_matched),
        lease_token = null,
        lease_until = null,
        updated_at = now()
    from outcome as o
    where
        d.tenant_id = :tenant_id
        and d.delivery_id = any(cast(:all_ids as text []))
        and d.delivery_id = o.delivery_id
        and d.lease_token = :token
    returning d.delivery_id, d.attempts, d.state, d.platform_code
),

closed as (
    update ops.delivery_attempts as a
    set finished_at = now(), outcome = s.state, code = s.platform_code
    from settled as s
    where
        a.tenant_id = :tenant_id
        and a.delivery_id = any(cast(:all_ids as text []))
        and a.delivery_id = s.delivery_id
        and a.attempt = s.attempts
)

select
    delivery_id,
    state,
    platform_code
from settled

-- name: list_submitted
-- Requests that were taken and whose fate is due to be asked for, and how long each has been asked about.
select
    r.request_key,
    r.platform_request_id,
    r.event_count,
    r.sent_at < now() - cast(:patience as interval) as is_overdue
from ops.delivery_requests as r
where
    r.tenant_id = :tenant_id
    and r.platform = :platform
    and r.account_id = :account_id
    and r.platform_request_id in (
        select d.platform_request_id
        from ops.deliveries as d
        where
            d.tenant_id = :tenant_id
            and d.platform = :platform
            and d.account_id = :account_id
            and d.state = 'submitted'
            and d.next_at <= now()
    )
order by r.sequence

-- name: lock_submitted
-- The rows of a request that was taken earlier, with their bytes.
select
    delivery_id,
    payload,
    failures
from ops.deliveries
where
    tenant_id = :tenant_id
    and platform = :platform
    and account_id = :account_id
    and platform_request_id = :platform_request_id
    and state = 'submitted'
order by delivery_id
for update

-- name: settle_submitted
-- Store what became of rows of a request that was taken earlier, in the rows and in the attempts that it answers.
with outcome as (
    select *
    from
        unnest(
            cast(:delivery_ids as text []), cast(:states as text []), cast(:codes as text []),
            cast(:waits as double precision []), cast(:failures as integer []), cast(:doubtful as boolean []),
            cast(:matched as boolean []), cast(:reasons as text [])
        ) as o (delivery_id, state, code, wait_seconds, failures, is_doubtful, is_matched, reason)
),

settled as (
    update ops.deliveries as d
    set
        state = o.state,
        reason = coalesce(o.reason, d.reason),
        platform_code = o.code,
        is_matched = coalesce(o.is_matched, d.is_matched),
        is_doubtful = d.is_doubtful or o.is_doubtful,
        failures = d.failures + o.failures,
        next_at = now() + make_interval(secs => o.wait_seconds),
        updated_at = now()
    from outcome as o
    -- The rows are locked as submitted ones.
    where
        d.tenant_id = :tenant_id
        and d.delivery_id = any(cast(:delivery_ids as text []))
        and d.delivery_id = o.delivery_id
    returning d.delivery_id, d.attempts, d.state, d.platform_code
),

closed as (
    update ops.delivery_attempts as a
    set late_outcome = s.state, late_code = s.platform_code, settled_at = now()
    from settled as s
    where
        a.tenant_id = :tenant_id
        and a.delivery_id = any(cast(:delivery_ids as text []))
        and a.delivery_id = s.delivery_id
        and a.attempt = s.attempts
)

select
    delivery_id,
    state,
    platform_code
from settled

-- name: postpone_submitted
-- Ask again after as long as it has taken so far, within bounds.
update ops.deliveries
set
    next_at = now() + least(cast(:most as interval), greatest(cast(:least as interval), now() - sent_at)),
    updated_at = now()
where
    tenant_id = :tenant_id
    and platform = :platform
    and account_id = :account_id
    and platform_request_id = :platform_request_id
    and state = 'submitted'
