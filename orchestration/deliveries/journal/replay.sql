-- name: read_request
-- A request as it left, and the frozen payloads of the deliveries in it, in their order.
select
    r.platform,
    r.account_id,
    r.request_key,
    r.sequence,
    r.lane,
    r.envelope,
    r.target,
    r.event_count,
    r.body,
    p.payloads
from ops.delivery_requests as r
cross join lateral (
    select array_agg(d.payload order by n.place) as payloads
    from generate_series(0, length(r.members) / 32 - 1) as n (place)
    inner join ops.deliveries as d
        on d.tenant_id = r.tenant_id and d.delivery_id = encode(substr(r.members, n.place * 32 + 1, 32), 'hex')
    where d.payload is not null
) as p
where r.tenant_id = :tenant_id and r.request_key = :request_key

-- name: list_requests
-- The keys of requests that left from a moment on, in their order.
select request_key
from ops.delivery_requests
where tenant_id = :tenant_id and sent_at >= :since
order by platform, account_id, sequence
