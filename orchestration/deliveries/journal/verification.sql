-- name: list_journals
-- The accounts that something left for, those that are no longer active among them.
select distinct
    platform,
    account_id
from (
    select
        platform,
        account_id
    from ops.delivery_journal
    where tenant_id = :tenant_id
    union
    select
        platform,
        account_id
    from ops.delivery_requests
    where tenant_id = :tenant_id
    union
    select
        platform,
        account_id
    from ops.deliveries
    where tenant_id = :tenant_id
) as known
order by platform, account_id

-- name: read_anchor
-- Where an account's chain begins when what came before was pruned.
select
    sequence,
    entry_key
from ops.journal_anchors
where tenant_id = :tenant_id and platform = :platform and account_id = :account_id

-- name: read_head
-- The last entry of an account's chain.
select
    sequence,
    entry_key,
    at
from ops.delivery_journal
where tenant_id = :tenant_id and platform = :platform and account_id = :account_id
order by sequence desc
limit 1

-- name: find_entry
-- The entry of this key, or the place where it was pruned.
select
    platform,
    account_id,
    sequence
from ops.delivery_journal
where tenant_id = :tenant_id and entry_key = :entry_key
union all
select
    platform,
    account_id,
    sequence
from ops.journal_anchors
where tenant_id = :tenant_id and entry_key = :entry_key
limit 1

-- name: list_entries
-- An account's chain in its order, and beside each entry the request that it speaks of, as the tables have it now.
select
    j.sequence,
    j.entry_key,
    j.previous_key,
    j.kind,
    j.request_key,
    j.content,
    j.at,
    r.sequence as request_sequence,
    r.target,
    r.lane,
    r.envelope,
    r.event_count,
    r.body_sha256,
    r.sent_at,
    case when j.kind = 'request' then encode(sha256(r.body), 'hex') end as real_body_sha256,
    case when j.kind = 'request' then m.digest end as members
from ops.delivery_journal as j
left join ops.delivery_requests as r
    on
        j.tenant_id = r.tenant_id
        and j.platform = r.platform
        and j.account_id = r.account_id
        and j.request_key = r.request_key
left join lateral (
    select
        encode(sha256(convert_to(string_agg(d.delivery_id || d.payload_sha256, '' order by n.place), 'UTF8')), 'hex')
            as digest
    from generate_series(0, length(r.members) / 32 - 1) as n (place)
    inner join ops.deliveries as d
        on d.tenant_id = r.tenant_id and d.delivery_id = encode(substr(r.members, n.place * 32 + 1, 32), 'hex')
    where j.kind = 'request'
) as m on true
where j.tenant_id = :tenant_id and j.platform = :platform and j.account_id = :account_id
order by j.sequence

-- name: find_unentered
-- Requests that no entry speaks of, and answers that stand at a request and not in the last entry about it.
with last_answer as (
    select distinct on (request_key)
        request_key,
        sequence,
        at,
        convert_from(content, 'UTF8')::jsonb as content
    from ops.delivery_journal
    where
        tenant_id = :tenant_id and platform = :platform and account_id = :account_id and kind = 'answer'
    order by request_key, sequence desc
)

select
    case when j.sequence is null then 'request_unentered' else 'answer_changed' end as code,
    coalesce(a.sequence, r.sequence) as sequence,
    r.request_key as subject
from ops.delivery_requests as r
left join ops.delivery_journal as j
    on
        r.tenant_id = j.tenant_id
        and r.platform = j.platform
        and r.account_id = j.account_id
        and r.request_key = j.entry_key
        and j.kind = 'request'
left join last_answer as a on r.request_key = a.request_key
where
    r.tenant_id = :tenant_id
    and r.platform = :platform
    and r.account_id = :account_id
    and (
        j.sequence is null
        or (r.answered_at, r.answer_code, r.platform_request_id, r.is_unresolved) is distinct from (
            a.at,
            a.content ->> 'code',
            a.content ->> 'platform_request_id',
            coalesce((a.content ->> 'is_unresolved')::boolean, false)
        )
    )
order by r.sequence

-- name: find_contradictions
-- Attempts and deliveries that say something else than the answers in the journal, and rows that are not what their own
-- ids and hashes say. Only asked when the chain itself holds: it is read as it stands.
with answered as (
    select
        j.sequence,
        j.request_key,
        o.word ->> 0 as state,
        o.word ->> 1 as code,
        (c.content ->> 'is_late')::boolean as is_late,
        encode(substr(r.members, p.place * 32 + 1, 32), 'hex') as delivery_id
    from ops.delivery_journal as j
    inner join ops.delivery_requests as r on j.tenant_id = r.tenant_id and j.request_key = r.request_key
    cross join lateral (select convert_from(j.content, 'UTF8')::jsonb as content) as c
    cross join lateral jsonb_array_elements(c.content -> 'outcomes') as o (word)
    cross join lateral jsonb_array_elements(o.word -> 2) as s (span)
    cross join lateral generate_series((s.span ->> 0)::integer, (s.span ->> 1)::integer) as p (place)
    where
        j.tenant_id = :tenant_id and j.platform = :platform and j.account_id = :account_id and j.kind = 'answer'
),

last_words as (
    select distinct on (request_key, delivery_id, is_late) *
    from answered
    order by request_key, delivery_id, is_late, sequence desc
),

last_word as (
    select distinct on (delivery_id) *
    from answered
    order by delivery_id, sequence desc
),

carried as (
    select
        r.request_key,
        r.sequence,
        encode(substr(r.members, n.place * 32 + 1, 32), 'hex') as delivery_id
    from ops.delivery_requests as r
    cross join lateral generate_series(0, length(r.members) / 32 - 1) as n (place)
    where r.tenant_id = :tenant_id and r.platform = :platform and r.account_id = :account_id
),

own as (
    select *
    from ops.deliveries
    where tenant_id = :tenant_id and platform = :platform and account_id = :account_id
),

tries as (
    select a.*
    from ops.delivery_attempts as a
    inner join own as d on a.delivery_id = d.delivery_id
    where a.tenant_id = :tenant_id
),

found as (
    -- What an attempt says became of it, beside what was answered.
    select
        'attempt_changed' as code,
        w.sequence,
        w.delivery_id as subject
    from last_words as w
    left join tries as t on w.delivery_id = t.delivery_id and w.request_key = t.request_key
    where
        case
            when w.is_late then (t.late_outcome, t.late_code) is distinct from (w.state, w.code)
            else (t.outcome, t.code) is distinct from (w.state, w.code)
        end

    union all

    -- A platform's word without an answer that holds it.
    select
        'attempt_unanswered',
        c.sequence,
        t.delivery_id
    from tries as t
    left join carried as c on t.delivery_id = c.delivery_id and t.request_key = c.request_key
    left join last_words as w
        on t.delivery_id = w.delivery_id and t.request_key = w.request_key and not w.is_late
    left join last_words as l
        on t.delivery_id = l.delivery_id and t.request_key = l.request_key and l.is_late
    where
        (t.outcome in ('accepted', 'duplicate', 'submitted') and w.sequence is null)
        or (t.late_outcome is not null and l.sequence is null)
        or (t.request_key is not null and c.sequence is null)
        or t.outcome <> all(cast(:states as text []))

    union all

    -- Where a delivery is, beside what was answered last.
    select
        'delivery_changed',
        w.sequence,
        d.delivery_id
    from own as d
    left join last_word as w on d.delivery_id = w.delivery_id
    where
        (
            (d.state in ('accepted', 'duplicate', 'submitted') or w.state in ('accepted', 'duplicate', 'submitted'))
            and (d.state, d.platform_code) is distinct from (w.state, w.code)
        )
        or (
            d.state = 'rejected'
            and d.reason = 'refused_by_platform'
            and (d.state, d.platform_code) is distinct from (w.state, w.code)
        )

    union all

    -- What a delivery is, beside its own ids and hashes.
    select
        'delivery_forged',
        null,
        delivery_id
    from own
    where
        delivery_id <> ops.delivery_id(tenant_id, platform, account_id, action, conversion_id, version)
        or event_id <> ops.event_id(tenant_id, platform, account_id, action, conversion_id)
        or payload_sha256 <> encode(sha256(payload), 'hex')
)

select
    code,
    sequence,
    subject
from found
order by sequence, code, subject
