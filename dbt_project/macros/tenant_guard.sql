{#-
    Row-level security for what dbt builds. Tables are swapped by rename, so policies are attached in the transaction
    that makes the table; an incremental run keeps them, and each `alter table` would take an exclusive lock.
    `meta.readers` of the folder says which roles may read.
-#}
{% macro tenant_guard() %}
    {%- set readers = model.config.meta.readers | join(', ') -%}
    {%- if model.config.materialized == 'view' -%}
        alter view {{ this }} set (security_invoker = true);
        grant select on {{ this }} to {{ readers }}
    {%- elif model.config.materialized in ('table', 'incremental') and not is_incremental() -%}
        alter table {{ this }} enable row level security;
        alter table {{ this }} force row level security;
        drop policy if exists tenant on {{ this }};
        create policy tenant on {{ this }} for select to {{ readers }}
            using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
        drop policy if exists build on {{ this }};
        create policy build on {{ this }} to {{ target.user }} using (true) with check (true);
        grant select on {{ this }} to {{ readers }};
        analyze {{ this }}
    {%- endif -%}
{% endmacro %}
