-- name: list_policies
-- Every policy of a tenant, the one that holds now first in each region.
select
    region,
    legal_basis,
    unknown_consent,
    limited_data_use,
    valid_from,
    recorded_by,
    valid_from <= now() and valid_from = max(valid_from) filter (where valid_from <= now()) over (
        partition by region
    ) as is_current
from ops.consent_policies
where tenant_id = :tenant_id
order by region, valid_from desc

-- name: insert_policy
-- A region's policy from a moment on.
insert into ops.consent_policies (
    tenant_id, region, legal_basis, unknown_consent, limited_data_use, valid_from, recorded_by
) values (
    :tenant_id, :region, :legal_basis, :unknown_consent, :limited_data_use,
    coalesce(cast(:valid_from as timestamptz), clock_timestamp()), :recorded_by
)
returning valid_from

-- name: find_subject
-- What a key names, of ours or of the CRM.
select found.kind
from (
    select
        1 as place,
        'conversion' as kind
    from marts.fct_conversions
    where tenant_id = :tenant_id and conversion_id = :key
    union all
    select
        2 as place,
        'crm_record' as kind
    from marts.fct_conversions
    where tenant_id = :tenant_id and crm_record_id = :key
    union all
    select
        3 as place,
        'lead' as kind
    from marts.fct_leads
    where tenant_id = :tenant_id and (lead_id = :key or external_id = :key)
    union all
    select
        4 as place,
        'person' as kind
    from marts.fct_leads
    where tenant_id = :tenant_id and person_id = :key
    union all
    select
        4 as place,
        'person' as kind
    from marts.fct_conversions
    where tenant_id = :tenant_id and person_id = :key
) as found
order by found.place
limit 1

-- name: insert_change
-- A yes or a no that a person of ours recorded.
insert into ops.consent_changes (tenant_id, subject_kind, subject_id, status, changed_at, recorded_by)
values (:tenant_id, :subject_kind, :subject_id, :status, :changed_at, :recorded_by)

-- name: note_change
-- Who changed what, for the audit log.
insert into ops.audit_log (tenant_id, actor, action, object, result, reason)
values (:tenant_id, 'operator', :action, :object, 'done', :reason)

-- name: list_persons_conversions
-- The outcomes that a key names, and all others of the same persons.
with named as (
    select
        c.conversion_id,
        c.person_id
    from marts.fct_conversions as c
    where
        c.tenant_id = :tenant_id
        and case cast(:subject_kind as text)
            when 'conversion' then c.conversion_id = :key
            when 'crm_record' then c.crm_record_id = :key
        end
    union all
    select
        null as conversion_id,
        l.person_id
    from marts.fct_leads as l
    where
        l.tenant_id = :tenant_id
        and cast(:subject_kind as text) = 'lead'
        and (l.lead_id = :key or l.external_id = :key)
    union all
    select
        null as conversion_id,
        cast(:key as text) as person_id
    where cast(:subject_kind as text) = 'person'
)

select c.conversion_id
from marts.fct_conversions as c
where
    c.tenant_id = :tenant_id
    and (
        c.conversion_id in (select conversion_id from named)
        or c.person_id in (select person_id from named)
    )
order by c.conversion_id

-- name: cancel_due
-- Call off what has not left yet; what is in doubt stays, and is not leased again.
update ops.deliveries
set state = 'cancelled', reason = 'consent_denied', updated_at = now()
where
    tenant_id = :tenant_id
    and conversion_id = any(cast(:conversion_ids as text []))
    and state in ('held', 'pending', 'retry_wait')
returning delivery_id

-- name: list_sent
-- What has left already, or may have, newest first.
select
    platform,
    account_id,
    action,
    conversion_id,
    kind,
    state,
    coalesce(sent_at, first_leased_at) as sent_at
from ops.deliveries
where
    tenant_id = :tenant_id
    and conversion_id = any(cast(:conversion_ids as text []))
    and (sent_at is not null or state = 'leased')
order by coalesce(sent_at, first_leased_at) desc, platform, account_id, action
