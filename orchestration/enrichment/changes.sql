-- name: list_held_identifiers
-- What the vault holds of one tenant for one platform, with the region that each value is read by. A value that staging
-- does not hold any more has none.
select
    held.kind,
    held.raw_value,
    staged.region,
    held.normalized,
    held.reason,
    held.is_prehashed,
    held.rules_version
from vault.identifiers as held
left join staging.stg_identifiers__values as staged
    on
        held.tenant_id = staged.tenant_id
        and held.kind = staged.kind
        and held.raw_value = staged.raw_value
where held.tenant_id = :tenant_id and held.platform = :platform
