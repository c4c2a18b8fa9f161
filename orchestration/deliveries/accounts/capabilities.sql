-- name: list_actions
-- What an account's routes send: the numbers of its actions where the platform has numbers, else their names.
select distinct coalesce(action_id, action) as action
from ops.routes
where
    tenant_id = :tenant_id
    and platform = :platform
    and account_id = :account_id
    and is_active
order by 1

-- name: is_probe_due
-- Whether an account was never probed, or was last found not well, or unknown, long enough ago.
select
    (count(*) filter (where result = 'ok') = 0 or count(*) filter (where result = 'failed') > 0)
    and coalesce(max(probed_at) <= clock_timestamp() - cast(:ask_again_after as interval), true) as is_due
from ops.account_probes
where tenant_id = :tenant_id and platform = :platform and account_id = :account_id

-- name: forget_probes
-- Forget what an account was found able to do.
delete from ops.account_probes
where tenant_id = :tenant_id and platform = :platform and account_id = :account_id

-- name: insert_probe
-- Keep one thing that an account was found able to do, or not.
insert into ops.account_probes (tenant_id, platform, account_id, capability, result, code)
values (:tenant_id, :platform, :account_id, :capability, :result, :code)
on conflict (tenant_id, platform, account_id, capability) do update
set result = excluded.result, code = excluded.code, probed_at = clock_timestamp()
