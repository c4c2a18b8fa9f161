-- name: wake_new
-- Rows that this transaction made are due in it: its moment lies before theirs.
update ops.deliveries
set next_at = now()
where tenant_id = :tenant_id and created_at > now() and next_at > now()

-- name: list_worded
-- What a lease took, beside what the platform was sent before about the same conversion as the same action.
select
    d.conversion_id,
    d.action,
    d.kind,
    d.lane,
    d.payload,
    d.sent_at is not null as is_resend,
    before.payload as payload_before
from ops.deliveries as d
left join lateral (
    select b.payload
    from ops.deliveries as b
    where
        b.tenant_id = :tenant_id
        and b.conversion_id = d.conversion_id
        and b.platform = d.platform
        and b.account_id = d.account_id
        and b.action = d.action
        and b.version < d.version
        and b.sent_at is not null
        and b.payload is not null
    order by b.version desc
    limit 1
) as before on true
where d.tenant_id = :tenant_id and d.lease_token = :token and d.state = 'leased'
order by d.conversion_id, d.action, d.version

-- name: count_moves
-- Where else rows of a destination went in this transaction, and why.
select
    state,
    split_part(case when state in ('rejected', 'noted') then coalesce(platform_code, reason) else reason end, ':', 1)
        as reason,
    count(*) as row_count
from ops.deliveries
where
    tenant_id = :tenant_id
    and platform = :platform
    and account_id = :account_id
    and updated_at >= now()
    and state in ('held', 'cancelled', 'expired', 'rejected', 'noted', 'dead')
group by 1, 2
order by row_count desc, state asc, reason asc
