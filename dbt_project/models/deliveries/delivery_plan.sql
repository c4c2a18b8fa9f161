{#
    Grain: one row per conversion and active ad account of its tenant: one decision, one reason.
    Reads: fct_conversions, int_touches__clicked, int_conversions__identifiers, vault.identifiers, ops.accounts, ops.routes,
    ops.tenants. Feeds: the ledger (ops.deliveries).

    Why a plain table: the decision about age changes with the clock alone. Conversions older than `plan_days` are
    past every platform's window and are left out.
#}
{{
    config(
        indexes=[
            {'columns': ['tenant_id', 'conversion_id', 'platform', 'account_id'], 'unique': true},
            {'columns': ['tenant_id', 'decision']},
        ],
    )
}}

with

tenants as (

    select * from {{ source('ops', 'tenants') }}

),

accounts as (

    select *
    from {{ source('ops', 'accounts') }}
    where is_active

),

routes as (

    select * from {{ source('ops', 'routes') }}

),

conversions as (

    select *
    from {{ ref('fct_conversions') }}
    where converted_at >= {{ current_moment() }} - make_interval(days => {{ var('plan_days') | int }})

),

-- A lead's latest click of each kind before the conversion, else its earliest.
lead_clicks as (

    select distinct on (conversions.tenant_id, conversions.conversion_id, clicks.kind)
        conversions.tenant_id,
        conversions.conversion_id,
        clicks.kind,
        clicks.value,
        clicks.touched_at as click_at
    from conversions
    inner join {{ ref('int_touches__clicked') }} as clicks
        on
            conversions.tenant_id = clicks.tenant_id
            and conversions.lead_id = clicks.lead_id
    where
        case clicks.kind
            {%- for click_id in click_ids() %}
            when '{{ click_id }}'
                then conversions.{{ click_id }} is null or conversions.{{ click_id }} = clicks.value
            {%- endfor %}
        end
    order by
        conversions.tenant_id asc,
        conversions.conversion_id asc,
        clicks.kind asc,
        clicks.touched_at > conversions.converted_at asc,
        case when clicks.touched_at <= conversions.converted_at then clicks.touched_at end desc,
        clicks.touched_at asc,
        clicks.touch_id asc

),

clicks as (

    select
        tenant_id,
        conversion_id,
        {%- for click_id in click_ids() %}
        min(value) filter (where kind = '{{ click_id }}') as {{ click_id }},
        {%- endfor %}
        max(click_at) filter (where kind in ('gclid', 'gbraid', 'wbraid')) as google_click_at,
        max(click_at) filter (where kind in ('fbclid', 'ctwa_clid')) as meta_click_at,
        max(click_at) filter (where kind = 'ttclid') as tiktok_click_at
    from lead_clicks
    group by tenant_id, conversion_id

),

hashed as (

    select distinct
        identifiers.tenant_id,
        identifiers.conversion_id,
        vault.platform
    from {{ ref('int_conversions__identifiers') }} as identifiers
    inner join {{ source('vault', 'identifiers') }} as vault
        on
            identifiers.tenant_id = vault.tenant_id
            and identifiers.kind = vault.kind
            and identifiers.token = vault.token
    where identifiers.kind in ('email', 'phone') and vault.sha256 is not null

),

pairs as (

    select
        conversions.tenant_id,
        conversions.conversion_id,
        accounts.platform,
        accounts.account_id,
        accounts.config,
        routes.action,
        routes.action_id,
        routes.is_active as is_route_active,
        coalesce(routes.with_value, false) or conversions.kind = 'purchase' as needs_value,
        conversions.kind,
        conversions.converted_at,
        conversions.value,
        conversions.currency,
        conversions.lead_id,
        conversions.is_reversed,
        conversions.consent,
        tenants.unknown_consent,
        {%- for click_id in click_ids() %}
        coalesce(conversions.{{ click_id }}, clicks.{{ click_id }}) as {{ click_id }},
        {%- endfor %}
        case accounts.platform
            when 'google' then clicks.google_click_at
            when 'meta' then clicks.meta_click_at
            when 'tiktok' then clicks.tiktok_click_at
        end as click_at,
        hashed.platform is not null as has_hash
    from conversions
    inner join accounts on conversions.tenant_id = accounts.tenant_id
    inner join tenants on conversions.tenant_id = tenants.tenant_id
    left join routes
        on
            accounts.tenant_id = routes.tenant_id
            and accounts.platform = routes.platform
            and accounts.account_id = routes.account_id
            and conversions.kind = routes.conversion_kind
    left join clicks
        on
            conversions.tenant_id = clicks.tenant_id
            and conversions.conversion_id = clicks.conversion_id
    left join hashed
        on
            conversions.tenant_id = hashed.tenant_id
            and conversions.conversion_id = hashed.conversion_id
            and accounts.platform = hashed.platform

),

channelled as (

    select
        *,
        case platform
            when 'google' then coalesce(gclid, gbraid, wbraid) is not null
            when 'meta'
                then fbclid is not null
                    or (ctwa_clid is not null and config ->> 'whatsapp_business_account_id' is not null)
            when 'tiktok' then ttclid is not null
        end as has_click,
        case platform
            when 'google' then case when coalesce(gclid, gbraid, wbraid) is not null then 'click' else 'hashed' end
            when 'meta'
                then case
                        when ctwa_clid is not null and config ->> 'whatsapp_business_account_id' is not null
                            then 'messaging'
                        else 'system_generated'
                    end
            when 'tiktok' then case when ttclid is not null then 'web' else 'offline' end
        end as channel
    from pairs

),

timed as (

    select
        *,
        converted_at
        + case platform
            when 'google' then interval '90 days'
            when 'meta' then interval '6 days 12 hours'
            else interval '28 days'
        end as expires_at
    from channelled

),

reasoned as (

    select
        *,
        case
            when action is null then 'no_route'
            when not is_route_active then 'route_inactive'
            when is_reversed then 'reversed'
            when needs_value and (value is null or currency is null) then 'value_missing'
            when consent = 'denied' then 'consent_denied'
            when consent is null and unknown_consent = 'hold' then 'consent_unknown'
            when not has_click and not has_hash then 'no_identifier'
            when expires_at <= {{ current_moment() }} then 'too_old'
            else 'eligible'
        end as reason
    from timed

)

select
    tenant_id,
    conversion_id,
    platform,
    account_id,
    action,
    action_id,
    case reason when 'eligible' then 'send' when 'consent_unknown' then 'hold' else 'never' end as decision,
    reason,
    kind,
    converted_at,
    value,
    currency,
    lead_id,
    {%- for click_id in click_ids() %}
    {{ click_id }},
    {%- endfor %}
    click_at,
    channel,
    consent,
    expires_at
from reasoned
