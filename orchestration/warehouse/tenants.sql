-- name: become_keeper
-- Tenants and their keys are kept by a role of their own, for the length of the transaction.
set local role keeper

-- name: insert_tenant
-- One company.
insert into ops.tenants (tenant_id, name, region, timezone, currency)
values (:tenant_id, :name, :region, :timezone, :currency)

-- name: insert_policy
-- The policy that a company begins with: consent is needed, everywhere.
insert into ops.consent_policies (tenant_id, region, legal_basis, unknown_consent, recorded_by)
values (:tenant_id, '*', 'consent', :unknown_consent, 'tenant create')

-- name: insert_key
-- One sealed key of a tenant.
insert into ops.intake_keys (tenant_id, key_id, kind, secret, lookup_sha256, origins)
values (:tenant_id, :key_id, :kind, :secret, :lookup_sha256, cast(:origins as text []))

-- name: name_accounts
-- Name the WhatsApp accounts that a tenant's current keys are for.
update ops.intake_keys
set origins = cast(:accounts as text [])
where
    tenant_id = :tenant_id
    and kind = 'whatsapp'
    and (not_after is null or not_after > now())

-- name: list_named_accounts
-- Which of these WhatsApp accounts another active tenant's key names.
select distinct a.account
from ops.intake_keys as k
inner join ops.tenants as t on k.tenant_id = t.tenant_id
cross join unnest(k.origins) as a (account)
where
    k.kind = 'whatsapp'
    and k.tenant_id <> :tenant_id
    and t.is_active
    and (k.not_after is null or k.not_after > now())
    and a.account = any(cast(:accounts as text []))
order by a.account

-- name: read_keys
-- A tenant's newest active key of each kind, sealed.
select distinct on (kind) kind, key_id, secret
from ops.intake_keys
where
    tenant_id = :tenant_id
    and (not_after is null or not_after > now())
order by kind, not_before desc
