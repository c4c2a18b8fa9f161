-- name: make_pairs
-- A place for the pairs of one audit, for as long as its transaction.
create temporary table pairs (
    conversion_id text not null,
    platform text not null,
    account_id text not null,
    is_sent boolean not null,
    state text,
    word text,
    is_open_too_long boolean not null,
    is_pruned boolean not null
) on commit drop

-- name: pair_outcomes
-- Outcomes × destinations, made without the plan, each with the one word on it.
--
-- A destination counts for an outcome when the account is active and was there while the plan still held the outcome,
-- or when the ledger has a row of the two. The ledger's newest row speaks; where it never left and is not at its end,
-- the plan of this moment does, and where there is no row, the plan alone.
with outcomes as (
    select
        conversion_id,
        converted_at,
        converted_at < now() - cast(:plan_span as interval) as is_past_plan
    from marts.fct_conversions
    where tenant_id = :tenant_id and converted_at >= :from_at and converted_at < :until_at
),

destinations as (
    select
        a.platform,
        a.account_id,
        a.is_active,
        a.created_at - cast(:plan_span as interval) as planned_from,
        j.pruned_at - cast(:keep_span as interval) as pruned_until
    from ops.accounts as a
    left join ops.journal_anchors as j
        on a.tenant_id = j.tenant_id and a.platform = j.platform and a.account_id = j.account_id
    where a.tenant_id = :tenant_id
),

planned as (
    select distinct on (conversion_id, platform, account_id) *
    from marts.delivery_plan
    where tenant_id = :tenant_id
    order by conversion_id, platform, account_id, reason
),

owed as (
    select
        *,
        bool_or(sent_at is not null or state in ('submitted', 'accepted', 'duplicate'))
            over (partition by conversion_id, platform, account_id)
            as has_left,
        row_number() over (
            partition by conversion_id, platform, account_id
            order by
                state not in ('held', 'pending', 'leased', 'retry_wait', 'in_doubt', 'submitted'),
                reason = 'route_changed',
                version desc,
                updated_at desc,
                delivery_id asc
        ) as place
    from ops.deliveries
    where tenant_id = :tenant_id and kind = 'send'
)

insert into pairs (conversion_id, platform, account_id, is_sent, state, word, is_open_too_long, is_pruned)
select
    c.conversion_id,
    d.platform,
    d.account_id,
    coalesce(o.has_left, false) as is_sent,
    o.state,
    case
        when o.has_left then o.state
        when o.state in ('held', 'pending', 'leased', 'retry_wait', 'in_doubt')
            then case
                    when not d.is_active then 'account_inactive'
                    when p.action is not null and p.action <> o.action then 'route_changed'
                    when p.decision <> 'send' then p.reason
                    when p.decision = 'send' or c.is_past_plan then o.state
                end
        when o.state = 'cancelled' and p.decision = 'send' then 'not_enrolled'
        when o.state = 'cancelled' and p.decision is not null then p.reason
        when o.state = 'rejected' then split_part(coalesce(o.platform_code, o.reason), ':', 1)
        when o.state is not null then o.reason
        when p.decision = 'send' then 'not_enrolled'
        when p.decision is not null then p.reason
        when c.converted_at < d.pruned_until then 'pruned'
        when c.is_past_plan then 'too_old'
    end as word,
    coalesce(
        c.is_past_plan and not o.has_left and o.state in ('held', 'pending', 'leased', 'retry_wait', 'in_doubt'), false
    ) as is_open_too_long,
    o.state is null and p.decision is null and coalesce(c.converted_at < d.pruned_until, false) as is_pruned
from outcomes as c
cross join destinations as d
left join owed as o
    on
        c.conversion_id = o.conversion_id
        and d.platform = o.platform
        and d.account_id = o.account_id
        and o.place = 1
left join planned as p
    on c.conversion_id = p.conversion_id and d.platform = p.platform and d.account_id = p.account_id
where (d.is_active and c.converted_at >= d.planned_from) or o.delivery_id is not null

-- name: weigh_pairs
-- Without numbers on a table that was just filled, Postgres guesses, and loops where it should hash.
analyze pairs

-- name: count_product
-- Outcomes × destinations, counted on each side alone.
select
    a.platform,
    a.account_id,
    (
        select count(*)
        from marts.fct_conversions as c
        where
            c.tenant_id = :tenant_id
            and c.converted_at >= :from_at
            and c.converted_at < :until_at
            and (
                (a.is_active and c.converted_at >= a.created_at - cast(:plan_span as interval))
                or exists (
                    select from ops.deliveries as d
                    where
                        d.tenant_id = :tenant_id
                        and d.kind = 'send'
                        and d.conversion_id = c.conversion_id
                        and d.platform = a.platform
                        and d.account_id = a.account_id
                )
            )
    ) as pair_count,
    (
        select count(distinct d.conversion_id)
        from ops.deliveries as d
        inner join marts.fct_conversions as c on d.tenant_id = c.tenant_id and d.conversion_id = c.conversion_id
        where
            d.tenant_id = :tenant_id
            and c.tenant_id = :tenant_id
            and d.kind = 'send'
            and d.platform = a.platform
            and d.account_id = a.account_id
            and (d.sent_at is not null or d.state in ('submitted', 'accepted', 'duplicate'))
            and c.converted_at >= :from_at
            and c.converted_at < :until_at
    ) as sent_count
from ops.accounts as a
where a.tenant_id = :tenant_id
order by a.platform, a.account_id

-- name: count_words
-- The pairs of each destination by the one word on them.
select
    platform,
    account_id,
    is_sent,
    is_pruned,
    word,
    count(*) as pair_count
from pairs
group by platform, account_id, is_sent, is_pruned, word
order by platform asc, account_id asc, is_sent desc, pair_count desc, word asc

-- name: find_undecided
-- Pairs on which nobody has a word: no plan, no row in the ledger, and not past the plan's time.
select
    conversion_id as subject,
    platform,
    account_id
from pairs
where word is null
order by subject, platform, account_id

-- name: find_planned_twice
-- Pairs on which the plan has more than one decision.
select
    conversion_id as subject,
    platform,
    account_id
from marts.delivery_plan
where tenant_id = :tenant_id and converted_at >= :from_at and converted_at < :until_at
group by conversion_id, platform, account_id
having count(*) > 1
order by subject, platform, account_id

-- name: find_outside
-- Decisions and rows about an outcome or a destination that is not there.
select
    p.conversion_id as subject,
    p.platform,
    p.account_id
from marts.delivery_plan as p
where
    p.tenant_id = :tenant_id
    and p.converted_at >= :from_at
    and p.converted_at < :until_at
    and not exists (
        select from pairs as x
        where x.conversion_id = p.conversion_id and x.platform = p.platform and x.account_id = p.account_id
    )
union
select
    d.conversion_id as subject,
    d.platform,
    d.account_id
from ops.deliveries as d
where
    d.tenant_id = :tenant_id
    and d.created_at >= :from_at
    and d.created_at < :until_at
    and not exists (
        select from marts.fct_conversions as c
        where c.tenant_id = :tenant_id and c.conversion_id = d.conversion_id
    )
order by subject, platform, account_id

-- name: find_without_reason
-- Decisions and rows that say nothing of why.
select
    p.conversion_id as subject,
    p.platform,
    p.account_id
from marts.delivery_plan as p
where
    p.tenant_id = :tenant_id
    and p.converted_at >= :from_at
    and p.converted_at < :until_at
    and (coalesce(p.reason, '') = '' or p.decision is null)
union
select
    d.conversion_id as subject,
    d.platform,
    d.account_id
from ops.deliveries as d
inner join pairs as x
    on d.conversion_id = x.conversion_id and d.platform = x.platform and d.account_id = x.account_id
where d.tenant_id = :tenant_id and coalesce(d.reason, '') = ''
order by subject, platform, account_id

-- name: find_open_twice
-- Pairs that the ledger would send twice: two rows that are not at their end, or one behind which a later row stands.
select
    d.conversion_id as subject,
    d.platform,
    d.account_id
from ops.deliveries as d
inner join pairs as x
    on d.conversion_id = x.conversion_id and d.platform = x.platform and d.account_id = x.account_id
where
    d.tenant_id = :tenant_id
    and d.kind = 'send'
    and d.state in ('held', 'pending', 'leased', 'retry_wait', 'in_doubt', 'submitted')
    and exists (
        select from ops.deliveries as other
        where
            other.tenant_id = :tenant_id
            and other.kind = 'send'
            and other.conversion_id = d.conversion_id
            and other.platform = d.platform
            and other.account_id = d.account_id
            and other.delivery_id <> d.delivery_id
            and (
                other.state in ('held', 'pending', 'leased', 'retry_wait', 'in_doubt', 'submitted')
                or (other.action = d.action and other.version > d.version)
            )
    )
group by d.conversion_id, d.platform, d.account_id
order by subject, platform, account_id

-- name: find_sent_unproven
-- Rows that left, or that the platform has, without a request in the journal that carried them.
select
    d.delivery_id as subject,
    d.platform,
    d.account_id
from ops.deliveries as d
inner join pairs as x
    on d.conversion_id = x.conversion_id and d.platform = x.platform and d.account_id = x.account_id
where
    d.tenant_id = :tenant_id
    and (d.sent_at is not null or d.state in ('submitted', 'accepted', 'duplicate'))
    and not exists (
        select
        from ops.delivery_attempts as a
        inner join ops.delivery_journal as j on a.tenant_id = j.tenant_id and a.request_key = j.request_key
        where
            a.tenant_id = :tenant_id
            and a.delivery_id = d.delivery_id
            and j.kind = 'request'
            and j.platform = d.platform
            and j.account_id = d.account_id
    )
order by subject, platform, account_id

-- name: find_open_too_long
-- Pairs that are past the plan's time and still wait in the ledger.
select
    conversion_id as subject,
    platform,
    account_id
from pairs
where is_open_too_long
order by subject, platform, account_id

-- name: list_reasons
-- Every reason that was given, with the first that it was given to.
select
    reason,
    min(subject) as subject,
    platform,
    account_id,
    count(*) as row_count
from (
    select
        split_part(reason, ':', 1) as reason,
        conversion_id as subject,
        platform,
        account_id
    from marts.delivery_plan
    where tenant_id = :tenant_id and converted_at >= :from_at and converted_at < :until_at and reason <> ''
    union all
    select
        unnest(rules) as reason,
        conversion_id as subject,
        platform,
        account_id
    from marts.delivery_plan
    where tenant_id = :tenant_id and converted_at >= :from_at and converted_at < :until_at
    union all
    select
        split_part(d.reason, ':', 1) as reason,
        d.conversion_id as subject,
        d.platform,
        d.account_id
    from ops.deliveries as d
    inner join pairs as x
        on d.conversion_id = x.conversion_id and d.platform = x.platform and d.account_id = x.account_id
    where d.tenant_id = :tenant_id and d.reason <> ''
) as given
group by reason, platform, account_id
order by reason, platform, account_id
