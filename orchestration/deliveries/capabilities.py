"""Capabilities: what each account is able to do, found out before its first conversion leaves, and kept.

The sender asks ``ensure_probed`` before an account's first send; ``leadloop doctor`` asks ``probe_account`` whenever
somebody wants to know. What failed stops what it is about (the account, or one of its actions) until it is found well
again: a quarter of an hour later at the earliest, or when ``leadloop doctor`` is run.

Belongs here: asking, keeping, stopping. Lives elsewhere: the questions (``probe`` of each destination), what a stop
does (``stops.py``).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from orchestration.deliveries.destinations import destination_of
from orchestration.deliveries.findings import Finding
from orchestration.vendors.errors import VendorError
from orchestration.warehouse import sql
from orchestration.warehouse.secrets import SecretUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestration.deliveries.conversion import Account
    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "capabilities.sql")
# As long as a stop of the sender's own waits. Then who was not found well, or of whom nothing is known, is asked again.
_ASK_AGAIN_AFTER = timedelta(minutes=15)
# What lets something leave all the same.
_NO_HINDRANCE = frozenset({"auto_tagging"})
_OF_ONE_ACTION = ("action:", "upload:")


class HasConnect(Protocol):
    """How a client comes in from outside; ``sender.Tools`` is one."""

    @property
    def connect(self) -> Callable[[Warehouse, Account], Any]:
        """Make an account's client. Raises ``VendorError`` or ``SecretUnreadable``."""
        ...


def probe_account(warehouse: Warehouse, account: Account, tools: HasConnect) -> list[Finding]:
    """Ask what an account can do, and keep what was found.

    Args:
        warehouse: As role worker.
        account: Which.
        tools: Makes its client.
    """
    try:
        client = tools.connect(warehouse, account)
    except VendorError as error:
        sentence = "The stored credential is missing or incomplete: add the account again with it."
        findings = [Finding("credential", "failed", error.code, sentence)]
    except SecretUnreadable:
        sentence = "The stored credential does not open under this master key: give the key that sealed it."
        findings = [Finding("credential", "failed", "credential_unreadable", sentence)]
    else:
        try:
            findings = _ask(warehouse, account, client)
        finally:
            client.close()
    _keep(warehouse, account, findings)
    return findings


def ensure_probed(warehouse: Warehouse, account: Account, client: Any) -> list[Finding]:
    """Probe an account that was never probed, or was not found well and has had time to be mended.

    Args:
        warehouse: As role worker.
        account: Which.
        client: Its client.

    Returns:
        What was found; nothing when nobody needed to be asked.
    """
    values = account.key | {"ask_again_after": _ASK_AGAIN_AFTER}
    with warehouse.tenant(account.tenant_id) as connection:
        if not connection.execute(_QUERIES.is_probe_due, values).scalar_one():
            return []
    findings = _ask(warehouse, account, client)
    _keep(warehouse, account, findings)
    return findings


def target_of(finding: Finding) -> str:
    """What a finding is about: an action, or the whole account as the empty string."""
    is_of_action = finding.capability.startswith(_OF_ONE_ACTION)
    return finding.capability.partition(":")[2] if is_of_action else ""


def hinders(finding: Finding) -> bool:
    """Whether nothing can leave while this is so."""
    return finding.result == "failed" and finding.capability not in _NO_HINDRANCE


def _ask(warehouse: Warehouse, account: Account, client: Any) -> list[Finding]:
    with warehouse.tenant(account.tenant_id) as connection:
        actions: Sequence[str] = (
            connection.execute(_QUERIES.list_actions, account.key).scalars().all()
        )
    return destination_of(account).probe(client, account, actions)


def _keep(warehouse: Warehouse, account: Account, findings: Sequence[Finding]) -> None:
    with warehouse.tenant(account.tenant_id) as connection:
        connection.execute(_QUERIES.forget_probes, account.key)
        for finding in findings:
            connection.execute(
                _QUERIES.insert_probe,
                account.key
                | {
                    "capability": finding.capability,
                    "result": finding.result,
                    "code": finding.code,
                },
            )
