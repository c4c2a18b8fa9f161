"""Staging as dbt leaves it, for the vault to read."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from orchestration.settings import Settings

RECEIVED_AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

StageLandings = Callable[[UUID, Sequence[tuple[str, str]]], None]
StageIdentifiers = Callable[..., None]


@pytest.fixture
def settings(built_settings: Settings) -> Settings:
    """Settings on a warehouse whose staging models are built and empty."""
    return built_settings


@pytest.fixture
def staging(admin: psycopg.Connection) -> psycopg.Connection:
    """A connection as dbt."""
    admin.execute("set role dbt")
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
                "insert into staging.stg_landings__values (tenant_id, landing_key, kind, raw_value, received_at)"
                " values (%s, %s, %s, %s, %s)",
                rows,
            )

    return stage


@pytest.fixture
def stage_identifiers(staging: psycopg.Connection) -> StageIdentifiers:
    """Put (kind, raw value) pairs of a tenant into staging, with the tenant's region."""

    def stage(tenant_id: UUID, values: Sequence[tuple[str, str]], region: str = "TR") -> None:
        rows = [(tenant_id, kind, raw, region, RECEIVED_AT) for kind, raw in values]
        with staging.cursor() as cursor:
            cursor.executemany(
                "insert into staging.stg_identifiers__values (tenant_id, kind, raw_value, region, received_at)"
                " values (%s, %s, %s, %s, %s)",
                rows,
            )

    return stage
