-- name: lock_models
-- One dbt run at a time on a warehouse, whichever process it is in; held until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('leadloop.dbt', 0))

-- name: has_marts
-- Whether the marts were ever built.
select
    to_regclass('marts.fct_touches') is not null
    and to_regclass('marts.fct_conversions') is not null

-- name: has_events
-- Whether the marts hold anything that was pushed or imported.
select
    exists (select from marts.fct_touches)
    or exists (select from marts.fct_conversions)

-- name: list_columns
-- The columns of a table.
select column_name
from information_schema.columns
where table_schema = :schema and table_name = :name

-- name: estimate_rows
-- The planner's estimate of a table's rows.
select pg_class.reltuples::bigint
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
where pg_namespace.nspname = :schema and pg_class.relname = :name
