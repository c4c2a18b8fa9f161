"""``leadloop import``: load files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from orchestration.commands.console import TenantOption, err, pairs, refusals, tenant_of
from orchestration.settings import get_settings

import_app = typer.Typer(help="Load files.", no_args_is_help=True)


@import_app.command("csv")
def import_csv_file(
    path: Annotated[Path, typer.Argument(help="The file.", exists=True, dir_okay=False)],
    tenant: TenantOption = None,
    kind: Annotated[str, typer.Option("--as", help="What a line is: lead or deal.")] = "lead",
    mapping: Annotated[
        list[str],
        typer.Option("--map", help="field=column; repeat. Unmapped columns are kept beside."),
    ] = [],  # noqa: B006
    timezone: Annotated[
        str | None, typer.Option(help="Zone of times that name none; default: the tenant's.")
    ] = None,
    conversion_kind: Annotated[
        str, typer.Option(help="What a deal without a kind is.")
    ] = "purchase",
) -> None:
    """Load leads or deals from any CSV by a column mapping. Safe to repeat.

    Fields of a lead: lead_id, created_at (both needed), name, first_name, last_name, email, phone, landing_url,
    consent, city, country, utm_*, campaign_id, campaign_name, adgroup_id, click ids. Of a deal: lead_id,
    converted_at (both needed), deal_id, conversion_kind, value, currency.
    """
    from orchestration.sources.csv_files import import_csv
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        report = import_csv(
            warehouse,
            tenant_of(tenant),
            path,
            kind,
            pairs(mapping),
            timezone=timezone,
            conversion_kind=conversion_kind,
        )
    counts = {
        "lines read": report.read,
        "stored": report.stored,
        "unchanged": report.unchanged,
        "repeated": report.repeated,
        "refused": len(report.refused),
    }
    table = Table(*counts, title=path.name)
    table.add_row(*map(str, counts.values()))
    err.print(table)
    for refusal in report.refused[:20]:
        err.print(f"line {refusal.line}: {refusal.reason}")
    if report.refused:
        err.print("Refused lines are kept in quarantine; the others are stored.")
        raise typer.Exit(1)
