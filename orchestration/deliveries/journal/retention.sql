-- name: list_planned
-- Old rows whose conversions the plan holds all the same: without them they would be planned, and leave, once more.
select distinct d.conversion_id
from ops.deliveries as d
inner join marts.delivery_plan as p on d.tenant_id = p.tenant_id and d.conversion_id = p.conversion_id
where d.tenant_id = :tenant_id and p.tenant_id = :tenant_id and d.updated_at < :older_than

-- name: prune_ledger
-- Let go of what is old and settled, account by account, and count it.
select
    platform,
    account_id,
    deliveries,
    attempts,
    requests,
    entries
from ops.prune_ledger(:older_than, cast(:planned as text []))
order by platform, account_id

-- name: note_pruning
-- Say in the audit log what was let go.
insert into ops.audit_log (tenant_id, actor, action, object, result, reason)
values (:tenant_id, 'retention', 'ledger.prune', :object, 'done', :reason)
