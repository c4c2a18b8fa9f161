{#
    Grain: one row per word about consent and party whose word it is.
    Reads: fct_consents, fct_leads, int_conversions__matched, int_people__linked, int_identifiers__resolved.
    Feeds: fct_conversions, `leadloop consent prove`.

    A party is a person; a conversion, where nobody knows whose it is; or the token of a hashed address, because a
    conversion that carries the address must not leave with it, whoever the person is.

    Why linked_at is kept: a word that was known may become a person's word only later, when an address and a number
    are seen together. A proof must know since when; for the same reason the table is never refreshed.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['tenant_id', 'consent_id'],
        full_refresh=false,
        indexes=[
            {'columns': ['tenant_id', 'consent_id', 'party_id'], 'unique': true},
            {'columns': ['tenant_id', 'party_id']},
            {'columns': ['built_at']},
        ],
    )
}}

with

all_words as not materialized (

    select * from {{ ref('fct_consents') }}

),

leads as not materialized (

    select * from {{ ref('fct_leads') }}

),

conversions as not materialized (

    select * from {{ ref('int_conversions__matched') }}

),

resolved as not materialized (

    select * from {{ ref('int_identifiers__resolved') }}

),

links as not materialized (

    select * from {{ ref('int_people__linked') }}

),

-- A token, and what it is known as elsewhere.
tokens as (

    select
        words.tenant_id,
        words.consent_id,
        words.subject_kind as kind,
        words.subject_id as token,
        coalesce(resolved.resolved_token, words.subject_id) as resolved_token,
        links.phone_token,
        greatest(resolved.resolved_at, links.linked_at) as linked_at
    from all_words as words
    left join resolved
        on
            words.tenant_id = resolved.tenant_id
            and words.subject_kind = resolved.kind
            and words.subject_id = resolved.token
    left join links
        on
            words.tenant_id = links.tenant_id
            and words.subject_kind = 'email'
            and coalesce(resolved.resolved_token, words.subject_id) = links.email_token
    where words.subject_kind in ('email', 'phone')

),

{% if is_incremental() %}

-- Words that are new, and those whose subject was written since: it may be another person's now.
changed as (

    select
        words.tenant_id,
        words.consent_id
    from all_words as words
    where words.built_at > {{ last_written('built_at') }}

    union

    select
        words.tenant_id,
        words.consent_id
    from leads
    inner join all_words as words
        on
            leads.tenant_id = words.tenant_id
            and words.subject_kind = 'lead'
            and words.subject_id in (leads.lead_id, leads.external_id)
    where leads.built_at > {{ last_written('built_at') }}

    union

    select
        words.tenant_id,
        words.consent_id
    from conversions
    inner join all_words as words
        on
            conversions.tenant_id = words.tenant_id
            and words.subject_kind = 'conversion'
            and conversions.conversion_id = words.subject_id
    where conversions.built_at > {{ last_written('built_at') }}

    union

    select
        words.tenant_id,
        words.consent_id
    from conversions
    inner join all_words as words
        on
            conversions.tenant_id = words.tenant_id
            and words.subject_kind = 'crm_record'
            and conversions.crm_record_id = words.subject_id
    where conversions.built_at > {{ last_written('built_at') }}

    union

    select
        tokens.tenant_id,
        tokens.consent_id
    from tokens
    where tokens.linked_at > {{ last_written('built_at') }}

),

words as (

    select all_words.*
    from all_words
    inner join changed
        on
            all_words.tenant_id = changed.tenant_id
            and all_words.consent_id = changed.consent_id

),

{% else %}

words as (

    select * from all_words

),

{% endif %}

parties as (

    select
        words.tenant_id,
        words.consent_id,
        leads.person_id as party_id
    from words
    inner join leads
        on
            words.tenant_id = leads.tenant_id
            and words.subject_id = leads.lead_id
    where words.subject_kind = 'lead'

    union

    -- The sender's own id of the lead.
    select
        words.tenant_id,
        words.consent_id,
        leads.person_id as party_id
    from words
    inner join leads
        on
            words.tenant_id = leads.tenant_id
            and words.subject_id = leads.external_id
    where words.subject_kind = 'lead'

    union

    select
        words.tenant_id,
        words.consent_id,
        party.id as party_id
    from words
    inner join conversions
        on
            words.tenant_id = conversions.tenant_id
            and words.subject_id = conversions.conversion_id
    cross join {{ parties_of('conversions') }}
    where words.subject_kind = 'conversion'

    union

    select
        words.tenant_id,
        words.consent_id,
        party.id as party_id
    from words
    inner join conversions
        on
            words.tenant_id = conversions.tenant_id
            and words.subject_id = conversions.crm_record_id
    cross join {{ parties_of('conversions') }}
    where words.subject_kind = 'crm_record'

    union

    select
        words.tenant_id,
        words.consent_id,
        words.subject_id as party_id
    from words
    where words.subject_kind = 'person'

    union

    select
        words.tenant_id,
        words.consent_id,
        party.id as party_id
    from words
    inner join tokens
        on
            words.tenant_id = tokens.tenant_id
            and words.consent_id = tokens.consent_id
    cross join
        lateral (
            values
            (tokens.token),
            (tokens.resolved_token),
            (
                {{ person_of(
                    'tokens.tenant_id',
                    "case when tokens.kind = 'phone' then tokens.resolved_token else tokens.phone_token end",
                    'tokens.resolved_token'
                ) }}
            )
        ) as party (id)

)

select
    words.tenant_id,
    words.consent_id,
    parties.party_id,
    words.status,
    words.changed_at,
    words.received_at,
    words.known_at,
    {% if is_incremental() -%}
    coalesce(known.linked_at, now()) as linked_at,
    {%- else -%}
    words.known_at as linked_at,
    {%- endif %}
    now() as built_at
from words
inner join parties
    on
        words.tenant_id = parties.tenant_id
        and words.consent_id = parties.consent_id
{% if is_incremental() %}
left join {{ this }} as known
    on
        parties.tenant_id = known.tenant_id
        and parties.consent_id = known.consent_id
        and parties.party_id = known.party_id
{% endif %}
where parties.party_id is not null
