"""``leadloop why`` and ``leadloop deliveries``: what became of a lead, and what would be sent."""

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
deliveries_app = typer.Typer(help="What leaves for the platforms.", no_args_is_help=True)


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


@deliveries_app.command("preview")
def deliveries_preview(
    conversion: Annotated[str, typer.Argument(help="Conversion id.")],
    tenant: TenantOption = None,
    platform: Annotated[str | None, typer.Option(help="google, meta or tiktok; default: all.")] = (
        None
    ),
) -> None:
    """Print the exact request body that a conversion would be sent with; sends nothing."""
    from orchestration.deliveries.explain import preview
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        bodies = [
            body
            for tenant_id in tenants_of(warehouse, tenant)
            for body in preview(warehouse, tenant_id, conversion, platform)
        ]
    if not bodies:
        err.print("No destination takes this conversion; `leadloop why` says the reason.")
        raise typer.Exit(1)
    for body in bodies:
        err.print(f"{body.platform} {body.account_id}", highlight=False)
        print_line(body.body.decode())
