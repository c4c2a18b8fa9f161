-- name: set_tenant
-- Say whose transaction this is; the setting ends with the transaction.
select set_config('app.tenant_id', :tenant_id, true)

-- name: list_active_tenants
-- The companies whose data lives here; every service role may read this list.
select tenant_id, name, region, timezone, currency
from ops.tenants
where is_active
order by created_at, tenant_id
