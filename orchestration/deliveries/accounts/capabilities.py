"""Capabilities: what each account is able to do, found out before its first conversion leaves, and kept.

The sender asks ``ensure_probed`` before an account's first send; ``leadloop doctor`` asks ``probe_account`` whenever
somebody wants to know. What failed stops what it is about: the account, or one of its actions. Like every stop that no
person made it is tried again by a small request; and a probe that finds the thing well ends it at once.

Belongs here: asking, keeping, stopping. Lives elsewhere: the questions (``probe`` of each destination), what a stop
does (``stops.py``).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from orchestration.deliveries.accounts.findings import Finding
from orchestration.deliveries.destinations import destination_of
from orchestration.deliveries.sending import stops
from orchestration.deliveries.sending.stops import WHOLE_ACCOUNT
from orchestration.vendors.errors import VendorError
from orchestration.warehouse import sql
from orchestration.warehouse.secrets import SecretUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from orchestration.deliveries.conversion import Account
    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "capabilities.sql")
# As long as a stop of the sender's own waits. Then who was not found well, or of whom nothing is known, is asked again.
_ASK_AGAIN_AFTER = timedelta(minutes=15)
# What lets something leave all the same.
_NO_HINDRANCE = frozenset({"auto_tagging"})
_OF_ONE_ACTION = frozenset({"action", "upload"})
# Meta's lane of this name.
_LANES = frozenset({"messaging"})
_OF_CREDENTIAL = frozenset({"credential", "token"})
BY_PROBE = "probe"


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
    """Probe an account before it is sent to: one that never was, or that was not found well and has had its time.

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


def target_of(account: Account, finding: Finding) -> str:
    """What a finding is about: one lane, or the whole account."""
    kind, _, action = finding.capability.partition(":")
    if account.platform == "google" and kind in _OF_ONE_ACTION:
        return action
    return kind if kind in _LANES else WHOLE_ACCOUNT


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
    hindrances = {target_of(account, f): f.code or f.capability for f in findings if hinders(f)}
    with warehouse.tenant(account.tenant_id) as connection:
        connection.execute(_QUERIES.forget_probes, account.key)
        for finding in findings:
            told = {
                "capability": finding.capability,
                "result": finding.result,
                "code": finding.code,
            }
            connection.execute(_QUERIES.insert_probe, account.key | told)
        for target, code in hindrances.items():
            stops.stop_for_a_while(connection, account, "probe", code, target)
        well = {f.capability for f in findings if f.result == "ok"}
        for stop in stops.list_stops(connection, account):
            if stop.target not in hindrances and _is_over(stop, well):
                stops.resume(connection, account, BY_PROBE, stop.target)


def _is_over(stop: stops.Stop, well: AbstractSet[str]) -> bool:
    """Whether what was found shows that a stop has no reason any more; a person's has its own."""
    match stop.kind:
        case "probe":
            return True
        case "credential":
            return bool(well & _OF_CREDENTIAL)
        case "route":
            return f"upload:{stop.target}" in well
        case "person" | "throttle":
            return False
