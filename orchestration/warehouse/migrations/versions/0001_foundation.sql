-- The schemas. What dbt builds belongs to dbt; everything else to owner, whom nobody can log in as.
create schema raw;
create schema vault;

grant usage on schema raw to intake, worker, dbt;
grant usage on schema vault to worker, dbt;
grant usage on schema ops to intake, worker, panel, dbt, keeper;

-- Row-level security for one table: the named roles see their transaction's tenant, dbt reads all of it, and nobody is
-- exempt. current_setting gives '' after a transaction that set it, hence nullif.
create procedure ops.guard(target regclass, variadic roles text[])
language plpgsql
set search_path = pg_catalog
as $$
declare
    grantees text := (select string_agg(quote_ident(r), ', ') from unnest(roles) as r);
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format(
        'create policy tenant on %s to %s'
        ' using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)'
        ' with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)',
        target, grantees
    );
    execute format('create policy build on %s for select to dbt using (true)', target);
    execute format('grant select on %s to dbt', target);
end;
$$;
revoke execute on procedure ops.guard(regclass, text[]) from public;


-- Tenants, and how they prove who they are.

create table ops.tenants (
    tenant_id uuid primary key default gen_random_uuid(),
    name text not null unique check (char_length(name) between 1 and 200),
    region text not null check (region ~ '^[A-Z]{2}$'),
    timezone text not null,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    unknown_consent text not null default 'hold' check (unknown_consent in ('hold', 'send')),
    is_active boolean not null default true,
    created_at timestamptz not null default clock_timestamp()
);
call ops.guard('ops.tenants', 'panel');
-- The services go through the tenants one by one, so they may read the list.
create policy list on ops.tenants for select to intake, worker using (true);
grant select on ops.tenants to intake, worker, panel;
create policy keep on ops.tenants to keeper using (true) with check (true);
grant select, insert, update on ops.tenants to keeper;

create table ops.intake_keys (
    tenant_id uuid not null references ops.tenants,
    key_id text not null,
    kind text not null check (kind in ('crm', 'form', 'whatsapp', 'whatsapp_verify')),
    secret bytea not null,
    lookup_sha256 text check (lookup_sha256 ~ '^[0-9a-f]{64}$'),
    origins text[] not null default '{}',
    not_before timestamptz not null default clock_timestamp(),
    not_after timestamptz,
    primary key (tenant_id, key_id)
);
call ops.guard('ops.intake_keys', 'keeper');
drop policy tenant on ops.intake_keys;
-- A request says whose it is only by the key that it proves, so intake must hold all of them.
create policy prove on ops.intake_keys for select to intake using (true);
grant select on ops.intake_keys to intake;
create policy keep on ops.intake_keys to keeper using (true) with check (true);
grant select, insert, update on ops.intake_keys to keeper;
create unique index intake_keys_lookup on ops.intake_keys (kind, lookup_sha256)
where lookup_sha256 is not null;


-- What arrives.

create table raw.events (
    tenant_id uuid not null references ops.tenants,
    source text not null,
    dedupe_key text not null,
    received_at timestamptz not null default clock_timestamp(),
    occurred_at timestamptz,
    headers jsonb not null default '{}',
    payload jsonb not null,
    body_sha256 text not null,
    key_id text,
    request_id text,
    primary key (tenant_id, source, dedupe_key)
);
call ops.guard('raw.events', 'intake', 'worker');
grant select, insert on raw.events to intake, worker;
create index events_received on raw.events (tenant_id, received_at);
-- dbt looks back over a window of all tenants at once.
create index events_source_received on raw.events (source, received_at);

create table raw.quarantine (
    tenant_id uuid not null references ops.tenants,
    quarantine_id uuid not null default gen_random_uuid(),
    source text not null,
    received_at timestamptz not null default clock_timestamp(),
    reason text not null,
    body bytea not null,
    body_sha256 text not null,
    key_id text,
    request_id text,
    primary key (tenant_id, quarantine_id)
);
call ops.guard('raw.quarantine', 'intake', 'worker');
grant select, insert on raw.quarantine to intake, worker;
create index quarantine_received on raw.quarantine (tenant_id, source, received_at);

create table raw.records (
    tenant_id uuid not null references ops.tenants,
    system text not null,
    object text not null,
    record_id text not null,
    version integer not null check (version > 0),
    seen_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz,
    deleted boolean not null default false,
    payload jsonb not null,
    payload_sha256 text not null,
    primary key (tenant_id, system, object, record_id, version)
);
call ops.guard('raw.records', 'worker');
grant select, insert on raw.records to worker;
create index records_seen on raw.records (system, object, seen_at);


-- Each distinct landing and each distinct personal identifier, once.

create table vault.landings (
    tenant_id uuid not null references ops.tenants,
    landing_key text not null check (landing_key ~ '^[0-9a-f]{64}$'),
    kind text not null check (kind in ('url', 'text')),
    landing_url text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    utm_term text,
    utm_content text,
    campaign_id text,
    gad_campaignid text,
    campaign_name text,
    adgroup_id text,
    gclid text,
    gbraid text,
    wbraid text,
    fbclid text,
    ttclid text,
    msclkid text,
    twclid text,
    li_fat_id text,
    ctwa_clid text,
    kcid text,
    kpv text,
    parser_version integer not null,
    parsed_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, landing_key)
);
call ops.guard('vault.landings', 'worker');
grant select, insert, update, delete on vault.landings to worker;
create index landings_parsed on vault.landings (parsed_at);

-- The widest stream of rows there is: three for each distinct value. Its checks are the cheap ones, and the tenant is the
-- one that row-level security let through; the shape of a hash is held by its type in Python and by a quality rule.
create table vault.identifiers (
    tenant_id uuid not null,
    kind text not null check (
        kind in ('email', 'phone', 'first_name', 'last_name', 'city', 'zip', 'country')
    ),
    raw_value text not null,
    platform text not null check (platform in ('google', 'meta', 'tiktok')),
    normalized text,
    sha256 text check (octet_length(sha256) = 64),
    rules_version integer not null,
    token text check (octet_length(token) = 64),
    reason text,
    is_prehashed boolean not null default false,
    seen_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, kind, raw_value, platform)
);
call ops.guard('vault.identifiers', 'worker');
grant select, insert, update, delete on vault.identifiers to worker;
create index identifiers_token on vault.identifiers (tenant_id, kind, token, platform);
create index identifiers_sha256 on vault.identifiers (tenant_id, kind, sha256);
create index identifiers_seen on vault.identifiers (seen_at);


-- What a tenant chooses.

create table ops.accounts (
    tenant_id uuid not null references ops.tenants,
    platform text not null check (platform in ('google', 'meta', 'tiktok')),
    account_id text not null,
    config jsonb not null default '{}',
    is_active boolean not null default true,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, platform, account_id)
);
call ops.guard('ops.accounts', 'worker', 'panel');
grant select, insert, update on ops.accounts to worker;
grant select on ops.accounts to panel;

create table ops.credentials (
    tenant_id uuid not null,
    platform text not null,
    account_id text not null,
    field text not null,
    ciphertext bytea not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, platform, account_id, field),
    foreign key (tenant_id, platform, account_id) references ops.accounts
);
call ops.guard('ops.credentials', 'worker');
-- dbt has no business with secrets, sealed or not.
drop policy build on ops.credentials;
drop policy build on ops.intake_keys;
revoke select on ops.credentials, ops.intake_keys from dbt;
grant select, insert, update, delete on ops.credentials to worker;

create table ops.routes (
    tenant_id uuid not null,
    conversion_kind text not null,
    platform text not null,
    account_id text not null,
    action text not null,
    action_id text,
    with_value boolean not null default false,
    is_active boolean not null default true,
    primary key (tenant_id, conversion_kind, platform, account_id),
    foreign key (tenant_id, platform, account_id) references ops.accounts
);
call ops.guard('ops.routes', 'worker', 'panel');
grant select, insert, update on ops.routes to worker;
grant select on ops.routes to panel;

create table ops.campaign_map (
    tenant_id uuid not null references ops.tenants,
    platform text not null,
    level text not null check (level in ('campaign', 'adgroup')),
    external_id text not null check (char_length(external_id) between 1 and 128),
    name text not null check (char_length(name) between 1 and 512),
    origin text not null check (origin in ('seed', 'platform', 'person')),
    valid_from timestamptz not null default clock_timestamp(),
    valid_to timestamptz,
    recorded_by text not null,
    primary key (tenant_id, platform, level, external_id, origin, valid_from)
);
call ops.guard('ops.campaign_map', 'worker', 'panel');
grant select, insert, update on ops.campaign_map to worker;
grant select on ops.campaign_map to panel;

create table ops.cursors (
    tenant_id uuid not null references ops.tenants,
    system text not null,
    object text not null,
    cursor jsonb not null,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, system, object)
);
call ops.guard('ops.cursors', 'worker');
grant select, insert, update on ops.cursors to worker;


-- What the product found, said and did.

create table ops.check_results (
    tenant_id uuid not null references ops.tenants,
    rule text not null,
    checked_at timestamptz not null default clock_timestamp(),
    run_id text not null,
    severity text not null check (severity in ('critical', 'warning')),
    passed boolean not null,
    failed_count bigint not null default 0,
    reason text,
    detail jsonb not null default '{}',
    primary key (tenant_id, rule, checked_at)
);
call ops.guard('ops.check_results', 'worker', 'panel');
grant select, insert on ops.check_results to worker;
grant select on ops.check_results to panel;

create table ops.alerts (
    tenant_id uuid not null references ops.tenants,
    rule text not null,
    is_open boolean not null,
    opened_at timestamptz not null,
    last_sent_at timestamptz,
    closed_at timestamptz,
    primary key (tenant_id, rule)
);
call ops.guard('ops.alerts', 'worker', 'panel');
grant select, insert, update on ops.alerts to worker;
grant select on ops.alerts to panel;

create table ops.audit_log (
    tenant_id uuid not null references ops.tenants,
    audit_id bigint generated always as identity,
    at timestamptz not null default clock_timestamp(),
    actor text not null,
    action text not null,
    object text not null,
    result text not null,
    reason text,
    request_id text,
    primary key (tenant_id, audit_id)
);
call ops.guard('ops.audit_log', 'intake', 'worker', 'panel');
grant insert on ops.audit_log to intake, worker;
grant select on ops.audit_log to worker, panel;
