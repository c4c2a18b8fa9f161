-- name: enroll_adjustments
-- Compare what each platform was told of an outcome with what the plan and the outcome say now, and put what it must be
-- told anew into the ledger: one row for each difference, under the event id of the row that it changes.
--
-- Only what differs is looked at closely: rows whose word is the plan's drop out of the first join.
with told as (
    select *
    from
        unnest(
            cast(:platforms as text []), cast(:account_ids as text []), cast(:can_adjust as boolean []),
            cast(:can_retract as boolean []), cast(:can_restore as boolean [])
        ) as a (platform, account_id, can_adjust, can_retract, can_restore)
),

wanted as (
    select
        p.conversion_id,
        p.platform,
        p.account_id,
        p.action,
        p.expires_at,
        p.currency,
        cast(case when r.with_value or p.kind = 'purchase' then p.value end as numeric(18, 2)) as value,
        p.reason = 'reversed' or c.is_reversed as is_reversed,
        p.consent is not distinct from 'denied' or p.conversion_id = any(cast(:withdrawn as text [])) as is_denied,
        t.can_adjust,
        t.can_retract,
        t.can_restore
    from marts.delivery_plan as p
    inner join told as t on p.platform = t.platform and p.account_id = t.account_id
    inner join marts.fct_conversions as c on p.tenant_id = c.tenant_id and p.conversion_id = c.conversion_id
    left join ops.routes as r
        on
            p.tenant_id = r.tenant_id
            and p.platform = r.platform
            and p.account_id = r.account_id
            and p.kind = r.conversion_kind
    where p.tenant_id = :tenant_id and c.tenant_id = :tenant_id
),

-- Outcomes of which some row does not say what is wanted: those that were told something else, those that are about to
-- be, and those of which something else was noted.
changed as (
    select distinct
        d.conversion_id,
        d.platform,
        d.account_id,
        d.action
    from ops.deliveries as d
    inner join wanted as w
        on d.conversion_id = w.conversion_id and d.platform = w.platform and d.account_id = w.account_id
    where
        d.tenant_id = :tenant_id
        and (
            d.state in ('accepted', 'duplicate', 'noted')
            or (d.kind <> 'send' and d.state in ('pending', 'retry_wait'))
        )
        and case
            when w.is_reversed then d.kind <> 'retract'
            when d.kind = 'retract' then true
            else (d.value, d.currency) <> (w.value, w.currency)
        end
),

-- Every row of those, and whether it says something else than what is wanted.
spoken as (
    select
        d.delivery_id,
        d.conversion_id,
        d.platform,
        d.account_id,
        d.action,
        d.action_id,
        d.event_id,
        d.version,
        d.kind,
        d.state,
        d.reason,
        d.value,
        d.currency,
        d.is_doubtful,
        d.is_matched,
        w.value as wanted_value,
        w.currency as wanted_currency,
        w.expires_at,
        w.is_reversed,
        w.is_denied,
        w.can_adjust,
        w.can_retract,
        w.can_restore,
        w.action is distinct from d.action as is_rerouted,
        coalesce(
            case
                when w.is_reversed then d.kind <> 'retract'
                when d.kind = 'retract' then true
                else (d.value, d.currency) <> (w.value, w.currency)
            end,
            false
        ) as differs
    from changed as c
    inner join ops.deliveries as d
        on
            c.conversion_id = d.conversion_id
            and c.platform = d.platform
            and c.account_id = d.account_id
            and c.action = d.action
    inner join wanted as w
        on c.conversion_id = w.conversion_id and c.platform = w.platform and c.account_id = w.account_id
    where d.tenant_id = :tenant_id
),

-- What is about to be told and is no longer true, or may no longer be told, does not leave.
withdrawn as (
    update ops.deliveries as d
    set state = 'cancelled', reason = 'superseded', updated_at = now()
    from spoken as s
    where
        d.tenant_id = :tenant_id
        and d.delivery_id = s.delivery_id
        and d.kind <> 'send'
        and d.state in ('pending', 'retry_wait')
        and not d.is_doubtful
        and (s.differs or s.is_denied or s.is_rerouted)
    returning d.delivery_id, d.platform, d.state, d.reason
),

-- The last word on each outcome. What was not told because the person had said no is told once that changes.
last_word as (
    select distinct on (s.conversion_id, s.platform, s.account_id, s.action) s.*
    from spoken as s
    left join withdrawn as w on s.delivery_id = w.delivery_id
    where
        w.delivery_id is null
        and s.state <> 'cancelled'
        and (s.state <> 'noted' or s.reason <> 'consent_denied' or s.is_denied)
    order by s.conversion_id, s.platform, s.account_id, s.action, s.version desc
),

-- What the platform has. A change that it calls a duplicate is one that it did not take.
last_settled as (
    select distinct on (conversion_id, platform, account_id, action) *
    from spoken
    where state = 'accepted' or (state = 'duplicate' and kind = 'send')
    order by conversion_id, platform, account_id, action, version desc
),

last_version as (
    select
        conversion_id,
        platform,
        account_id,
        action,
        max(version) as version
    from spoken
    group by conversion_id, platform, account_id, action
),

due as (
    select
        h.*,
        v.version + 1 as next_version,
        case when h.is_reversed then 'retract' else 'adjust' end as next_kind,
        case
            when h.is_rerouted then 'route_changed'
            when
                not case
                    when h.is_reversed then h.can_retract
                    when h.kind = 'retract' then h.can_restore
                    else h.can_adjust
                end
                then 'platform_cannot_adjust'
            when h.is_denied then 'consent_denied'
            when h.expires_at <= now() then 'too_late_to_adjust'
        end as obstacle
    from last_settled as h
    inner join last_word as l
        on
            h.conversion_id = l.conversion_id
            and h.platform = l.platform
            and h.account_id = l.account_id
            and h.action = l.action
    inner join last_version as v
        on
            h.conversion_id = v.conversion_id
            and h.platform = v.platform
            and h.account_id = v.account_id
            and h.action = v.action
    where
        l.differs
        -- A row under way is waited for.
        and l.state in ('accepted', 'duplicate', 'noted', 'rejected', 'dead', 'expired')
        -- What never arrived has changed nothing at the platform.
        and (h.differs or l.state in ('noted', 'accepted', 'duplicate') or l.is_doubtful)
        -- A platform that knew nobody behind the event counts nothing; a new value would be a new conversion to it.
        and h.is_matched is distinct from false
),

enrolled as (
    insert into ops.deliveries (
        tenant_id, delivery_id, platform, account_id, action, action_id, conversion_id, kind, version, event_id,
        parent_id, state, reason, value, currency, expires_at
    )
    select
        cast(:tenant_id as uuid),
        ops.delivery_id(:tenant_id, platform, account_id, action, conversion_id, next_version),
        platform,
        account_id,
        action,
        action_id,
        conversion_id,
        next_kind,
        next_version,
        event_id,
        delivery_id,
        case when obstacle is null then 'pending' else 'noted' end,
        case
            when obstacle is not null then obstacle
            when is_reversed then 'reversed'
            when kind = 'retract' then 'won_again'
            else 'value_changed'
        end,
        case when is_reversed then 0 else wanted_value end,
        case when is_reversed then currency else wanted_currency end,
        expires_at
    from due
    on conflict do nothing
    returning delivery_id, platform, state, reason
),

moved as (
    select * from withdrawn
    union all
    select * from enrolled
)

select
    platform,
    state,
    reason,
    count(*) as row_count
from moved
group by platform, state, reason
order by platform, state, reason
