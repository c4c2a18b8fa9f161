"""A tenant's accounts at the ad platforms, with the credentials that open them.

Credentials are opened account by account and late, so that one that does not open costs its account only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestration.warehouse import sql
from orchestration.warehouse.secrets import Vault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__)


@dataclass(frozen=True)
class Account:
    """One account as ``ops.accounts`` has it.

    Attributes:
        platform: ``google``, ``meta`` or ``tiktok``.
        account_id: Its id with us; what the platform's lists are read by may be another one, named in ``config``.
        config: The numbers that belong to it.
        sealed: Credential field → ciphertext.
    """

    tenant_id: UUID
    platform: str
    account_id: str
    config: Mapping[str, str]
    sealed: dict[str, bytes] = field(default_factory=dict[str, bytes], repr=False)

    def open_credentials(self, vault: Vault) -> dict[str, str]:
        """The credentials in the clear.

        Raises:
            SecretUnreadable: One of them does not open.
        """
        place = f"{self.tenant_id}|{self.platform}|{{}}|{self.account_id}"
        return {
            name: vault.decrypt(sealed, place.format(name)).decode()
            for name, sealed in self.sealed.items()
        }


def list_accounts(warehouse: Warehouse, tenant_id: UUID) -> list[Account]:
    """The tenant's active accounts, by platform and id."""
    accounts: dict[tuple[str, str], Account] = {}
    with warehouse.tenant(tenant_id) as connection:
        rows: Any = connection.execute(_QUERIES.list_accounts, {"tenant_id": tenant_id})
        for platform, account_id, config, name, sealed in rows:
            account = accounts.setdefault(
                (platform, account_id), Account(tenant_id, platform, account_id, config)
            )
            if name is not None:
                account.sealed[name] = bytes(sealed)
    return list(accounts.values())
