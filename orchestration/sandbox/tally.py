"""The tally: what each platform received, accepted, refused and saw twice.

``events_accepted = distinct_ids + seen_twice + without_id`` holds at all times, and that is how a demo or a test
proves that nothing counted twice: repeats show up as ``seen_twice`` and leave ``distinct_ids`` alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration.sandbox.journal import Entry, Journal


@dataclass(frozen=True)
class SeenEvent:
    """What a platform dedupes by: where it went, under which name, with which id (empty when the sender gave none)."""

    destination: str
    name: str
    event_id: str


@dataclass
class PlatformTally:
    """The counts of one platform."""

    requests: Counter[str] = field(default_factory=Counter[str])
    events_received: int = 0
    events_accepted: int = 0
    seen_twice: int = 0
    without_id: int = 0
    raw_personal_data: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    failed_later: Counter[str] = field(default_factory=Counter[str])
    seen: dict[SeenEvent, int] = field(default_factory=dict[SeenEvent, int])

    def as_counts(self) -> dict[str, Any]:
        """The counts as the control route answers them."""
        return {
            "requests": sum(self.requests.values()),
            "requests_by_operation": dict(self.requests),
            "events_received": self.events_received,
            "events_accepted": self.events_accepted,
            "distinct_ids": len(self.seen),
            "seen_twice": self.seen_twice,
            "without_id": self.without_id,
            "refused": dict(self.refused),
            "failed_later": dict(self.failed_later),
            "raw_personal_data": self.raw_personal_data,
        }


PLATFORMS = ("google", "google_ads", "google_oauth", "meta", "tiktok")


class Tally:
    """The counts of all platforms, kept in ``<state folder>/received.jsonl`` when there is a state folder."""

    def __init__(self, state_folder: Path | None = None) -> None:
        self._platforms = {name: PlatformTally() for name in PLATFORMS}
        path = state_folder / "received.jsonl" if state_folder else None
        self._journal = Journal(path, self._apply)

    def note_request(self, platform: str, operation: str) -> None:
        """Count one request of any outcome."""
        self._journal.add({"what": "request", "platform": platform, "operation": operation})

    def note_refused(self, platform: str, reason: str, events: int) -> None:
        """Count events that the platform refused while the sender waited."""
        entry = {"what": "refused", "platform": platform, "reason": reason, "events": events}
        self._journal.add(entry)

    def note_failed_later(self, platform: str, reason: str, events: int) -> None:
        """Count events that were taken and failed in later processing."""
        entry = {"what": "failed_later", "platform": platform, "reason": reason, "events": events}
        self._journal.add(entry)

    def note_personal_data(self, platform: str, strings: int) -> None:
        """Count strings with raw personal data."""
        self._journal.add({"what": "personal_data", "platform": platform, "strings": strings})

    def note_accepted(self, platform: str, events: Sequence[SeenEvent]) -> list[bool]:
        """Count accepted events; tell for each whether it had been accepted before, this request included."""
        with self._journal.lock:
            known = set(self._platforms[platform].seen)
            repeated: list[bool] = []
            for event in events:
                repeated.append(event.event_id != "" and event in known)
                known.add(event)
            keys = [[event.destination, event.name, event.event_id] for event in events]
            self._journal.add({"what": "accepted", "platform": platform, "events": keys})
            return repeated

    def counts(self) -> dict[str, dict[str, Any]]:
        """Every platform's counts."""
        with self._journal.lock:
            return {name: tally.as_counts() for name, tally in self._platforms.items()}

    def events(self) -> list[dict[str, Any]]:
        """Every accepted event's ids and how often it came."""
        with self._journal.lock:
            return [
                {
                    "platform": name,
                    "destination": event.destination,
                    "name": event.name,
                    "event_id": event.event_id,
                    "times": times,
                }
                for name, tally in self._platforms.items()
                for event, times in tally.seen.items()
            ]

    def reset(self) -> None:
        """Forget everything."""
        with self._journal.lock:
            self._journal.clear()
            self._platforms = {name: PlatformTally() for name in PLATFORMS}

    def _apply(self, entry: Entry) -> None:
        tally = self._platforms[entry["platform"]]
        match entry["what"]:
            case "request":
                tally.requests[entry["operation"]] += 1
            case "refused":
                tally.events_received += entry["events"]
                tally.refused[entry["reason"]] += entry["events"]
            case "failed_later":
                tally.failed_later[entry["reason"]] += entry["events"]
            case "personal_data":
                tally.raw_personal_data += entry["strings"]
            case _:
                for keys in entry["events"]:
                    _take_accepted(tally, SeenEvent(*keys))


def _take_accepted(tally: PlatformTally, event: SeenEvent) -> None:
    tally.events_received += 1
    tally.events_accepted += 1
    if not event.event_id:
        tally.without_id += 1
        return
    tally.seen_twice += event in tally.seen
    tally.seen[event] = tally.seen.get(event, 0) + 1
