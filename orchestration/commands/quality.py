"""``leadloop deliveries quality`` and ``eligibility``: what the platforms can do with what they get."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from orchestration.commands.console import (
    JsonOption,
    PlatformOption,
    TenantOption,
    err,
    names_of,
    out,
    print_line,
    refusals,
    tenants_of,
)
from orchestration.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestration.deliveries.answers.eligibility import Judgement

app = typer.Typer()

DaysOption = Annotated[int, typer.Option("--days", min=1, max=400, help="How many days back.")]


@app.command("quality")
def show_quality(
    tenant: TenantOption = None,
    platform: PlatformOption = None,
    days: DaysOption = 14,
    as_json: JsonOption = False,
) -> None:
    """Show, per destination and day, what was sent, accepted and matched, and what it carried.

    A rate from the platform counts whom it found; an estimate is the share that carried anything to match by, an upper
    bound. Quality is Meta's own, from 0 to 10; in browser is the share that a browser reported as well. The three facts
    are never added up.
    """
    from orchestration.deliveries.answers.match_quality import list_days
    from orchestration.warehouse import Warehouse

    since = (datetime.now(UTC) - timedelta(days=days)).date()
    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        found = {
            tenant_id: list_days(warehouse, tenant_id, since, platform)
            for tenant_id in tenants_of(warehouse, tenant)
        }
        names = names_of(warehouse)
    if as_json:
        for tenant_id, rows in found.items():
            for row in rows:
                print_line(json.dumps({"tenant_id": str(tenant_id), **row}, default=str))
        return
    if not any(found.values()):
        err.print("Nothing was sent in these days.")
    for tenant_id, rows in found.items():
        if rows:
            out.print(_tabulate_days(names[tenant_id], rows))


@app.command("eligibility")
def show_eligibility(
    tenant: TenantOption = None,
    platform: PlatformOption = None,
    days: DaysOption = 28,
    as_json: JsonOption = False,
) -> None:
    """Tell, rule by rule with its source, whether a platform's optimizer can use what it is sent."""
    from dataclasses import asdict

    from orchestration.deliveries.answers.eligibility import report
    from orchestration.warehouse import Warehouse

    until = datetime.now(UTC)
    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        found = {
            tenant_id: report(warehouse, tenant_id, until - timedelta(days=days), until, platform)
            for tenant_id in tenants_of(warehouse, tenant)
        }
        names = names_of(warehouse)
    if as_json:
        for tenant_id, judgements in found.items():
            for judgement in judgements:
                told = {"tenant_id": str(tenant_id), **asdict(judgement)}
                print_line(json.dumps(told, ensure_ascii=False))
        return
    if not any(found.values()):
        err.print("No destination was owed anything in these days.")
    for tenant_id, judgements in found.items():
        if judgements:
            out.print(_tabulate_judgements(names[tenant_id], judgements))


def _tabulate_days(tenant: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(
        *("destination", "day", "sent", "accepted", "duplicate", "refused", "matched"),
        *("match rate", "carried", "quality", "in browser"),
        title=escape(tenant),
    )
    for row in rows:
        table.add_row(
            f"{row['platform']}:{row['account_id']}",
            str(row["day"]),
            *(f"{row[name]:,}" for name in ("sent", "accepted", "duplicate", "refused")),
            "not told" if row["matched"] is None else f"{row['matched']:,}",
            _rate(row),
            _carried(row),
            "-" if row["event_match_quality"] is None else str(row["event_match_quality"]),
            "-" if row["duplicate_share"] is None else f"{row['duplicate_share']:.0%}",
        )
    for name in (0, 1, 8):
        table.columns[name].no_wrap = True
    for column in table.columns[2:6]:
        column.justify = "right"
    return table


def _tabulate_judgements(tenant: str, judgements: Sequence[Judgement]) -> Table:
    table = Table(
        *("destination", "action", "rule", "result", "met", "what must hold", "source"),
        title=escape(tenant),
    )
    for judgement in judgements:
        table.add_row(
            f"{judgement.platform}:{judgement.account_id}",
            judgement.action,
            judgement.code,
            _WORDS[judgement.result],
            f"{judgement.met:,} of {judgement.of:,}",
            judgement.sentence,
            judgement.source,
        )
    return table


_WORDS = {
    "holds": "[green]holds[/green]",
    "fails": "[red]fails[/red]",
    "too_few": "too few to tell",
}


def _rate(row: Mapping[str, Any]) -> str:
    if row["match_rate"] is None:
        return "-"
    told = f"{row['match_rate']:.0%}"
    return told if row["match_rate_from"] == "platform" else f"at most {told}"


def _carried(row: Mapping[str, Any]) -> str:
    """What there was to match by, one kind a line."""
    kinds = {"e-mail": "with_email", "phone": "with_phone", "click": "with_click"}
    kinds["lead id"] = "with_lead_id"
    return "\n".join(
        f"{kind} {row[name] / row['sent']:.0%}" for kind, name in kinds.items() if row[name]
    )
