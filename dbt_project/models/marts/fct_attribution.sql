{#
    Grain: one row per conversion, model and touch with credit.
    Reads: fct_conversions, fct_touches. Feeds: the panel, analysts.

    Why here: touches that arrive late must stay visible in fct_touches, so the cut-off belongs to this join. Messages
    in a running chat are touches too, but no contact with a campaign: they earn nothing. A conversion that no touch
    led to has one row with an empty touch, so that credit still sums to one.

    Why deleted and inserted: credit moves from one touch to another, and the former one's row must go.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['tenant_id', 'conversion_id'],
        indexes=[
            {'columns': ['tenant_id', 'conversion_id', 'model', 'touch_id'], 'unique': true},
            {'columns': ['built_at']},
        ],
    )
}}

with

all_conversions as not materialized (

    select * from {{ ref('fct_conversions') }}

),

touches as not materialized (

    select *
    from {{ ref('fct_touches') }}
    where has_campaign or is_first_contact

),

{% if is_incremental() %}

changed as (

    select
        all_conversions.tenant_id,
        all_conversions.conversion_id
    from all_conversions
    where
        all_conversions.built_at > {{ last_written('built_at') }}

    union

    select
        all_conversions.tenant_id,
        all_conversions.conversion_id
    from {{ ref('fct_touches') }} as written_touches
    inner join all_conversions
        on
            written_touches.tenant_id = all_conversions.tenant_id
            and written_touches.person_id = all_conversions.person_id
    inner join {{ this }} as known
        on
            all_conversions.tenant_id = known.tenant_id
            and all_conversions.conversion_id = known.conversion_id
    where
        written_touches.built_at > {{ last_written('built_at') }}
        and written_touches.built_at > known.built_at

    union

    -- Credit that went to a touch which has since become another person's.
    select
        known.tenant_id,
        known.conversion_id
    from {{ this }} as known
    inner join {{ ref('fct_touches') }} as written_touches
        on
            known.tenant_id = written_touches.tenant_id
            and known.touch_id = written_touches.touch_id
    where
        written_touches.built_at > {{ last_written('built_at') }}
        and written_touches.built_at > known.built_at

),

conversions as (

    select all_conversions.*
    from all_conversions
    inner join changed
        on
            all_conversions.tenant_id = changed.tenant_id
            and all_conversions.conversion_id = changed.conversion_id

),

{% else %}

conversions as (

    select * from all_conversions

),

{% endif %}

credited as (

    {%- for model, direction in [('first', 'asc'), ('last', 'desc')] %}

    select
        conversions.tenant_id,
        conversions.conversion_id,
        '{{ model }}' as model,
        coalesce(touch.touch_id, '') as touch_id,
        touch.platform,
        touch.utm_source,
        touch.campaign_id,
        touch.campaign_name,
        touch.adgroup_id,
        1::numeric(12, 9) as credit,
        conversions.value,
        conversions.currency
    from conversions
    left join
        lateral (
            select touches.*
            from touches
            where
                touches.tenant_id = conversions.tenant_id
                and touches.person_id = conversions.person_id
                and touches.touched_at <= conversions.converted_at
                and touches.touched_at
                >= conversions.converted_at - make_interval(days => {{ var('attribution_days') | int }})
            order by
                touches.touched_at {{ direction }},
                touches.received_at {{ direction }},
                touches.touch_id {{ direction }}
            limit 1
        ) as touch
        on true
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

)

select
    *,
    now() as built_at
from credited
