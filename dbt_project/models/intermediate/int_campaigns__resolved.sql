{#
    Grain: one row per campaign or ad group and span of time in which it had one name.
    Reads: seed_campaign_map, stg_ads__campaigns, ops.campaign_map. Feeds: dim_campaigns, fct_touches.

    Why spans: a report can be run as of a day. At each moment a person's name wins over the platform's own list, and
    that over the seed; of two in the same rank the later wins. A platform that deletes a campaign does not take its
    name away: past leads still came from it.
#}

with

tenants as (

    select * from {{ source('ops', 'tenants') }}

),

seed_entries as (

    select
        tenants.tenant_id,
        seed.platform,
        seed.level,
        seed.external_id,
        seed.name,
        'seed' as origin,
        '2000-01-01T00:00:00Z'::timestamptz as valid_from,
        null::timestamptz as valid_to
    from {{ ref('seed_campaign_map') }} as seed
    inner join tenants on seed.tenant_name = tenants.name

),

listed as (

    select *
    from {{ ref('stg_ads__campaigns') }}
    where name is not null and not is_deleted

),

platform_entries as (

    select
        tenant_id,
        platform,
        level,
        external_id,
        name,
        'platform' as origin,
        received_at as valid_from,
        lead(received_at) over (
            partition by tenant_id, platform, level, external_id
            order by version
        ) as valid_to
    from listed

),

parents as (

    select distinct on (tenant_id, platform, external_id)
        tenant_id,
        platform,
        external_id,
        campaign_id
    from listed
    where level = 'adgroup' and campaign_id is not null
    order by tenant_id asc, platform asc, external_id asc, version desc

),

written_entries as (

    select
        tenant_id,
        platform,
        level,
        external_id,
        name,
        origin,
        valid_from,
        valid_to
    from {{ source('ops', 'campaign_map') }}

),

entries as (

    select * from seed_entries
    union all
    select * from platform_entries
    union all
    select * from written_entries

),

moments as (

    select
        tenant_id,
        platform,
        level,
        external_id,
        valid_from as moment
    from entries

    union

    select
        tenant_id,
        platform,
        level,
        external_id,
        valid_to as moment
    from entries
    where valid_to is not null

),

winners as (

    select
        moments.tenant_id,
        moments.platform,
        moments.level,
        moments.external_id,
        moments.moment,
        winner.name,
        winner.origin
    from moments
    left join lateral (
        select
            entries.name,
            entries.origin
        from entries
        where
            entries.tenant_id = moments.tenant_id
            and entries.platform = moments.platform
            and entries.level = moments.level
            and entries.external_id = moments.external_id
            and entries.valid_from <= moments.moment
            and (entries.valid_to is null or entries.valid_to > moments.moment)
        order by
            case entries.origin when 'person' then 1 when 'platform' then 2 else 3 end,
            entries.valid_from desc,
            entries.name asc
        limit 1
    ) as winner on true

),

compared as (

    select
        *,
        lag(name) over key_by_time as previous_name,
        lag(origin) over key_by_time as previous_origin
    from winners
    window key_by_time as (partition by tenant_id, platform, level, external_id order by moment)

),

changes as (

    select *
    from compared
    where
        name is distinct from previous_name
        or origin is distinct from previous_origin

),

spans as (

    select
        tenant_id,
        platform,
        level,
        external_id,
        name,
        origin,
        moment as valid_from,
        lead(moment) over (partition by tenant_id, platform, level, external_id order by moment) as valid_to
    from changes

)

select
    spans.tenant_id,
    spans.platform,
    spans.level,
    spans.external_id,
    spans.name,
    spans.origin,
    parents.campaign_id,
    spans.valid_from,
    spans.valid_to,
    spans.valid_from <= now() and (spans.valid_to is null or spans.valid_to > now()) as is_current
from spans
left join parents
    on
        spans.tenant_id = parents.tenant_id
        and spans.platform = parents.platform
        and spans.external_id = parents.external_id
        and spans.level = 'adgroup'
where spans.name is not null
