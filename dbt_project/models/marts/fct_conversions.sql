{#
    Grain: one row per conversion, from the CRM or a file.
    Reads: int_conversions__matched, int_conversions__identifiers, int_consents__resolved.
    Feeds: fct_attribution, delivery_plan, the panel.

    Why here: a CRM takes an outcome back with a later event of the same record and kind, marked as reversed. Both
    events stay rows, so that counts still agree, and both are reversed.

    Why the latest word of all: consent is a person's, not a form's. A no on one form counts against a yes on another
    that was given earlier, and of two words at one moment the no counts.
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

identifiers as not materialized (

    select *
    from {{ ref('int_conversions__identifiers') }}
    where kind in ('email', 'phone')

),

words as not materialized (

    select * from {{ ref('int_consents__resolved') }}

),

{% if is_incremental() %}

new_words as materialized (

    select distinct
        tenant_id,
        party_id
    from words
    where built_at > {{ last_written('built_at') }}

),

news as (

    select
        matched.tenant_id,
        matched.conversion_id,
        matched.crm_record_id
    from matched
    where
        matched.built_at > {{ last_written('built_at') }}

    union
    {%- for column in ['conversion_id', 'person_id', 'own_person_id'] %}

    select
        matched.tenant_id,
        matched.conversion_id,
        matched.crm_record_id
    from new_words
    inner join matched
        on
            new_words.tenant_id = matched.tenant_id
            and new_words.party_id = matched.{{ column }}

    union
    {%- endfor %}

    select
        matched.tenant_id,
        matched.conversion_id,
        matched.crm_record_id
    from new_words
    inner join identifiers
        on
            new_words.tenant_id = identifiers.tenant_id
            and new_words.party_id = identifiers.token
    inner join matched
        on
            identifiers.tenant_id = matched.tenant_id
            and identifiers.conversion_id = matched.conversion_id

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

),

parties as (

    select
        conversions.tenant_id,
        conversions.conversion_id,
        party.id as party_id
    from conversions
    cross join {{ parties_of('conversions') }}
    where party.id is not null

    union

    select
        conversions.tenant_id,
        conversions.conversion_id,
        identifiers.token as party_id
    from conversions
    inner join identifiers
        on
            conversions.tenant_id = identifiers.tenant_id
            and conversions.conversion_id = identifiers.conversion_id

),

latest_words as (

    select distinct on (parties.tenant_id, parties.conversion_id)
        parties.tenant_id,
        parties.conversion_id,
        words.status,
        words.changed_at
    from parties
    inner join words
        on
            parties.tenant_id = words.tenant_id
            and parties.party_id = words.party_id
    order by parties.tenant_id asc, parties.conversion_id asc, words.changed_at desc, words.status asc

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
    latest_words.status as consent,
    latest_words.changed_at as consent_at,
    conversions.is_reversed or coalesce(reversals.reversed_at >= conversions.converted_at, false) as is_reversed,
    now() as built_at
from conversions
left join reversals
    on
        conversions.tenant_id = reversals.tenant_id
        and conversions.crm_record_id = reversals.crm_record_id
        and conversions.kind = reversals.kind
left join latest_words
    on
        conversions.tenant_id = latest_words.tenant_id
        and conversions.conversion_id = latest_words.conversion_id
