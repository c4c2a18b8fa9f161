{#
    Grain: one row per conversion, model and touch with credit.
    Reads: fct_conversions, fct_touches. Feeds: the panel, analysts.

    Why here: touches that arrive late must stay visible in fct_touches, so the cut-off belongs to this join. Messages
    in a running chat are touches too, but no contact with a campaign: they earn nothing. A conversion that no touch
    led to has one row with an empty touch, so that credit still sums to one.
#}
{{
    config(
        indexes=[
            {'columns': ['tenant_id', 'conversion_id', 'model', 'touch_id'], 'unique': true},
        ],
    )
}}

with

conversions as (

    select * from {{ ref('fct_conversions') }}

),

touches as (

    select *
    from {{ ref('fct_touches') }}
    where has_campaign or is_first_contact

),

ranked as (

    select
        conversions.tenant_id,
        conversions.conversion_id,
        touches.touch_id,
        row_number() over (
            partition by conversions.tenant_id, conversions.conversion_id
            order by touches.touched_at, touches.received_at, touches.touch_id
        ) as from_first,
        row_number() over (
            partition by conversions.tenant_id, conversions.conversion_id
            order by touches.touched_at desc, touches.received_at desc, touches.touch_id desc
        ) as from_last
    from conversions
    inner join touches
        on
            conversions.tenant_id = touches.tenant_id
            and conversions.person_id = touches.person_id
            and conversions.converted_at >= touches.touched_at
            and conversions.converted_at - make_interval(days => {{ var('attribution_days') | int }})
            <= touches.touched_at

),

winners as (

    select
        tenant_id,
        conversion_id,
        'first' as model,
        touch_id
    from ranked
    where from_first = 1

    union all

    select
        tenant_id,
        conversion_id,
        'last' as model,
        touch_id
    from ranked
    where from_last = 1

),

models (model) as (

    values ('first'), ('last')

)

select
    conversions.tenant_id,
    conversions.conversion_id,
    models.model,
    coalesce(winners.touch_id, '') as touch_id,
    touches.platform,
    touches.utm_source,
    touches.campaign_id,
    touches.campaign_name,
    touches.adgroup_id,
    1::numeric(12, 9) as credit,
    conversions.value,
    conversions.currency
from conversions
cross join models
left join winners
    on
        conversions.tenant_id = winners.tenant_id
        and conversions.conversion_id = winners.conversion_id
        and models.model = winners.model
left join touches
    on
        winners.tenant_id = touches.tenant_id
        and winners.touch_id = touches.touch_id
