"""Staging as dbt leaves it, for the vault to read."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

RECEIVED_AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

# As dbt builds them: its own tables, one tenant at a time for the worker.
_STAGING = """
create table staging.stg_landings__values (
    tenant_id uuid, landing_key text, kind text, raw_value text, received_at timestamptz,
    unique (tenant_id, landing_key)
);
create table staging.stg_identifiers__values (
    tenant_id uuid, kind text, raw_value text, region text, received_at timestamptz,
    unique (tenant_id, kind, raw_value)
);
"""
_GUARD = """
alter table staging.{0} enable row level security;
alter table staging.{0} force row level security;
create policy tenant on staging.{0} for select to worker
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy build on staging.{0} to dbt using (true) with check (true);
grant select on staging.{0} to worker;
"""

StageLandings = Callable[[UUID, Sequence[tuple[str, str]]], None]
StageIdentifiers = Callable[..., None]


@pytest.fixture
def staging(admin: psycopg.Connection) -> psycopg.Connection:
    """A connection as dbt to a warehouse whose two staging tables are there, empty."""
    admin.execute("set role dbt")
    admin.execute(_STAGING)
    for table in ("stg_landings__values", "stg_identifiers__values"):
        admin.execute(_GUARD.format(table))
    return admin


@pytest.fixture
def stage_landings(staging: psycopg.Connection) -> StageLandings:
    """Put (kind, raw value) pairs of a tenant into staging."""

    def stage(tenant_id: UUID, values: Sequence[tuple[str, str]]) -> None:
        rows = [
            (tenant_id, hashlib.sha256(raw.encode()).hexdigest(), kind, raw, RECEIVED_AT)
            for kind, raw in values
        ]
        with staging.cursor() as cursor:
            cursor.executemany(
                "insert into staging.stg_landings__values values (%s, %s, %s, %s, %s)", rows
            )

    return stage


@pytest.fixture
def stage_identifiers(staging: psycopg.Connection) -> StageIdentifiers:
    """Put (kind, raw value) pairs of a tenant into staging, with the tenant's region."""

    def stage(tenant_id: UUID, values: Sequence[tuple[str, str]], region: str = "TR") -> None:
        rows = [(tenant_id, kind, raw, region, RECEIVED_AT) for kind, raw in values]
        with staging.cursor() as cursor:
            cursor.executemany(
                "insert into staging.stg_identifiers__values values (%s, %s, %s, %s, %s)", rows
            )

    return stage
