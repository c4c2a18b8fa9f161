"""A planned world for the ledger and the sender: real tables as dbt builds them, real platforms' stand-ins."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from orchestration.deliveries.accounts.routes import install_account
from orchestration.deliveries.conversion import Account
from orchestration.deliveries.ledger import ledger
from orchestration.deliveries.sending.sender import Report, Tools, send_due
from orchestration.sandbox.server import Sandbox, running_sandbox
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse
from orchestration.warehouse.tenants import NewTenant

ACTION_IDS = {
    "qualified_lead": "900000001",
    "purchase": "900000002",
    "enrollment": "900000003",
    "appointment": "900000004",
}
ACTIONS = {"google": "PURCHASE", "meta": "Purchase", "tiktok": "Purchase"}
ACCOUNT_IDS = {"google": "1234567890", "meta": "880000000000001", "tiktok": "CPIXEL0001"}
CONFIGS = {
    "google": {},
    "meta": {"whatsapp_business_account_id": "102290129340398"},
    "tiktok": {"offline_event_set_id": "7100000000000000001"},
}


@dataclass
class Desk:
    """One tenant with accounts on the sandbox, and a way to plan conversions for it."""

    warehouse: Warehouse
    admin: psycopg.Connection
    sandbox: Sandbox
    tenant_id: UUID
    # What accounts can do is asked in its own tests (``test_doctor.py``).
    tools: Tools = field(
        default_factory=lambda: Tools(chance=lambda: 0.0, ensure_probed=lambda *_: [])
    )

    def account(self, platform: str) -> Account:
        """The tenant's account at a platform."""
        return Account(self.tenant_id, platform, ACCOUNT_IDS[platform])

    def install(self, platform: str, token: str = "good", **config: str) -> None:  # noqa: S107
        """Install the account, with the default routes."""
        install_account(
            self.warehouse,
            self.tenant_id,
            platform,
            ACCOUNT_IDS[platform],
            config=CONFIGS[platform] | config,
            credentials={"access_token": token},
            action_ids=ACTION_IDS if platform == "google" else None,
        )

    def judge(self, *, passed: bool = True, rule: str = "REC3", hours_ago: float = 0) -> None:
        """Store a critical rule's verdict."""
        self.admin.execute(
            "insert into ops.check_results (tenant_id, rule, checked_at, run_id, severity, passed)"
            " values (%s, %s, clock_timestamp() - make_interval(secs => %s), 'test', 'critical', %s)",
            [self.tenant_id, rule, hours_ago * 3600, passed],
        )

    def plan(self, conversion_id: str, platform: str, **changes: Any) -> None:
        """Plan one purchase for one platform, as dbt would; any column can be given."""
        row: dict[str, Any] = {
            "tenant_id": self.tenant_id,
            "conversion_id": conversion_id,
            "platform": platform,
            "account_id": ACCOUNT_IDS[platform],
            "action": ACTIONS[platform],
            "action_id": ACTION_IDS["purchase"] if platform == "google" else None,
            "decision": "send",
            "reason": "eligible",
            "kind": "purchase",
            "converted_at": datetime.now(UTC) - timedelta(days=1),
            "value": Decimal("1499.90"),
            "currency": "TRY",
            "lead_id": f"lead-{conversion_id}",
            "consent": "granted",
            "expires_at": datetime.now(UTC) + timedelta(days=5),
        }
        row |= changes
        self._insert("marts", "delivery_plan", row)
        names = ("tenant_id", "conversion_id", "kind", "converted_at", "value", "currency")
        self._insert(
            "marts",
            "fct_conversions",
            {name: row[name] for name in (*names, "lead_id", "consent")}
            | {
                "received_at": row["converted_at"],
                "source": "crm",
                "crm_record_id": f"CRM-{conversion_id}",
                "is_reversed": False,
            },
        )
        self.identify(conversion_id, "email")

    def identify(self, conversion_id: str, kind: str) -> None:
        """Give a conversion an identifier whose hashes the vault holds."""
        token = hashlib.sha256(f"{kind} {conversion_id}".encode()).hexdigest()
        self._insert(
            "intermediate",
            "int_conversions__identifiers",
            {
                "tenant_id": self.tenant_id,
                "conversion_id": conversion_id,
                "kind": kind,
                "token": token,
            },
        )
        for platform in ACTIONS:
            self._insert(
                "vault",
                "identifiers",
                {
                    "tenant_id": self.tenant_id,
                    "kind": kind,
                    "raw_value": f"{conversion_id}@example.com",
                    "platform": platform,
                    "sha256": hashlib.sha256(f"{platform} {token}".encode()).hexdigest(),
                    "rules_version": 1,
                    "token": token,
                },
            )

    def change_plan(self, conversion_id: str, **changes: Any) -> None:
        """Let the plan say something else."""
        self._update("marts.delivery_plan", conversion_id, changes)

    def change_conversion(self, conversion_id: str, **changes: Any) -> None:
        """Let the conversion be something else, before the plan knows."""
        self._update("marts.fct_conversions", conversion_id, changes)

    def enroll(self) -> list[ledger.Count]:
        """Bring the ledger in line with the plan."""
        return ledger.enroll(self.warehouse, self.tenant_id)

    def send(self, **tools: Any) -> dict[str, Report]:
        """Send what is due; reports by platform."""
        changed = Tools(**{**self.tools.__dict__, **tools})
        reports = send_due(self.warehouse, [self.tenant_id], changed)
        return {report.account.platform: report for report in reports}

    def rows(self, columns: str = "conversion_id, state") -> list[tuple[Any, ...]]:
        """Rows of the ledger, in the order of conversion and version."""
        return self.admin.execute(
            f"select {columns} from ops.deliveries where tenant_id = %s"  # pyright: ignore[reportArgumentType]
            " order by conversion_id, platform, version",
            [self.tenant_id],
        ).fetchall()

    def states(self) -> dict[str, str]:
        """State by conversion; for tests with one destination."""
        return dict(self.rows())

    def pass_time(self, hours: float) -> None:
        """Let every moment in the ledger lie further back."""
        for table, columns in {
            "deliveries": ("next_at", "lease_until", "first_leased_at", "sent_at"),
            "delivery_requests": ("sent_at",),
            "delivery_stops": ("next_try_at", "stopped_at"),
        }.items():
            changes = ", ".join(
                f"{c} = {c} - make_interval(secs => {hours * 3600})" for c in columns
            )
            self.admin.execute(f"update ops.{table} set {changes}")  # pyright: ignore[reportArgumentType]

    def received(self, platform: str) -> dict[str, Any]:
        """What the platform counted."""
        return self.sandbox.counts()[platform]

    def _insert(self, schema: str, table: str, row: dict[str, Any]) -> None:
        columns, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        self.admin.execute(
            f"insert into {schema}.{table} ({columns}) values ({marks}) on conflict do nothing",  # pyright: ignore[reportArgumentType]
            list(row.values()),
        )

    def _update(self, table: str, conversion_id: str, changes: dict[str, Any]) -> None:
        columns = ", ".join(f"{name} = %s" for name in changes)
        self.admin.execute(
            f"update {table} set {columns} where tenant_id = %s and conversion_id = %s",  # pyright: ignore[reportArgumentType]
            [*changes.values(), self.tenant_id, conversion_id],
        )


@pytest.fixture(scope="session")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Sandbox:
    """The stand-ins, with nothing received and nothing armed."""
    httpx.post(f"{_sandbox.control_url}/_sandbox/reset").raise_for_status()
    return _sandbox


@pytest.fixture
def sending_warehouse(built_settings: Settings, sandbox: Sandbox) -> Iterator[Warehouse]:
    """A worker's pool whose settings point at the sandbox."""
    settings = built_settings.model_copy(update=sandbox.settings_overrides())
    with Warehouse(settings, "worker") as pool:
        yield pool


@pytest.fixture
def make_desk(
    sending_warehouse: Warehouse,
    admin: psycopg.Connection,
    sandbox: Sandbox,
    make_tenant: Callable[..., NewTenant],
) -> Callable[..., Desk]:
    """Make a tenant with accounts; its gate is open."""

    def make(*platforms: str) -> Desk:
        made = Desk(sending_warehouse, admin, sandbox, make_tenant().tenant_id)
        for platform in platforms:
            made.install(platform)
        made.judge()
        return made

    return make
