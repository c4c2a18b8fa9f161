-- name: list_stops
-- What is stopped, the whole account first. A credential that was renewed since is tried at once; a throttle whose time
-- is over stops nothing.
select
    s.target,
    s.kind,
    s.code,
    s.stopped_by,
    s.stopped_at,
    s.next_try_at,
    coalesce(s.next_try_at <= now(), false) or (
        s.kind = 'credential'
        and exists (
            select from ops.credentials as c
            where
                c.tenant_id = :tenant_id
                and c.platform = s.platform
                and c.account_id = s.account_id
                and c.created_at > s.stopped_at
        )
    ) as is_due
from ops.delivery_stops as s
where
    s.tenant_id = :tenant_id
    and s.platform = :platform
    and s.account_id = :account_id
    and (s.kind <> 'throttle' or s.next_try_at > now())
order by s.target

-- name: upsert_stop
-- Stop a target, or try a stopped one later. What a person paused stays a person's.
insert into ops.delivery_stops (
    tenant_id, platform, account_id, target, kind, code, stopped_by, next_try_at
) values (
    :tenant_id, :platform, :account_id, :target, :kind, :code, :stopped_by,
    coalesce(cast(:next_try_at as timestamptz), now() + cast(:wait as interval))
)
on conflict (tenant_id, platform, account_id, target) do update
set
    kind = excluded.kind,
    code = excluded.code,
    stopped_by = excluded.stopped_by,
    stopped_at = clock_timestamp(),
    next_try_at = excluded.next_try_at
where delivery_stops.kind <> 'person' or excluded.kind = 'person'
returning xmax = 0 as is_new, kind

-- name: hold_account
-- Leave an account alone for as long as its platform asks. What stops it already is tried no earlier than that.
insert into ops.delivery_stops (
    tenant_id, platform, account_id, target, kind, code, stopped_by, next_try_at
) values (
    :tenant_id, :platform, :account_id, '', 'throttle', :code, :stopped_by, now() + cast(:wait as interval)
)
on conflict (tenant_id, platform, account_id, target) do update
set next_try_at = greatest(delivery_stops.next_try_at, excluded.next_try_at)
where delivery_stops.kind <> 'person'

-- name: forget_throttle
-- Clear away a throttle whose time is over.
delete from ops.delivery_stops
where
    tenant_id = :tenant_id
    and platform = :platform
    and account_id = :account_id
    and kind = 'throttle'
    and next_try_at <= now()

-- name: delete_stop
-- End a stop; one that ends by itself leaves a person's alone.
delete from ops.delivery_stops
where
    tenant_id = :tenant_id
    and platform = :platform
    and account_id = :account_id
    and target = :target
    and (:is_person or kind <> 'person')
returning kind, code

-- name: wake_rows
-- Let rows that waited for a stop to end wait no longer.
update ops.deliveries
set next_at = now(), updated_at = now()
where
    tenant_id = :tenant_id
    and platform = :platform
    and account_id = :account_id
    and state = 'pending'
    and next_at > now()
    and (:target = '' or lane is null or lane = :target)

-- name: note_stop
-- Say in the audit log that something was stopped, or goes again.
insert into ops.audit_log (tenant_id, actor, action, object, result, reason)
values (:tenant_id, :actor, :action, :object, 'done', :reason)
