"""A small company's traffic, put into raw tables as intake and sources leave it there, and one pass over the graph."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from orchestration.enrichment.vault import (
    IdentifierTally,
    LandingTally,
    parse_new_landings,
    read_new_identifiers,
)
from orchestration.settings import Settings
from orchestration.transform.build import dbt_build_all
from orchestration.warehouse import Warehouse
from orchestration.warehouse.secrets import Vault
from orchestration.warehouse.tenants import NewTenant

STAGING = ("path:models/staging", "path:seeds")
NOON = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@dataclass
class Company:
    """One tenant's senders.

    Attributes:
        admin: A superuser's connection.
        tenant: Whose rows these are.
    """

    admin: psycopg.Connection
    tenant: NewTenant

    def send(self, source: str, key: str, payload: Any, *, at: datetime | None = None) -> None:
        """Store an event as intake does; ``at`` is when it was received."""
        self.admin.execute(
            "insert into raw.events (tenant_id, source, dedupe_key, received_at, payload, body_sha256)"
            " values (%s, %s, %s, coalesce(%s, clock_timestamp()), %s, %s)",
            [self.tenant.tenant_id, source, key, at, json.dumps(payload), "0" * 64],
        )

    def submit(self, key: str, *, at: datetime = NOON, **fields: Any) -> None:
        """A form submission, ``at`` the browser's time."""
        self.send("form", key, {"submission_id": key, "submitted_at": at.isoformat(), **fields})

    def write(
        self, key: str, *, wa_id: str = "905321112233", at: datetime = NOON, **message: Any
    ) -> None:
        """A WhatsApp message."""
        payload = {
            "object": "whatsapp_business_account",
            "entry_id": "102290129340398",
            "metadata": {
                "display_phone_number": "902121234567",
                "phone_number_id": "106540352242922",
            },
            "contacts": [{"profile": {"name": "Işıl Çağlar"}, "wa_id": wa_id}],
            "message": {
                "from": wa_id,
                "id": key,
                "timestamp": str(int(at.timestamp())),
                **message,
            },
        }
        self.send("whatsapp", key, payload)

    def convert(self, key: str, *, at: datetime = NOON, **fields: Any) -> None:
        """A conversion of the CRM, a qualified lead unless said otherwise."""
        body = {
            "tenant_id": str(self.tenant.tenant_id),
            "event_id": key,
            "event_type": "qualified_lead",
            "event_time": at.isoformat(),
            "crm_record_id": f"crm-{key}",
            **fields,
        }
        self.send("crm", key, body)

    def record(
        self, system: str, thing: str, record_id: str, version: int = 1, **payload: Any
    ) -> None:
        """A version of a pulled record."""
        self.admin.execute(
            "insert into raw.records"
            " (tenant_id, system, object, record_id, version, payload, payload_sha256)"
            " values (%s, %s, %s, %s, %s, %s, %s)",
            [
                self.tenant.tenant_id,
                system,
                thing,
                record_id,
                version,
                json.dumps(payload),
                hashlib.sha256(json.dumps(payload).encode()).hexdigest(),
            ],
        )

    def name_campaign(self, platform: str, external_id: str, name: str) -> None:
        """A person's entry in the campaign map, from now on."""
        self.admin.execute(
            "insert into ops.campaign_map"
            " (tenant_id, platform, level, external_id, name, origin, recorded_by)"
            " values (%s, %s, 'campaign', %s, %s, 'person', 'derya')",
            [self.tenant.tenant_id, platform, external_id, name],
        )

    def rows(self, relation: str, order: str = "1, 2") -> list[dict[str, Any]]:
        """All of the tenant's rows in a built table."""
        with self.admin.cursor(row_factory=dict_row) as cursor:
            cursor.execute(
                f"select * from {relation} where tenant_id = %s order by {order}",
                [self.tenant.tenant_id],
            )
            return cursor.fetchall()

    def lead(self, external_id: str) -> dict[str, Any]:
        """The lead of a form submission or a file's row."""
        found = [row for row in self.rows("marts.fct_leads") if row["external_id"] == external_id]
        assert len(found) == 1
        return found[0]

    def conversion(self, event_id: str) -> dict[str, Any]:
        """The conversion of a CRM event."""
        found = [row for row in self.rows("marts.fct_conversions") if row["event_id"] == event_id]
        assert len(found) == 1
        return found[0]


@pytest.fixture
def company(
    admin: psycopg.Connection, built_settings: Settings, make_tenant: Callable[..., NewTenant]
) -> Company:
    """The company most tests are about."""
    return Company(admin, make_tenant("Akademi İstanbul"))


@pytest.fixture
def neighbour(
    admin: psycopg.Connection, built_settings: Settings, make_tenant: Callable[..., NewTenant]
) -> Company:
    """Another company on the same warehouse."""
    return Company(admin, make_tenant("Dil Okulu Ankara", timezone="Europe/Istanbul"))


@pytest.fixture(scope="session")
def dbt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One working folder of dbt for all tests, so that the project is parsed once."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture
def warm_settings(built_settings: Settings, dbt_folder: Path) -> Settings:
    """``built_settings`` with the shared working folder in its home."""
    (built_settings.home / "dbt").symlink_to(dbt_folder)
    return built_settings


@pytest.fixture
def build(warm_settings: Settings) -> Callable[..., None]:
    """Run dbt, as it is, with flags."""

    def run(*flags: str) -> None:
        dbt_build_all(warm_settings, *flags)

    return run


@pytest.fixture
def refresh(warm_settings: Settings, worker: Warehouse) -> Callable[..., None]:
    """One pass: staging, enrichment, models; dbt's own tests run where ``build`` is called."""
    vault = Vault.of(warm_settings)

    def run(*flags: str) -> None:
        untested = ("--exclude-resource-type", "test", *flags)
        dbt_build_all(warm_settings, "--select", *STAGING, *untested)
        enrich(worker, vault)
        dbt_build_all(warm_settings, "--exclude", *STAGING, *untested)

    return run


@pytest.fixture
def worker(built_settings: Settings) -> Iterator[Warehouse]:
    """A pool for the worker, on the built warehouse."""
    with Warehouse(built_settings, "worker") as pool:
        yield pool


def enrich(worker: Warehouse, vault: Vault) -> None:
    """Parse the landings and read the identifiers of every tenant."""
    now = datetime.now(UTC)
    for tenant in worker.tenants():
        with worker.tenant(tenant.tenant_id) as connection:
            parse_new_landings(connection, tenant.tenant_id, LandingTally(), now=now)
            read_new_identifiers(
                connection,
                tenant.tenant_id,
                IdentifierTally(),
                pepper=vault.pepper(tenant.tenant_id),
                now=now,
            )


def pick(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Some columns of a row."""
    return {name: row[name] for name in names}
