"""Destinations: one module per platform, each with the same verbs in the same order.

    connect     settings, credentials and account → the platform's client
    batch_size  most events in one request
    lane        which of the platform's doors a conversion goes through; a request carries one lane
    event       one conversion → its body, pure; hashes only
    request     some bodies → the exact bytes of one request, pure
    send        a request → one outcome per event, in order
    classify    an answer → outcomes, or the error that it holds, pure
    retrieve    a request's id → what became of it, for a platform that answers later
    probe       what the account is able to do, before anything is sent

Facts (limits, windows, names) are constants at the top of each module, with their source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from orchestration.deliveries.accounts.findings import Finding
from orchestration.deliveries.conversion import Account, Conversion, Request
from orchestration.deliveries.destinations import google, google_clicks, meta, tiktok
from orchestration.deliveries.ledger.counts import Counted
from orchestration.deliveries.ledger.outcomes import Outcome
from orchestration.settings import Settings


class Destination(Protocol):
    """What the sender asks of a platform's module."""

    @property
    def RESEND_WITHIN(self) -> timedelta:  # noqa: N802
        """How long after the first sending a repeat is still safe."""
        ...

    @property
    def ONCE_LANES(self) -> tuple[str, ...]:  # noqa: N802
        """Lanes in which the platform recognises no repeat: what may have arrived is never sent again."""
        ...

    @property
    def ADJUSTS(self) -> frozenset[str]:  # noqa: N802
        """What it can be told of an event that it has: ``adjust``, ``retract``, and ``restore`` after a ``retract``.

        A lane that cannot be told says so: ``EventRefused("cannot_adjust")``.
        """
        ...

    def connect(self, settings: Settings, credentials: Mapping[str, str], account: Account) -> Any:
        """Make the platform's client."""
        ...

    def batch_size(self, unresolved: int) -> int:
        """Most events in one request, after so many answers that could not be told apart."""
        ...

    def lane(self, conversion: Conversion) -> str:
        """Choose the door."""
        ...

    def event(self, conversion: Conversion) -> dict[str, Any]:
        """Word one conversion."""
        ...

    def request(self, events: Sequence[Mapping[str, Any]], account: Account, lane: str) -> Request:
        """Put events into one request."""
        ...

    def send(self, client: Any, request: Request) -> list[Outcome]:
        """Send it and tell what became of each event."""
        ...

    def retrieve(self, client: Any, request_id: str, size: int) -> Counted | None:
        """Ask what became of a request that was taken earlier."""
        ...

    def probe(self, client: Any, account: Account, actions: Sequence[str]) -> list[Finding]:
        """Find out whether the account can do what its routes ask of it; nothing is sent that counts."""
        ...


# Checked by the type checker: each module has the verbs.
DESTINATIONS: dict[str, Destination] = {"google": google, "meta": meta, "tiktok": tiktok}
# Accounts whose config names another of their platform's interfaces.
_BY_API: dict[tuple[str, str], Destination] = {("google", "click_upload"): google_clicks}


def destination_of(account: Account) -> Destination:
    """The module that speaks for an account: its platform's, or that of the interface that its config names."""
    named = (account.platform, account.config.get("api", ""))
    return _BY_API.get(named, DESTINATIONS[account.platform])
