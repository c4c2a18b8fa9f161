"""The command line: ``leadloop …``. Reads arguments, calls a stage, prints; no logic of its own.

Every command answers ``--help``, exits 0 when it did what was asked, 1 when it could not, 2 when it was asked
wrongly, and then says what to do. What is for programs goes to standard output, what is for people around it to
standard error.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from orchestration.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from uuid import UUID

    from orchestration.warehouse import Warehouse

app = typer.Typer(
    help="Close the loop between ads and business outcomes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
tenant_app = typer.Typer(help="Companies whose data lives here.", no_args_is_help=True)
account_app = typer.Typer(help="A tenant's accounts at the ad platforms.", no_args_is_help=True)
import_app = typer.Typer(help="Load files.", no_args_is_help=True)
deliveries_app = typer.Typer(help="What leaves for the platforms.", no_args_is_help=True)
sandbox_app = typer.Typer(help="Stand-ins of the outside systems.", no_args_is_help=True)
landing_app = typer.Typer(help="Landing URLs and message texts.", no_args_is_help=True)
names_app = typer.Typer(help="Names of campaigns and ad groups.", no_args_is_help=True)
for name, group in {
    "tenant": tenant_app,
    "account": account_app,
    "import": import_app,
    "deliveries": deliveries_app,
    "sandbox": sandbox_app,
    "landing": landing_app,
    "campaign-map": names_app,
}.items():
    app.add_typer(group, name=name)

out = Console()
err = Console(stderr=True)

TenantOption = Annotated[
    str | None,
    typer.Option(
        "--tenant", "-t", help="Tenant: its name or its id; needed where there are several."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def main() -> None:
    """Run the command line; what the user can mend is one line, what is our bug keeps its type and place."""
    logging.basicConfig(level=logging.WARNING)
    app()


# --- Everything at once ------------------------------------------------------------------------------------------


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
    job: Annotated[str, typer.Option(help="full, refresh or deliver.")] = "full",
) -> None:
    """Run one pass over the graph, here and now; the run shows in the Dagster UI."""
    with refusals():
        from orchestration.passes import run_pass

        outcome = run_pass(get_settings(), job, err)
    err.print(outcome.sentence)
    if not outcome.succeeded:
        raise typer.Exit(1)


@app.command()
def url(
    role: Annotated[str, typer.Argument(help="analyst, panel, worker, intake, dbt or migrate.")],
) -> None:
    """Print the address with which a role connects: psql "$(leadloop url analyst)".

    An analyst then names the tenant: select set_config('app.tenant_id', '…', false);
    """
    from orchestration.warehouse import addresses

    with refusals():
        print_line(addresses.libpq_url(addresses.role_url(get_settings(), role)))


# --- Tenants and accounts ----------------------------------------------------------------------------------------


@tenant_app.command("create")
def tenant_create(
    name: Annotated[str, typer.Argument(help="Shown to people; unique.")],
    region: Annotated[str, typer.Option(help="Default country of phone numbers.")] = "TR",
    timezone: Annotated[str, typer.Option(help="Days are this zone's.")] = "Europe/Istanbul",
    currency: Annotated[str, typer.Option(help="ISO 4217.")] = "TRY",
    unknown_consent: Annotated[
        str, typer.Option(help="Where nobody said: hold, or send.")
    ] = "hold",
    as_json: JsonOption = False,
) -> None:
    """Make a tenant; prints its id, form key and secrets, this once.

    A Meta app's own secret, which signs WhatsApp's notifications, is read from LEADLOOP_WHATSAPP_APP_SECRET.
    """
    from orchestration.warehouse.migrate import migrate as run_migrations
    from orchestration.warehouse.tenants import create_tenant

    settings = get_settings()
    with refusals():
        run_migrations(settings)
        tenant = create_tenant(
            settings,
            name,
            region=region,
            timezone=timezone,
            currency=currency,
            unknown_consent=unknown_consent,
        )
    if as_json:
        print_line(json.dumps(tenant.as_json(), ensure_ascii=False))
        return
    err.print(f"Made tenant [b]{name}[/b]. Keep these; they are not shown again.")
    for key, value in tenant.as_json().items():
        print_line(f"{key}\t{value}")


@tenant_app.command("list")
def tenant_list(as_json: JsonOption = False) -> None:
    """List the active tenants."""
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        tenants = warehouse.tenants()
    for tenant in tenants:
        if as_json:
            print_line(
                json.dumps(
                    {"tenant_id": str(tenant.tenant_id), "name": tenant.name}, ensure_ascii=False
                )
            )
        else:
            print_line(f"{tenant.tenant_id}\t{tenant.name}")


@account_app.command("add")
def account_add(
    platform: Annotated[str, typer.Argument(help="google, meta or tiktok.")],
    account_id: Annotated[str, typer.Argument(help="Google customer, Meta dataset, TikTok pixel.")],
    tenant: TenantOption = None,
    config: Annotated[
        list[str], typer.Option("--set", help="name=value of the account; repeat.")
    ] = [],  # noqa: B006 - typer reads the default and never changes it
    action: Annotated[
        list[str],
        typer.Option("--action", help="Google only: outcome=conversion action id; repeat."),
    ] = [],  # noqa: B006
) -> None:
    """Add a platform account with the default routes; its credentials are read as JSON from standard input.

    Google: {"access_token": …} or {"client_id": …, "client_secret": …, "refresh_token": …}. Meta: {"access_token": …}.
    TikTok: {"access_token": …}.
    """
    from orchestration.deliveries.routes import install_account
    from orchestration.warehouse import Warehouse

    with refusals():
        credentials = read_credentials(sys.stdin.read())
        tenant_id = tenant_of(tenant)
        with Warehouse(get_settings(), "worker") as warehouse:
            install_account(
                warehouse,
                tenant_id,
                platform,
                account_id,
                config=pairs(config),
                credentials=credentials,
                action_ids=pairs(action),
            )
    err.print(f"Added the {platform} account {account_id}.")


@names_app.command("add")
def campaign_map_add(
    platform: Annotated[str, typer.Argument(help="google, meta, tiktok …")],
    external_id: Annotated[str, typer.Argument(help="Id at the platform.")],
    name: Annotated[str, typer.Argument(help="The name that people know it by.")],
    tenant: TenantOption = None,
    level: Annotated[str, typer.Option(help="campaign or adgroup.")] = "campaign",
) -> None:
    """Name a campaign or ad group yourself; your name wins over the platform's."""
    from orchestration.sources.campaign_map import record_name
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        record_name(warehouse, tenant_of(tenant), platform, level, external_id, name)
    err.print("Recorded. It shows after the next refresh, on past leads too.")


# --- Files -------------------------------------------------------------------------------------------------------


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
    table = Table("lines read", "stored", "unchanged", "refused", title=str(path.name))
    table.add_row(
        str(report.read), str(report.stored), str(report.unchanged), str(len(report.refused))
    )
    err.print(table)
    for refusal in report.refused[:20]:
        err.print(f"line {refusal.line}: {refusal.reason}")
    if report.refused:
        err.print("Refused lines are kept in quarantine; the others are stored.")
        raise typer.Exit(1)


# --- Answers -----------------------------------------------------------------------------------------------------


@app.command()
def why(
    lead: Annotated[str, typer.Argument(help="Lead id, conversion id or CRM record id.")],
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell, for one lead, each destination's decision and the reason."""
    from orchestration.deliveries.explain import why as explain
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        answers = [
            answer
            for tenant_id in tenants_of(warehouse, tenant)
            for answer in explain(warehouse, tenant_id, lead)
        ]
    if not answers:
        err.print(
            f"Nothing known of {lead!r}: it is no lead, conversion or CRM record here, or has no outcome yet."
        )
        raise typer.Exit(1)
    for answer in answers:
        if as_json:
            print_line(json.dumps(answer.as_json(), ensure_ascii=False))
        else:
            out.print(answer.sentence(), highlight=False)


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


# --- Programs' filters -------------------------------------------------------------------------------------------


@landing_app.command("parse")
def landing_parse() -> None:
    """Read JSON lines with a url or a text, write JSON lines with its parameters."""
    from orchestration.enrichment.jsonlines import parse_lines

    filter_lines(parse_lines(sys.stdin))


@app.command()
def normalize(
    platform: Annotated[str, typer.Option(help="google, meta or tiktok.")],
) -> None:
    """Read JSON lines of identifiers, write them normalized and hashed by one platform's rules.

    In: {"kind": "email", "value": …, "region": "TR"}; kinds: email, phone, first_name, last_name, city, zip, country.
    Out: normalized, sha256 and rules_version, or the reason why there is none.
    """
    from orchestration.enrichment.jsonlines import normalize_lines

    if platform not in ("google", "meta", "tiktok"):
        raise typer.BadParameter("use google, meta or tiktok", param_hint="--platform")
    filter_lines(normalize_lines(sys.stdin, platform))


@sandbox_app.command("up")
def sandbox_up() -> None:
    """Serve the stand-ins of Google, Meta and TikTok on loopback until Ctrl-C; prints their addresses as JSON."""
    from orchestration.sandbox.server import serve_sandbox

    with refusals():
        serve_sandbox(get_settings().home / "sandbox")


# --- Helpers of the commands -------------------------------------------------------------------------------------


@contextmanager
def refusals() -> Generator[None]:
    """Turn what the user can mend into one line and exit code 1."""
    from orchestration.refusals import explain_refusal

    try:
        yield
    except (typer.Exit, KeyboardInterrupt):
        raise
    except Exception as error:
        sentence = explain_refusal(error)
        if sentence is None:
            raise
        err.print(f"[red]leadloop:[/red] {sentence}", highlight=False)
        raise typer.Exit(1) from error


def tenant_of(name_or_id: str | None) -> UUID:
    """The tenant that an option names, or the only one."""
    from orchestration.warehouse.tenants import find_tenant

    return find_tenant(get_settings(), name_or_id)


def tenants_of(warehouse: Warehouse, name_or_id: str | None) -> list[UUID]:
    """The tenant that an option names; without one, all of them: an id is asked for, and ids do not collide."""
    if name_or_id is not None:
        return [tenant_of(name_or_id)]
    return [tenant.tenant_id for tenant in warehouse.tenants()]


def pairs(options: Iterable[str]) -> dict[str, str]:
    """Read repeated ``name=value`` options."""
    found: dict[str, str] = {}
    for option in options:
        key, separator, value = option.partition("=")
        if not separator or not key or not value:
            raise typer.BadParameter(f"{option!r} is not of the form name=value")
        found[key] = value
    return found


def read_credentials(text: str) -> dict[str, str]:
    """Read credentials from standard input: a JSON object of strings. Never echoes them."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise typer.BadParameter(
            'give the credentials as a JSON object on standard input, such as {"access_token": "…"}'
        )
    return {str(key): secret for key, secret in value.items()}


def filter_lines(lines: Iterable[str]) -> None:
    """Print lines as they come; exit 1 when one of them reports an error."""
    failed = False
    for line in lines:
        print_line(line)
        failed = failed or line.startswith('{"error"')
    if failed:
        raise typer.Exit(1)


def print_line(line: str) -> None:
    """Print for a program: no markup, no wrapping."""
    sys.stdout.write(line + "\n")
