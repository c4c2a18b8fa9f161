{#
    Grain: one row per conversion and active ad account of its tenant: one decision, one reason.
    Reads: fct_conversions, int_touches__clicked, int_conversions__identifiers, vault.identifiers, ops.accounts, ops.routes,
    ops.tenants, ops.consent_policies. Feeds: the ledger (ops.deliveries).

    The rules stand in one place, macro plan_rules.

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

-- The policy of each region at this moment; region '*' is everywhere else.
policies as (

    select distinct on (tenant_id, region)
        tenant_id,
        region,
        legal_basis,
        unknown_consent,
        limited_data_use,
        valid_from as policy_from
    from {{ source('ops', 'consent_policies') }}
    where valid_from <= {{ current_moment() }}
    order by tenant_id asc, region asc, valid_from desc

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
            {%- for id in platform_ids() %}
            when '{{ id }}' then conversions.{{ id }} is null or conversions.{{ id }} = clicks.value
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
        {%- for id in platform_ids() %}
        min(value) filter (where kind = '{{ id }}') as {{ id }},
        {%- endfor %}
        max(click_at) filter (where kind in ('gclid', 'gbraid', 'wbraid')) as google_click_at,
        max(click_at) filter (where kind = 'fbclid') as fbclid_click_at,
        max(click_at) filter (where kind = 'ctwa_clid') as ctwa_click_at,
        max(click_at) filter (where kind = 'ttclid') as tiktok_click_at
    from lead_clicks
    group by tenant_id, conversion_id

),

hashed as (

    select
        identifiers.tenant_id,
        identifiers.conversion_id,
        vault.platform,
        array_agg(distinct identifiers.kind) as kinds
    from conversions
    inner join {{ ref('int_conversions__identifiers') }} as identifiers
        on
            conversions.tenant_id = identifiers.tenant_id
            and conversions.conversion_id = identifiers.conversion_id
    inner join {{ source('vault', 'identifiers') }} as vault
        on
            identifiers.tenant_id = vault.tenant_id
            and identifiers.kind = vault.kind
            and identifiers.token = vault.token
    where identifiers.kind in ('email', 'phone') and vault.sha256 is not null
    group by identifiers.tenant_id, identifiers.conversion_id, vault.platform

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
        conversions.consent_at,
        coalesce(conversions.region, tenants.region) as region,
        {%- for id in platform_ids() %}
        coalesce(conversions.{{ id }}, clicks.{{ id }}) as {{ id }},
        {%- endfor %}
        case accounts.platform
            when 'google' then clicks.google_click_at
            -- What Meta gets of a click on a site holds that click's own time.
            when 'meta'
                then case
                        when coalesce(conversions.fbclid, clicks.fbclid) is not null then clicks.fbclid_click_at
                        else clicks.ctwa_click_at
                    end
            when 'tiktok' then clicks.tiktok_click_at
        end as click_at,
        hashed.kinds as hash_kinds
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

-- Without any policy nothing leaves that nobody agreed to.
governed as (

    select
        pairs.*,
        coalesce(regional.legal_basis, general.legal_basis, 'consent') as legal_basis,
        coalesce(regional.unknown_consent, general.unknown_consent, 'hold') as unknown_consent,
        coalesce(regional.limited_data_use, general.limited_data_use, false) as limited_data_use,
        coalesce(regional.policy_from, general.policy_from) as policy_from
    from pairs
    left join policies as regional
        on
            pairs.tenant_id = regional.tenant_id
            and pairs.region = regional.region
    left join policies as general
        on
            pairs.tenant_id = general.tenant_id
            and general.region = '*'

),

-- What the platform knows the person by, of what it can be told of this outcome.
known as (

    select
        *,
        case platform
            when 'google'
                then array[
                        case when gclid is not null then 'gclid' end,
                        case when gbraid is not null then 'gbraid' end,
                        case when wbraid is not null then 'wbraid' end
                    ]
            when 'meta'
                then array[
                        case when meta_lead_id is not null then 'meta_lead_id' end,
                        case when {{ is_in_thread() }} then 'ctwa_clid' end,
                        case when fbclid is not null then 'fbclid' end
                    ]
            when 'tiktok'
                then array[
                        case when {{ is_in_event_set() }} then 'tiktok_lead_id' end,
                        case when ttclid is not null then 'ttclid' end
                    ]
        end as click_kinds
    from governed

),

channelled as (

    select
        *,
        num_nonnulls(variadic click_kinds) > 0 as has_click,
        case platform
            when 'google' then case when num_nonnulls(variadic click_kinds) > 0 then 'click' else 'hashed' end
            when 'meta' then {{ meta_door() }}
            when 'tiktok' then {{ tiktok_door() }}
        end as channel
    from known

),

timed as (

    select
        *,
        converted_at
        + case
            when platform = 'google' then interval '90 days'
            when platform = 'tiktok' then interval '28 days'
            -- How old a sale in a store may be is not sure; half a day is kept for trying.
            when channel = 'physical_store' and {{ setting("'physical_store_days'") }} is not null
                then make_interval(days => ({{ setting("'physical_store_days'") }})::integer, hours => -12)
            else interval '6 days 12 hours'
        end as expires_at
    from channelled

),

judged as (

    select
        *,
        {{ standing_rules() }} as rules
    from timed

),

reasoned as (

    select
        *,
        coalesce(rules[1], 'eligible') as reason
    from judged

)

select
    tenant_id,
    conversion_id,
    platform,
    account_id,
    action,
    action_id,
    {{ decision_of('reason') }} as decision,
    reason,
    rules,
    {{ deciding_facts() }} as facts,
    kind,
    converted_at,
    value,
    currency,
    lead_id,
    {%- for id in platform_ids() %}
    {{ id }},
    {%- endfor %}
    click_at,
    channel,
    consent,
    region,
    legal_basis,
    policy_from,
    limited_data_use,
    expires_at,
    now() as planned_at
from reasoned
