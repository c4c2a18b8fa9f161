"""The sensor over a real warehouse: it starts a refresh for what arrived, once, and misses nothing."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import psycopg
import pytest

from orchestration.automation import new_events
from orchestration.settings import Settings
from orchestration.warehouse.resource import WarehouseResource
from orchestration.warehouse.tenants import NewTenant

INSERT = (
    "insert into raw.events (tenant_id, source, dedupe_key, received_at, payload, body_sha256)"
    " values (%s, 'form', %s, now() - %s * interval '1 second', '{}', 'x')"
)


@pytest.fixture
def look(settings: Settings) -> Callable[[str | None], dg.SensorResult | dg.SkipReason]:
    assert settings.database_url is not None
    resource = WarehouseResource(
        home=str(settings.home), database_url=settings.database_url.get_secret_value()
    )

    def look(cursor: str | None) -> dg.SensorResult | dg.SkipReason:
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(
                cursor=cursor, instance=instance, resources={"warehouse": resource}
            )
            return new_events(context)

    return look


def test_nothing_arrived_starts_nothing(
    look: Callable[[str | None], object], make_tenant: Callable[..., NewTenant]
) -> None:
    make_tenant()
    assert isinstance(look(None), dg.SkipReason)


def test_an_arrival_starts_one_refresh(
    look: Callable[[str | None], dg.SensorResult],
    make_tenant: Callable[..., NewTenant],
    admin: psycopg.Connection,
) -> None:
    tenant = make_tenant()
    admin.execute(INSERT, [tenant.tenant_id, "a", 0])
    first = look(None)
    assert len(first.run_requests or []) == 1
    assert isinstance(look(first.cursor), dg.SkipReason)


def test_a_row_that_commits_late_is_not_missed(
    look: Callable[[str | None], dg.SensorResult],
    make_tenant: Callable[..., NewTenant],
    admin: psycopg.Connection,
) -> None:
    tenant = make_tenant()
    admin.execute(INSERT, [tenant.tenant_id, "newer", 0])
    first = look(None)
    admin.execute(INSERT, [tenant.tenant_id, "older, committed later", 30])
    second = look(first.cursor)
    assert len(second.run_requests or []) == 1
    assert second.run_requests is not None
    assert first.run_requests is not None
    assert second.run_requests[0].run_key != first.run_requests[0].run_key
