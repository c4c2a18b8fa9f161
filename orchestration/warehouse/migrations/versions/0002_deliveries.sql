-- Ids made from content, so that planning twice adds nothing. The event's leaves the version out: a replay is the same
-- event to the platform.
create function ops.delivery_id(
    tenant_id uuid, platform text, account_id text, action text, conversion_id text, version integer
) returns text
language sql
stable
set search_path = pg_catalog
as $$
    select encode(
        sha256(convert_to(concat_ws('|', tenant_id, platform, account_id, action, conversion_id, version), 'UTF8')),
        'hex'
    )
$$;
create function ops.event_id(
    tenant_id uuid, platform text, account_id text, action text, conversion_id text
) returns text
language sql
stable
set search_path = pg_catalog
as $$
    select encode(
        sha256(convert_to(concat_ws('|', 'event', tenant_id, platform, account_id, action, conversion_id), 'UTF8')),
        'hex'
    )
$$;

-- One row for each thing owed to a destination; see deliveries/ledger/states.py for the ways between the states.
create table ops.deliveries (
    tenant_id uuid not null references ops.tenants,
    delivery_id text not null check (delivery_id ~ '^[0-9a-f]{64}$'),
    platform text not null check (platform in ('google', 'meta', 'tiktok')),
    account_id text not null,
    action text not null,
    action_id text,
    conversion_id text not null,
    kind text not null default 'send' check (kind in ('send', 'adjust', 'retract')),
    version integer not null default 1 check (version > 0),
    -- What the platform dedupes by: made from content, without the version, so equal for every attempt.
    event_id text not null check (event_id ~ '^[0-9a-f]{64}$'),
    state text not null check (
        state in (
            'held', 'pending', 'leased', 'submitted', 'retry_wait', 'in_doubt',
            'accepted', 'duplicate', 'rejected', 'dead', 'expired', 'cancelled'
        )
    ),
    reason text not null,
    next_at timestamptz not null default clock_timestamp(),
    lease_token uuid,
    lease_until timestamptz,
    -- Leases so far, and those of them that count against the budget.
    attempts integer not null default 0,
    failures integer not null default 0,
    first_leased_at timestamptz,
    -- When the platform first saw it, or may have; null: it never left.
    sent_at timestamptz,
    -- Whether some attempt may have been applied: what a later attempt is answered does not undo that.
    is_doubtful boolean not null default false,
    -- The door it goes through and the event's canonical JSON, hashes only; frozen at the first lease.
    lane text,
    payload bytea,
    payload_sha256 text check (payload_sha256 ~ '^[0-9a-f]{64}$'),
    platform_request_id text,
    platform_code text,
    is_matched boolean,
    expires_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, delivery_id),
    check ((state = 'leased') = (lease_token is not null)),
    check ((payload is null) = (payload_sha256 is null))
);
call ops.guard('ops.deliveries', 'worker', 'panel');
grant select, insert, update on ops.deliveries to worker;
-- The payload stays with the worker: hashes are personal data too.
grant select (
    tenant_id, delivery_id, platform, account_id, action, action_id, conversion_id, kind, version, event_id, state,
    reason, next_at, attempts, failures, first_leased_at, sent_at, is_doubtful, lane, payload_sha256,
    platform_request_id, platform_code, is_matched, expires_at, created_at, updated_at
) on ops.deliveries to panel;
create unique index deliveries_owed on ops.deliveries (
    tenant_id, conversion_id, platform, account_id, action, version
);
create index deliveries_due on ops.deliveries (tenant_id, platform, account_id, next_at)
where state in ('pending', 'retry_wait', 'in_doubt');
create index deliveries_leased on ops.deliveries (tenant_id, lease_until) where state = 'leased';
create index deliveries_submitted on ops.deliveries (
    tenant_id, platform, account_id, platform_request_id
) where state = 'submitted';

-- No statement takes a row a way that does not exist, whoever wrote the statement.
create function ops.check_delivery_transition() returns trigger
language plpgsql
set search_path = pg_catalog
as $$
begin
    if not (old.state, new.state) in (
        ('held', 'pending'), ('held', 'cancelled'), ('held', 'expired'),
        ('pending', 'leased'), ('pending', 'held'), ('pending', 'cancelled'), ('pending', 'expired'),
        ('leased', 'submitted'), ('leased', 'accepted'), ('leased', 'duplicate'), ('leased', 'rejected'),
        ('leased', 'retry_wait'), ('leased', 'in_doubt'), ('leased', 'pending'), ('leased', 'dead'),
        ('submitted', 'accepted'), ('submitted', 'duplicate'), ('submitted', 'rejected'),
        ('submitted', 'in_doubt'),
        ('retry_wait', 'leased'), ('retry_wait', 'cancelled'), ('retry_wait', 'expired'),
        ('retry_wait', 'dead'),
        ('in_doubt', 'leased'), ('in_doubt', 'accepted'), ('in_doubt', 'dead'),
        ('rejected', 'pending'), ('dead', 'pending')
    ) then
        raise exception using
            errcode = 'check_violation',
            message = format('a delivery cannot go from %s to %s', old.state, new.state);
    end if;
    return new;
end;
$$;
create trigger transition before update of state on ops.deliveries
for each row when (old.state is distinct from new.state)
execute function ops.check_delivery_transition();

-- Every lease of a row. request_key is set, and committed, before the first byte of its request leaves: an attempt
-- without one was never sent.
create table ops.delivery_attempts (
    tenant_id uuid not null,
    delivery_id text not null,
    attempt integer not null check (attempt > 0),
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    outcome text,
    code text,
    request_key text,
    primary key (tenant_id, delivery_id, attempt),
    foreign key (tenant_id, delivery_id) references ops.deliveries
);
call ops.guard('ops.delivery_attempts', 'worker', 'panel');
grant select, insert, update on ops.delivery_attempts to worker;
grant select on ops.delivery_attempts to panel;

-- Every request as it left, byte for byte, each naming the one before it: request_key is the SHA-256 of the previous
-- key, the sequence and the body's own, so a request changed, dropped or slipped in shows.
create table ops.delivery_requests (
    tenant_id uuid not null references ops.tenants,
    request_key text not null check (request_key ~ '^[0-9a-f]{64}$'),
    platform text not null,
    account_id text not null,
    sequence bigint not null check (sequence > 0),
    target text not null,
    body bytea not null,
    body_sha256 text not null check (body_sha256 ~ '^[0-9a-f]{64}$'),
    previous_sha256 text not null check (previous_sha256 ~ '^([0-9a-f]{64})?$'),
    event_count integer not null,
    sent_at timestamptz not null default clock_timestamp(),
    answered_at timestamptz,
    answer_code text,
    platform_request_id text,
    -- What the platform told about the request as a whole: a reason for some of its rows, in counts.
    is_unresolved boolean not null default false,
    primary key (tenant_id, request_key),
    unique (tenant_id, platform, account_id, sequence)
);
call ops.guard('ops.delivery_requests', 'worker', 'panel');
-- The bodies stay with the worker, as the payloads do.
grant select, insert on ops.delivery_requests to worker;
grant update (answered_at, answer_code, platform_request_id, is_unresolved) on ops.delivery_requests to worker;
grant select (
    tenant_id, request_key, platform, account_id, sequence, target, body_sha256, previous_sha256,
    event_count, sent_at, answered_at, answer_code, platform_request_id, is_unresolved
) on ops.delivery_requests to panel;
create index delivery_requests_answer on ops.delivery_requests (
    tenant_id, platform, account_id, platform_request_id
);
