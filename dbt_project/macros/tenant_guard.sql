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
        grant select on {{ this }} to {{ readers }}
    {%- endif -%}
{% endmacro %}

{#-
    Fresh statistics for a table that is new or has grown by half since its last ones: the next model reads it within
    this second, long before autovacuum would look, and a join planned for an empty table takes minutes.
-#}
{% macro refresh_statistics() %}
    {%- if execute and model.config.materialized in ('table', 'incremental') -%}
        {%- set growth -%}
            -- Making an index counts a table's pages, but only analyze knows its values.
            select
                coalesce(pg_stat_get_last_analyze_time(oid), pg_stat_get_last_autoanalyze_time(oid)) is null
                or pg_relation_size(oid) > 1.5 * 8192 * greatest(relpages, 0)
            from pg_class
            where oid = '{{ this }}'::regclass
        {%- endset -%}
        {%- if run_query(growth).columns[0][0] -%} analyze {{ this }} {%- endif -%}
    {%- endif -%}
{% endmacro %}
