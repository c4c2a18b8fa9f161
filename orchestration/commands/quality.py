"""``leadloop deliveries quality`` and ``eligibility``: what the platforms can do with what they get."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from orchestration.commands.console import (
    JsonOption,
    TenantOption,
    err,
    out,
    print_line,
    refusals,
    tenants_of,
)
from orchestration.settings import get_settings

app = typer.Typer()

DaysOption = Annotated[int, typer.Option("--days", min=1, max=400, help="How many days back.")]
PlatformOption = Annotated[
    str | None, typer.Option("--platform", help="google, meta or tiktok; default: all.")
]


@app.command("quality")
def show_quality(
    tenant: TenantOption = None,
    platform: PlatformOption = None,
    days: DaysOption = 14,
    as_json: JsonOption = False,
) -> None:
    """Show, per destination and day, what was sent, accepted and matched, and what it carried.

    A rate from the platform counts whom it found; an estimate is the share that carried anything to match by, an upper
    bound. The three facts are never added up.
    """
    from orchestration.deliveries.answers.match_quality import list_days
    from orchestration.warehouse import Warehouse

    since = (datetime.now(UTC) - timedelta(days=days)).date()
    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        rows = [
            row
            for tenant_id in tenants_of(warehouse, tenant)
            for row in list_days(warehouse, tenant_id, since, platform)
        ]
    if as_json:
        for row in rows:
            print_line(json.dumps(row, default=str))
        return
    if not rows:
        err.print("Nothing was sent in these days.")
        return
    table = Table(
        *(
            "destination",
            "day",
            "sent",
            "accepted",
            "duplicate",
            "refused",
            "matched",
            "match rate",
        ),
        *("e-mail", "phone", "click", "lead id", "quality (0-10)", "seen by browser"),
    )
    for row in rows:
        table.add_row(
            f"{row['platform']} {row['account_id']}",
            str(row["day"]),
            *(str(row[name]) for name in ("sent", "accepted", "duplicate", "refused")),
            "not told" if row["matched"] is None else str(row["matched"]),
            _rate(row),
            *(_share(row[name], row["sent"]) for name in ("with_email", "with_phone")),
            *(_share(row[name], row["sent"]) for name in ("with_click", "with_lead_id")),
            "-" if row["event_match_quality"] is None else str(row["event_match_quality"]),
            "-" if row["duplicate_share"] is None else f"{row['duplicate_share']:.0%}",
        )
    out.print(table)


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
        judgements = [
            judgement
            for tenant_id in tenants_of(warehouse, tenant)
            for judgement in report(
                warehouse, tenant_id, until - timedelta(days=days), until, platform
            )
        ]
    if as_json:
        for judgement in judgements:
            print_line(json.dumps(asdict(judgement), ensure_ascii=False))
        return
    if not judgements:
        err.print("No destination was owed anything in these days.")
        return
    table = Table("destination", "action", "rule", "result", "met", "what must hold", "source")
    for judgement in judgements:
        table.add_row(
            f"{judgement.platform} {judgement.account_id}",
            judgement.action,
            judgement.code,
            _WORDS[judgement.result],
            f"{judgement.met:,} of {judgement.of:,}",
            judgement.sentence,
            judgement.source,
        )
    out.print(table)


_WORDS = {
    "holds": "[green]holds[/green]",
    "fails": "[red]fails[/red]",
    "too_few": "too few to tell",
}


def _rate(row: dict[str, object]) -> str:
    if row["match_rate"] is None:
        return "-"
    told = f"{row['match_rate']:.0%}"
    return told if row["match_rate_from"] == "platform" else f"at most {told}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"
