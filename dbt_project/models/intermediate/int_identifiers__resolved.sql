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

identifiers as (

    select * from {{ source('vault', 'identifiers') }}

),

matched as (

    select
        hashed.tenant_id,
        hashed.kind,
        hashed.token,
        min(plain.token) as resolved_token
    from identifiers as hashed
    inner join identifiers as plain
        on
            hashed.tenant_id = plain.tenant_id
            and hashed.kind = plain.kind
            and hashed.sha256 = plain.sha256
    where
        hashed.kind in ('email', 'phone')
        and hashed.is_prehashed
        and hashed.token is not null
        and not plain.is_prehashed
        and plain.token is not null
    group by hashed.tenant_id, hashed.kind, hashed.token

)

select
    matched.*,
    '{{ run_started_at }}'::timestamptz as resolved_at
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
