{#
    Grain: one row per version of a campaign or ad group, as the ad platform listed it.
    Reads: raw.records. Feeds: int_campaigns__resolved.

    Why every version: a rename must leave the old name's time behind.
#}
{{
    config(
        unique_key=['tenant_id', 'platform', 'level', 'external_id', 'version'],
        indexes=[
            {'columns': ['tenant_id', 'platform', 'level', 'external_id', 'version'], 'unique': true},
            {'columns': ['received_at']},
        ],
    )
}}

with

records as (

    select
        records.*,
        case records.system
            when 'google_ads' then 'google'
            when 'meta_ads' then 'meta'
            when 'tiktok_ads' then 'tiktok'
        end as platform
    from {{ source('raw', 'records') }} as records
    where
        records.system in ('google_ads', 'meta_ads', 'tiktok_ads')
        and records.object in ('campaign', 'adgroup')

),

new_records as (

    select records.*
    from records
    {% if is_incremental() %}
    where
        records.seen_at >= {{ window_start() }}
        and not exists (
            select 1
            from {{ this }} as known
            where
                known.tenant_id = records.tenant_id
                and known.platform = records.platform
                and known.level = records.object
                and known.external_id = records.record_id
                and known.version = records.version
        )
    {% endif %}

),

typed as (

    select
        -- keys
        tenant_id,
        platform,
        object as level,
        record_id as external_id,
        version,

        -- what it is
        {{ limited(json_text('payload', ['name'])) }} as name,
        {{ limited(json_text('payload', ['status']), 128) }} as status,
        {{ limited(json_text('payload', ['campaign_id']), 128) }} as campaign_id,
        deleted as is_deleted,

        -- times
        seen_at as received_at
    from new_records

)

select * from typed
