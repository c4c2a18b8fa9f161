"""What all commands share: consoles, the tenant option, and refusals in one line."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from orchestration.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from uuid import UUID

    from orchestration.warehouse import Warehouse

# In a pipe rich assumes 80 columns, too few for a table of deliveries.
_WIDTH_IN_A_PIPE = 140
out = Console(width=None if sys.stdout.isatty() else _WIDTH_IN_A_PIPE)
err = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH_IN_A_PIPE)

TenantOption = Annotated[
    str | None,
    typer.Option(
        "--tenant", "-t", help="Tenant: its name or its id; needed where there are several."
    ),
]


def _check_platform(platform: str | None) -> str | None:
    if platform not in {None, "google", "meta", "tiktok"}:
        raise typer.BadParameter("use google, meta or tiktok")
    return platform


PlatformOption = Annotated[
    str | None,
    typer.Option(
        "--platform", help="google, meta or tiktok; default: all.", callback=_check_platform
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


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
        err.print(f"[red]leadloop:[/red] {sentence}", highlight=False, soft_wrap=True)
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


def names_of(warehouse: Warehouse) -> dict[UUID, str]:
    """What the tenants are called: two of them may have an account of one number."""
    return {tenant.tenant_id: tenant.name for tenant in warehouse.tenants()}


def pairs(options: Iterable[str]) -> dict[str, str]:
    """Read repeated ``name=value`` options."""
    found: dict[str, str] = {}
    for option in options:
        key, separator, value = option.partition("=")
        if not separator or not key or not value:
            raise typer.BadParameter(f"{option!r} is not of the form name=value")
        found[key] = value
    return found


def print_line(line: str) -> None:
    """Print for a program: no markup, no wrapping."""
    sys.stdout.write(line + "\n")
