{#
    Grain: one row per e-mail that was seen together with a phone.
    Reads: int_touches__identified, int_conversions__identified, int_identifiers__resolved.
    Feeds: fct_touches, int_conversions__matched.

    Why: a phone names a person before an e-mail does, so an e-mail seen with a phone takes that phone's person; the
    first one seen, where there were several. What has neither is a person of its own (macro person_of).
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['tenant_id', 'email_token'],
        indexes=[
            {'columns': ['tenant_id', 'email_token'], 'unique': true},
            {'columns': ['linked_at']},
        ],
    )
}}

with

records as (

    select
        tenant_id,
        touch_id as record_id,
        received_at,
        phone_token,
        email_token,
        identified_at
    from {{ ref('int_touches__identified') }}
    where phone_token is not null and email_token is not null

    union all

    select
        tenant_id,
        conversion_id as record_id,
        received_at,
        phone_token,
        email_token,
        identified_at
    from {{ ref('int_conversions__identified') }}
    where phone_token is not null and email_token is not null

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

pairs as (

    select
        records.tenant_id,
        coalesce(emails.resolved_token, records.email_token) as email_token,
        coalesce(phones.resolved_token, records.phone_token) as phone_token,
        records.received_at,
        records.record_id
    from records
    left join resolved as emails
        on
            records.tenant_id = emails.tenant_id
            and records.email_token = emails.token
            and emails.kind = 'email'
    left join resolved as phones
        on
            records.tenant_id = phones.tenant_id
            and records.phone_token = phones.token
            and phones.kind = 'phone'
    {% if is_incremental() %}
    where greatest(records.identified_at, emails.resolved_at, phones.resolved_at) > {{ last_written('linked_at') }}
    {% endif %}

),

links as (

    select distinct on (tenant_id, email_token)
        tenant_id,
        email_token,
        phone_token,
        received_at,
        record_id
    from pairs
    order by tenant_id, email_token, received_at, record_id

)

select
    links.*,
    now() as linked_at
from links
{% if is_incremental() %}
where not exists (
        select 1
        from {{ this }} as known
        where
            known.tenant_id = links.tenant_id
            and known.email_token = links.email_token
            and (
                (known.received_at, known.record_id) < (links.received_at, links.record_id)
                or (known.phone_token, known.record_id) = (links.phone_token, links.record_id)
            )
    )
{% endif %}
