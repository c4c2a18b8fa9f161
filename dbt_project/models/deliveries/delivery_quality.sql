{#
    Grain: one row per ad account and day (of the tenant) on which something was sent there.
    Reads: ops.deliveries, ops.match_quality, ops.tenants. Feeds: rules MAT1 and MAT2, `leadloop deliveries quality`, the panel.

    Why here: what was sent, what the platform accepted and whom it matched are three facts, shown side by side and never
    added up. `matched` is null where the platform does not say; the rate is then an estimate: the share of what was
    accepted that carried something to match by, which no match rate can exceed.

    Only days on which a delivery changed, or of which a platform spoke, since the last build are counted again.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['tenant_id', 'platform', 'account_id', 'day'],
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['tenant_id', 'platform', 'account_id', 'day'], 'unique': true}],
    )
}}

-- What was sent in this run counts in this run.
-- depends_on: {{ source('ops', 'delivery_requests') }}

with

tenants as (

    select * from {{ source('ops', 'tenants') }}

),

deliveries as (

    select
        deliveries.*,
        (deliveries.sent_at at time zone tenants.timezone)::date as day
    from {{ source('ops', 'deliveries') }} as deliveries
    inner join tenants on deliveries.tenant_id = tenants.tenant_id
    where deliveries.sent_at is not null

),

reports as (

    select * from {{ source('ops', 'match_quality') }}

),

changed as (

    select
        tenant_id,
        platform,
        account_id,
        day
    from deliveries
    {% if is_incremental() %}
    where updated_at > {{ last_written('built_at') }} - interval '1 hour'

    union

    select
        tenant_id,
        platform,
        account_id,
        day
    from reports
    where read_at > {{ last_written('built_at') }} - interval '1 hour'
    {% else %}
    group by tenant_id, platform, account_id, day
    {% endif %}

),

counted as (

    select
        deliveries.tenant_id,
        deliveries.platform,
        deliveries.account_id,
        deliveries.day,
        count(*) filter (where deliveries.kind = 'send') as sent,
        count(*) filter (where deliveries.kind = 'send' and deliveries.state = 'accepted') as accepted,
        count(*) filter (where deliveries.kind = 'send' and deliveries.state = 'duplicate') as duplicate,
        count(*) filter (where deliveries.kind = 'send' and deliveries.state in ('rejected', 'dead')) as refused,
        count(*) filter (where deliveries.kind <> 'send') as adjusted,
        count(*) filter (where deliveries.kind = 'send' and deliveries.is_matched) as matched,
        count(*) filter (where deliveries.kind = 'send' and not deliveries.is_matched) as unmatched,
        count(*) filter (where deliveries.kind = 'send' and 'email' = any(deliveries.identifiers)) as with_email,
        count(*) filter (where deliveries.kind = 'send' and 'phone' = any(deliveries.identifiers)) as with_phone,
        count(*) filter (
            where
            deliveries.kind = 'send'
            and deliveries.identifiers && array['gclid', 'gbraid', 'wbraid', 'fbclid', 'ctwa_clid', 'ttclid']
        ) as with_click,
        count(*) filter (
            where deliveries.kind = 'send' and deliveries.identifiers && array['meta_lead_id', 'tiktok_lead_id']
        ) as with_lead_id,
        count(*) filter (
            where
            deliveries.kind = 'send'
            and deliveries.state = 'accepted'
            and deliveries.identifiers && array[
                'email', 'phone', 'gclid', 'gbraid', 'wbraid', 'fbclid', 'ctwa_clid', 'ttclid', 'meta_lead_id',
                'tiktok_lead_id'
            ]
        ) as identified
    from deliveries
    inner join changed
        on
            deliveries.tenant_id = changed.tenant_id
            and deliveries.platform = changed.platform
            and deliveries.account_id = changed.account_id
            and deliveries.day = changed.day
    group by deliveries.tenant_id, deliveries.platform, deliveries.account_id, deliveries.day

),

-- The platform's own words about the day; of several scopes the score is weighted by what each received.
reported as (

    select
        tenant_id,
        platform,
        account_id,
        day,
        sum(received)::bigint as platform_received,
        sum(accepted)::bigint as platform_accepted,
        sum(failed)::bigint as platform_failed,
        sum(pending)::bigint as platform_pending,
        (
            sum(event_match_quality * coalesce(received, 1)) filter (where event_match_quality is not null)
            / nullif(sum(coalesce(received, 1)) filter (where event_match_quality is not null), 0)
        )::numeric(4, 2) as event_match_quality,
        avg(duplicate_share)::numeric(7, 4) as duplicate_share
    from reports
    group by tenant_id, platform, account_id, day

)

select
    counted.tenant_id,
    counted.platform,
    counted.account_id,
    counted.day,
    counted.sent,
    counted.accepted,
    counted.duplicate,
    counted.refused,
    counted.adjusted,
    case when counted.matched + counted.unmatched > 0 then counted.matched end as matched,
    case
        when counted.matched + counted.unmatched > 0
            then (counted.matched / (counted.matched + counted.unmatched)::numeric)::numeric(7, 4)
        when counted.accepted > 0 then (counted.identified / counted.accepted::numeric)::numeric(7, 4)
    end as match_rate,
    case
        when counted.matched + counted.unmatched > 0 then 'platform'
        when counted.accepted > 0 then 'estimate'
    end as match_rate_from,
    counted.with_email,
    counted.with_phone,
    counted.with_click,
    counted.with_lead_id,
    reported.platform_received,
    reported.platform_accepted,
    reported.platform_failed,
    reported.platform_pending,
    reported.event_match_quality,
    reported.duplicate_share,
    now() as built_at
from counted
left join reported
    on
        counted.tenant_id = reported.tenant_id
        and counted.platform = reported.platform
        and counted.account_id = reported.account_id
        and counted.day = reported.day
