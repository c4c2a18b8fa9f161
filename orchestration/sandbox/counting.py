"""What a platform makes of one conversion that comes once, twice, later, with another value, or is taken back.

How repeats are treated differs, and a sender must not rely on more than each platform promises:

``within_48h``  Meta and TikTok: a repeat within 48 hours of the counted one is dropped, the first value is kept; a
                later one counts again (DOC Mdup, Tdedup).
``each``        Meta's business messaging: nothing is recognised, every one counts (DOC Mbiz).
``restated``    Data Manager, upload actions: a repeat restates the value (DOC Gadj).
``first_kept``  The other reading for Data Manager (UNSURE, X6.3), and the click upload: the first one stands.

Pure: what arrives comes in, times included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Repeats = Literal["within_48h", "each", "restated", "first_kept"]
WINDOW_SECONDS = 48 * 3_600
_CENTS = 6
# What is returned is worth nothing by itself: its value is taken off the purchase.
_WITHOUT_VALUE = ("failed", "returned")


class Arrival(NamedTuple):
    """One event that was taken, as the journal keeps it.

    Attributes:
        name: The event name, or Google's conversion action.
        event_id: What the platform dedupes by; empty when the sender gave none.
        value: What it is worth, as the platforms' double.
        currency: ISO 4217, or empty.
        note: ``failed`` for an event that later processing threw out, ``each`` for one that is never recognised as a
            repeat, ``returned`` for Meta's OrderReturned; empty otherwise.
        order_id: The order that an OrderReturned speaks of; empty where there is none.
    """

    name: str
    event_id: str
    value: float | None = None
    currency: str = ""
    note: str = ""
    order_id: str = ""


@dataclass(slots=True)
class Held:
    """What a platform holds of one conversion; times are Unix seconds.

    Attributes:
        times: How often it arrived.
        counted: How often it counts in the platform's reports.
        value: What all of its counted arrivals are worth.
        is_retracted: Taken back: it counts no more.
    """

    times: int
    counted: int
    first_at: float
    last_at: float
    value: float | None
    currency: str
    counted_at: float
    is_retracted: bool = False
    adjusted_at: float = 0.0

    @classmethod
    def of_first(cls, arrival: Arrival, at: float) -> Held:
        """A conversion that arrives for the first time."""
        counted = arrival[4] != "failed"
        value = None if arrival[4] in _WITHOUT_VALUE else arrival[2]
        return cls(1, int(counted), at, at, value, arrival[3], at)

    def take(self, arrival: Arrival, at: float, repeats: Repeats) -> None:
        """Take a repeat."""
        self.times += 1
        self.last_at = at
        if arrival.note == "failed":
            return
        if arrival.note:
            repeats = "each"
        match repeats:
            case _ if not self.counted:
                # Nothing was counted so far, so this one is the first (DOC Gadj: it becomes a new conversion).
                self._count(arrival, at)
            case "restated":
                self.restate(arrival.value, arrival.currency)
            case "first_kept":
                pass
            case "within_48h" if at - self.counted_at < WINDOW_SECONDS:
                pass
            case _:
                self._count(arrival, at)

    def restate(self, value: float | None, currency: str = "") -> None:
        """Hold another value from now on."""
        self.value = value
        self.currency = currency or self.currency

    def retract(self, value: float | None = None) -> None:
        """Take it back, or ``value`` of it."""
        rest = round((self.value or 0) - value, _CENTS) if value is not None else 0
        if rest > 0:
            self.value = rest
        else:
            self.value, self.is_retracted = 0, True

    def _count(self, arrival: Arrival, at: float) -> None:
        self.counted += 1
        self.counted_at = at
        if arrival.value is not None and arrival.note not in _WITHOUT_VALUE:
            self.value = round((self.value or 0) + arrival.value, _CENTS)
            self.currency = arrival.currency

    @property
    def counts_as(self) -> int:
        """How many conversions the platform reports for it today."""
        return 0 if self.is_retracted else self.counted

    def as_report(self) -> dict[str, Any]:
        """The state as the control route answers it."""
        return {
            "times": self.times,
            "counted": self.counts_as,
            "value": self.value,
            "currency": self.currency or None,
            "retracted": self.is_retracted,
            "first_at": self.first_at,
            "last_at": self.last_at,
        }
