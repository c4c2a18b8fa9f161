{#
    Grain: one row per conversion, with the lead and the person that it belongs to.
    Reads: int_conversions__identified, int_touches__clicked, fct_leads, int_people__linked, int_identifiers__resolved.
    Feeds: fct_conversions, int_conversions__identifiers.

    Why in this order: a click id or a platform's lead id names one visit, the lead's own id one lead, an identifier only a person. Of several
    leads the latest one before the conversion, else the earliest.

    Why changed: a conversion is matched again when it is new, when a lead or touch that shares its click, id or person
    was written since, or when its own person became another. The rest is not read again.

    Why lateral: each conversion looks its few candidates up by index. As joins between large intermediate results,
    without statistics, the same took minutes.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['tenant_id', 'conversion_id'],
        indexes=[
            {'columns': ['tenant_id', 'conversion_id'], 'unique': true},
            {'columns': ['tenant_id', 'person_id']},
            {'columns': ['tenant_id', 'own_person_id']},
            {'columns': ['tenant_id', 'crm_record_id']},
            {'columns': ['built_at']},
        ],
    )
}}

with

all_conversions as not materialized (

    select * from {{ ref('int_conversions__identified') }}

),

clicks as not materialized (

    select * from {{ ref('int_touches__clicked') }}

),

leads as not materialized (

    select * from {{ ref('fct_leads') }}

),

resolved as not materialized (

    select * from {{ ref('int_identifiers__resolved') }}

),

links as not materialized (

    select * from {{ ref('int_people__linked') }}

),

{% if is_incremental() %}

written_leads as not materialized (

    select *
    from leads
    where built_at > {{ last_written('built_at') }}

),

{{ written_tokens() }},

changed as (

    select
        all_conversions.tenant_id,
        all_conversions.conversion_id
    from all_conversions
    where
        all_conversions.identified_at > {{ last_written('identified_at') }}

    union

    select
        known.tenant_id,
        known.conversion_id
    from written_leads
    inner join {{ this }} as known
        on
            written_leads.tenant_id = known.tenant_id
            and written_leads.lead_id = known.lead_id
    where written_leads.built_at > known.built_at

    union

    select
        known.tenant_id,
        known.conversion_id
    from written_leads
    inner join {{ this }} as known
        on
            written_leads.tenant_id = known.tenant_id
            and written_leads.person_id = known.own_person_id
    where written_leads.built_at > known.built_at

    union

    select
        known.tenant_id,
        known.conversion_id
    from written_leads
    inner join {{ this }} as known
        on
            written_leads.tenant_id = known.tenant_id
            and written_leads.external_id = known.named_lead
    where written_leads.built_at > known.built_at

    union

    select
        known.tenant_id,
        known.conversion_id
    from {{ this }} as known
    cross join
        lateral (
            values
            {%- for id in platform_ids() %}
            ('{{ id }}', known.{{ id }}){{ ',' if not loop.last }}
            {%- endfor %}
        ) as click (kind, value)
    inner join clicks
        on
            known.tenant_id = clicks.tenant_id
            and click.kind = clicks.kind
            and click.value = clicks.value
    where
        clicks.built_at > {{ last_written('built_at') }}
        and clicks.built_at > known.built_at

    union

    select
        all_conversions.tenant_id,
        all_conversions.conversion_id
    from written_tokens
    inner join all_conversions
        on
            written_tokens.tenant_id = all_conversions.tenant_id
            and written_tokens.token = all_conversions.email_token

    union

    select
        all_conversions.tenant_id,
        all_conversions.conversion_id
    from written_tokens
    inner join all_conversions
        on
            written_tokens.tenant_id = all_conversions.tenant_id
            and written_tokens.token = all_conversions.phone_token

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

tokens as (

    select
        conversions.*,
        coalesce(phones.resolved_token, conversions.phone_token, links.phone_token) as person_phone,
        coalesce(emails.resolved_token, conversions.email_token) as person_email
    from conversions
    left join resolved as phones
        on
            conversions.tenant_id = phones.tenant_id
            and conversions.phone_token = phones.token
            and phones.kind = 'phone'
    left join resolved as emails
        on
            conversions.tenant_id = emails.tenant_id
            and conversions.email_token = emails.token
            and emails.kind = 'email'
    left join links
        on
            conversions.tenant_id = links.tenant_id
            and coalesce(emails.resolved_token, conversions.email_token) = links.email_token

),

persons as (

    select
        *,
        coalesce(lead_external_id, crm_record_id) as named_lead,
        {{ person_of('tenant_id', 'person_phone', 'person_email') }} as own_person_id
    from tokens

)

select
    persons.tenant_id,
    persons.conversion_id,
    persons.source,
    persons.kind,
    persons.converted_at,
    persons.received_at,
    persons.event_id,
    persons.crm_record_id,
    persons.value,
    persons.currency,
    persons.is_reversed,
    {%- for id in platform_ids() %}
    persons.{{ id }},
    {%- endfor %}
    best.lead_id,
    best.matched_by,
    coalesce(best.person_id, persons.own_person_id) as person_id,
    coalesce(persons.region, best.region) as region,
    persons.own_person_id,
    persons.named_lead,
    persons.identified_at,
    now() as built_at
from persons
left join
    lateral (
        select
            found.lead_id,
            candidates.matched_by,
            found.person_id,
            found.region
        from (
            select
                clicks.lead_id,
                1 as precedence,
                case when click.kind like '%lead_id' then 'lead_id' else 'click' end as matched_by
            from (
                values
                {%- for id in platform_ids() %}
                ('{{ id }}', persons.{{ id }}){{ ',' if not loop.last }}
                {%- endfor %}
            ) as click (kind, value)
            inner join clicks
                on
                    click.kind = clicks.kind
                    and click.value = clicks.value
            where clicks.tenant_id = persons.tenant_id

            union all

            select
                leads.lead_id,
                2 as precedence,
                'lead_id' as matched_by
            from leads
            where
                leads.tenant_id = persons.tenant_id
                and leads.external_id = persons.named_lead

            union all

            select
                leads.lead_id,
                3 as precedence,
                'person' as matched_by
            from leads
            where
                leads.tenant_id = persons.tenant_id
                and leads.person_id = persons.own_person_id
        ) as candidates
        inner join leads as found on candidates.lead_id = found.lead_id
        where found.tenant_id = persons.tenant_id
        order by
            candidates.precedence asc,
            found.created_at > persons.converted_at asc,
            case when found.created_at <= persons.converted_at then found.created_at end desc,
            found.created_at asc,
            found.lead_id asc
        limit 1
    ) as best
    on true
