{#
    Grain: one row per touch and kind of click or lead id that it carries.
    Reads: fct_touches. Feeds: int_conversions__matched, delivery_plan.

    Why a table: such an id is looked up for each conversion, and one index serves all kinds.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['tenant_id', 'touch_id'],
        indexes=[
            {'columns': ['tenant_id', 'kind', 'value', 'touch_id'], 'unique': true},
            {'columns': ['tenant_id', 'touch_id']},
            {'columns': ['tenant_id', 'lead_id']},
            {'columns': ['built_at']},
        ],
    )
}}

with

touches as (

    select * from {{ ref('fct_touches') }}

)

select
    touches.tenant_id,
    touches.touch_id,
    click.kind,
    click.value,
    touches.lead_id,
    touches.touched_at,
    touches.built_at
from touches
cross join
    lateral (
        values
        {%- for id in platform_ids() %}
        ('{{ id }}', touches.{{ id }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as click (kind, value)
where
    click.value is not null
    {% if is_incremental() %}
    and touches.built_at > {{ last_written('built_at') }}
    {% endif %}
