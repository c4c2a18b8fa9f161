{#
    Grain: one row per campaign or ad group that has a name now.
    Reads: int_campaigns__resolved. Feeds: fct_touches, the panel.
#}

with

spans as (

    select * from {{ ref('int_campaigns__resolved') }}

)

select
    tenant_id,
    platform,
    level,
    external_id,
    name,
    origin,
    campaign_id,
    valid_from
from spans
where is_current
