"""``leadloop doctor``: what each account can do at its platform, and what to do where it cannot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

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
    from collections.abc import Sequence

    from orchestration.deliveries.accounts.findings import Finding
    from orchestration.deliveries.conversion import Account

app = typer.Typer()

_COLOURS = {"ok": "green", "failed": "red", "unknown": "yellow"}


@app.command()
def doctor(
    tenant: TenantOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask each account's platform whether it takes what is to be sent; records no conversion.

    Exits 1 when something failed; the sentence beside it says what to do.
    """
    from orchestration.deliveries.accounts import accounts, capabilities
    from orchestration.deliveries.sending.sender import Tools
    from orchestration.warehouse import Warehouse

    has_failed = False
    count = 0
    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        names = names_of(warehouse)
        for tenant_id in tenants_of(warehouse, tenant):
            for account in accounts.list_accounts(warehouse, tenant_id):
                if platform not in {None, account.platform}:
                    continue
                count += 1
                if not warehouse.settings.may_reach(account.config):
                    err.print(
                        f"{_name(names[tenant_id], account)}: an account of the sandbox, which does not run here; "
                        "not asked.",
                        highlight=False,
                    )
                    continue
                findings = capabilities.probe_account(warehouse, account, Tools())
                has_failed = has_failed or any(f.result == "failed" for f in findings)
                _show(names[tenant_id], account, findings, as_json=as_json)
    if not count:
        err.print("There is no account to ask; `leadloop account add` makes one.")
    if has_failed:
        raise typer.Exit(1)


def _name(tenant: str, account: Account) -> str:
    return f"{tenant}, {account.platform}:{account.account_id}"


def _show(tenant: str, account: Account, findings: Sequence[Finding], *, as_json: bool) -> None:
    if as_json:
        of_account = {
            "tenant_id": str(account.tenant_id),
            "platform": account.platform,
            "account_id": account.account_id,
        }
        for finding in findings:
            told = {
                "capability": finding.capability,
                "result": finding.result,
                "code": finding.code,
                "sentence": finding.sentence,
            }
            print_line(json.dumps(of_account | told, ensure_ascii=False))
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table("what", "result", "in words", title=escape(_name(tenant, account)))
    for finding in findings:
        colour = _COLOURS[finding.result]
        table.add_row(
            finding.capability, f"[{colour}]{finding.result}[/]", escape(finding.sentence)
        )
    out.print(table)
