"""``leadloop tenant``, ``account`` and ``campaign-map``: what a tenant is and has."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from orchestration.commands.console import (
    JsonOption,
    TenantOption,
    err,
    pairs,
    print_line,
    refusals,
    tenant_of,
)
from orchestration.settings import get_settings

tenant_app = typer.Typer(help="Companies whose data lives here.", no_args_is_help=True)
account_app = typer.Typer(help="A tenant's accounts at the ad platforms.", no_args_is_help=True)
names_app = typer.Typer(help="Names of campaigns and ad groups.", no_args_is_help=True)


@tenant_app.command("create")
def tenant_create(
    name: Annotated[str, typer.Argument(help="Shown to people; unique.")],
    region: Annotated[str, typer.Option(help="Default country of phone numbers.")] = "TR",
    timezone: Annotated[str, typer.Option(help="Days are this zone's.")] = "Europe/Istanbul",
    currency: Annotated[str, typer.Option(help="ISO 4217.")] = "TRY",
    unknown_consent: Annotated[
        str, typer.Option(help="Where nobody said: hold, or send; `consent policy` says more.")
    ] = "hold",
    whatsapp_account: Annotated[
        list[str],
        typer.Option(help="Id of its WhatsApp Business Account, or of a phone number; repeat."),
    ] = [],  # noqa: B006 - typer reads the default and never changes it
    as_json: JsonOption = False,
) -> None:
    """Make a tenant; prints its id, form key and secrets, this once.

    A Meta app's own secret, which signs WhatsApp's notifications, is read from LEADLOOP_WHATSAPP_APP_SECRET. Tenants
    that share an app each name their accounts with --whatsapp-account.
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
            whatsapp_accounts=whatsapp_account,
        )
    if as_json:
        print_line(json.dumps(tenant.as_json(), ensure_ascii=False))
        return
    err.print(f"Made tenant [b]{name}[/b]. Keep these; they are not shown again.")
    for key, value in tenant.as_json().items():
        print_line(f"{key}\t{value}")


@tenant_app.command("whatsapp")
def tenant_whatsapp(
    account: Annotated[
        list[str],
        typer.Argument(help="WhatsApp Business Account ids, or ids of single phone numbers."),
    ],
    tenant: TenantOption = None,
) -> None:
    """Name a tenant's WhatsApp accounts, in place of those named before; needed where tenants share a Meta app."""
    from orchestration.warehouse.tenants import name_whatsapp_accounts

    with refusals():
        name_whatsapp_accounts(get_settings(), tenant_of(tenant), account)
    err.print(f"Named {len(account)} WhatsApp accounts. A running intake knows within a minute.")


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
    from orchestration.deliveries.accounts.routes import install_account
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
