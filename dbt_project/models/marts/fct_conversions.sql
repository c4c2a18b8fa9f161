{#
    Grain: one row per conversion, from the CRM or a file.
    Reads: int_conversions__matched. Feeds: fct_attribution, delivery_plan, the panel.

    Why here: a CRM takes an outcome back with a later event of the same record and kind, marked as reversed. Both
    events stay rows, so that counts still agree, and both are reversed.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['tenant_id', 'conversion_id'],
        indexes=[
            {'columns': ['tenant_id', 'conversion_id'], 'unique': true},
            {'columns': ['tenant_id', 'converted_at']},
            {'columns': ['tenant_id', 'lead_id']},
            {'columns': ['tenant_id', 'person_id']},
            {'columns': ['tenant_id', 'crm_record_id']},
            {'columns': ['built_at']},
        ],
    )
}}

with

matched as (

    select * from {{ ref('int_conversions__matched') }}

),

{% if is_incremental() %}

news as (

    select
        matched.tenant_id,
        matched.conversion_id,
        matched.crm_record_id
    from matched
    where
        matched.built_at > {{ last_written('built_at') }}

),

-- What one event of a record takes back is another event of it, so a record's events are read together.
changed as (

    select
        tenant_id,
        conversion_id
    from news

    union

    select
        matched.tenant_id,
        matched.conversion_id
    from news
    inner join matched
        on
            news.tenant_id = matched.tenant_id
            and news.crm_record_id = matched.crm_record_id

),

conversions as (

    select matched.*
    from matched
    inner join changed
        on
            matched.tenant_id = changed.tenant_id
            and matched.conversion_id = changed.conversion_id

),

{% else %}

conversions as (

    select * from matched

),

{% endif %}

reversals as (

    select
        tenant_id,
        crm_record_id,
        kind,
        max(converted_at) as reversed_at
    from conversions
    where is_reversed
    group by tenant_id, crm_record_id, kind

)

select
    conversions.tenant_id,
    conversions.conversion_id,
    conversions.kind,
    conversions.converted_at,
    conversions.received_at,
    conversions.source,
    conversions.crm_record_id,
    conversions.event_id,
    conversions.value,
    conversions.currency,
    conversions.lead_id,
    conversions.matched_by,
    conversions.person_id,
    {%- for id in platform_ids() %}
    conversions.{{ id }},
    {%- endfor %}
    conversions.region,
    conversions.consent,
    conversions.is_reversed or coalesce(reversals.reversed_at >= conversions.converted_at, false) as is_reversed,
    now() as built_at
from conversions
left join reversals
    on
        conversions.tenant_id = reversals.tenant_id
        and conversions.crm_record_id = reversals.crm_record_id
        and conversions.kind = reversals.kind
