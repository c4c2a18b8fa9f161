{#
    Grain: one row per conversion, kind and token: its own identifiers and its lead's.
    Reads: int_conversions__matched, fct_touches, the staging models with persons, vault.identifiers.
    Feeds: delivery_plan; the senders take the hashes from the vault by token.

    Why deleted first: a conversion that was matched to another lead must not keep the former one's identifiers.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'conversion_id', 'kind', 'token'], 'unique': true},
            {'columns': ['tenant_id', 'token']},
            {'columns': ['built_at']},
        ],
        pre_hook="{{ forget_changed_conversions() }}",
    )
}}

{%- set kinds = ['email', 'phone', 'first_name', 'last_name', 'city', 'zip', 'country'] %}

with

conversions as (

    select
        matched.tenant_id,
        matched.conversion_id,
        matched.lead_id,
        matched.built_at
    from {{ ref('int_conversions__matched') }} as matched
    {% if is_incremental() %}
    where
        matched.built_at > {{ last_written('built_at') }}
    {% endif %}

),

touches as (

    select
        conversions.tenant_id,
        conversions.conversion_id,
        touches.touch_id
    from conversions
    inner join {{ ref('fct_touches') }} as touches
        on
            conversions.tenant_id = touches.tenant_id
            and conversions.lead_id = touches.lead_id

),

persons as (

    {%- for model in ['stg_crm__conversions', 'stg_csv__deals'] %}

    select
        conversions.tenant_id,
        conversions.conversion_id,
        {%- for kind in kinds %}
        persons.{{ kind }},
        {%- endfor %}
    {%- for kind in ['email_sha256', 'phone_sha256'] %}
    {{ 'persons.' ~ kind if model == 'stg_crm__conversions' else 'null' }} as {{ kind }}{{ ',' if not loop.last }}
    {%- endfor %}
    from conversions
    inner join {{ ref(model) }} as persons
        on
            conversions.tenant_id = persons.tenant_id
            and conversions.conversion_id = persons.conversion_id

    union all
    {%- endfor %}
    {%- for model in ['stg_forms__submissions', 'stg_csv__leads', 'stg_whatsapp__messages'] %}

    select
        touches.tenant_id,
        touches.conversion_id,
        {%- for kind in kinds %}
        {{ 'persons.' ~ kind if kind == 'phone' or model != 'stg_whatsapp__messages' else 'null' }} as {{ kind }},
        {%- endfor %}
        null as email_sha256,
        null as phone_sha256
    from touches
    inner join {{ ref(model) }} as persons
        on
            touches.tenant_id = persons.tenant_id
            and touches.touch_id = persons.touch_id
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

raw_values as (

    select distinct
        persons.tenant_id,
        persons.conversion_id,
        value.kind,
        value.raw_value
    from persons
    cross join
        lateral (
            values
            {%- for kind in kinds %}
            ('{{ kind }}', persons.{{ kind }}),
            {%- endfor %}
            ('email', persons.email_sha256),
            ('phone', persons.phone_sha256)
        ) as value (kind, raw_value)
    where value.raw_value is not null

),

tokens as (

    select distinct
        raw_values.tenant_id,
        raw_values.conversion_id,
        raw_values.kind,
        vault.token
    from raw_values
    cross join
        lateral (
            select max(identifiers.token) as token
            from {{ source('vault', 'identifiers') }} as identifiers
            where
                identifiers.tenant_id = raw_values.tenant_id
                and identifiers.kind = raw_values.kind
                and identifiers.raw_value = raw_values.raw_value
        ) as vault
    where vault.token is not null

)

select
    tokens.tenant_id,
    tokens.conversion_id,
    tokens.kind,
    tokens.token,
    conversions.built_at
from tokens
inner join conversions
    on
        tokens.tenant_id = conversions.tenant_id
        and tokens.conversion_id = conversions.conversion_id
