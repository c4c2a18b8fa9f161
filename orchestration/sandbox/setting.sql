-- name: count_real_accounts
-- Active accounts of one tenant that are not the sandbox's.
select count(*)
from ops.accounts
where
    tenant_id = :tenant_id
    and is_active
    and config ->> 'sandbox' is distinct from 'true'

-- name: mark_accounts
-- The accounts of one tenant become the sandbox's own.
update ops.accounts
set config = config || '{"sandbox": "true"}'
where tenant_id = :tenant_id
