-- name: upsert_reading
-- Keep what a platform says of a day; the newest word counts, and an unchanged one does not look new.
insert into ops.match_quality (
    tenant_id, platform, account_id, day, source, scope, received, accepted, failed, pending, duplicate_share,
    event_match_quality, coverage
) values (
    :tenant_id, :platform, :account_id, :day, :source, :scope, :received, :accepted, :failed, :pending,
    :duplicate_share, :event_match_quality, cast(:coverage as jsonb)
)
on conflict (tenant_id, platform, account_id, day, source, scope) do update
set
    received = excluded.received,
    accepted = excluded.accepted,
    failed = excluded.failed,
    pending = excluded.pending,
    duplicate_share = excluded.duplicate_share,
    event_match_quality = excluded.event_match_quality,
    coverage = excluded.coverage,
    read_at = clock_timestamp()
where
    (
        ops.match_quality.received, ops.match_quality.accepted, ops.match_quality.failed, ops.match_quality.pending,
        ops.match_quality.duplicate_share, ops.match_quality.event_match_quality, ops.match_quality.coverage
    ) is distinct from (
        excluded.received, excluded.accepted, excluded.failed, excluded.pending, excluded.duplicate_share,
        excluded.event_match_quality, excluded.coverage
    )

-- name: list_quality
-- Each account's days, newest first.
select
    q.platform,
    q.account_id,
    q.day,
    q.sent,
    q.accepted,
    q.duplicate,
    q.refused,
    q.adjusted,
    q.matched,
    q.match_rate,
    q.match_rate_from,
    q.with_email,
    q.with_phone,
    q.with_click,
    q.with_lead_id,
    q.platform_received,
    q.platform_accepted,
    q.platform_failed,
    q.event_match_quality,
    q.duplicate_share
from marts.delivery_quality as q
where
    q.tenant_id = :tenant_id
    and q.day >= cast(:since as date)
    and (cast(:platform as text) is null or q.platform = :platform)
order by q.platform, q.account_id, q.day desc
