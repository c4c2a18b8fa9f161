-- name: list_accounts
-- The accounts that something may be sent to.
select
    platform,
    account_id,
    config
from ops.accounts
where tenant_id = :tenant_id and is_active
order by platform, account_id

-- name: list_credentials
-- An account's sealed credentials.
select
    field,
    ciphertext
from ops.credentials
where tenant_id = :tenant_id and platform = :platform and account_id = :account_id
