-- name: list_unparsed_landings
-- Landing values of one tenant that the vault lacks or holds from an older parser, once each. A value that came both
-- as a URL and as a text is read as a URL.
select distinct on (staged.landing_key)
    staged.landing_key,
    staged.kind,
    staged.raw_value,
    held.landing_key is not null as is_held
from staging.stg_landings__values as staged
left join vault.landings as held
    on held.tenant_id = staged.tenant_id and held.landing_key = staged.landing_key
where
    staged.tenant_id = :tenant_id
    and (held.landing_key is null or held.parser_version < :parser_version)
order by staged.landing_key, staged.kind desc

-- name: create_parsed_landings
-- Where a chunk is copied to: COPY is refused under row-level security.
create temp table parsed_landings (like vault.landings) on commit drop

-- name: keep_parsed_landings
-- Keep a chunk; a newer parser's result replaces an older one, never the other way round.
insert into vault.landings as held (
    tenant_id, landing_key, kind, landing_url,
    utm_source, utm_medium, utm_campaign, utm_term, utm_content,
    campaign_id, gad_campaignid, campaign_name, adgroup_id,
    gclid, gbraid, wbraid, fbclid, ttclid, msclkid, twclid, li_fat_id, ctwa_clid, kcid, kpv,
    parser_version, parsed_at
)
select
    tenant_id, landing_key, kind, landing_url,
    utm_source, utm_medium, utm_campaign, utm_term, utm_content,
    campaign_id, gad_campaignid, campaign_name, adgroup_id,
    gclid, gbraid, wbraid, fbclid, ttclid, msclkid, twclid, li_fat_id, ctwa_clid, kcid, kpv,
    parser_version, parsed_at
from parsed_landings
on conflict (tenant_id, landing_key) do update set
    kind = excluded.kind,
    landing_url = excluded.landing_url,
    utm_source = excluded.utm_source,
    utm_medium = excluded.utm_medium,
    utm_campaign = excluded.utm_campaign,
    utm_term = excluded.utm_term,
    utm_content = excluded.utm_content,
    campaign_id = excluded.campaign_id,
    gad_campaignid = excluded.gad_campaignid,
    campaign_name = excluded.campaign_name,
    adgroup_id = excluded.adgroup_id,
    gclid = excluded.gclid,
    gbraid = excluded.gbraid,
    wbraid = excluded.wbraid,
    fbclid = excluded.fbclid,
    ttclid = excluded.ttclid,
    msclkid = excluded.msclkid,
    twclid = excluded.twclid,
    li_fat_id = excluded.li_fat_id,
    ctwa_clid = excluded.ctwa_clid,
    kcid = excluded.kcid,
    kpv = excluded.kpv,
    parser_version = excluded.parser_version,
    parsed_at = excluded.parsed_at
where held.parser_version < excluded.parser_version

-- name: clear_parsed_landings
-- Make room for the next chunk.
truncate parsed_landings

-- name: list_unread_identifiers
-- Identifiers of one tenant that the vault lacks, or holds by older rules of a platform, once each: the region that a
-- value came with first is the one it is read by. All platforms of a value are written together, so one tells for all.
with

missing as (
    select staged.kind, staged.raw_value, staged.region, staged.received_at, false as is_held
    from staging.stg_identifiers__values as staged
    where
        staged.tenant_id = :tenant_id
        and not exists (
            select 1
            from vault.identifiers as held
            where
                held.tenant_id = staged.tenant_id
                and held.kind = staged.kind
                and held.raw_value = staged.raw_value
                and held.platform = 'google'
        )
),

outdated as (
    select staged.kind, staged.raw_value, staged.region, staged.received_at, true as is_held
    from vault.identifiers as held
    inner join staging.stg_identifiers__values as staged
        on
            staged.tenant_id = held.tenant_id
            and staged.kind = held.kind
            and staged.raw_value = held.raw_value
    where
        held.tenant_id = :tenant_id
        and held.rules_version < case held.platform
            when 'google' then cast(:google as integer)
            when 'meta' then cast(:meta as integer)
            else cast(:tiktok as integer)
        end
)

select distinct on (unread.kind, unread.raw_value)
    unread.kind,
    unread.raw_value,
    unread.region,
    unread.is_held
from (select * from missing union all select * from outdated) as unread
order by unread.kind, unread.raw_value, unread.received_at

-- name: create_read_identifiers
-- Where a chunk is copied to: COPY is refused under row-level security.
create temp table read_identifiers (like vault.identifiers) on commit drop

-- name: keep_read_identifiers
-- Keep a chunk, one row per platform; newer rules replace older ones, never the other way round. A row that they leave as
-- it was keeps its time too: by it checks know what is new.
insert into vault.identifiers as held (
    tenant_id, kind, raw_value, platform,
    normalized, sha256, rules_version, token, reason, is_prehashed, seen_at
)
select
    tenant_id, kind, raw_value, platform,
    normalized, sha256, rules_version, token, reason, is_prehashed, seen_at
from read_identifiers
on conflict (tenant_id, kind, raw_value, platform) do update set
    normalized = excluded.normalized,
    sha256 = excluded.sha256,
    rules_version = excluded.rules_version,
    token = excluded.token,
    reason = excluded.reason,
    is_prehashed = excluded.is_prehashed,
    seen_at = case
        when
            (held.normalized, held.sha256, held.token, held.reason, held.is_prehashed)
            is not distinct from
            (excluded.normalized, excluded.sha256, excluded.token, excluded.reason, excluded.is_prehashed)
            then held.seen_at
        else excluded.seen_at
    end
where held.rules_version < excluded.rules_version

-- name: clear_read_identifiers
-- Make room for the next chunk.
truncate read_identifiers
