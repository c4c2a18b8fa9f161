"""What comes into a sender from outside: clients, what they find, chance, the clock, ids.

Belongs here: the replaceable parts, and making a client. Lives elsewhere: using them (``runs.py``).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from orchestration.deliveries.accounts import accounts, capabilities
from orchestration.deliveries.accounts.findings import Finding
from orchestration.deliveries.conversion import Account
from orchestration.deliveries.destinations import destination_of

if TYPE_CHECKING:
    from orchestration.warehouse import Warehouse

Connect = Callable[["Warehouse", Account], Any]
EnsureProbed = Callable[["Warehouse", Account, Any], Sequence[Finding]]


def connect(warehouse: Warehouse, account: Account) -> Any:
    """The platform's client, under the account's own credentials.

    Raises:
        VendorError: The credentials are incomplete.
        SecretUnreadable: They do not open under this master key.
    """
    credentials = accounts.open_credentials(warehouse, account)
    return destination_of(account).connect(warehouse.settings, credentials, account)


@dataclass(frozen=True)
class Tools:
    """What comes in from outside: clients and what they find, chance, the clock, ids.

    ``parallel`` is how many accounts have their turn at once.
    """

    connect: Connect = connect
    ensure_probed: EnsureProbed = capabilities.ensure_probed
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    new_token: Callable[[], UUID] = uuid4
    parallel: int = 3
