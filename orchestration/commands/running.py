"""Commands that run things: the demonstration, every process, one pass, the services."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.console import TenantOption, err, out, print_line, refusals, tenant_of
from orchestration.settings import get_settings

app = typer.Typer()


@app.command()
def demo(
    home: Annotated[
        Path | None,
        typer.Option(help="State folder of the demonstration; the default keeps it from your own."),
    ] = None,
) -> None:
    """Run the whole journey on this machine with simulated traffic, and print what happened.

    Starts the embedded Postgres, the sandbox and the intake on loopback ports, sends signed traffic of two tenants,
    materializes the asset graph, and prints leads, credit, checks and deliveries. Safe to repeat: the second time
    adds nothing.
    """
    from orchestration.sandbox.demo import run_demo

    settings = get_settings()
    with refusals():
        run_demo(settings.model_copy(update={"home": home.resolve()}) if home else settings, out)


@app.command()
def dev(
    with_sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox/--no-sandbox",
            help="Talk to the sandbox, or to the real platforms with each tenant's credentials.",
        ),
    ] = True,
) -> None:
    """Start everything: Dagster UI, intake, panel, sandbox. Ctrl-C stops all of it."""
    from orchestration.development import run_development

    with refusals():
        run_development(get_settings(), err, with_sandbox=with_sandbox)


@app.command()
def migrate() -> None:
    """Make or update the warehouse: databases, roles, tables. Safe to repeat."""
    from orchestration.warehouse.migrate import migrate as run_migrations

    with refusals():
        revision = run_migrations(get_settings())
    err.print(f"The warehouse is at revision {revision}.")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Serve the intake: forms, WhatsApp, CRM conversions."""
    from orchestration.intake.server import serve as serve_intake

    settings = get_settings()
    with refusals():
        serve_intake(settings, host or settings.intake_host, port or settings.intake_port)


@app.command()
def panel() -> None:
    """Serve the web panel."""
    from orchestration.panel.app import serve as serve_panel

    serve_panel(get_settings())


@app.command()
def run(
    job: Annotated[str, typer.Option(help="full, refresh, check or deliver.")] = "full",
) -> None:
    """Run one pass over the graph, here and now; the run shows in the Dagster UI."""
    with refusals():
        from orchestration.passes import run_pass

        outcome = run_pass(get_settings(), job, err)
    err.print(outcome.sentence)
    if not outcome.succeeded:
        raise typer.Exit(1)


@app.command()
def psql(
    tenant: TenantOption = None,
    role: Annotated[str, typer.Option(help="analyst, panel, worker, intake or dbt.")] = "analyst",
    command: Annotated[
        list[str], typer.Option("--command", "-c", help="Run this and end; repeat.")
    ] = [],  # noqa: B006 - typer reads the default and never changes it
) -> None:
    """Open psql as a role, for one tenant. Starts the embedded database if it is not running."""
    from orchestration.terminal import open_psql

    with refusals():
        code = open_psql(get_settings(), role, tenant_of(tenant), command)
    raise typer.Exit(code)


@app.command()
def url(
    role: Annotated[str, typer.Argument(help="analyst, panel, worker, intake, dbt or migrate.")],
) -> None:
    """Print the address with which a role connects, for other programs.

    The embedded database answers there while `leadloop dev` runs. A session then names its tenant:
    select set_config('app.tenant_id', '…', false);
    """
    from orchestration.warehouse import addresses

    with refusals():
        print_line(addresses.libpq_url(addresses.role_url(get_settings(), role)))
