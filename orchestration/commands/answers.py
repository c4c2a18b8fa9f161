"""``leadloop why``: what became of a lead at each destination, and by which rules."""

from __future__ import annotations

import json
from typing import Annotated

import typer

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


@app.command()
def why(
    lead: Annotated[str, typer.Argument(help="Lead id, conversion id or CRM record id.")],
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell, for one lead, each destination's decision and the reason."""
    from orchestration.deliveries import explain
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        tenants = tenants_of(warehouse, tenant)
        answers = [
            answer for tenant_id in tenants for answer in explain.why(warehouse, tenant_id, lead)
        ]
        silences = [
            told
            for tenant_id in ([] if answers else tenants)
            if (told := explain.why_not(warehouse, tenant_id, lead))
        ]
    if not answers:
        told = silences[0] if silences else "it is no lead, conversion or CRM record here"
        err.print(f"No decision about {lead!r}: {told}.", highlight=False)
        raise typer.Exit(1)
    for answer in answers:
        if as_json:
            print_line(json.dumps(answer.as_json(), ensure_ascii=False))
        else:
            out.print(answer.sentence(), highlight=False, soft_wrap=True)
