{#
    Grain: one row per tenant, source and day that a sender counted: its latest count.
    Reads: raw.events. Feeds: the reconciliation rules.
#}
{{
    config(
        unique_key=['tenant_id', 'source', 'day'],
        indexes=[
            {'columns': ['tenant_id', 'source', 'day'], 'unique': true},
            {'columns': ['received_at']},
        ],
    )
}}

with

events as (

    select
        events.tenant_id,
        events.dedupe_key,
        events.received_at,
        {{ json_text('events.payload', ['source']) }} as counted_source,
        {{ json_text('events.payload', ['day']) }} as day,
        {{ json_text('events.payload', ['count']) }} as sent_count
    from {{ source('raw', 'events') }} as events
    where
        events.source = 'sender_counts'
        {% if is_incremental() %}
        and events.received_at >= {{ window_start() }}
        {% endif %}

),

typed as (

    select
        tenant_id,
        counted_source as source,
        ({{ safe_timestamptz('day', "'UTC'") }} at time zone 'UTC')::date as day,
        case when sent_count ~ '^[0-9]{1,12}$' then sent_count::bigint end as sent_count,
        received_at,
        dedupe_key
    from events
    where day ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' and char_length(counted_source) <= 128

),

latest as (

    select distinct on (tenant_id, source, day)
        tenant_id,
        source,
        day,
        sent_count,
        received_at
    from typed
    where day is not null and sent_count is not null
    order by tenant_id asc, source asc, day asc, received_at desc, dedupe_key desc

)

select latest.*
from latest
{% if is_incremental() %}
where not exists (
        select 1
        from {{ this }} as known
        where
            known.tenant_id = latest.tenant_id
            and known.source = latest.source
            and known.day = latest.day
            and known.received_at >= latest.received_at
    )
{% endif %}
