"""The tally: what each platform received, accepted, refused, saw twice, and holds of each conversion.

``events_accepted = distinct_ids + seen_twice + without_id`` holds at all times, and that is how a demo or a test
proves that nothing arrived twice: repeats show up as ``seen_twice`` and leave ``distinct_ids`` alone. Whether a
repeat was *counted* is another question, which ``counting.py`` answers as the platform would.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestration.sandbox.counting import Arrival, Held, Repeats
from orchestration.sandbox.journal import Entry, Journal

if TYPE_CHECKING:
    from orchestration.sandbox.faults import Fault


class Place(NamedTuple):
    """Where events of one name go: the dataset, event source or customer, and the name or conversion action."""

    destination: str
    name: str


class Moment(NamedTuple):
    """One request: when (Unix seconds), to which door, and the fault that it met with its ``Retry-After``."""

    at: float
    operation: str
    fault: str | None = None
    retry_after: int | None = None


@dataclass
class PlatformTally:
    """The counts of one platform."""

    requests: Counter[str] = field(default_factory=Counter[str])
    moments: list[Moment] = field(default_factory=list[Moment])
    condemned: set[str] = field(default_factory=set[str])
    events_received: int = 0
    events_accepted: int = 0
    distinct_ids: int = 0
    seen_twice: int = 0
    without_id: int = 0
    raw_personal_data: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    failed_later: Counter[str] = field(default_factory=Counter[str])
    held: dict[Place, dict[str, Held]] = field(default_factory=dict[Place, dict[str, Held]])
    # Messaging purchases by dataset and order, for the OrderReturned that may follow.
    orders: dict[tuple[str, str], list[Held]] = field(
        default_factory=dict[tuple[str, str], list[Held]]
    )

    coverage: dict[tuple[str, str, str], Counter[str]] = field(
        default_factory=dict[tuple[str, str, str], Counter[str]]
    )

    def each(self) -> Iterator[tuple[Place, str, Held]]:
        """Every conversion with its place and id."""
        for place, by_id in self.held.items():
            for event_id, held in by_id.items():
                yield place, event_id, held

    def as_counts(self) -> dict[str, Any]:
        """The counts as the control route answers them."""
        values: Counter[str] = Counter()
        counted = counted_twice = retracted = 0
        for _, _, held in self.each():
            counted += held.counts_as
            counted_twice += held.counts_as > 1
            retracted += held.is_retracted
            if held.value is not None and held.counts_as:
                values[held.currency] += held.value  # pyright: ignore[reportArgumentType]
        return {
            "requests": sum(self.requests.values()),
            "requests_by_operation": dict(self.requests),
            "events_received": self.events_received,
            "events_accepted": self.events_accepted,
            "distinct_ids": self.distinct_ids,
            "seen_twice": self.seen_twice,
            "without_id": self.without_id,
            "refused": dict(self.refused),
            "failed_later": dict(self.failed_later),
            "raw_personal_data": self.raw_personal_data,
            "counted": counted,
            "counted_twice": counted_twice,
            "retracted": retracted,
            "refused_for_good": len(self.condemned),
            "values": {currency: round(value, 2) for currency, value in values.items()},
        }


PLATFORMS = ("google", "google_ads", "google_oauth", "meta", "tiktok")


class Tally:
    """The counts of all platforms, kept in ``<state folder>/received.jsonl`` when there is a state folder."""

    def __init__(self, state_folder: Path | None = None) -> None:
        self._platforms = {name: PlatformTally() for name in PLATFORMS}
        path = state_folder / "received.jsonl" if state_folder else None
        self._journal = Journal(path, self._apply)

    @property
    def lock(self) -> threading.RLock:
        """Hold this to judge by what is held and add to it as one step."""
        return self._journal.lock

    def note_request(
        self, platform: str, operation: str, at: datetime, fault: Fault | None = None
    ) -> None:
        """Count one request of any outcome, and the fault that it meets."""
        entry: Entry = {
            "what": "request",
            "platform": platform,
            "operation": operation,
            "at": at.timestamp(),
        }
        if fault is not None:
            entry |= {"fault": fault.fault, "retry_after": fault.retry_after}
            entry["condemned"] = fault.event_ids if fault.condemns else ()
        self._journal.add(entry)

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

    def note_accepted(
        self,
        platform: str,
        destination: str,
        arrivals: Sequence[Arrival],
        at: datetime,
        repeats: Repeats,
    ) -> None:
        """Count accepted events of one destination."""
        entry: Entry = {
            "what": "accepted",
            "platform": platform,
            "destination": destination,
            "at": at.timestamp(),
            "repeats": repeats,
            "events": arrivals,
        }
        self._journal.add(entry)

    def note_adjusted(
        self,
        platform: str,
        place: Place,
        event_id: str,
        at: datetime,
        *,
        value: float | None = None,
        currency: str = "",
        is_retracted: bool = False,
    ) -> None:
        """Restate or retract a conversion that ``find`` knows."""
        self._journal.add(
            {
                "what": "adjusted",
                "platform": platform,
                "place": place,
                "event_id": event_id,
                "at": at.timestamp(),
                "value": value,
                "currency": currency,
                "is_retracted": is_retracted,
            }
        )

    def note_coverage(
        self, platform: str, destination: str, kind: str, name: str, keys: Mapping[str, int]
    ) -> None:
        """Count which keys the events of one name carried; ``events`` among them is their number."""
        self._journal.add(
            {
                "what": "coverage",
                "platform": platform,
                "destination": destination,
                "kind": kind,
                "name": name,
                "keys": keys,
            }
        )

    def coverage(self, platform: str, destination: str) -> dict[tuple[str, str], Counter[str]]:
        """What ``note_coverage`` counted, by kind and name."""
        found = self._platforms[platform].coverage.items()
        return {(kind, name): keys for (where, kind, name), keys in found if where == destination}

    def each(self, platform: str) -> Iterator[tuple[Place, str, Held]]:
        """Everything that a platform holds, with its place and id."""
        return self._platforms[platform].each()

    def held(self, platform: str, place: Place) -> dict[str, Held]:
        """What a platform holds at one place, by event id; not to be changed."""
        return self._platforms[platform].held.get(place, {})

    def find(self, platform: str, place: Place, event_id: str) -> Held | None:
        """What the platform holds of a conversion."""
        return self._platforms[platform].held.get(place, {}).get(event_id)

    def count_accepted(self, platform: str) -> int:
        """How many events a platform has accepted so far."""
        return self._platforms[platform].events_accepted

    def moments(self) -> dict[str, list[dict[str, Any]]]:
        """Every request of each platform, oldest first."""
        with self._journal.lock:
            return {
                name: [moment._asdict() for moment in tally.moments]
                for name, tally in self._platforms.items()
            }

    def condemned(self) -> dict[str, list[str]]:
        """Ids of events that a fault refuses for good, by platform."""
        return {name: sorted(tally.condemned) for name, tally in self._platforms.items()}

    def counts(self) -> dict[str, dict[str, Any]]:
        """Every platform's counts."""
        with self._journal.lock:
            return {name: tally.as_counts() for name, tally in self._platforms.items()}

    def events(self) -> list[dict[str, Any]]:
        """Every accepted event's ids, how often it came, and what the platform holds of it."""
        with self._journal.lock:
            return [
                {
                    "platform": name,
                    "destination": place.destination,
                    "name": place.name,
                    "event_id": event_id,
                    **held.as_report(),
                }
                for name, tally in self._platforms.items()
                for place, event_id, held in tally.each()
            ]

    def reset(self) -> None:
        """Forget everything."""
        with self._journal.lock:
            self._journal.clear()
            self._platforms = {name: PlatformTally() for name in PLATFORMS}

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()

    def _apply(self, entry: Entry) -> None:
        tally = self._platforms[entry["platform"]]
        match entry["what"]:
            case "accepted":
                _take_accepted(tally, entry)
            case "request":
                _take_request(tally, entry)
            case "refused":
                tally.events_received += entry["events"]
                tally.refused[entry["reason"]] += entry["events"]
            case "failed_later":
                tally.failed_later[entry["reason"]] += entry["events"]
            case "personal_data":
                tally.raw_personal_data += entry["strings"]
            case "coverage":
                key = (entry["destination"], entry["kind"], entry["name"])
                tally.coverage.setdefault(key, Counter()).update(entry["keys"])
            case _:
                _adjust(tally, entry)


def _take_request(tally: PlatformTally, entry: Entry) -> None:
    operation = entry["operation"]
    tally.requests[operation] += 1
    tally.moments.append(
        Moment(entry["at"], operation, entry.get("fault"), entry.get("retry_after"))
    )
    tally.condemned.update(entry.get("condemned", ()))


def _take_accepted(tally: PlatformTally, entry: Entry) -> None:
    destination, at, repeats = entry["destination"], entry["at"], entry["repeats"]
    name: str | None = None
    by_id: dict[str, Held] = {}
    for fields in entry["events"]:
        arrival = fields if type(fields) is Arrival else Arrival(*fields)
        if not arrival[1]:
            tally.without_id += 1
            continue
        if arrival[0] != name:
            name = arrival[0]
            by_id = tally.held.setdefault(Place(destination, name), {})
        held = by_id.get(arrival[1])
        if held is None:
            held = by_id[arrival[1]] = Held.of_first(arrival, at)
            tally.distinct_ids += 1
        else:
            held.take(arrival, at, repeats)
            tally.seen_twice += 1
        if arrival[4]:
            _take_messaging(tally, destination, arrival, held)
    tally.events_received += len(entry["events"])
    tally.events_accepted += len(entry["events"])


def _take_messaging(tally: PlatformTally, destination: str, arrival: Arrival, held: Held) -> None:
    """Tie an order's purchase to its return: by the order's id, else by the event's."""
    order = (destination, arrival.order_id or arrival.event_id)
    if arrival.note == "each" and arrival.name == "Purchase":
        tally.orders.setdefault(order, []).append(held)
    elif arrival.note == "returned":
        for purchase in tally.orders.get(order, []):
            purchase.retract(arrival.value)


def _adjust(tally: PlatformTally, entry: Entry) -> None:
    held = tally.held[Place(*entry["place"])][entry["event_id"]]
    held.adjusted_at = entry["at"]
    if entry["is_retracted"]:
        held.retract()
    else:
        held.restate(entry["value"], entry["currency"])
