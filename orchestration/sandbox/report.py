"""What the demonstration prints: leads, names, credit, checks, deliveries, and what to open next.

Marts are read as the analyst reads them, ledger and verdicts as the worker does; no personal data is on the screen.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from orchestration.deliveries.answers import explain
from orchestration.sandbox.alert_receiver import read_alerts
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from sqlalchemy import RowMapping, TextClause

    from orchestration.warehouse import Tenant, Warehouse

_QUERIES = sql.load(__file__, "demo.sql")
# Enough to see the shape; the marts have the rest.
_MOST_LINES = 12


@dataclass(frozen=True)
class Totals:
    """How much there is, over all tenants."""

    events: int = 0
    leads: int = 0
    conversions: int = 0
    deliveries: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: Totals) -> Totals:
        return Totals(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def sentence(self) -> str:
        """The totals in words."""
        return ", ".join(f"{getattr(self, f.name)} {f.name}" for f in fields(self))


def count_everything(warehouse: Warehouse) -> Totals:
    """Count what there is now; marts that are not built yet count as empty."""
    totals = Totals()
    for tenant in warehouse.tenants():
        with warehouse.tenant(tenant.tenant_id) as connection:
            values = {"tenant_id": tenant.tenant_id}
            stored = connection.execute(_QUERIES.count_stored, values).one()
            totals += Totals(events=stored.events, deliveries=stored.deliveries)
            if connection.execute(_QUERIES.has_marts).scalar_one():
                built = connection.execute(_QUERIES.count_built, values).one()
                totals += Totals(leads=built.leads, conversions=built.conversions)
    return totals


def print_report(
    warehouse: Warehouse,
    analyst: Warehouse,
    receipts: Mapping[str, Mapping[str, Any]],
    console: Console,
) -> None:
    """Print what each tenant has, and what the platforms saw."""
    tenants = warehouse.tenants()
    for tenant in tenants:
        console.rule(f"[b]{tenant.name}", align="left")
        _print_leads(analyst, tenant, console)
        _print_credit(analyst, tenant, console)
        _print_verdicts(warehouse, tenant, console)
    console.rule("[b]Deliveries", align="left")
    _print_deliveries(warehouse, console)
    _print_receipts(receipts, console)


def print_alerts(folder: Path, console: Console) -> None:
    """Print what the local receiver of alerts got."""
    console.rule("[b]Alerts", align="left")
    alerts = read_alerts(folder)
    for alert in alerts:
        console.print(f"[b]Alert:[/b] {alert.title}", highlight=False)
    if alerts:
        console.print("\nThe last one in full:", highlight=False)
        console.print(alerts[-1].body, highlight=False, markup=False)


def print_end(warehouse: Warehouse, added: Totals, seconds: float, console: Console) -> None:
    """Print what this run added, and where to go from here."""
    console.rule("[b]What to open next", align="left")
    tenant, lead, conversion = _pick_examples(warehouse)
    program = _program()
    lines = {
        "make dev": "the Dagster UI with this run, the intake, the panel",
        f"{program} why {lead}": "one lead, destination by destination",
        f"{program} deliveries preview {conversion}": "the exact request bodies of one conversion",
        f"{program} deliveries eligibility": "whether the platforms' optimizers can use what they get",
        f'{program} psql --tenant "{tenant.name}"': "the marts, as an analyst",
    }
    for command, meaning in lines.items():
        console.print(f"  {command}\n      {meaning}", highlight=False, soft_wrap=True)
    console.print(f"\nAdded: {added.sentence()}. Took {seconds:.0f} s.", highlight=False)


def _pick_examples(warehouse: Warehouse) -> tuple[Tenant, str, str]:
    """A tenant, one of its leads with outcomes, and one outcome that has a lead."""
    for tenant in warehouse.tenants():
        with warehouse.tenant(tenant.tenant_id) as connection:
            values = {"tenant_id": tenant.tenant_id}
            lead = connection.execute(_QUERIES.pick_lead, values).scalar_one_or_none()
            if lead is not None:
                conversion = connection.execute(_QUERIES.pick_conversion, values).scalar_one()
                return tenant, lead, conversion
    raise LookupError("no tenant has a lead with an outcome; the story was not told")


def _program() -> str:
    """How the reader can call us from where they stand."""
    if shutil.which("leadloop"):
        return "leadloop"
    called = Path(sys.argv[0]).absolute()
    here = Path.cwd()
    return str(called.relative_to(here)) if called.is_relative_to(here) else str(called)


def _print_leads(analyst: Warehouse, tenant: Tenant, console: Console) -> None:
    rows = _read(analyst, tenant, _QUERIES.list_leads)
    named = sum(row["named_by_map"] for row in rows)
    table = _table("Leads by source and campaign", "source", "campaign", "leads", "named by map")
    for row in rows[:_MOST_LINES]:
        table.add_row(
            row["source"], row["campaign_name"], str(row["leads"]), str(row["named_by_map"])
        )
    console.print(table)
    total = sum(row["leads"] for row in rows)
    console.print(
        f"{total} leads; {named} have their campaign's name from campaign_map.", highlight=False
    )


def _print_credit(analyst: Warehouse, tenant: Tenant, console: Console) -> None:
    rows = _read(analyst, tenant, _QUERIES.list_credit)
    table = _table(
        "Credit for conversions", "campaign", "platform", "First touch", "Last touch", "Value, last"
    )
    for row in rows[:_MOST_LINES]:
        table.add_row(
            row["campaign_name"],
            row["platform"],
            f"{row['first_credit'] or 0:.2f}",
            f"{row['last_credit'] or 0:.2f}",
            f"{row['last_value'] or 0:,.2f} {tenant.currency}",
        )
    console.print(table)


def _print_verdicts(warehouse: Warehouse, tenant: Tenant, console: Console) -> None:
    rows = _read(warehouse, tenant, _QUERIES.list_verdicts)
    passed = sum(row["passed"] for row in rows)
    console.print(f"Checks: {passed} passed, {len(rows) - passed} failed", highlight=False)
    for row in rows:
        if not row["passed"]:
            console.print(
                f"  {row['rule']} ({row['severity']}): {row['failed_count']} "
                f"{row['reason'] or ''}".rstrip(),
                highlight=False,
            )


def _print_deliveries(warehouse: Warehouse, console: Console) -> None:
    table = _table(
        "Outcomes × destinations = sent + never or held",
        *("tenant", "platform", "planned", "sent", "accepted", "refused", "waiting"),
        *("never or held", "reasons"),
    )
    for row in explain.summary(warehouse):
        reasons = "\n".join(f"{reason} {count}" for reason, count in row.not_sent.most_common())
        table.add_row(
            row.tenant,
            row.platform,
            *map(str, (row.planned, row.sent, row.accepted + row.duplicate)),
            *map(str, (row.refused, row.waiting, row.not_sent.total())),
            reasons,
        )
    console.print(table)


def _print_receipts(receipts: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    """What arrived at the stand-ins, of those that take events, and what they would count of it."""
    seen = {name: counts for name, counts in receipts.items() if counts["events_received"]}
    facts = ["requests", "events_received", "events_accepted", "counted", "counted_twice"]
    facts += ["raw_personal_data"]
    table = _table("What the platforms saw", "platform", *(f.replace("_", " ") for f in facts))
    for platform, counts in seen.items():
        table.add_row(platform, *(f"{counts[fact]:,}" for fact in facts))
    for column in table.columns[1:]:
        column.justify = "right"
    console.print(table)


def _read(warehouse: Warehouse, tenant: Tenant, statement: TextClause) -> Sequence[RowMapping]:
    with warehouse.tenant(tenant.tenant_id) as connection:
        return connection.execute(statement, {"tenant_id": tenant.tenant_id}).mappings().all()


def _table(title: str, *columns: str) -> Table:
    table = Table(*columns, title=title, title_justify="left", box=box.SIMPLE_HEAD)
    numeric = {"leads", "named by map", "First touch", "Last touch", "Value, last", "planned"}
    numeric |= {"sent", "accepted", "refused", "waiting", "never or held"}
    for column in table.columns:
        if column.header in numeric:
            column.justify = "right"
    return table
