"""``leadloop why``: what became of a lead at each destination, by which rules; and the proof that none is missing."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from orchestration.deliveries.answers.audit import Audit

app = typer.Typer()

_UNKNOWN = (
    "it is no lead, conversion or CRM record here; what came since the last `leadloop run` shows after the next one, "
    "and `leadloop psql` lists ids in marts.fct_leads and marts.fct_conversions"
)


@app.command()
def why(
    lead: Annotated[
        str | None, typer.Argument(help="Lead id, conversion id or CRM record id.")
    ] = None,
    tenant: TenantOption = None,
    destination: Annotated[
        str | None,
        typer.Option(
            "--destination",
            "-d",
            help="google, meta, tiktok, or one account, as meta:880000000000001.",
        ),
    ] = None,
    audit: Annotated[
        bool,
        typer.Option(
            "--audit",
            help="Prove that outcomes × destinations = sent + not sent, each with one reason.",
        ),
    ] = False,
    first_day: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%d"], help="With --audit: outcomes from this day on."
        ),
    ] = None,
    last_day: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="With --audit: outcomes up to this day."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell, for one lead, each destination's word and every rule that led to it; or audit all of a tenant's outcomes.

    With --audit it exits 1 where an outcome has no decision or reason at a destination, or more than one, and names it.
    """
    if audit == (lead is not None):
        raise typer.BadParameter("name a lead, or ask for --audit")
    if audit and destination:
        raise typer.BadParameter("an audit is of all destinations", param_hint="--destination")
    if lead and (first_day or last_day):
        raise typer.BadParameter("--from and --to are for --audit")
    if first_day and last_day and last_day < first_day:
        raise typer.BadParameter("ends before it begins", param_hint="--to")
    if audit:
        _audit(
            tenant,
            first_day.date() if first_day else None,
            last_day.date() if last_day else None,
            as_json=as_json,
        )
        return
    _explain(lead or "", tenant, destination, as_json=as_json)


def _explain(lead: str, tenant: str | None, destination: str | None, *, as_json: bool) -> None:
    from orchestration.deliveries.answers import explain
    from orchestration.deliveries.answers.phrases import read_target
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        target = read_target(destination)
        tenants = tenants_of(warehouse, tenant)
        answers = [
            answer
            for tenant_id in tenants
            for answer in explain.why(warehouse, tenant_id, lead, target)
        ]
        silences = [
            told
            for tenant_id in ([] if answers else tenants)
            if (told := explain.why_not(warehouse, tenant_id, lead))
        ]
    if not answers:
        told = silences[0] if silences else _UNKNOWN
        if silences and destination:
            told = f"nothing of it goes to {destination}; ask without --destination"
        err.print(f"No decision about {lead!r}: {told}.", highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    for answer in answers:
        if as_json:
            print_line(json.dumps(answer.as_json(), ensure_ascii=False))
            continue
        for line in answer.lines():
            out.print(line, markup=False, highlight=False, soft_wrap=True)


def _audit(
    tenant: str | None, first_day: date | None, last_day: date | None, *, as_json: bool
) -> None:
    from orchestration.deliveries.answers.audit import audit
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        wanted = set(tenants_of(warehouse, tenant))
        audits = [
            audit(warehouse, one, first_day, last_day)
            for one in warehouse.tenants()
            if one.tenant_id in wanted
        ]
    for found in audits:
        if as_json:
            print_line(json.dumps(found.as_json(), ensure_ascii=False))
        else:
            _print_audit(found)
    if not all(found.holds for found in audits):
        raise typer.Exit(1)


def _print_audit(found: Audit) -> None:
    from orchestration.deliveries.answers.audit import say_word

    table = Table("destination", "outcomes", "sent", "not sent", title=found.tenant)
    for column in table.columns[1:]:
        column.justify = "right"
    if any(balance.pruned for balance in found.balances):
        table.add_column("let go of", justify="right")
    for balance in found.balances:
        numbers = [balance.pairs, balance.sent.total(), balance.not_sent.total(), balance.pruned]
        table.add_row(
            f"{balance.platform}:{balance.account_id}",
            *(f"{number:,}" for number in numbers[: len(table.columns) - 1]),
        )
    out.print(table)
    for balance in found.balances:
        out.print(f"{balance.platform}:{balance.account_id}", highlight=False)
        for label, words in (("sent", balance.sent), ("not sent", balance.not_sent)):
            for word, count in words.most_common():
                told = say_word(word, is_sent=label == "sent")
                out.print(f"  {label}: {count:,} {word}: {told}", highlight=False, soft_wrap=True)
    if found.holds:
        err.print(
            f"{found.tenant}: every outcome has one word at every destination.",
            markup=False,
            highlight=False,
        )
    for finding in found.findings:
        err.print(f"[red]Broken:[/red] {finding.sentence()}", highlight=False, soft_wrap=True)
        for one in finding.subjects:
            err.print(
                f"  {one.platform}:{one.account_id} {one.subject}", highlight=False, soft_wrap=True
            )
