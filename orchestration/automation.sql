-- name: count_arrivals
-- One tenant's events and record versions that arrived after a moment.
select
    (
        select count(*) from raw.events
        where tenant_id = :tenant_id and received_at > :since
    )
    + (
        select count(*) from raw.records
        where tenant_id = :tenant_id and seen_at > :since
    )

-- name: count_submitted_due
-- Requests that a platform took, and whose fate is due to be asked for.
select count(distinct (platform, account_id, platform_request_id)) as request_count
from ops.deliveries
where tenant_id = :tenant_id and state = 'submitted' and next_at <= now()
