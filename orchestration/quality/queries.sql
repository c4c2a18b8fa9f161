-- name: insert_check_result
-- One verdict. A pass that is repeated for the same moment keeps its first verdict.
insert into ops.check_results
    (tenant_id, rule, checked_at, run_id, severity, passed, failed_count, reason, detail)
values
    (:tenant_id, :rule, :checked_at, :run_id, :severity, :passed, :failed_count, :reason, :detail)
on conflict (tenant_id, rule, checked_at) do nothing

-- name: list_latest_verdicts
-- The newest verdict of each rule of one tenant.
select distinct on (rule)
    rule, checked_at, passed, failed_count, reason, detail
from ops.check_results
where tenant_id = :tenant_id
order by rule, checked_at desc

-- name: list_alerts
-- What has been said about one tenant's rules.
select rule, is_open, last_sent_at
from ops.alerts
where tenant_id = :tenant_id

-- name: upsert_open_alert
-- A failure was told, for the first time or again.
insert into ops.alerts (tenant_id, rule, is_open, opened_at, last_sent_at)
values (:tenant_id, :rule, true, :now, :now)
on conflict (tenant_id, rule) do update set
    opened_at = case when alerts.is_open then alerts.opened_at else excluded.opened_at end,
    is_open = true,
    last_sent_at = excluded.last_sent_at,
    closed_at = null

-- name: close_alert
-- The rule holds again, and that was told.
update ops.alerts
set is_open = false, closed_at = :now, last_sent_at = :now
where tenant_id = :tenant_id and rule = :rule
