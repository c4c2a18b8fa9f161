{#
    Grain: one row per distinct landing URL or message text that may hold one.
    Reads: the staging models with landings. Feeds: the landing asset (vault.landings).
#}
{{
    config(
        unique_key=['tenant_id', 'landing_key'],
        indexes=[
            {'columns': ['tenant_id', 'landing_key'], 'unique': true},
            {'columns': ['staged_at']},
        ],
    )
}}

with

landings as (

    select
        tenant_id,
        landing_key,
        'url' as kind,
        landing_url as raw_value,
        received_at,
        staged_at
    from {{ ref('stg_forms__submissions') }}
    where landing_key is not null

    union all

    select
        tenant_id,
        landing_key,
        'url' as kind,
        landing_url as raw_value,
        received_at,
        staged_at
    from {{ ref('stg_csv__leads') }}
    where landing_key is not null

    union all

    select
        tenant_id,
        landing_key,
        'text' as kind,
        message_text as raw_value,
        received_at,
        staged_at
    from {{ ref('stg_whatsapp__messages') }}
    where landing_key is not null

),

new_landings as (

    select distinct on (landings.tenant_id, landings.landing_key)
        landings.tenant_id,
        landings.landing_key,
        landings.kind,
        landings.raw_value,
        landings.received_at,
        landings.staged_at
    from landings
    {% if is_incremental() %}
    where
        landings.staged_at > {{ last_written('staged_at') }}
        and not exists (
            select 1
            from {{ this }} as known
            where
                known.tenant_id = landings.tenant_id
                and known.landing_key = landings.landing_key
        )
    {% endif %}
    order by landings.tenant_id, landings.landing_key, landings.received_at, landings.kind

)

select * from new_landings
