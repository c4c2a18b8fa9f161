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

-- The ways between the states, as deliveries/ledger/states.py has them.
create or replace function ops.check_delivery_transition() returns trigger
language plpgsql
set search_path = pg_catalog
as $$
begin
    if not (old.state, new.state) in (
        ('held', 'pending'), ('held', 'cancelled'), ('held', 'expired'),
        ('pending', 'leased'), ('pending', 'held'), ('pending', 'cancelled'), ('pending', 'expired'),
        ('leased', 'submitted'), ('leased', 'accepted'), ('leased', 'duplicate'), ('leased', 'rejected'),
        ('leased', 'retry_wait'), ('leased', 'in_doubt'), ('leased', 'pending'), ('leased', 'dead'),
        ('leased', 'noted'),
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
add column members bytea not null default '',
-- The key before is the journal's to keep.
drop column previous_sha256;

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

-- Letting go of what is old. No service may delete from the ledger: this function does, as the owner, and only what is
-- settled, of a conversion that is not among those that are still planned, and the beginning of each chain as far as
-- nothing that stays speaks of it. Its end becomes the anchor from which the chain is followed on.
create policy prune on ops.deliveries to owner
using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy prune on ops.delivery_attempts to owner
using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy prune on ops.delivery_requests to owner
using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy prune on ops.delivery_journal to owner
using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy prune on ops.journal_anchors to owner
using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

create function ops.prune_ledger(older_than timestamptz, planned text[])
returns table (platform text, account_id text, deliveries bigint, attempts bigint, requests bigint, entries bigint)
language plpgsql
security definer
set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    account record;
    last_gone bigint;
    first_kept bigint;
    finals constant text[] := array['accepted', 'duplicate', 'rejected', 'dead', 'expired', 'cancelled', 'noted'];
begin
    if older_than > clock_timestamp() - interval '180 days' then
        raise exception using
            errcode = 'check_violation', message = 'the ledger keeps its rows for 180 days at least';
    end if;
    for account in
        select distinct d.platform, d.account_id
        from ops.deliveries as d
        where d.updated_at < older_than
        order by d.platform, d.account_id
    loop
        -- The chain goes as far as all of it is old …
        select coalesce(min(j.sequence) filter (where j.at >= older_than) - 1, max(j.sequence), 0)
        into last_gone
        from ops.delivery_journal as j
        where j.platform = account.platform and j.account_id = account.account_id;

        -- … and as nothing that stays speaks of a request in it: another try of one of its rows, an entry later on.
        loop
            select min(r.sequence)
            into first_kept
            from ops.delivery_requests as r
            where
                r.platform = account.platform
                and r.account_id = account.account_id
                and r.sequence <= last_gone
                and (
                    exists (
                        select 1
                        from ops.delivery_journal as j
                        where j.request_key = r.request_key and j.sequence > last_gone
                    )
                    or exists (
                        select 1
                        from generate_series(0, length(r.members) / 32 - 1) as n (place)
                        inner join ops.deliveries as d
                            on
                                d.tenant_id = r.tenant_id
                                and d.delivery_id = encode(substr(r.members, n.place * 32 + 1, 32), 'hex')
                        inner join ops.deliveries as g
                            on
                                d.tenant_id = g.tenant_id
                                and d.conversion_id = g.conversion_id
                                and d.platform = g.platform
                                and d.account_id = g.account_id
                        left join ops.delivery_attempts as a
                            on g.tenant_id = a.tenant_id and g.delivery_id = a.delivery_id
                        left join ops.delivery_requests as o
                            on a.tenant_id = o.tenant_id and a.request_key = o.request_key
                        where
                            g.state <> all(finals)
                            or g.updated_at >= older_than
                            or g.conversion_id = any(planned)
                            or o.sequence > last_gone
                    )
                );
            exit when first_kept is null;
            last_gone := first_kept - 1;
        end loop;

        insert into ops.journal_anchors (tenant_id, platform, account_id, sequence, entry_key)
        select j.tenant_id, j.platform, j.account_id, j.sequence, j.entry_key
        from ops.delivery_journal as j
        where
            j.platform = account.platform and j.account_id = account.account_id and j.sequence = last_gone
        on conflict on constraint journal_anchors_pkey do update
        set sequence = excluded.sequence, entry_key = excluded.entry_key, pruned_at = clock_timestamp();

        return query
        with gone as (
            select d.tenant_id, d.conversion_id
            from ops.deliveries as d
            left join ops.delivery_attempts as a
                on d.tenant_id = a.tenant_id and d.delivery_id = a.delivery_id
            left join ops.delivery_requests as o
                on a.tenant_id = o.tenant_id and a.request_key = o.request_key
            where
                d.platform = account.platform
                and d.account_id = account.account_id
                and d.conversion_id <> all(planned)
            group by d.tenant_id, d.conversion_id
            having
                bool_and(d.state = any(finals) and d.updated_at < older_than)
                and coalesce(max(o.sequence), 0) <= last_gone
        ),

        deliveries as (
            delete from ops.deliveries as d
            using gone as g
            where
                d.tenant_id = g.tenant_id
                and d.conversion_id = g.conversion_id
                and d.platform = account.platform
                and d.account_id = account.account_id
            returning d.tenant_id, d.delivery_id
        ),

        attempts as (
            delete from ops.delivery_attempts as a
            using deliveries as d
            where a.tenant_id = d.tenant_id and a.delivery_id = d.delivery_id
            returning 1
        ),

        requests as (
            delete from ops.delivery_requests as r
            where
                r.platform = account.platform and r.account_id = account.account_id and r.sequence <= last_gone
            returning 1
        ),

        entries as (
            delete from ops.delivery_journal as j
            where
                j.platform = account.platform and j.account_id = account.account_id and j.sequence <= last_gone
            returning 1
        )

        select
            account.platform,
            account.account_id,
            (select count(*) from deliveries),
            (select count(*) from attempts),
            (select count(*) from requests),
            (select count(*) from entries);
    end loop;
end;
$$;
revoke execute on function ops.prune_ledger(timestamptz, text[]) from public;
grant execute on function ops.prune_ledger(timestamptz, text[]) to worker;

-- What nothing is sent to: a person paused it, its credential or route was refused, a probe found it unable, its platform
-- asked to be left alone for a while.
create table ops.delivery_stops (
    tenant_id uuid not null,
    platform text not null,
    account_id text not null,
    -- The lane or action that is stopped; '' is the whole account.
    target text not null default '',
    kind text not null check (kind in ('person', 'credential', 'route', 'probe', 'throttle')),
    code text not null,
    stopped_by text not null,
    stopped_at timestamptz not null default clock_timestamp(),
    -- When one request may ask whether it goes again, and when a throttle is over; null: only a person ends it.
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

-- Each attempt is written twice: room on its page for the second version spares the index an entry.
alter table ops.delivery_attempts set (fillfactor = 60);
-- What tidying looks for; neither grows with what has been delivered.
create index deliveries_troubled on ops.deliveries (tenant_id, platform, account_id)
where state in ('retry_wait', 'in_doubt');
create index deliveries_expiring on ops.deliveries (tenant_id, expires_at)
where state in ('held', 'pending', 'retry_wait');
