"""The command line: ``leadloop …``, put together from ``commands``.

Every command answers ``--help``, exits 0 when it did what was asked, 1 when it could not, 2 when it was asked
wrongly, and then says what to do.
"""

from __future__ import annotations

import logging

import typer

from orchestration.commands import (
    answers,
    attribution,
    consent,
    deliveries,
    doctor,
    files,
    filters,
    ledger,
    quality,
    running,
    sandbox,
    tenants,
)

app = typer.Typer(
    help="Close the loop between ads and business outcomes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(running.app)
app.add_typer(tenants.tenant_app, name="tenant")
app.add_typer(tenants.account_app, name="account")
app.add_typer(tenants.names_app, name="campaign-map")
app.add_typer(files.import_app, name="import")
app.add_typer(answers.app)
deliveries.app.add_typer(quality.app)
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(ledger.app, name="ledger")
app.add_typer(filters.landing_app, name="landing")
app.add_typer(filters.app)
app.add_typer(doctor.app)
app.add_typer(consent.app, name="consent")
app.add_typer(attribution.attribution_app, name="attribution")
app.add_typer(attribution.bench_app, name="bench")
app.add_typer(sandbox.sandbox_app, name="sandbox")


def main() -> None:
    """Run the command line."""
    logging.basicConfig()
    # On the handler, not the logger: libraries set their own loggers' levels as they are imported.
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.WARNING)
    app()
