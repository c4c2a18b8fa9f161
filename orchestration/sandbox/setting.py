"""How a process is pointed at the sandbox, and what guards real accounts from it.

A conversion that the sandbox takes is marked as taken. So the sandbox may stand in only where every account is one
of its own: a real account's conversions would be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.warehouse import Warehouse, sql

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from orchestration.sandbox.server import Sandbox
    from orchestration.settings import Settings

_QUERIES = sql.load(__file__, "setting.sql")


class RealAccounts(Exception):
    """The warehouse holds accounts of real platforms; the sandbox may not take their conversions."""

    is_refusal = True


def environment_of(sandbox: Sandbox) -> Mapping[str, str]:
    """The variables that lead every client of ours to the sandbox."""
    overrides = {
        f"LEADLOOP_{name.upper()}": value for name, value in sandbox.settings_overrides().items()
    }
    # The google-ads client speaks TLS only; gRPC takes the certificates that it trusts from here.
    return {**overrides, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(sandbox.grpc_roots_path)}


def mark_accounts(warehouse: Warehouse, tenant_id: UUID) -> None:
    """Mark all accounts of a tenant as the sandbox's own."""
    with warehouse.tenant(tenant_id) as connection:
        connection.execute(_QUERIES.mark_accounts, {"tenant_id": tenant_id})


def require_sandbox_accounts(settings: Settings) -> None:
    """Refuse when an active account is not the sandbox's own.

    Raises:
        RealAccounts: Says how many there are and what to do.
    """
    with Warehouse(settings, "worker") as warehouse:
        real = 0
        for tenant in warehouse.tenants():
            with warehouse.tenant(tenant.tenant_id) as connection:
                values = {"tenant_id": tenant.tenant_id}
                real += connection.execute(_QUERIES.count_real_accounts, values).scalar_one()
    if real:
        raise RealAccounts(
            f"{real} accounts of real platforms are set up here; the sandbox would take their "
            "conversions for good. Use `leadloop dev --no-sandbox`, or another LEADLOOP_HOME or LEADLOOP_DATABASE_URL"
        )
