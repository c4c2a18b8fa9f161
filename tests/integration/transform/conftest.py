"""A small company's traffic, put into raw tables as intake and sources leave it there, and one pass over the graph."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import SecretStr

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
from orchestration.warehouse.tenants import NewTenant, create_tenant

STAGING = ("path:models/staging", "path:seeds")
NOON = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


Story = Callable[["Company"], Generator[None]]


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
def refresh(warm_settings: Settings) -> Callable[..., None]:
    """One pass: staging, enrichment, models; dbt's own tests run where ``build`` is called."""
    return partial(_refresh, warm_settings)


@dataclass
class Tale:
    """Stories told together, each of a company of its own: a pass costs seconds, and one serves all of them.

    A story arranges, yields for a pass, and looks; it may do so again.
    """

    stories: dict[str, Story] = field(default_factory=dict)

    def __call__(self, story: Story) -> Story:
        """Add a story; its name is its company's too."""
        self.stories[story.__name__] = story
        return story

    def tell(self, settings: Settings, admin: psycopg.Connection) -> dict[str, AssertionError]:
        """Go on with every story until all are at their end; returns the failures by name."""
        running = {
            name: story(Company(admin, create_tenant(settings, name)))
            for name, story in self.stories.items()
        }
        failures: dict[str, AssertionError] = {}
        while running:
            for name, story in list(running.items()):
                try:
                    next(story)
                except StopIteration:
                    del running[name]
                except AssertionError as failure:
                    failures[name] = failure
                    del running[name]
            if running:
                _refresh(settings)
        return failures


@pytest.fixture(scope="module")
def failures(
    request: pytest.FixtureRequest,
    server: Callable[[str], str],
    built_template: str,
    dbt_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, AssertionError]]:
    """What became of the module's ``tale``, told on a database of its own."""
    name = f"tale_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with psycopg.connect(server("postgres"), autocommit=True) as connection:
        connection.execute(f"drop database if exists {name} with (force)")
        connection.execute(f"create database {name} template {built_template}")
    home = tmp_path_factory.mktemp("home")
    (home / "dbt").symlink_to(dbt_folder)
    settings = Settings(home=home, database_url=SecretStr(server(name)))
    with psycopg.connect(server(name), autocommit=True) as admin:
        yield request.module.tale.tell(settings, admin)


def _refresh(settings: Settings, *flags: str) -> None:
    untested = ("--exclude-resource-type", "test", *flags)
    dbt_build_all(settings, "--select", *STAGING, *untested)
    enrich(settings)
    dbt_build_all(settings, "--exclude", *STAGING, *untested)


def enrich(settings: Settings) -> None:
    """Parse the landings and read the identifiers of every tenant."""
    now = datetime.now(UTC)
    vault = Vault.of(settings)
    with Warehouse(settings, "worker") as worker:
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
