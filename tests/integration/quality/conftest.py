"""What the tests of the rules start from: a tenant, a moment, and rows put into tables by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from orchestration.settings import Settings
from orchestration.warehouse import Tenant, Warehouse
from tests.integration.quality.rows import Rows

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """A Tuesday at noon in Istanbul."""
    return NOW


@pytest.fixture
def tenants(built_settings: Settings, make_tenant) -> list[Tenant]:
    """Two tenants of Istanbul on the built warehouse."""
    made = [make_tenant("Akademi İstanbul"), make_tenant("Dil Okulu Ankara")]
    with Warehouse(built_settings, "worker") as pool:
        by_id = {tenant.tenant_id: tenant for tenant in pool.tenants()}
    return [by_id[tenant.tenant_id] for tenant in made]


@pytest.fixture
def pool(built_settings: Settings) -> Iterator[Warehouse]:
    """A pool for the worker, on the built warehouse."""
    with Warehouse(built_settings, "worker") as warehouse:
        yield warehouse


@pytest.fixture
def rows_of(admin: psycopg.Connection) -> Callable[[Tenant], Rows]:
    """Puts rows of a tenant into tables."""
    return lambda tenant: Rows(admin, tenant.tenant_id, NOW)
