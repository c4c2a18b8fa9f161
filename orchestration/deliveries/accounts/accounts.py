"""Accounts: where conversions may go, and the credentials that open the door.

Belongs here: reading them. Lives elsewhere: making them (``routes.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.deliveries.conversion import Account
from orchestration.vendors.errors import Unauthorized
from orchestration.warehouse import sql
from orchestration.warehouse.secrets import Vault

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "accounts.sql")


def list_accounts(warehouse: Warehouse, tenant_id: UUID) -> list[Account]:
    """The tenant's active accounts."""
    with warehouse.tenant(tenant_id) as connection:
        return read_accounts(connection, tenant_id)


def read_accounts(connection: Connection, tenant_id: UUID) -> list[Account]:
    """The tenant's active accounts, inside the caller's transaction."""
    return [
        Account(
            tenant_id,
            row.platform,
            row.account_id,
            {name: str(value) for name, value in row.config.items() if value is not None},
        )
        for row in connection.execute(_QUERIES.list_accounts, {"tenant_id": tenant_id})
    ]


def read_credentials(warehouse: Warehouse, vault: Vault, account: Account) -> dict[str, str]:
    """An account's credentials, opened; empty when it has none.

    Raises:
        SecretUnreadable: Another master key sealed them, or they were moved between rows.
    """
    values = {
        "tenant_id": account.tenant_id,
        "platform": account.platform,
        "account_id": account.account_id,
    }
    with warehouse.tenant(account.tenant_id) as connection:
        rows = list(connection.execute(_QUERIES.list_credentials, values))
    return {
        row.field: vault.decrypt(
            bytes(row.ciphertext), credential_place(account, row.field)
        ).decode()
        for row in rows
    }


def open_credentials(warehouse: Warehouse, account: Account) -> dict[str, str]:
    """An account's credentials, opened under the settings' own master key.

    Raises:
        Unauthorized: It has none.
        SecretUnreadable: They do not open under this key.
    """
    credentials = read_credentials(warehouse, Vault.of(warehouse.settings), account)
    if not credentials:
        raise Unauthorized("credential_missing")
    return credentials


def credential_place(account: Account, field: str) -> str:
    """The associated data under which a credential is sealed."""
    return f"{account.tenant_id}|{account.platform}|{field}|{account.account_id}"
