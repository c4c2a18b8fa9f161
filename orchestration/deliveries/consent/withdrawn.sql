-- name: list_withdrawn
-- Outcomes that stand under a no which the plan does not know yet: recorded by a person of ours, pushed and not read by
-- the models, or read since the plan was made. A later yes that the models know of is not overruled.
with made as (
    select coalesce((select planned_at from marts.delivery_plan where tenant_id = :tenant_id limit 1), '-infinity')
        as planned_at
),

noes as (
    select
        subject_kind as kind,
        subject_id as id,
        null as sha256,
        least(changed_at, recorded_at) as changed_at
    from ops.consent_changes
    where tenant_id = :tenant_id and status = 'denied'

    union all

    select
        subject.kind,
        subject.id,
        subject.sha256,
        least(e.occurred_at, e.received_at) as changed_at
    from raw.events as e
    cross join made
    cross join
        lateral (
            values
            ('crm_record', e.payload ->> 'crm_record_id', null),
            ('lead', e.payload ->> 'lead_id', null),
            ('email', null, lower(e.payload ->> 'email_sha256')),
            ('phone', null, lower(e.payload ->> 'phone_sha256'))
        ) as subject (kind, id, sha256)
    where
        e.tenant_id = :tenant_id
        and e.source = 'consent'
        and e.payload ->> 'status' = 'denied'
        and coalesce(subject.id, subject.sha256) <> ''
        -- The models look back over three days (dbt's lookback_hours): what is older was read before the plan was made.
        and e.received_at > made.planned_at - interval '3 days'

    union all

    select
        w.subject_kind as kind,
        w.subject_id as id,
        null as sha256,
        w.changed_at
    from marts.fct_consents as w
    cross join made
    where
        w.tenant_id = :tenant_id
        and w.status = 'denied'
        and w.built_at > made.planned_at
),

tokens as (
    select
        n.changed_at,
        v.kind,
        v.token
    from noes as n
    inner join vault.identifiers as v
        on n.kind = v.kind and n.sha256 = v.sha256
    where v.tenant_id = :tenant_id

    union

    select
        changed_at,
        kind,
        id as token
    from noes
    where kind in ('email', 'phone') and id is not null
),

named as (
    select
        n.changed_at,
        c.conversion_id,
        c.person_id
    from noes as n
    inner join marts.fct_conversions as c on n.id = c.conversion_id
    where c.tenant_id = :tenant_id and n.kind = 'conversion'

    union all

    select
        n.changed_at,
        c.conversion_id,
        c.person_id
    from noes as n
    inner join marts.fct_conversions as c on n.id = c.crm_record_id
    where c.tenant_id = :tenant_id and n.kind = 'crm_record'

    union all

    select
        n.changed_at,
        null as conversion_id,
        l.person_id
    from noes as n
    inner join marts.fct_leads as l on n.id = l.lead_id
    where l.tenant_id = :tenant_id and n.kind = 'lead'

    union all

    select
        n.changed_at,
        null as conversion_id,
        l.person_id
    from noes as n
    inner join marts.fct_leads as l on n.id = l.external_id
    where l.tenant_id = :tenant_id and n.kind = 'lead'

    union all

    -- Of a lead whose person nobody has found out, its outcomes alone.
    select
        n.changed_at,
        c.conversion_id,
        c.person_id
    from noes as n
    inner join marts.fct_conversions as c on n.id = c.lead_id
    where c.tenant_id = :tenant_id and n.kind = 'lead'

    union all

    select
        n.changed_at,
        c.conversion_id,
        c.person_id
    from noes as n
    inner join marts.fct_leads as l on n.id = l.external_id
    inner join marts.fct_conversions as c on l.lead_id = c.lead_id
    where l.tenant_id = :tenant_id and c.tenant_id = :tenant_id and n.kind = 'lead'

    union all

    select
        changed_at,
        null as conversion_id,
        id as person_id
    from noes
    where kind = 'person'

    union all

    select
        t.changed_at,
        i.conversion_id,
        c.person_id
    from tokens as t
    inner join intermediate.int_conversions__identifiers as i
        on t.kind = i.kind and t.token = i.token
    inner join marts.fct_conversions as c on i.conversion_id = c.conversion_id
    where i.tenant_id = :tenant_id and c.tenant_id = :tenant_id
)

select c.conversion_id
from named as n
inner join marts.fct_conversions as c on n.conversion_id = c.conversion_id
where
    c.tenant_id = :tenant_id
    and c.consent is distinct from 'denied'
    and n.changed_at >= coalesce(c.consent_at, '-infinity')

union

select c.conversion_id
from named as n
inner join marts.fct_conversions as c on n.person_id = c.person_id
where
    c.tenant_id = :tenant_id
    and c.consent is distinct from 'denied'
    and n.changed_at >= coalesce(c.consent_at, '-infinity')
