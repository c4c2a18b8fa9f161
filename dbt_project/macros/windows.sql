{#-
    Where a staging model begins to look again: `lookback_hours` before the newest row it holds, so that neither a late
    commit nor an outage leaves a gap; everything while it is still empty.
-#}
{% macro window_start(column='received_at') -%}
    (
        select least(coalesce(max(newest.{{ column }}), '-infinity'), now())
            - make_interval(hours => {{ var('lookback_hours') | int }})
        from {{ this }} as newest
    )
{%- endmacro %}

{#-
    Where a model that reads what dbt itself wrote begins: after the newest row it holds. dbt writes alone (a lock is
    held around each run) and by the database's clock, so nothing older can still be committed, as it can in raw.
    A run that failed half-way left this mark where it was.
-#}
{% macro last_written(column) -%}
    (select coalesce(max(newest.{{ column }}), '-infinity') from {{ this }} as newest)
{%- endmacro %}

{#- The clock of the plan. -#}
{% macro current_moment() -%}
    {%- if var('now') -%} '{{ var('now') }}'::timestamptz {%- else -%} current_timestamp {%- endif -%}
{%- endmacro %}
