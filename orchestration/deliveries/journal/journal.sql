-- name: lock_journal
-- One entry at a time joins an account's chain.
select pg_advisory_xact_lock(hashtextextended(:chain, 0))

-- name: read_head
-- The last entry of an account's chain, or where it begins when everything before was pruned; and the moment.
select
    coalesce(head.sequence, anchor.sequence, 0) as sequence,
    coalesce(head.entry_key, anchor.entry_key, '') as entry_key,
    clock_timestamp() as at
from (select 1) as one
left join lateral (
    select
        j.sequence,
        j.entry_key
    from ops.delivery_journal as j
    where j.tenant_id = :tenant_id and j.platform = :platform and j.account_id = :account_id
    order by j.sequence desc
    limit 1
) as head on true
left join ops.journal_anchors as anchor
    on anchor.tenant_id = :tenant_id and anchor.platform = :platform and anchor.account_id = :account_id

-- name: insert_entry
-- Add an entry to the chain.
insert into ops.delivery_journal (
    tenant_id, platform, account_id, sequence, entry_key, previous_key, kind, request_key, content, at
) values (
    :tenant_id, :platform, :account_id, :sequence, :entry_key, :previous_key, :kind, :request_key, :content, :at
)

-- name: insert_request
-- Keep a request as it is about to leave.
insert into ops.delivery_requests (
    tenant_id, request_key, platform, account_id, sequence, target, body, body_sha256, event_count, lane,
    envelope, members, sent_at
) values (
    :tenant_id, :request_key, :platform, :account_id, :sequence, :target, :body, :body_sha256,
    :event_count, :lane, cast(:envelope as jsonb), :members, :at
)

-- name: answer_request
-- Note what a request was answered, and which deliveries it carried.
update ops.delivery_requests
set
    answered_at = :at,
    answer_code = :code,
    platform_request_id = coalesce(:platform_request_id, platform_request_id),
    is_unresolved = :is_unresolved
where tenant_id = :tenant_id and request_key = :request_key
returning members, platform_request_id
