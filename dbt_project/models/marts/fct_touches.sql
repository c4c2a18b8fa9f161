{#
    Grain: one row per touch: a form submission, a WhatsApp message, an imported lead.
    Reads: int_touches__identified, vault.landings, dim_campaigns, int_people__linked, int_identifiers__resolved.
    Feeds: fct_leads, int_conversions__matched, fct_attribution, wapim_daily.

    Why dirty: a touch is rebuilt when it is new, when its landing was parsed since, when its campaign's name or its
    person changed, or when it stopped being its lead's first. The rest is not read again.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['tenant_id', 'touch_id'],
        indexes=[
            {'columns': ['tenant_id', 'touch_id'], 'unique': true},
            {'columns': ['tenant_id', 'lead_id']},
            {'columns': ['tenant_id', 'person_id']},
            {'columns': ['tenant_id', 'touched_at']},
            {'columns': ['identified_at']},
            {'columns': ['built_at']},
        ],
    )
}}

with

touches as not materialized (

    select * from {{ ref('int_touches__identified') }}

),

landings as not materialized (

    select * from {{ source('vault', 'landings') }}

),

resolved as not materialized (

    select * from {{ ref('int_identifiers__resolved') }}

),

links as not materialized (

    select * from {{ ref('int_people__linked') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

-- A touch of no known platform takes a name only where one platform alone has that id.
campaign_names as (

    select
        tenant_id,
        platform,
        external_id,
        name
    from campaigns
    where level = 'campaign'

    union all

    select
        tenant_id,
        '' as platform,
        external_id,
        min(name) as name
    from campaigns
    where level = 'campaign'
    group by tenant_id, external_id
    having count(*) = 1

),

-- A WhatsApp referral names the ad; where the map knows that id as an ad group or a campaign, it is one.
referrals as (

    select distinct on (tenant_id, external_id)
        tenant_id,
        external_id as ref_id,
        case when level = 'adgroup' then campaign_id else external_id end as campaign_id,
        case when level = 'adgroup' then external_id end as adgroup_id
    from campaigns
    where platform = 'meta'
    order by tenant_id, external_id, level

),

{% if is_incremental() %}

{{ written_tokens() }},

dirty as (

    select
        tenant_id,
        touch_id
    from touches
    where identified_at > {{ last_written('identified_at') }}

    union

    select
        known.tenant_id,
        known.touch_id
    from {{ this }} as known
    inner join landings
        on
            known.tenant_id = landings.tenant_id
            and known.landing_key = landings.landing_key
    where
        coalesce(known.landing_version, 0) < (select max(newest.parser_version) from landings as newest)
        and known.landing_version is distinct from landings.parser_version

    union

    select
        known.tenant_id,
        known.touch_id
    from {{ this }} as known
    left join campaign_names
        on
            known.tenant_id = campaign_names.tenant_id
            and coalesce(known.platform, '') = campaign_names.platform
            and known.campaign_id = campaign_names.external_id
    where
        known.campaign_id is not null
        and not known.is_named_by_landing
        and campaign_names.name is distinct from
        case when known.campaign_name_from = 'campaign_map' then known.campaign_name end

    union

    select
        known.tenant_id,
        known.touch_id
    from {{ this }} as known
    inner join referrals
        on
            known.tenant_id = referrals.tenant_id
            and known.ref_id = referrals.ref_id
    where known.campaign_id is null and known.adgroup_id is null

    union

    select
        touches.tenant_id,
        touches.touch_id
    from written_tokens
    inner join touches
        on
            written_tokens.tenant_id = touches.tenant_id
            and written_tokens.token = touches.email_token
    where
        written_tokens.kind = 'email'
        and touches.phone_token is null

    union

    select
        touches.tenant_id,
        touches.touch_id
    from written_tokens
    inner join touches
        on
            written_tokens.tenant_id = touches.tenant_id
            and written_tokens.token = touches.phone_token
    where written_tokens.kind = 'phone'

),

-- A message that came late may take the place of its chat's first.
changed as (

    select
        tenant_id,
        touch_id
    from dirty

    union

    select
        known.tenant_id,
        known.touch_id
    from dirty
    inner join touches
        on
            dirty.tenant_id = touches.tenant_id
            and dirty.touch_id = touches.touch_id
    inner join {{ this }} as known
        on
            touches.tenant_id = known.tenant_id
            and touches.lead_id = known.lead_id
    where touches.source = 'whatsapp' and known.is_first_contact

),

{% else %}

changed as (

    select
        tenant_id,
        touch_id
    from touches

),

{% endif %}

-- `offset 0` here and below keeps each step a step: merged into one, the planner would write every expression out
-- again wherever it is used.
parsed as (

    select
        touches.tenant_id,
        touches.touch_id,
        touches.source,
        touches.lead_id,
        touches.external_id,
        touches.touched_at,
        touches.received_at,
        touches.landing_key,
        touches.phone_id,
        touches.ref_id,
        touches.meta_lead_id,
        touches.tiktok_lead_id,
        touches.region,
        touches.consent,
        touches.identified_at,
        landings.parser_version as landing_version,
        {{ limited('landings.gad_campaignid', 128) }} as gad_campaignid,
        {%- for name in landing_parameters() %}
        {%- if name == 'ctwa_clid' %}
        coalesce(
            touches.ctwa_clid, {{ limited('landings.ctwa_clid') }}, touches.given ->> 'ctwa_clid'
        ) as ctwa_clid,
        {%- elif name in ['utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'campaign_name'] %}
        coalesce({{ scrubbed('landings.' ~ name) }}, touches.given ->> '{{ name }}') as {{ name }},
        {%- else %}
        coalesce({{ scrubbed(limited('landings.' ~ name)) }}, touches.given ->> '{{ name }}') as {{ name }},
        {%- endif %}
        {%- endfor %}
        coalesce(phones.resolved_token, touches.phone_token, links.phone_token) as person_phone,
        coalesce(emails.resolved_token, touches.email_token) as person_email
    from changed
    inner join touches
        on
            changed.tenant_id = touches.tenant_id
            and changed.touch_id = touches.touch_id
    left join landings
        on
            touches.tenant_id = landings.tenant_id
            and touches.landing_key = landings.landing_key
    left join resolved as phones
        on
            touches.tenant_id = phones.tenant_id
            and touches.phone_token = phones.token
            and phones.kind = 'phone'
    left join resolved as emails
        on
            touches.tenant_id = emails.tenant_id
            and touches.email_token = emails.token
            and emails.kind = 'email'
    left join links
        on
            touches.tenant_id = links.tenant_id
            and coalesce(emails.resolved_token, touches.email_token) = links.email_token
    offset 0

),

sourced as (

    select
        *,
        utm_source as utm_source_received,
        {{ canonical_source('utm_source') }} as utm_source_canonical,
        coalesce(gclid, gbraid, wbraid) is not null as has_google_click
    from parsed
    offset 0

),

placed as (

    select
        *,
        {{ platform_of('utm_source_canonical', 'gad_campaignid') }} as platform,
        not has_google_click
        and gad_campaignid is null
        and (
            coalesce(fbclid, ttclid, twclid, li_fat_id) is not null
            or utm_source_canonical in (
                'facebook', 'instagram', 'messenger', 'whatsapp', 'tiktok', 'linkedin', 'twitter', 'snapchat',
                'pinterest'
            )
        ) as is_social
    from sourced
    offset 0

),

-- What the parameters mean: contract of the landing page, in the order in which they are believed.
meant as (

    select
        placed.*,
        coalesce(
            placed.campaign_id,
            placed.gad_campaignid,
            case when placed.has_google_click and {{ is_digits('placed.kcid') }} then placed.kcid end,
            case when placed.is_social and {{ is_digits('placed.utm_campaign') }} then placed.utm_campaign end,
            referrals.campaign_id
        ) as meant_campaign_id,
        coalesce(
            placed.adgroup_id,
            case when placed.has_google_click and {{ is_digits('placed.kpv') }} then placed.kpv end,
            case when placed.is_social and {{ is_digits('placed.utm_content') }} then placed.utm_content end,
            referrals.adgroup_id
        ) as meant_adgroup_id
    from placed
    left join referrals
        on
            placed.tenant_id = referrals.tenant_id
            and placed.ref_id = referrals.ref_id
    offset 0

),

named as (

    select
        meant.*,
        case
            when meant.campaign_name is not null then meant.campaign_name
            when campaign_names.name is not null then campaign_names.name
            when meant.is_social and not {{ is_digits('meant.utm_campaign') }} then meant.utm_campaign
        end as meant_campaign_name,
        case
            when meant.campaign_name is not null then 'url'
            when campaign_names.name is not null then 'campaign_map'
            when meant.is_social and not {{ is_digits('meant.utm_campaign') }} then 'url'
        end as campaign_name_from
    from meant
    left join campaign_names
        on
            meant.tenant_id = campaign_names.tenant_id
            and coalesce(meant.platform, '') = campaign_names.platform
            and meant.meant_campaign_id = campaign_names.external_id

)

select
    named.tenant_id,
    named.touch_id,
    named.source,
    named.touched_at,
    named.received_at,
    named.lead_id,
    {{ person_of('named.tenant_id', 'named.person_phone', 'named.person_email', 'named.lead_id') }} as person_id,
    named.external_id,
    named.platform,
    named.utm_source_canonical as utm_source,
    named.utm_medium,
    named.utm_campaign,
    named.utm_term,
    named.utm_content,
    named.utm_source_received,
    named.meant_campaign_id as campaign_id,
    named.meant_campaign_name as campaign_name,
    named.campaign_name_from,
    named.meant_adgroup_id as adgroup_id,
    named.gclid,
    named.gbraid,
    named.wbraid,
    named.fbclid,
    named.ttclid,
    named.msclkid,
    named.twclid,
    named.li_fat_id,
    named.ctwa_clid,
    named.kcid,
    named.kpv,
    named.phone_id,
    named.ref_id,
    named.meta_lead_id,
    named.tiktok_lead_id,
    named.region,
    named.consent,
    coalesce(
        named.meant_campaign_id, named.meant_campaign_name, named.meant_adgroup_id, named.utm_campaign, named.gclid,
        named.gbraid, named.wbraid, named.fbclid, named.ttclid, named.msclkid, named.twclid, named.li_fat_id,
        named.ctwa_clid, named.ref_id, named.meta_lead_id, named.tiktok_lead_id
    ) is not null as has_campaign,
    case
        when named.source = 'whatsapp'
            then not exists (
                    select 1
                    from touches as earlier
                    where
                        earlier.tenant_id = named.tenant_id
                        and earlier.lead_id = named.lead_id
                        and (earlier.touched_at, earlier.received_at, earlier.touch_id)
                        < (named.touched_at, named.received_at, named.touch_id)
                )
        else true
    end as is_first_contact,
    named.campaign_name is not null as is_named_by_landing,
    named.landing_key,
    named.landing_version,
    named.identified_at,
    now() as built_at
from named
