-- Each statement selects a constant for each thing that breaks a rule: a row, a day, a group. None of them selects a
-- value, as results are kept and shown.
--
-- {batch} is the rule's own table, {code} the rule's code, other names are the rule's arguments. Without a join Great
-- Expectations gives the batch a name of its own, with one the statement names it. A brace that belongs to a regular
-- expression is written four times. Session settings: app.now and app.since (a pass judges what arrived from there on),
-- app.limits (the rules' numbers, by code), read once per statement: hence materialized. Row-level security limits every table but ops.tenants to one tenant.

-- name: find_days_the_sender_counted_otherwise
-- Days of a source for which fewer or more rows are stored than the sender counted. What was set aside may be in the
-- sender's count or not: a refused sender knows of it, a provider does not. A file's count names the rows set aside, as
-- their day is the file's and not that of their arrival.
with span as materialized (
    select cast(current_setting('app.since') as timestamptz) as since
),

counted as (
    select
        counts.tenant_id,
        counts.source,
        counts.day,
        counts.sent_count,
        tenants.timezone,
        coalesce(
            (
                select max(jsonb_array_length(events.payload -> 'refused_ids'))
                from raw.events as events
                where
                    events.tenant_id = counts.tenant_id
                    and events.source = 'sender_counts'
                    and events.received_at = counts.received_at
                    and events.payload ->> 'source' = counts.source
                    and events.payload ->> 'day' = cast(counts.day as text)
                    and jsonb_typeof(events.payload -> 'refused_ids') = 'array'
            ),
            0
        ) as named_count
    from {batch} as counts
    inner join ops.tenants as tenants on counts.tenant_id = tenants.tenant_id
    where
        counts.received_at >= (select since from span)
        -- A count made before the day's end is a part of it.
        and counts.received_at >= cast(counts.day + 1 as timestamp) at time zone tenants.timezone
),

-- Nothing arrives before its day, but for a clock that is a day ahead.
first_arrival as (
    select min(cast(day as timestamp) at time zone timezone) - interval '1 day' as at
    from counted
),

stored as (
    select
        events.tenant_id,
        events.source,
        cast(coalesce(events.occurred_at, events.received_at) at time zone tenants.timezone as date) as day
    from raw.events as events
    inner join ops.tenants as tenants on events.tenant_id = tenants.tenant_id
    where
        events.source in ('form', 'whatsapp', 'crm')
        and events.received_at >= (select at from first_arrival)

    union all

    -- When a row of a file happened is a column of the file; staging has read it.
    select
        leads.tenant_id,
        'csv' as source,
        cast(leads.created_at at time zone tenants.timezone as date) as day
    from staging.stg_csv__leads as leads
    inner join ops.tenants as tenants on leads.tenant_id = tenants.tenant_id
    where leads.received_at >= (select at from first_arrival)

    union all

    select
        deals.tenant_id,
        'csv_deals' as source,
        cast(deals.converted_at at time zone tenants.timezone as date) as day
    from staging.stg_csv__deals as deals
    inner join ops.tenants as tenants on deals.tenant_id = tenants.tenant_id
    where deals.received_at >= (select at from first_arrival)
),

stored_days as (
    select
        tenant_id,
        source,
        day,
        count(*) as stored_count
    from stored
    group by tenant_id, source, day
),

set_aside_days as (
    select
        quarantine.tenant_id,
        quarantine.source,
        cast(quarantine.received_at at time zone tenants.timezone as date) as day,
        count(*) as set_aside_count
    from raw.quarantine as quarantine
    inner join ops.tenants as tenants on quarantine.tenant_id = tenants.tenant_id
    where quarantine.received_at >= (select at from first_arrival)
    group by quarantine.tenant_id, quarantine.source, day
)

select 1
from counted
left join stored_days
    on
        counted.tenant_id = stored_days.tenant_id
        and counted.source = stored_days.source
        and counted.day = stored_days.day
left join set_aside_days
    on
        counted.tenant_id = set_aside_days.tenant_id
        and counted.source = set_aside_days.source
        and counted.day = set_aside_days.day
where
    coalesce(stored_days.stored_count, 0) > counted.sent_count
    or coalesce(stored_days.stored_count, 0)
    + greatest(set_aside_days.set_aside_count, counted.named_count) < counted.sent_count

-- name: find_days_raw_and_staging_differ
-- Days of arrival on which one source has more or fewer events stored than staged.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz) as now,
        cast(current_setting('app.since') as timestamptz) as since,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

newest as (
    select max(received_at) as staged_at
    from {batch} as staged
),

-- Up to where the two can agree: while rows keep arriving, the last ones before the newest staged may have been
-- committed after staging was read.
settled as (
    select
        greatest(
            newest.staged_at - case
                when exists (
                    select 1
                    from raw.events as events
                    where events.source = '{source}' and events.received_at > newest.staged_at
                ) then make_interval(secs => cast(span.limits ->> 'settling_seconds' as double precision))
                else interval '0'
            end,
            span.now - make_interval(mins => cast(span.limits ->> 'late_minutes' as integer))
        ) as until
    from newest
    cross join span
),

stored as (
    select
        events.tenant_id,
        cast(events.received_at at time zone tenants.timezone as date) as day,
        count(*) as row_count
    from raw.events as events
    inner join ops.tenants as tenants on events.tenant_id = tenants.tenant_id
    where
        events.source = '{source}'
        and events.received_at >= (select since from span)
        and events.received_at <= (select until from settled)
    group by events.tenant_id, day
),

staged as (
    select
        staged.tenant_id,
        cast(staged.received_at at time zone tenants.timezone as date) as day,
        count(*) as row_count
    from {batch} as staged
    inner join ops.tenants as tenants on staged.tenant_id = tenants.tenant_id
    where
        staged.received_at >= (select since from span)
        and staged.received_at <= (select until from settled)
    group by staged.tenant_id, day
)

select 1
from stored
full join staged on stored.tenant_id = staged.tenant_id and stored.day = staged.day
where stored.row_count is distinct from staged.row_count

-- name: find_days_records_and_staging_differ
-- Days of arrival on which more or fewer rows of files are stored, each in its latest version, than staged.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz) as now,
        cast(current_setting('app.since') as timestamptz) as since,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

newest as (
    select max(received_at) as staged_at
    from {batch} as staged
),

settled as (
    select
        greatest(
            newest.staged_at - case
                when exists (
                    select 1
                    from raw.records as records
                    where
                        records.system = 'csv'
                        and records.object = '{record}'
                        and records.seen_at > newest.staged_at
                ) then make_interval(secs => cast(span.limits ->> 'settling_seconds' as double precision))
                else interval '0'
            end,
            span.now - make_interval(mins => cast(span.limits ->> 'late_minutes' as integer))
        ) as until
    from newest
    cross join span
),

latest as (
    select
        tenant_id,
        record_id,
        max(seen_at) as seen_at
    from raw.records
    where
        system = 'csv'
        and object = '{record}'
        and seen_at >= (select since from span)
        and seen_at <= (select until from settled)
    group by tenant_id, record_id
),

stored as (
    select
        latest.tenant_id,
        cast(latest.seen_at at time zone tenants.timezone as date) as day,
        count(*) as row_count
    from latest
    inner join ops.tenants as tenants on latest.tenant_id = tenants.tenant_id
    group by latest.tenant_id, day
),

staged as (
    select
        staged.tenant_id,
        cast(staged.received_at at time zone tenants.timezone as date) as day,
        count(*) as row_count
    from {batch} as staged
    inner join ops.tenants as tenants on staged.tenant_id = tenants.tenant_id
    where
        staged.received_at >= (select since from span)
        and staged.received_at <= (select until from settled)
    group by staged.tenant_id, day
)

select 1
from stored
full join staged on stored.tenant_id = staged.tenant_id and stored.day = staged.day
where stored.row_count is distinct from staged.row_count

-- name: find_days_staging_and_touches_differ
-- Days of a source, in the tenant's time zone, on which staging has more or fewer lead events than there are touches.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz) as now,
        cast(current_setting('app.since') as timestamptz) as since,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

staging as (
    select
        tenant_id,
        'form' as source,
        submitted_at as happened_at,
        received_at
    from staging.stg_forms__submissions
    where received_at >= (select since from span)

    union all

    select
        tenant_id,
        'whatsapp' as source,
        sent_at as happened_at,
        received_at
    from staging.stg_whatsapp__messages
    where received_at >= (select since from span)

    union all

    select
        tenant_id,
        'csv' as source,
        created_at as happened_at,
        received_at
    from staging.stg_csv__leads
    where received_at >= (select since from span)
),

newest as (
    select max(received_at) as touched_at
    from {batch} as touches
),

settled as (
    select
        greatest(
            newest.touched_at - case
                when exists (select 1 from staging where staging.received_at > newest.touched_at)
                    then make_interval(secs => cast(span.limits ->> 'settling_seconds' as double precision))
                else interval '0'
            end,
            span.now - make_interval(mins => cast(span.limits ->> 'late_minutes' as integer))
        ) as until
    from newest
    cross join span
),

staged as (
    select
        staging.tenant_id,
        staging.source,
        cast(staging.happened_at at time zone tenants.timezone as date) as day,
        count(*) as row_count
    from staging
    inner join ops.tenants as tenants on staging.tenant_id = tenants.tenant_id
    where staging.received_at <= (select until from settled)
    group by staging.tenant_id, staging.source, day
),

modelled as (
    select
        touches.tenant_id,
        touches.source,
        cast(touches.touched_at at time zone tenants.timezone as date) as day,
        count(*) as row_count
    from {batch} as touches
    inner join ops.tenants as tenants on touches.tenant_id = tenants.tenant_id
    where
        touches.received_at >= (select since from span)
        and touches.received_at <= (select until from settled)
    group by touches.tenant_id, touches.source, day
)

select 1
from staged
full join modelled
    on
        staged.tenant_id = modelled.tenant_id
        and staged.source = modelled.source
        and staged.day = modelled.day
where staged.row_count is distinct from modelled.row_count

-- name: find_days_staging_and_conversions_differ
-- Days of a source, in the tenant's time zone, on which staging has more or fewer outcomes than there are conversions.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz) as now,
        cast(current_setting('app.since') as timestamptz) as since,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

staging as (
    select
        tenant_id,
        'crm' as source,
        converted_at as happened_at,
        received_at
    from staging.stg_crm__conversions
    where received_at >= (select since from span)

    union all

    select
        tenant_id,
        'csv' as source,
        converted_at as happened_at,
        received_at
    from staging.stg_csv__deals
    where received_at >= (select since from span)
),

newest as (
    select max(received_at) as converted_at
    from {batch} as conversions
),

settled as (
    select
        greatest(
            newest.converted_at - case
                when exists (select 1 from staging where staging.received_at > newest.converted_at)
                    then make_interval(secs => cast(span.limits ->> 'settling_seconds' as double precision))
                else interval '0'
            end,
            span.now - make_interval(mins => cast(span.limits ->> 'late_minutes' as integer))
        ) as until
    from newest
    cross join span
),

staged as (
    select
        staging.tenant_id,
        staging.source,
        cast(staging.happened_at at time zone tenants.timezone as date) as day,
        count(*) as row_count
    from staging
    inner join ops.tenants as tenants on staging.tenant_id = tenants.tenant_id
    where staging.received_at <= (select until from settled)
    group by staging.tenant_id, staging.source, day
),

modelled as (
    select
        conversions.tenant_id,
        conversions.source,
        cast(conversions.converted_at at time zone tenants.timezone as date) as day,
        count(*) as row_count
    from {batch} as conversions
    inner join ops.tenants as tenants on conversions.tenant_id = tenants.tenant_id
    where
        conversions.received_at >= (select since from span)
        and conversions.received_at <= (select until from settled)
    group by conversions.tenant_id, conversions.source, day
)

select 1
from staged
full join modelled
    on
        staged.tenant_id = modelled.tenant_id
        and staged.source = modelled.source
        and staged.day = modelled.day
where staged.row_count is distinct from modelled.row_count

-- name: find_days_of_chats_that_do_not_add_up
-- Whole days, in the tenant's time zone, whose chats hold more or fewer messages than there are WhatsApp touches.
with first_days as materialized (
    select
        tenant_id,
        timezone,
        cast(cast(current_setting('app.since') as timestamptz) at time zone timezone as date) + 1 as day
    from ops.tenants
),

chats as (
    select
        chats.tenant_id,
        chats.day,
        sum(chats.message_count) as message_count
    from {batch} as chats
    inner join first_days on chats.tenant_id = first_days.tenant_id and chats.day >= first_days.day
    group by chats.tenant_id, chats.day
),

touches as (
    select
        touches.tenant_id,
        cast(touches.touched_at at time zone first_days.timezone as date) as day,
        count(*) as message_count
    from marts.fct_touches as touches
    inner join first_days
        on
            touches.tenant_id = first_days.tenant_id
            and touches.touched_at >= cast(first_days.day as timestamp) at time zone first_days.timezone
    where touches.source = 'whatsapp'
    group by touches.tenant_id, 2
)

select 1
from chats
full join touches on chats.tenant_id = touches.tenant_id and chats.day = touches.day
where chats.message_count is distinct from touches.message_count

-- name: find_landings_not_read
-- Landing values in staging that the vault does not have, up to the newest that it has.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz) as now,
        cast(current_setting('app.since') as timestamptz) as since,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

candidates as (
    select
        staged.tenant_id,
        staged.landing_key,
        staged.received_at,
        landings.landing_key is not null as is_read
    from staging.stg_landings__values as staged
    left join {batch} as landings
        on staged.tenant_id = landings.tenant_id and staged.landing_key = landings.landing_key
    where staged.received_at >= (select since from span)
),

settled as (
    select
        greatest(
            (select max(received_at) from candidates where is_read),
            now - make_interval(mins => cast(limits ->> 'late_minutes' as integer))
        ) as until
    from span
)

select 1
from candidates
where not is_read and received_at <= (select until from settled)

-- name: find_identifiers_not_read
-- Identifiers in staging that the vault does not have, up to the newest that it has.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz) as now,
        cast(current_setting('app.since') as timestamptz) as since,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

candidates as (
    select
        staged.received_at,
        exists (
            select 1
            from {batch} as identifiers
            where
                identifiers.tenant_id = staged.tenant_id
                and identifiers.kind = staged.kind
                and identifiers.raw_value = staged.raw_value
        ) as is_read
    from staging.stg_identifiers__values as staged
    inner join span on staged.received_at >= span.since
),

settled as (
    select
        greatest(
            (select max(received_at) from candidates where is_read),
            now - make_interval(mins => cast(limits ->> 'late_minutes' as integer))
        ) as until
    from span
)

select 1
from candidates
where not is_read and received_at <= (select until from settled)

-- name: find_words_not_kept
-- Words about consent in staging that the history does not have, up to the newest that it has.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz) as now,
        cast(current_setting('app.since') as timestamptz) as since,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

staged as (
    select
        tenant_id,
        'lead' as subject_kind,
        lead_id as subject_id,
        received_at
    from staging.stg_forms__submissions
    where consent is not null

    union all

    select
        tenant_id,
        'lead' as subject_kind,
        lead_id as subject_id,
        received_at
    from staging.stg_csv__leads
    where consent is not null

    union all

    select
        tenant_id,
        'conversion' as subject_kind,
        conversion_id as subject_id,
        received_at
    from staging.stg_crm__conversions
    where consent is not null

    union all

    select
        tenant_id,
        'conversion' as subject_kind,
        conversion_id as subject_id,
        received_at
    from staging.stg_csv__deals
    where consent is not null

    union all

    select
        pushed.tenant_id,
        subject.kind as subject_kind,
        subject.id as subject_id,
        pushed.received_at
    from staging.stg_intake__consents as pushed
    cross join
        lateral (
            values ('crm_record', pushed.crm_record_id), ('lead', pushed.lead_external_id)
        ) as subject (kind, id)
    where pushed.status is not null and subject.id is not null
),

candidates as (
    select
        staged.received_at,
        exists (
            select 1
            from {batch} as words
            where
                words.tenant_id = staged.tenant_id
                and words.subject_kind = staged.subject_kind
                and words.subject_id = staged.subject_id
        ) as is_kept
    from staged
    inner join span on staged.received_at >= span.since
),

settled as (
    select
        greatest(
            (select max(received_at) from candidates where is_kept),
            now - make_interval(mins => cast(limits ->> 'late_minutes' as integer))
        ) as until
    from span
)

select 1
from candidates
where not is_kept and received_at <= (select until from settled)

-- name: find_hashes_of_nothing
-- Hashes that are the hash of an empty text, or are no SHA-256 at all.
select 1
from {batch}
where
    seen_at >= cast(current_setting('app.since') as timestamptz)
    and (
        sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
        or length(sha256) <> 64
        or sha256 ~ '[^0-9a-f]'
    )

-- name: find_identifiers_without_outcome
-- Identifiers with neither a normalized value, nor a hash, nor a reason.
select 1
from {batch}
where
    seen_at >= cast(current_setting('app.since') as timestamptz)
    and normalized is null
    and sha256 is null
    and reason is null

-- name: find_days_that_lack_a_field
-- Sources, over the days looked at and day by day, in which more leads lack a field than its limit allows. Days are the
-- tenant's.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz) as now,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

leads as (
    select
        leads.tenant_id,
        leads.source,
        cast(leads.created_at at time zone tenants.timezone as date) as day,
        leads.{column} is null as is_missing
    from {batch} as leads
    inner join ops.tenants as tenants on leads.tenant_id = tenants.tenant_id
    where
        leads.created_at >= (
            select now - make_interval(days => cast(limits ->> 'days' as integer))
            from span
        )
        and not (
            leads.platform is not distinct from 'google'
            and (select coalesce(cast(limits ->> 'exempts_google' as integer), 0) = 1 from span)
        )
),

-- Grouped twice: day is null in the row for all days.
groups as (
    select
        source,
        count(*) as lead_count,
        count(*) filter (where is_missing) as missing_count
    from leads
    group by grouping sets ((tenant_id, source, day), (tenant_id, source))
)

select 1
from groups
cross join span
where
    groups.lead_count >= cast(span.limits ->> 'min_leads' as integer)
    and groups.missing_count > groups.lead_count * cast(span.limits ->> groups.source as numeric)

-- name: find_outcomes_counted_twice
-- Outcomes of a CRM record, of one kind and time, that arrived under several event ids.
select 1
from {batch}
where
    received_at >= cast(current_setting('app.since') as timestamptz)
    and crm_record_id is not null
    and not is_reversed
group by tenant_id, crm_record_id, kind, converted_at
having count(*) > 1

-- name: find_clicks_of_many_people
-- Click ids that brought more people than one click can. Nearly all bring one lead, so leads are counted first.
with span as materialized (
    select
        cast(current_setting('app.since') as timestamptz) as since,
        cast(cast(current_setting('app.limits') as jsonb) -> '{code}' ->> 'max_people' as integer) as max_people
),

clicks as (
    select
        leads.tenant_id,
        clicks.kind,
        clicks.click_id,
        coalesce(leads.person_id, leads.lead_id) as person_id
    from {batch} as leads
    cross join lateral (
        values
            ('gclid', leads.gclid),
            ('gbraid', leads.gbraid),
            ('wbraid', leads.wbraid),
            ('fbclid', leads.fbclid),
            ('ttclid', leads.ttclid),
            ('ctwa_clid', leads.ctwa_clid)
    ) as clicks (kind, click_id)
    where
        leads.received_at >= (select since from span)
        and clicks.click_id is not null
),

busy_clicks as (
    select
        tenant_id,
        kind,
        click_id
    from clicks
    group by tenant_id, kind, click_id
    having count(*) > (select max_people from span)
)

select 1
from busy_clicks
inner join clicks
    on
        busy_clicks.tenant_id = clicks.tenant_id
        and busy_clicks.kind = clicks.kind
        and busy_clicks.click_id = clicks.click_id
group by busy_clicks.tenant_id, busy_clicks.kind, busy_clicks.click_id
having count(distinct clicks.person_id) > (select max_people from span)

-- name: find_sources_whose_touches_lag
-- Sources whose newest touch is older than an event that arrived long enough ago.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz)
        - make_interval(
            mins => cast(cast(current_setting('app.limits') as jsonb) -> '{code}' ->> 'late_minutes' as integer)
        ) as until,
        cast(current_setting('app.since') as timestamptz) as since
),

arrivals as (
    select
        tenant_id,
        source,
        received_at
    from raw.events
    where source in ('form', 'whatsapp')

    union all

    select
        tenant_id,
        'csv' as source,
        seen_at as received_at
    from raw.records
    where system = 'csv' and object = 'lead'
),

arrived as (
    select
        arrivals.tenant_id,
        arrivals.source,
        max(arrivals.received_at) as received_at
    from arrivals
    where
        arrivals.received_at >= (select since from span)
        and arrivals.received_at <= (select until from span)
    group by arrivals.tenant_id, arrivals.source
),

newest as (
    select
        tenant_id,
        source,
        max(received_at) as received_at
    from {batch} as touches
    group by tenant_id, source
)

select 1
from arrived
left join newest on arrived.tenant_id = newest.tenant_id and arrived.source = newest.source
where arrived.received_at > coalesce(newest.received_at, '-infinity')

-- name: find_sources_whose_conversions_lag
-- Sources whose newest conversion is older than an outcome that arrived long enough ago.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz)
        - make_interval(
            mins => cast(cast(current_setting('app.limits') as jsonb) -> '{code}' ->> 'late_minutes' as integer)
        ) as until,
        cast(current_setting('app.since') as timestamptz) as since
),

arrivals as (
    select
        tenant_id,
        source,
        received_at
    from raw.events
    where source = 'crm'

    union all

    select
        tenant_id,
        'csv' as source,
        seen_at as received_at
    from raw.records
    where system = 'csv' and object = 'deal'
),

arrived as (
    select
        arrivals.tenant_id,
        arrivals.source,
        max(arrivals.received_at) as received_at
    from arrivals
    where
        arrivals.received_at >= (select since from span)
        and arrivals.received_at <= (select until from span)
    group by arrivals.tenant_id, arrivals.source
),

newest as (
    select
        tenant_id,
        source,
        max(received_at) as received_at
    from {batch} as conversions
    group by tenant_id, source
)

select 1
from arrived
left join newest on arrived.tenant_id = newest.tenant_id and arrived.source = newest.source
where arrived.received_at > coalesce(newest.received_at, '-infinity')

-- name: find_sources_that_fell_silent
-- Sources whose last whole day, in the tenant's time zone, brought far less than that weekday's median of four weeks.
-- Files are left out: they are imported when somebody does it.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz) as now,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

days as (
    select
        happened.tenant_id,
        happened.source,
        (cast((select now from span) at time zone tenants.timezone as date) - 1)
        - cast(happened.{column} at time zone tenants.timezone as date) as days_before
    from {batch} as happened
    inner join ops.tenants as tenants on happened.tenant_id = tenants.tenant_id
    where
        happened.source <> 'csv'
        and happened.{column} >= (select now - interval '31 days' from span)
),

counted as (
    select
        sources.tenant_id,
        sources.source,
        weeks.week,
        count(days.days_before) as row_count
    from (select distinct tenant_id, source from days) as sources
    cross join generate_series(0, 4) as weeks (week)
    left join days
        on
            sources.tenant_id = days.tenant_id
            and sources.source = days.source
            and days.days_before = weeks.week * 7
    group by sources.tenant_id, sources.source, weeks.week
),

compared as (
    select
        max(row_count) filter (where week = 0) as yesterday_count,
        percentile_cont(0.5) within group (order by row_count) filter (where week > 0) as usual_count
    from counted
    group by tenant_id, source
)

select 1
from compared
cross join span
where
    compared.usual_count >= cast(span.limits ->> 'min_usual' as integer)
    and compared.yesterday_count < compared.usual_count * cast(span.limits ->> 'min_share' as double precision)

-- name: find_touches_without_any_lead
-- One row where a tenant has touches and not a single lead.
select 1
where
    not exists (select 1 from {batch})
    and exists (select 1 from marts.fct_touches)

-- name: find_touches_from_the_future
-- Touches that happened later than they arrived, by more than clocks differ.
with span as materialized (
    select
        cast(current_setting('app.since') as timestamptz) as since,
        make_interval(
            mins => cast(cast(current_setting('app.limits') as jsonb) -> '{code}' ->> 'tolerance_minutes' as integer)
        ) as tolerance
)

select 1
from {batch}
where
    received_at >= (select since from span)
    and touched_at > received_at + (select tolerance from span)

-- name: find_values_without_currency
-- Conversions with a value whose currency is missing or is no ISO 4217 shape.
select 1
from {batch}
where
    received_at >= cast(current_setting('app.since') as timestamptz)
    and value is not null
    and (currency is null or currency !~ '^[A-Z][A-Z][A-Z]$')

-- name: find_conversions_out_of_time
-- Conversions reported by the CRM that happened long before they arrived, or after.
with span as materialized (
    select
        cast(current_setting('app.since') as timestamptz) as since,
        make_interval(days => cast(limits ->> 'max_days_late' as integer)) as late,
        make_interval(hours => cast(limits ->> 'max_hours_early' as integer)) as early
    from (select cast(current_setting('app.limits') as jsonb) -> '{code}' as limits) as numbers
)

select 1
from {batch}
where
    source = 'crm'
    and received_at >= (select since from span)
    and (
        converted_at < received_at - (select late from span)
        or converted_at > received_at + (select early from span)
    )

-- name: find_sources_without_leads
-- Sources whose conversions of the last 30 days find their lead too seldom.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz) as now,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

shares as (
    select
        conversions.source,
        count(*) as conversion_count,
        count(conversions.lead_id) as joined_count
    from {batch} as conversions
    where conversions.received_at >= (select now - interval '30 days' from span)
    group by conversions.tenant_id, conversions.source
)

select 1
from shares
cross join span
where
    shares.conversion_count >= cast(span.limits ->> 'min_conversions' as integer)
    and shares.joined_count < shares.conversion_count * cast(span.limits ->> shares.source as numeric)

-- name: find_conversions_of_uneven_credit
-- Conversions, per model, whose credits do not add up to one; up to the newest that has credit at all.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz) as now,
        cast(current_setting('app.since') as timestamptz) as since,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

models (model) as (
    values ('first'), ('last')
),

credited as (
    select
        conversions.tenant_id,
        conversions.conversion_id,
        models.model,
        conversions.received_at,
        sum(attribution.credit) as credit
    from marts.fct_conversions as conversions
    cross join models
    left join {batch} as attribution
        on
            conversions.tenant_id = attribution.tenant_id
            and conversions.conversion_id = attribution.conversion_id
            and models.model = attribution.model
    where conversions.received_at >= (select since from span)
    group by conversions.tenant_id, conversions.conversion_id, models.model, conversions.received_at
),

settled as (
    select
        greatest(
            (select max(received_at) from credited where credit is not null),
            now - make_interval(mins => cast(limits ->> 'late_minutes' as integer))
        ) as until
    from span
)

select 1
from credited
where credit is distinct from 1 and received_at <= (select until from settled)

-- name: find_rows_with_personal_data
-- Rows that hold the shape of an e-mail address or of a telephone number in any column. The row's own text form is
-- several times cheaper than JSON; a time's offset in it is too short for a number.
with looked_at as (
    select *
    from {batch}
    where {column} >= cast(current_setting('app.since') as timestamptz)
)

select 1
from looked_at
where
    cast(looked_at as text)
    ~ '[A-Za-z0-9._%+-]@[A-Za-z0-9-]+[.][A-Za-z]|[+][0-9][0-9 ()-]{{{{8,}}}}'

-- name: find_pairs_without_one_decision
-- Pairs of a conversion and an active account with no decision or several, up to the newest conversion that the plan
-- knows. The plan leaves out what is too old for any platform.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz) as now,
        cast(current_setting('app.since') as timestamptz) as since,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

pairs as (
    select
        conversions.tenant_id,
        conversions.conversion_id,
        accounts.platform,
        accounts.account_id,
        conversions.received_at,
        count(plan.decision) as decision_count
    from marts.fct_conversions as conversions
    inner join ops.accounts as accounts
        on conversions.tenant_id = accounts.tenant_id and accounts.is_active
    left join {batch} as plan
        on
            conversions.tenant_id = plan.tenant_id
            and conversions.conversion_id = plan.conversion_id
            and accounts.platform = plan.platform
            and accounts.account_id = plan.account_id
    where
        conversions.received_at >= (select since from span)
        and conversions.converted_at >= (
            select now - make_interval(days => cast(limits ->> 'planned_days' as integer))
            from span
        )
    group by
        conversions.tenant_id,
        conversions.conversion_id,
        accounts.platform,
        accounts.account_id,
        conversions.received_at
),

settled as (
    select
        greatest(
            (select max(received_at) from pairs where decision_count > 0),
            now - make_interval(mins => cast(limits ->> 'late_minutes' as integer))
        ) as until
    from span
)

select 1
from pairs
where decision_count <> 1 and received_at <= (select until from settled)

-- name: find_accounts_with_old_lists
-- Active accounts whose list was not read to its end lately, or was read and is not in staging. A new account gets as
-- long as a list may be old; one that names no account to list is left out.
with span as materialized (
    select
        cast(current_setting('app.now') as timestamptz)
        - make_interval(
            hours => cast(cast(current_setting('app.limits') as jsonb) -> '{code}' ->> 'max_hours' as integer)
        ) as oldest
),

listed_accounts as (
    select
        tenant_id,
        platform,
        created_at,
        case platform
            when 'google' then config ->> 'ads_customer_id'
            when 'meta' then config ->> 'ad_account_id'
            else config ->> 'advertiser_id'
        end as listed_id
    from ops.accounts
    where is_active
),

readings as (
    select
        cursors.tenant_id,
        cursors.system,
        place.key as listed_id,
        min(cast(place.value ->> 'started_at' as timestamptz))
        filter (where cast(place.value ->> 'is_complete' as boolean)) as read_at,
        sum(cast(place.value ->> 'rows' as integer)) as row_count
    from ops.cursors as cursors
    cross join lateral jsonb_each(cursors.cursor) as place
    where cursors.system in ('google_ads', 'meta_ads', 'tiktok_ads')
    group by cursors.tenant_id, cursors.system, place.key
),

staged as (
    select
        tenant_id,
        platform,
        count(*) as row_count
    from {batch} as campaigns
    group by tenant_id, platform
)

select 1
from listed_accounts
cross join span
left join readings
    on
        listed_accounts.tenant_id = readings.tenant_id
        and listed_accounts.platform || '_ads' = readings.system
        and listed_accounts.listed_id = readings.listed_id
left join staged
    on
        listed_accounts.tenant_id = staged.tenant_id
        and listed_accounts.platform = staged.platform
where
    listed_accounts.listed_id is not null
    and listed_accounts.created_at < span.oldest
    and (
        coalesce(readings.read_at, '-infinity') < span.oldest
        or (readings.row_count > 0 and staged.row_count is null)
    )

-- name: find_events_taken_twice
-- Events that one destination took more than once: each would count twice there.
select 1
from {batch}
where state = 'accepted' and kind = 'send'
group by tenant_id, platform, account_id, event_id
having count(*) > 1

-- name: find_decisions_not_owed
-- Decisions to send that the ledger knows nothing of.
select 1
from marts.delivery_plan as plan
left join {batch} as deliveries
    on
        plan.tenant_id = deliveries.tenant_id
        and plan.conversion_id = deliveries.conversion_id
        and plan.platform = deliveries.platform
        and plan.account_id = deliveries.account_id
where plan.decision = 'send' and deliveries.delivery_id is null

-- name: find_destinations_that_match_too_little
-- Destinations whose match rate of the last seven days is under their threshold: the account's own, or the platform's.
with span as materialized (
    select
        cast(cast(current_setting('app.now') as timestamptz) as date) as today,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

rates as (
    select
        quality.tenant_id,
        quality.platform,
        quality.account_id,
        sum(quality.accepted) as accepted_count,
        sum(quality.match_rate * quality.accepted) / nullif(sum(quality.accepted), 0) as match_rate
    from {batch} as quality
    where quality.day > (select today - 7 from span) and quality.match_rate is not null
    group by quality.tenant_id, quality.platform, quality.account_id
)

select 1
from rates
inner join ops.accounts as accounts
    on
        rates.tenant_id = accounts.tenant_id
        and rates.platform = accounts.platform
        and rates.account_id = accounts.account_id
cross join span
where
    rates.accepted_count >= cast(span.limits ->> 'min_accepted' as integer)
    and rates.match_rate < coalesce(
        cast(accounts.config ->> 'match_rate_threshold' as numeric),
        cast(span.limits ->> rates.platform as numeric)
    )

-- name: find_destinations_of_low_match_quality
-- Destinations whose event match quality, as the platform gives it, was under its threshold on the newest day told.
with span as materialized (
    select
        cast(cast(current_setting('app.now') as timestamptz) as date) as today,
        cast(current_setting('app.limits') as jsonb) -> '{code}' as limits
),

newest as (
    select distinct on (quality.tenant_id, quality.platform, quality.account_id)
        quality.tenant_id,
        quality.platform,
        quality.account_id,
        quality.event_match_quality
    from {batch} as quality
    where quality.day > (select today - 7 from span) and quality.event_match_quality is not null
    order by quality.tenant_id, quality.platform, quality.account_id, quality.day desc
)

select 1
from newest
inner join ops.accounts as accounts
    on
        newest.tenant_id = accounts.tenant_id
        and newest.platform = accounts.platform
        and newest.account_id = accounts.account_id
cross join span
where
    newest.event_match_quality < coalesce(
        cast(accounts.config ->> 'emq_threshold' as numeric),
        cast(span.limits ->> 'score' as numeric)
    )

-- name: find_destinations_that_are_stopped
-- Destinations that nothing is sent to because the platform or a probe said no. A person's pause is no failure, nor is
-- a platform that asks to be left alone for a while.
select 1
from ops.delivery_stops as stops
inner join {batch} as deliveries
    on
        stops.tenant_id = deliveries.tenant_id
        and stops.platform = deliveries.platform
        and stops.account_id = deliveries.account_id
where stops.kind not in ('person', 'throttle') and deliveries.state in ('pending', 'retry_wait', 'in_doubt')
group by stops.platform, stops.account_id, stops.target
