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
