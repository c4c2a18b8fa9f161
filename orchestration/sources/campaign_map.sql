-- name: close_entry
-- End the entry that a person gave before, unless it says the same.
update ops.campaign_map
set valid_to = now()
where
    tenant_id = :tenant_id
    and platform = :platform
    and level = :level
    and external_id = :external_id
    and origin = 'person'
    and valid_to is null
    and name <> :name

-- name: insert_entry
-- A person's entry from now on; the same name again changes nothing.
insert into ops.campaign_map (
    tenant_id, platform, level, external_id, name, origin, valid_from, recorded_by
)
select
    cast(:tenant_id as uuid),
    cast(:platform as text),
    cast(:level as text),
    cast(:external_id as text),
    cast(:name as text),
    'person',
    now(),
    cast(:recorded_by as text)
where not exists (
    select
    from ops.campaign_map
    where
        tenant_id = :tenant_id
        and platform = :platform
        and level = :level
        and external_id = :external_id
        and origin = 'person'
        and valid_to is null
)
