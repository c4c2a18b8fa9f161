-- name: create_incoming
-- One page on its way in; it ends with the transaction.
create temporary table incoming (
    line bigint not null,
    record_id text not null,
    updated_at timestamptz,
    deleted boolean not null,
    payload jsonb not null,
    payload_sha256 text not null
) on commit drop

-- name: lock_records
-- One writer at a time per kind of record: two would give the same version number to different contents.
select pg_advisory_xact_lock(hashtextextended(concat_ws('|', cast(:tenant_id as text), cast(:system as text), cast(:object as text)), 0))

-- name: insert_changed_records
-- A new version for each record whose content, or existence, differs from its latest version; of repeats the last line counts.
insert into raw.records (
    tenant_id, system, object, record_id, version, updated_at, deleted, payload, payload_sha256
)
select
    cast(:tenant_id as uuid),
    cast(:system as text),
    cast(:object as text),
    page.record_id,
    coalesce(latest.version, 0) + 1,
    page.updated_at,
    page.deleted,
    page.payload,
    page.payload_sha256
from (
    select distinct on (record_id) *
    from incoming
    order by record_id asc, line desc
) as page
left join lateral (
    select version, deleted, payload_sha256
    from raw.records
    where
        tenant_id = cast(:tenant_id as uuid)
        and system = cast(:system as text)
        and object = cast(:object as text)
        and record_id = page.record_id
    order by version desc
    limit 1
) as latest on true
where
    latest.version is null
    or latest.payload_sha256 <> page.payload_sha256
    or latest.deleted <> page.deleted

-- name: mark_vanished_records
-- A deleted version for each record of the account that a whole listing no longer holds.
insert into raw.records (
    tenant_id, system, object, record_id, version, updated_at, deleted, payload, payload_sha256
)
select
    latest.tenant_id,
    latest.system,
    latest.object,
    latest.record_id,
    latest.version + 1,
    null,
    true,
    latest.payload,
    latest.payload_sha256
from (
    select distinct on (record_id) *
    from raw.records
    where
        tenant_id = cast(:tenant_id as uuid)
        and system = cast(:system as text)
        and object = cast(:object as text)
    order by record_id asc, version desc
) as latest
where
    not latest.deleted
    and latest.payload ->> 'account_id' = cast(:account_id as text)
    and latest.record_id <> all(cast(:seen as text[]))

-- name: save_cursor
-- Where the listing of one account stands; other accounts' places stay.
insert into ops.cursors (tenant_id, system, object, cursor)
values (
    cast(:tenant_id as uuid),
    cast(:system as text),
    cast(:object as text),
    jsonb_build_object(cast(:account_id as text), cast(:place as jsonb))
)
on conflict (tenant_id, system, object) do update
set cursor = cursors.cursor || excluded.cursor, updated_at = clock_timestamp()

-- name: list_accounts
-- The tenant's active accounts with their sealed credentials, one row per credential.
select
    accounts.platform,
    accounts.account_id,
    accounts.config,
    credentials.field,
    credentials.ciphertext
from ops.accounts as accounts
left join ops.credentials as credentials
    on
        accounts.tenant_id = credentials.tenant_id
        and accounts.platform = credentials.platform
        and accounts.account_id = credentials.account_id
where
    accounts.tenant_id = cast(:tenant_id as uuid)
    and accounts.is_active
order by accounts.platform, accounts.account_id, credentials.field
