-- name: list_keys
-- Every key that may prove a request, and whether its tenant is active.
select
    k.tenant_id,
    k.key_id,
    k.kind,
    k.secret,
    k.lookup_sha256,
    k.origins,
    k.not_before,
    k.not_after,
    t.is_active
from ops.intake_keys as k
inner join ops.tenants as t on k.tenant_id = t.tenant_id
order by k.tenant_id, k.key_id

-- name: set_tenant
-- Say whose rows come next in this transaction.
select set_config('app.tenant_id', :tenant_id, true)

-- name: store_events
-- Store one tenant's events; of those that were there before nothing is returned.
insert into raw.events (
    tenant_id, source, dedupe_key, occurred_at, headers, payload, body_sha256, key_id, request_id
)
select
    cast(:tenant_id as uuid),
    e.source,
    e.dedupe_key,
    e.occurred_at,
    cast(e.headers as jsonb),
    cast(e.payload as jsonb),
    e.body_sha256,
    e.key_id,
    e.request_id
from
    unnest(
        cast(:sources as text []),
        cast(:dedupe_keys as text []),
        cast(:occurred as timestamptz []),
        cast(:headers as text []),
        cast(:payloads as text []),
        cast(:body_hashes as text []),
        cast(:key_ids as text []),
        cast(:request_ids as text [])
    ) as e (source, dedupe_key, occurred_at, headers, payload, body_sha256, key_id, request_id)
on conflict do nothing
returning source, dedupe_key

-- name: find_stored
-- What stands under these keys, to tell a repeat from a conflict.
select
    e.source,
    e.dedupe_key,
    e.body_sha256
from
    unnest(cast(:sources as text []), cast(:dedupe_keys as text [])) as k (source, dedupe_key)
inner join raw.events as e
    on
        e.tenant_id = cast(:tenant_id as uuid)
        and k.source = e.source
        and k.dedupe_key = e.dedupe_key

-- name: set_aside
-- Keep what a person must look at. Its id comes from its content: the same thing sent again is kept once.
insert into raw.quarantine (
    tenant_id, quarantine_id, source, reason, body, body_sha256, key_id, request_id
)
select
    cast(:tenant_id as uuid),
    q.quarantine_id,
    q.source,
    q.reason,
    q.body,
    q.body_sha256,
    q.key_id,
    q.request_id
from
    unnest(
        cast(:quarantine_ids as uuid []),
        cast(:sources as text []),
        cast(:reasons as text []),
        cast(:bodies as bytea []),
        cast(:body_hashes as text []),
        cast(:key_ids as text []),
        cast(:request_ids as text [])
    ) as q (quarantine_id, source, reason, body, body_sha256, key_id, request_id)
on conflict do nothing

-- name: record_security_event
-- A proven sender asked for what is not theirs.
insert into ops.audit_log (tenant_id, actor, action, object, result, reason, request_id)
values (:tenant_id, :actor, :action, :object, 'refused', :reason, :request_id)

-- name: inspect_server
-- What durability and isolation rest on, as this very connection sees it.
select
    current_setting('fsync') = 'on' as has_fsync,
    current_setting('full_page_writes') = 'on' as has_full_page_writes,
    current_setting('synchronous_commit') in ('on', 'remote_apply') as has_synchronous_commit,
    r.rolsuper as is_superuser,
    r.rolbypassrls as bypasses_rls,
    pg_has_role(current_user, c.relowner, 'member') as is_owner
from pg_roles as r
cross join pg_class as c
where r.rolname = current_user and c.oid = cast('raw.events' as regclass)
