{#
    Grain: one row per identifier that came as a hash and whose value is known from elsewhere.
    Reads: vault.identifiers. Feeds: int_people__linked, fct_touches, int_conversions__matched.

    Why: a CRM may send a hash only. It is the same person as the value with that hash on any platform's rules; of
    several values (Gmail's dots) the smallest token stands for all.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['tenant_id', 'kind', 'token'],
        indexes=[
            {'columns': ['tenant_id', 'kind', 'token'], 'unique': true},
            {'columns': ['resolved_at']},
        ],
    )
}}

with

hashed as (

    select distinct
        tenant_id,
        kind,
        token,
        sha256
    from {{ source('vault', 'identifiers') }}
    where
        kind in ('email', 'phone')
        and is_prehashed
        and token is not null

),

looked_up as (

    select
        hashed.tenant_id,
        hashed.kind,
        hashed.token,
        plain.token as resolved_token
    from hashed
    cross join
        lateral (
            select min(identifiers.token) as token
            from {{ source('vault', 'identifiers') }} as identifiers
            where
                identifiers.tenant_id = hashed.tenant_id
                and identifiers.kind = hashed.kind
                and identifiers.sha256 = hashed.sha256
                and not identifiers.is_prehashed
        ) as plain

),

matched as (

    select
        tenant_id,
        kind,
        token,
        min(resolved_token) as resolved_token
    from looked_up
    where resolved_token is not null
    group by tenant_id, kind, token

)

select
    matched.*,
    now() as resolved_at
from matched
{% if is_incremental() %}
where not exists (
        select 1
        from {{ this }} as known
        where
            known.tenant_id = matched.tenant_id
            and known.kind = matched.kind
            and known.token = matched.token
            and known.resolved_token = matched.resolved_token
    )
{% endif %}
