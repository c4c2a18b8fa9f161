-- name: make_judgements
-- A place for this transaction's judgements, one for each attempt that left.
create temporary table consent_judgements (
    delivery_id text not null,
    attempt integer not null,
    conversion_id text not null,
    platform text not null,
    account_id text not null,
    started_at timestamptz not null,
    region text,
    legal_basis text,
    policy_from timestamptz,
    consent text,
    has_unread_no boolean not null,
    violation text,
    recorded_consent text,
    recorded_basis text,
    recorded_policy_from timestamptz,
    is_recorded_otherwise boolean not null
) on commit drop

-- name: judge_attempts
-- Judge every attempt that left in a span of time by the facts that were known when it did: the words about consent of
-- its person, and the policy of its region. Nothing that the lease wrote down takes part in the judgement; it is
-- compared afterwards.
--
-- A no binds a little later than it is known: until the transaction that brings it is committed no sender can see it.
insert into consent_judgements
with sent as (
    select
        d.delivery_id,
        a.attempt,
        d.conversion_id,
        d.platform,
        d.account_id,
        a.started_at,
        a.consent as recorded_consent,
        a.legal_basis as recorded_basis,
        a.policy_from as recorded_policy_from
    from ops.delivery_attempts as a
    inner join ops.deliveries as d on a.tenant_id = d.tenant_id and a.delivery_id = d.delivery_id
    where
        a.tenant_id = :tenant_id
        and d.tenant_id = :tenant_id
        and a.request_key is not null
        and a.started_at >= :since
        and a.started_at < :until
),

outcomes as (
    select
        o.conversion_id,
        c.conversion_id is not null as is_there,
        coalesce(c.region, t.region) as region,
        c.crm_record_id,
        c.lead_id,
        l.external_id as lead_external_id,
        coalesce(c.person_id, c.conversion_id) as person_id,
        m.own_person_id
    from (select distinct conversion_id from sent) as o
    inner join ops.tenants as t on t.tenant_id = :tenant_id
    left join marts.fct_conversions as c on c.tenant_id = :tenant_id and o.conversion_id = c.conversion_id
    left join marts.fct_leads as l on l.tenant_id = :tenant_id and c.lead_id = l.lead_id
    left join intermediate.int_conversions__matched as m
        on m.tenant_id = :tenant_id and o.conversion_id = m.conversion_id
),

parties as (
    select
        conversion_id,
        person_id as party_id
    from outcomes
    union
    select
        conversion_id,
        own_person_id as party_id
    from outcomes
    union
    select
        o.conversion_id,
        i.token as party_id
    from outcomes as o
    inner join intermediate.int_conversions__identifiers as i
        on i.tenant_id = :tenant_id and o.conversion_id = i.conversion_id
    where i.kind in ('email', 'phone')
),

-- Whose words they are, and since when that was known. What names the outcome's own record is known to be its word at
-- once; what is the word of its person is so since the two were linked.
obeyed as (
    select
        conversion_id,
        consent_id,
        min(known_at) as known_at
    from (
        select
            p.conversion_id,
            r.consent_id,
            greatest(r.known_at, r.linked_at) as known_at
        from parties as p
        inner join intermediate.int_consents__resolved as r on p.party_id = r.party_id
        where r.tenant_id = :tenant_id

        union all

        select
            o.conversion_id,
            w.consent_id,
            w.known_at
        from outcomes as o
        cross join
            lateral (
                values
                ('conversion', o.conversion_id), ('crm_record', o.crm_record_id), ('lead', o.lead_id),
                ('lead', o.lead_external_id), ('person', o.person_id)
            ) as subject (kind, id)
        inner join marts.fct_consents as w
            on subject.kind = w.subject_kind and subject.id = w.subject_id
        where w.tenant_id = :tenant_id
    ) as paths
    group by conversion_id, consent_id
),

words as (
    select
        o.conversion_id,
        w.status,
        w.changed_at,
        w.received_at,
        case
            when w.status = 'granted' then o.known_at
            when w.source in ('consent', 'person') then o.known_at + cast(:push_grace as interval)
            else o.known_at + cast(:model_grace as interval)
        end as binds_at
    from obeyed as o
    inner join marts.fct_consents as w on o.consent_id = w.consent_id
    where w.tenant_id = :tenant_id
),

latest as (
    select distinct on (s.delivery_id, s.attempt)
        s.delivery_id,
        s.attempt,
        w.status,
        w.changed_at
    from sent as s
    inner join words as w on s.conversion_id = w.conversion_id and w.binds_at <= s.started_at
    order by s.delivery_id asc, s.attempt asc, w.changed_at desc, w.status asc
),

unread as (
    select distinct
        s.delivery_id,
        s.attempt
    from sent as s
    inner join words as w
        on s.conversion_id = w.conversion_id and w.received_at <= s.started_at and w.binds_at > s.started_at
    left join latest as l on s.delivery_id = l.delivery_id and s.attempt = l.attempt
    where w.status = 'denied' and w.changed_at >= coalesce(l.changed_at, '-infinity')
),

-- A policy's row and the lease that must obey it may cross: either of the two that held within the grace is right.
policies as (
    select
        region,
        legal_basis,
        unknown_consent,
        valid_from,
        lead(valid_from, 1, 'infinity') over (partition by region order by valid_from) as valid_to
    from ops.consent_policies
    where tenant_id = :tenant_id
),

permitted as (
    select distinct on (s.delivery_id, s.attempt)
        s.delivery_id,
        s.attempt,
        o.region,
        p.legal_basis,
        p.valid_from as policy_from,
        case
            when not o.is_there then 'outcome_unknown'
            when p.legal_basis is null then 'policy_missing'
            when l.status = 'denied' then 'consent_denied'
            when l.status is null and p.legal_basis = 'consent' and p.unknown_consent = 'hold'
                then 'consent_missing'
        end as violation
    from sent as s
    inner join outcomes as o on s.conversion_id = o.conversion_id
    left join latest as l on s.delivery_id = l.delivery_id and s.attempt = l.attempt
    cross join
        lateral (
            values
            (s.started_at), (s.started_at - cast(:push_grace as interval))
        ) as moment (at)
    left join lateral (
        select y.*
        from policies as y
        where y.region in (o.region, '*') and y.valid_from <= moment.at and y.valid_to > moment.at
        order by y.region = '*' asc
        limit 1
    ) as p on true
    order by
        s.delivery_id asc,
        s.attempt asc,
        violation asc nulls first,
        p.valid_from is not distinct from s.recorded_policy_from desc,
        moment.at desc
)

select
    s.delivery_id,
    s.attempt,
    s.conversion_id,
    s.platform,
    s.account_id,
    s.started_at,
    p.region,
    p.legal_basis,
    p.policy_from,
    l.status as consent,
    u.delivery_id is not null as has_unread_no,
    p.violation,
    s.recorded_consent,
    s.recorded_basis,
    s.recorded_policy_from,
    -- A yes that was known and that the lease had not read yet is no fault; a yes that was not known is.
    s.recorded_basis is distinct from p.legal_basis
    or s.recorded_policy_from is distinct from p.policy_from
    or (s.recorded_consent is not null and s.recorded_consent is distinct from l.status)
    as is_recorded_otherwise
from sent as s
inner join permitted as p on s.delivery_id = p.delivery_id and s.attempt = p.attempt
left join latest as l on s.delivery_id = l.delivery_id and s.attempt = l.attempt
left join unread as u on s.delivery_id = u.delivery_id and s.attempt = u.attempt

-- name: count_judgements
-- What left, by the ground on which it did.
select
    legal_basis,
    consent,
    count(*) as attempts
from consent_judgements
where violation is null and not is_recorded_otherwise
group by legal_basis, consent
order by legal_basis, consent

-- name: count_unread
-- Attempts that left after a no had been received and before any sender could know it.
select count(*) as attempts
from consent_judgements
where has_unread_no

-- name: list_violations
-- Attempts that should not have left, and those that left on another ground than was written down.
select
    delivery_id,
    attempt,
    conversion_id,
    platform,
    account_id,
    started_at,
    coalesce(violation, 'recorded_otherwise') as code,
    region,
    legal_basis,
    policy_from,
    consent,
    recorded_basis,
    recorded_policy_from,
    recorded_consent
from consent_judgements
where violation is not null or is_recorded_otherwise
order by started_at, delivery_id, attempt
