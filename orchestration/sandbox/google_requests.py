"""What the Data Manager API remembers of a request it took: how many of its events fail later, and why.

There is no row id in that memory, as in the real one (LIB Ldm): a status names reasons and counts.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestration.sandbox.journal import Entry, Journal

# Click ids travel in URLs; anything else in one means that it was cut or altered on the way.
CLICK_ID = re.compile(r"[A-Za-z0-9_.-]+")
CONSENT_DENIED = 2  # LIB Ldm


@dataclass
class StoredRequest:
    """A request that was taken. ``errors`` maps a ``ProcessingErrorReason`` (without its prefix) to a count."""

    received_at: datetime
    destinations: list[dict[str, Any]]
    record_count: int
    errors: dict[str, int]
    polls: int = 0


class RequestBook:
    """Taken requests by id, and the last value seen per transaction, in ``<state folder>/google_requests.jsonl``."""

    def __init__(self, state_folder: Path | None) -> None:
        self._requests: dict[str, StoredRequest] = {}
        self._values: dict[str, float] = {}
        path = state_folder / "google_requests.jsonl" if state_folder else None
        self._journal = Journal(path, self._apply)

    def find(self, request_id: str) -> StoredRequest | None:
        """Return the request with this id."""
        return self._requests.get(request_id)

    def add(
        self, request_id: str, received_at: datetime, message: Any, later: Later
    ) -> Counter[str]:
        """Remember a request; return how many of its events will fail, per reason."""
        with self._journal.lock:
            errors, values = self._judge(message, later)
            self._journal.add(
                {
                    "request_id": request_id,
                    "received_at": received_at.isoformat(),
                    "destinations": [type(d).to_dict(d) for d in message.destinations],
                    "record_count": len(message.events),
                    "errors": errors,
                    "values": values,
                }
            )
            return errors

    def clear(self) -> None:
        """Forget everything."""
        with self._journal.lock:
            self._journal.clear()
            self._requests.clear()
            self._values.clear()

    def _judge(self, message: Any, later: Later) -> tuple[Counter[str], dict[str, float]]:
        actions = [
            f"{d.operating_account.account_id}/{d.product_destination_id}"
            for d in message.destinations
        ]
        errors: Counter[str] = Counter()
        values: dict[str, float] = {}
        for event in message.events:
            key = "/".join([*actions, event.transaction_id])
            known = values.get(key, self._values.get(key))
            reason = later.reason_for(event) or _reason(event, message)
            # DOC Gadj: a repeat with another value restates the earlier one; the same value is a duplicate.
            if not reason and known == event.conversion_value:
                reason = "DUPLICATE_TRANSACTION_ID"
            if reason:
                errors[reason] += 1
            else:
                values[key] = event.conversion_value
        return errors, values

    def _apply(self, entry: Entry) -> None:
        self._values.update(entry["values"])
        self._requests[entry["request_id"]] = StoredRequest(
            received_at=datetime.fromisoformat(entry["received_at"]),
            destinations=entry["destinations"],
            record_count=entry["record_count"],
            errors=entry["errors"],
        )


@dataclass(frozen=True)
class Later:
    """A failure to act out in later processing: of one event, or of all events of the request."""

    reason: str = ""
    event_id: str | None = None

    def reason_for(self, event: Any) -> str:
        """The reason for this event, or nothing."""
        is_meant = self.event_id in {None, event.transaction_id}
        return self.reason if is_meant else ""


def _reason(event: Any, message: Any) -> str:
    consent = event.consent.ad_user_data or message.consent.ad_user_data
    if consent == CONSENT_DENIED:
        return "DENIED_CONSENT"
    for name in ("gclid", "gbraid", "wbraid"):
        click_id = getattr(event.ad_identifiers, name)
        if click_id and not CLICK_ID.fullmatch(click_id):
            return f"INVALID_{name.upper()}"
    return ""
