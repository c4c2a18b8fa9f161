"""Expectations: what must hold of the data, as numbered rules, and which table each is judged on.

Plain data: nothing here imports Great Expectations, Dagster or a database driver. ``rules.py`` has the rules,
``null_limits.py`` the shares of empty campaign fields that are still normal, ``queries.sql`` the statements of the
rules that compare, ``suites/`` one module per table. ``orchestration/quality`` runs them.

dbt tests keys, references and accepted values of a model; what is here judges plausibility, freshness, volume and
agreement between tables.
"""
