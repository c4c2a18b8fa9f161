"""The demonstration: the whole journey on one machine, from the click to the platform, told in one screen.

Everything is real but the people: Postgres, HTTP, signatures, Dagster, dbt, Great Expectations, the platforms'
clients. Only the platforms themselves are stand-ins on loopback. The story is anchored at its first telling, so a
second one sends the same bytes and adds nothing.

Belongs here: the order of the steps. Lives elsewhere: what is printed (``report``), what is sent (``story``).
"""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.progress import Progress

from orchestration.instance import activate
from orchestration.sandbox import proofs, report
from orchestration.sandbox.accounts import install_sandbox_accounts
from orchestration.sandbox.senders import Senders
from orchestration.sandbox.setting import environment_of, require_sandbox_accounts
from orchestration.sandbox.story import PLOTS, Plot, counts, tell
from orchestration.sources.campaign_map import record_name
from orchestration.warehouse import Warehouse
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.tenants import create_tenant, read_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from uuid import UUID

    from rich.console import Console

    from orchestration.passes import PassOutcome
    from orchestration.sandbox.server import Sandbox
    from orchestration.settings import Settings

_NAMED_BY_A_PERSON = ("meta", "campaign", "120210000000000002", "Geri Kazanım (çağrı merkezi)")
_REGION, _CURRENCY = "TR", "TRY"


class DemonstrationFailed(Exception):
    """A step of the demonstration failed; the message says which."""

    is_refusal = True


@dataclass(frozen=True)
class _Stage:
    """What runs while the demonstration does."""

    settings: Settings
    sandbox: Sandbox
    intake_url: str


def run_demo(settings: Settings, console: Console) -> None:
    """Run the demonstration and print it.

    Args:
        settings: Where the warehouse is; the demonstration makes two tenants there.
        console: Gets progress and the report.

    Raises:
        RealAccounts: The warehouse has accounts of real platforms.
        DemonstrationFailed: A step failed.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        with console.status("Starting Postgres and migrating"):
            migrate(settings)
            require_sandbox_accounts(settings)
            tenants = {plot: _tenant(settings, plot) for plot in PLOTS}
        with console.status("Starting the sandbox and the intake"):
            stage = _set_up(settings, stack)
            install_sandbox_accounts(stage.settings, list(tenants.values()))
        warehouse = stack.enter_context(Warehouse(stage.settings, "worker"))
        _name_a_campaign(warehouse, list(tenants.values()))
        before = report.count_everything(warehouse)
        _send_traffic(stage, tenants, console)
        outcome = _run_graph(stage, console)
        analyst = stack.enter_context(Warehouse(stage.settings, "analyst"))
        receipts = stage.sandbox.counts()
        report.print_report(warehouse, analyst, receipts, console)
        proofs.print_proofs(warehouse, datetime.now(UTC), console)
        report.print_alerts(stage.settings.home / "sandbox", console)
        added = report.count_everything(warehouse) - before
        report.print_end(warehouse, added, time.monotonic() - started, console)
    if not outcome.succeeded:
        raise DemonstrationFailed(outcome.sentence)


def _set_up(settings: Settings, stack: ExitStack) -> _Stage:
    """Start the sandbox, the receiver of alerts and the intake; lead this process to them."""
    from orchestration.intake.server import running_intake
    from orchestration.sandbox.alert_receiver import running_alert_receiver
    from orchestration.sandbox.server import running_sandbox

    folder = settings.home / "sandbox"
    # The hour between the two passes is not waited for: Google has its answer at the first question.
    sandbox = stack.enter_context(running_sandbox(folder, processing_polls=0))
    receiver = stack.enter_context(running_alert_receiver(folder))
    environment: Mapping[str, str] = {
        **environment_of(sandbox),
        "LEADLOOP_ALERT_URLS": receiver.apprise_url,
    }
    stack.callback(_restore, dict(os.environ))
    active = activate(settings, environment)
    intake_url = stack.enter_context(running_intake(active, port=0))
    return _Stage(active, sandbox, intake_url)


def _restore(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _tenant(settings: Settings, plot: Plot) -> UUID:
    with Warehouse(settings, "worker") as warehouse:
        for tenant in warehouse.tenants():
            if tenant.name == plot.name:
                return tenant.tenant_id
    made = create_tenant(
        settings, plot.name, region=_REGION, timezone=plot.timezone, currency=_CURRENCY
    )
    return made.tenant_id


def _name_a_campaign(warehouse: Warehouse, tenants: Sequence[UUID]) -> None:
    """What somebody of the call centre would do: give a campaign the name that they use."""
    for tenant_id in tenants:
        record_name(warehouse, tenant_id, *_NAMED_BY_A_PERSON)


def _send_traffic(stage: _Stage, tenants: Mapping[Plot, UUID], console: Console) -> None:
    anchor = _anchor(stage.settings.home / "sandbox")
    tally: dict[str, int] = {}
    with Progress(console=console, transient=True) as progress:
        for plot, tenant_id in tenants.items():
            parcels = tell(plot, str(tenant_id), anchor)
            bar = progress.add_task(f"Sending signed traffic of {plot.name}", total=len(parcels))
            senders = Senders(
                stage.intake_url, read_keys(stage.settings, tenant_id), datetime.now(UTC)
            )
            sent = senders.send(
                parcels,
                counts(parcels, str(tenant_id), plot.timezone, anchor),
                lambda bar=bar: progress.advance(bar),
            )
            for status, count in sent.items():
                tally[status] = tally.get(status, 0) + count
    told = ", ".join(f"{count} {status}" for status, count in sorted(tally.items()))
    console.print(f"Sent {sum(tally.values())} signed requests over HTTP: {told}", highlight=False)


def _anchor(folder: Path) -> datetime:
    """The moment at which the story ends: fixed at its first telling."""
    path = folder / "story.json"
    if not path.exists():
        now = datetime.now(UTC).replace(microsecond=0)
        path.write_text(json.dumps({"anchor": now.isoformat()}))
    told: dict[str, Any] = json.loads(path.read_text())
    return datetime.fromisoformat(told["anchor"])


def _run_graph(stage: _Stage, console: Console) -> PassOutcome:
    """The nightly pass, then the hourly one: Google tells only later what became of what it took."""
    from orchestration.passes import run_pass

    console.print("Materializing the asset graph through Dagster", highlight=False)
    outcome = run_pass(stage.settings, "full", console)
    if not outcome.succeeded:
        return outcome
    console.print("An hour later: what is due again, and what Google says now", highlight=False)
    return run_pass(stage.settings, "deliver", console)
