-- name: list_verdicts
-- The newest verdict of each rule, and whether it is too old to stand on.
select distinct on (rule)
    rule,
    severity,
    passed,
    checked_at < now() - cast(:max_age as interval) as is_stale
from ops.check_results
where tenant_id = :tenant_id
order by rule, checked_at desc
