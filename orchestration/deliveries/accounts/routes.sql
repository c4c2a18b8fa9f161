-- name: read_config
-- What an account is configured with.
select config
from ops.accounts
where tenant_id = :tenant_id and platform = :platform and account_id = :account_id
for update

-- name: count_unsettled
-- How many of an account's events may have arrived without our knowing what became of them.
select count(*)
from ops.deliveries
where
    tenant_id = :tenant_id
    and platform = :platform
    and account_id = :account_id
    and lane like :lane
    and (state in ('leased', 'submitted', 'in_doubt') or (state = 'retry_wait' and is_doubtful))

-- name: upsert_account
-- Add an account, or give it a new configuration.
insert into ops.accounts (tenant_id, platform, account_id, config)
values (:tenant_id, :platform, :account_id, cast(:config as jsonb))
on conflict (tenant_id, platform, account_id) do update
set config = excluded.config, is_active = true

-- name: delete_credentials
-- Forget an account's credentials.
delete from ops.credentials
where tenant_id = :tenant_id and platform = :platform and account_id = :account_id

-- name: insert_credential
-- Keep a sealed credential.
insert into ops.credentials (tenant_id, platform, account_id, field, ciphertext)
values (:tenant_id, :platform, :account_id, :field, :ciphertext)

-- name: upsert_route
-- Add a route; one that is there keeps the tenant's choices.
insert into ops.routes (tenant_id, conversion_kind, platform, account_id, action, action_id, with_value)
values (:tenant_id, :conversion_kind, :platform, :account_id, :action, :action_id, :with_value)
on conflict (tenant_id, conversion_kind, platform, account_id) do update
set action_id = excluded.action_id

-- name: note_installation
-- Say in the audit log that an account was added or renewed.
insert into ops.audit_log (tenant_id, actor, action, object, result)
values (:tenant_id, 'operator', 'account.install', :object, 'done')
