-- A row may change what an earlier one told, or take it back: kind 'adjust' or 'retract', under the same event id.
alter table ops.deliveries
add column parent_id text,
-- What the platform was told, or will be: frozen with the payload.
add column value numeric(18, 2),
add column currency text,
-- The kinds of identifiers that the payload carries: 'email', 'phone', 'gclid' …
add column identifiers text [],
add constraint deliveries_parent check ((kind = 'send') = (parent_id is null)),
add foreign key (tenant_id, parent_id) references ops.deliveries;
grant select (parent_id, value, currency, identifiers) on ops.deliveries to panel;

-- 'noted': a change that the platform has no way to be told of; kept so that nobody looks for it in vain.
alter table ops.deliveries drop constraint deliveries_state_check;
alter table ops.deliveries add constraint deliveries_state_check check (
    state in (
        'held', 'pending', 'leased', 'submitted', 'retry_wait', 'in_doubt',
        'accepted', 'duplicate', 'rejected', 'dead', 'expired', 'cancelled', 'noted'
    )
);

-- What an attempt stood on when it was leased, and what became of it when the platform answered later.
alter table ops.delivery_attempts
add column place integer,
add column consent text,
add column legal_basis text,
add column policy_from timestamptz,
add column late_outcome text,
add column late_code text,
add column settled_at timestamptz;

-- What a request was made of beside its events, so that its bytes can be made again.
-- members: the ids of the deliveries in it, 32 bytes each, in their order. An attempt names only the last request of
-- those that a refused one was halved into; this names them for each.
alter table ops.delivery_requests
add column lane text,
add column envelope jsonb not null default '{}',
add column members bytea not null default '';

-- Everything that left and everything that was answered, one chain for each account: entry_key is the SHA-256 of the
-- previous key, the sequence, the kind and the content's own hash. A request's key is the key of its entry.
create table ops.delivery_journal (
    tenant_id uuid not null references ops.tenants,
    platform text not null,
    account_id text not null,
    sequence bigint not null check (sequence > 0),
    entry_key text not null check (entry_key ~ '^[0-9a-f]{64}$'),
    previous_key text not null check (previous_key ~ '^([0-9a-f]{64})?$'),
    kind text not null check (kind in ('request', 'answer')),
    request_key text not null,
    content bytea not null,
    at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, platform, account_id, sequence)
);
call ops.guard('ops.delivery_journal', 'worker', 'panel');
grant select, insert on ops.delivery_journal to worker;
grant select on ops.delivery_journal to panel;
create index delivery_journal_request on ops.delivery_journal (tenant_id, request_key);

-- Where a chain begins when what came before was pruned by age.
create table ops.journal_anchors (
    tenant_id uuid not null references ops.tenants,
    platform text not null,
    account_id text not null,
    sequence bigint not null,
    entry_key text not null check (entry_key ~ '^[0-9a-f]{64}$'),
    pruned_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, platform, account_id)
);
call ops.guard('ops.journal_anchors', 'worker', 'panel');
grant select on ops.journal_anchors to worker, panel;

-- What nothing is sent to: a person paused it, its credential or route was refused, a probe found it unable.
create table ops.delivery_stops (
    tenant_id uuid not null,
    platform text not null,
    account_id text not null,
    -- The lane or action that is stopped; '' is the whole account.
    target text not null default '',
    kind text not null check (kind in ('person', 'credential', 'route', 'probe')),
    code text not null,
    stopped_by text not null,
    stopped_at timestamptz not null default clock_timestamp(),
    -- When one request may ask whether it goes again; null: only a person ends it.
    next_try_at timestamptz,
    primary key (tenant_id, platform, account_id, target),
    foreign key (tenant_id, platform, account_id) references ops.accounts
);
call ops.guard('ops.delivery_stops', 'worker', 'panel');
grant select, insert, update, delete on ops.delivery_stops to worker;
grant select on ops.delivery_stops to panel;

-- What an account was found able to do, before the first send and whenever somebody asks.
create table ops.account_probes (
    tenant_id uuid not null,
    platform text not null,
    account_id text not null,
    capability text not null,
    result text not null check (result in ('ok', 'failed', 'unknown')),
    code text,
    probed_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, platform, account_id, capability),
    foreign key (tenant_id, platform, account_id) references ops.accounts
);
call ops.guard('ops.account_probes', 'worker', 'panel');
grant select, insert, update, delete on ops.account_probes to worker;
grant select on ops.account_probes to panel;

-- On which ground a tenant sends, by region and over time; region '*' is everywhere else. What held at a moment is the
-- row with valid_from <= that moment and the latest such valid_from.
create table ops.consent_policies (
    tenant_id uuid not null references ops.tenants,
    region text not null check (region ~ '^([A-Z]{2}|\*)$'),
    legal_basis text not null check (legal_basis in ('consent', 'legitimate_interest')),
    unknown_consent text not null check (unknown_consent in ('hold', 'send')),
    limited_data_use boolean not null default false,
    valid_from timestamptz not null default clock_timestamp(),
    recorded_by text not null,
    primary key (tenant_id, region, valid_from)
);
call ops.guard('ops.consent_policies', 'worker', 'panel');
grant select, insert on ops.consent_policies to worker;
grant select on ops.consent_policies to panel;
create policy keep on ops.consent_policies to keeper using (true) with check (true);
grant select, insert on ops.consent_policies to keeper;
insert into ops.consent_policies (tenant_id, region, legal_basis, unknown_consent, valid_from, recorded_by)
select
    tenant_id,
    '*',
    'consent',
    unknown_consent,
    created_at,
    'migration'
from ops.tenants;
alter table ops.tenants drop column unknown_consent;

-- A yes or a no that a person of ours recorded; what forms and the CRM say about it comes with their events.
create table ops.consent_changes (
    tenant_id uuid not null references ops.tenants,
    change_id uuid not null default gen_random_uuid(),
    subject_kind text not null check (subject_kind in ('lead', 'conversion', 'crm_record', 'person')),
    subject_id text not null check (char_length(subject_id) between 1 and 200),
    status text not null check (status in ('granted', 'denied')),
    changed_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    recorded_by text not null,
    primary key (tenant_id, change_id)
);
call ops.guard('ops.consent_changes', 'worker', 'panel');
grant select, insert on ops.consent_changes to worker;
grant select on ops.consent_changes to panel;
create index consent_changes_subject on ops.consent_changes (tenant_id, subject_kind, subject_id);

-- What a platform tells about matching, by day: upload summaries, dataset quality, request status.
create table ops.match_quality (
    tenant_id uuid not null,
    platform text not null,
    account_id text not null,
    day date not null,
    source text not null check (source in ('upload_summary', 'dataset_quality', 'request_status')),
    -- The event name or conversion action that it speaks of; '' is all of them.
    scope text not null default '',
    received bigint,
    accepted bigint,
    failed bigint,
    pending bigint,
    matched bigint,
    -- Seen by the browser as well.
    duplicate_share numeric(7, 4),
    event_match_quality numeric(4, 2),
    coverage jsonb not null default '{}',
    read_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, platform, account_id, day, source, scope),
    foreign key (tenant_id, platform, account_id) references ops.accounts
);
call ops.guard('ops.match_quality', 'worker', 'panel');
grant select, insert, update on ops.match_quality to worker;
grant select on ops.match_quality to panel;
