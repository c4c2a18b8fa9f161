-- name: create_refused
-- Refused rows on their way to quarantine; they end with the transaction.
create temporary table refused (
    line bigint not null,
    -- Only of rows whose day is known, too.
    record_id text,
    reason text not null,
    body bytea not null,
    body_sha256 text not null
) on commit drop

-- name: quarantine_refused
-- Keep refused rows whole; a row that an earlier import refused for the same reason is there already.
insert into raw.quarantine (tenant_id, source, reason, body, body_sha256, request_id)
select
    cast(:tenant_id as uuid),
    cast(:source as text),
    refused.reason,
    refused.body,
    refused.body_sha256,
    'line ' || refused.line
from refused
where not exists (
    select
    from raw.quarantine as known
    where
        known.tenant_id = cast(:tenant_id as uuid)
        and known.source = cast(:source as text)
        and known.body_sha256 = refused.body_sha256
        and known.reason = refused.reason
)

-- name: count_known_days
-- Before the import: how many records of each day the file says nothing about, and how many it does.
select
    (cast(latest.payload ->> cast(:time_field as text) as timestamptz) at time zone cast(:timezone as text))::date as day,
    count(*) filter (where file.record_id is null) as others,
    count(*) filter (where file.record_id is not null) as in_file
from (
    select distinct on (record_id) record_id, deleted, payload
    from raw.records
    where
        tenant_id = cast(:tenant_id as uuid)
        and system = cast(:system as text)
        and object = cast(:object as text)
    order by record_id asc, version desc
) as latest
left join (
    select record_id from incoming
    union
    select record_id from refused where record_id is not null
) as file on latest.record_id = file.record_id
where not latest.deleted
group by day

-- name: list_stored_refused
-- Refused records of which an earlier import stored a version.
select distinct refused.record_id
from refused
inner join raw.records as records
    on
        records.tenant_id = cast(:tenant_id as uuid)
        and records.system = cast(:system as text)
        and records.object = cast(:object as text)
        and refused.record_id = records.record_id

-- name: list_latest_counts
-- The count that stands for each day of the source.
select distinct on (payload ->> 'day')
    cast(payload ->> 'day' as date) as day,
    cast(payload ->> 'count' as bigint) as sent_count,
    coalesce(payload -> 'refused_ids', '[]') as refused_ids
from raw.events
where
    tenant_id = cast(:tenant_id as uuid)
    and source = 'sender_counts'
    and payload ->> 'source' = cast(:source as text)
order by payload ->> 'day', received_at desc, dedupe_key desc

-- name: insert_count
-- A newer count for one day.
insert into raw.events (tenant_id, source, dedupe_key, occurred_at, payload, body_sha256)
values (
    cast(:tenant_id as uuid),
    'sender_counts',
    cast(:dedupe_key as text),
    cast(:counted_at as timestamptz),
    cast(:payload as jsonb),
    cast(:body_sha256 as text)
)
on conflict do nothing
