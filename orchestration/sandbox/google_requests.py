"""What the Data Manager API remembers of a request it took: how many of its events fail later, and why.

There is no row id in that memory, as in the real one (LIB Ldm): a status names reasons and counts. Which event failed
is known to the tally alone, which counts it or does not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestration.sandbox.counting import Arrival, Held, Repeats
from orchestration.sandbox.journal import Entry, Journal

# Click ids travel in URLs; anything else in one means that it was cut or altered on the way.
CLICK_ID = re.compile(r"[A-Za-z0-9_.-]+")
CONSENT_DENIED = (2, "CONSENT_DENIED")  # LIB Ldm


@dataclass
class Sent:
    """What one destination of a request made of it.

    Attributes:
        destination: As it was sent.
        records: How many events it got.
        errors: ``ProcessingErrorReason`` (without its prefix) to a count.
    """

    destination: dict[str, Any]
    records: int
    errors: dict[str, int]


@dataclass
class StoredRequest:
    """A request that was taken."""

    received_at: datetime
    sent: list[Sent]
    polls: int = 0


class RequestBook:
    """Taken requests by id, in ``<state folder>/google_requests.jsonl``."""

    def __init__(self, state_folder: Path | None) -> None:
        self._requests: dict[str, StoredRequest] = {}
        path = state_folder / "google_requests.jsonl" if state_folder else None
        self._journal = Journal(path, self._apply)

    def find(self, request_id: str) -> StoredRequest | None:
        """Return the request with this id."""
        return self._requests.get(request_id)

    def add(self, request_id: str, received_at: datetime, sent: Sequence[Sent]) -> None:
        """Remember a request."""
        self._journal.add(
            {
                "request_id": request_id,
                "received_at": received_at.isoformat(),
                "sent": [asdict(one) for one in sent],
            }
        )

    def clear(self) -> None:
        """Forget everything."""
        with self._journal.lock:
            self._journal.clear()
            self._requests.clear()

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()

    def _apply(self, entry: Entry) -> None:
        self._requests[entry["request_id"]] = StoredRequest(
            received_at=datetime.fromisoformat(entry["received_at"]),
            sent=[Sent(**one) for one in entry["sent"]],
        )


@dataclass(frozen=True)
class Later:
    """A failure to act out in later processing: of some events, or of all events of the request.

    Attributes:
        reasons: In turn, one for each event that is meant; none for no failure.
        event_ids: The events that are meant; none for all.
    """

    reasons: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()

    def reason_for(self, transaction_id: str) -> str:
        """The reason for this event, or nothing."""
        if not self.event_ids:
            return self.reasons[0]
        if transaction_id not in self.event_ids:
            return ""
        return self.reasons[self.event_ids.index(transaction_id) % len(self.reasons)]


def judge_events(
    events: Sequence[dict[str, Any]],
    action_id: str,
    held: dict[str, Held],
    repeats: Repeats,
    later: Later,
) -> tuple[list[Arrival], Counter[str]]:
    """Tell what one destination's later processing makes of events.

    Args:
        events: As ``google_wire.py`` reads them.
        action_id: The conversion action.
        held: What it holds so far, by transaction id.
        repeats: What a repeated transaction id is taken for.
        later: A failure to act out.

    Returns:
        The arrivals, failed ones marked, and how many failed for which reason.
    """
    errors: Counter[str] = Counter()
    values: dict[str, float | None] = {}
    arrivals: list[Arrival] = []
    for event in events:
        transaction_id, value = event["transactionId"], event.get("conversionValue")
        reason = later.reason_for(transaction_id) if later.reasons else _reason(event)
        if not reason and _is_duplicate(values, held, transaction_id, value, repeats):
            reason = "DUPLICATE_TRANSACTION_ID"
        if reason:
            errors[reason] += 1
        else:
            values[transaction_id] = value
        arrivals.append(
            Arrival(
                action_id,
                transaction_id,
                value,
                event.get("currency", ""),
                "failed" if reason else "",
            )
        )
    return arrivals, errors


def _is_duplicate(
    values: dict[str, float | None],
    held: dict[str, Held],
    transaction_id: str,
    value: float | None,
    repeats: Repeats,
) -> bool:
    if transaction_id in values:
        known = values[transaction_id]
    else:
        earlier = held.get(transaction_id)
        if earlier is None or not earlier.counted:
            return False
        known = earlier.value
    # DOC Gadj: a repeat with another value restates the earlier one; the same value is a duplicate.
    return repeats == "first_kept" or known == value


def _reason(event: dict[str, Any]) -> str:
    if event.get("consent", {}).get("adUserData") in CONSENT_DENIED:
        return "DENIED_CONSENT"
    for name, click_id in event.get("adIdentifiers", {}).items():
        if name in ("gclid", "gbraid", "wbraid") and not CLICK_ID.fullmatch(click_id):
            return f"INVALID_{name.upper()}"
    return ""
