{#
    Grain: one row per conversion, with the lead and the person that it belongs to.
    Reads: int_conversions__identified, fct_touches, fct_leads, int_people__linked, int_identifiers__resolved.
    Feeds: fct_conversions, int_conversions__identifiers.

    Why in this order: a click id names one visit, the lead's own id one lead, an identifier only a person. Of several
    leads the latest one before the conversion, else the earliest.
#}

with

conversions as (

    select * from {{ ref('int_conversions__identified') }}

),

touches as (

    select * from {{ ref('fct_touches') }}

),

leads as (

    select * from {{ ref('fct_leads') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

links as (

    select * from {{ ref('int_people__linked') }}

),

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
        {{ person_of('tenant_id', 'person_phone', 'person_email') }} as own_person_id
    from tokens

),

conversion_clicks as (

    select
        persons.tenant_id,
        persons.conversion_id,
        persons.converted_at,
        click.kind,
        click.value
    from persons
    cross join
        lateral (
            values
            {%- for click_id in click_ids() %}
            ('{{ click_id }}', persons.{{ click_id }}){{ ',' if not loop.last }}
            {%- endfor %}
        ) as click (kind, value)
    where click.value is not null

),

touch_clicks as (

    select
        touches.tenant_id,
        touches.lead_id,
        click.kind,
        click.value
    from touches
    cross join
        lateral (
            values
            {%- for click_id in click_ids() %}
            ('{{ click_id }}', touches.{{ click_id }}){{ ',' if not loop.last }}
            {%- endfor %}
        ) as click (kind, value)
    where click.value is not null

),

candidates as (

    select
        conversion_clicks.tenant_id,
        conversion_clicks.conversion_id,
        conversion_clicks.converted_at,
        touch_clicks.lead_id,
        1 as precedence,
        'click' as matched_by
    from conversion_clicks
    inner join touch_clicks
        on
            conversion_clicks.tenant_id = touch_clicks.tenant_id
            and conversion_clicks.kind = touch_clicks.kind
            and conversion_clicks.value = touch_clicks.value

    union all

    select
        persons.tenant_id,
        persons.conversion_id,
        persons.converted_at,
        leads.lead_id,
        2 as precedence,
        'lead_id' as matched_by
    from persons
    inner join leads
        on
            persons.tenant_id = leads.tenant_id
            and coalesce(persons.lead_external_id, persons.crm_record_id) = leads.external_id

    union all

    select
        persons.tenant_id,
        persons.conversion_id,
        persons.converted_at,
        leads.lead_id,
        3 as precedence,
        'person' as matched_by
    from persons
    inner join leads
        on
            persons.tenant_id = leads.tenant_id
            and persons.own_person_id = leads.person_id

),

matches as (

    select distinct on (candidates.tenant_id, candidates.conversion_id)
        candidates.tenant_id,
        candidates.conversion_id,
        candidates.lead_id,
        candidates.matched_by,
        leads.person_id,
        leads.consent
    from candidates
    inner join leads
        on
            candidates.tenant_id = leads.tenant_id
            and candidates.lead_id = leads.lead_id
    order by
        candidates.tenant_id asc,
        candidates.conversion_id asc,
        candidates.precedence asc,
        leads.created_at > candidates.converted_at asc,
        case when leads.created_at <= candidates.converted_at then leads.created_at end desc,
        leads.created_at asc,
        candidates.lead_id asc

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
    {%- for click_id in click_ids() %}
    persons.{{ click_id }},
    {%- endfor %}
    matches.lead_id,
    matches.matched_by,
    coalesce(matches.person_id, persons.own_person_id) as person_id,
    coalesce(persons.consent, matches.consent) as consent
from persons
left join matches
    on
        persons.tenant_id = matches.tenant_id
        and persons.conversion_id = matches.conversion_id
