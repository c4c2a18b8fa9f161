"""Failures on demand: which platform shall fail how, when, how often, and for which event.

A fault waits until a request of its platform (and operation, and event, where named) arrives, and is used up after
``times`` requests. What each kind looks like on the wire is the platform module's business, except for the ones that
no platform words: ``timeout``, ``reset``, ``slow``, ``redirect``, ``200_html``, ``truncated`` and ``huge``, which the
plumbing does itself. With ``_after`` appended they strike after the platform has done its work: the case in which a
sender cannot know.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

# Refusals of an event for good: what a fault of these kinds picked is nobody's loss.
_OF_THE_EVENT = ("whole_request_refusal", "partial", "code_", "reason_", "later_", "row_")
_PASSING = (
    "later_INTERNAL_ERROR",
    "later_TOO_RECENT_CLICK",
    "later_DUPLICATE",
    "row_TOO_RECENT",
    "row_ORDER_ID_ALREADY_IN_USE",
    "code_40050",
)


class Fault(BaseModel):
    """One failure to act out.

    ``fault`` is one of the common kinds or one of the platform's own:

    ==========================  ==================================================================================
    ``429`` ``500`` ``503``     That HTTP status in the platform's own dialect, ``Retry-After`` when given.
    ``502_html`` ``200_html``   An edge failure: that HTTP status with an HTML body.
    ``timeout`` ``reset``       No answer for ``hold_seconds``, or a torn connection, before anything was taken.
    ``slow``                    The right answer, ``hold_seconds`` late.
    ``redirect``                HTTP 307 to another address, which counts what arrives there.
    ``truncated`` ``huge``      HTTP 200 with half a JSON document, or with six megabytes of one.
    ``…_after``                 Of the five lines above: the same, after everything was taken.
    ``expired_token``           The platform's answer to an expired token.
    ``whole_request_refusal``   The whole request is refused because of one event.
    ``usage``                   Meta: throttled, with the minutes in ``X-Business-Use-Case-Usage`` alone.
    ``fewer_received``          Meta: the last event is lost, and ``events_received`` tells so.
    ``code_N`` ``code_N_M``     Meta: error code N, subcode M. TikTok: code N in an HTTP 200.
    ``reason_R``                Google: request-time ErrorReason R; names the events where some are meant.
    ``later_R`` ``later_R+S``   Google: events are taken and fail later as ProcessingErrorReason R, or R and S in turn.
    ``row_R``                   Google's click upload: the row fails as ConversionUploadError R.
    ``processing``              Google: the status read answers PROCESSING once more.
    ``partial``                 TikTok: code 20001, the event alone has failed.
    ==========================  ==================================================================================

    Attributes:
        times: How many requests it strikes; None for every one.
        skip: How many fitting requests pass first.
        every: Strikes one in so many fitting requests.
        after_events: Waits until the platform has accepted so many events.
        event_id: Strikes only a request with this event.
        picks: Instead of naming an event, means the first so many that come by, from then on.
        event_ids: The events that are meant; filled from the two above.
        hold_seconds: For ``timeout`` and ``slow``.
        retry_after: Seconds of the ``Retry-After`` header (Meta: also the minutes of its own header).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: str
    fault: str = Field(min_length=1)
    times: int | None = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    every: int = Field(default=1, ge=1)
    after_events: int = Field(default=0, ge=0)
    retry_after: int | None = Field(default=None, ge=0)
    operation: str | None = None
    event_id: str | None = None
    picks: int | None = Field(default=None, ge=1)
    event_ids: tuple[str, ...] = ()
    hold_seconds: float = Field(default=30.0, gt=0)

    @property
    def is_after(self) -> bool:
        """Whether it strikes only after the platform has done its work."""
        return self.fault.endswith("_after") or self.fault == "slow"

    @property
    def kind(self) -> str:
        """The fault without its ``_after``."""
        return self.fault.removesuffix("_after")

    @property
    def condemns(self) -> bool:
        """Whether its events are refused for good, so that a sender owes them no more."""
        return self.fault.startswith(_OF_THE_EVENT) and not self.fault.startswith(_PASSING)


@dataclass
class Armed:
    """A fault that waits, or has struck its times."""

    fault: Fault
    seen: int = 0
    strikes: int = 0
    picked: list[str] = field(default_factory=list[str])

    @property
    def is_spent(self) -> bool:
        """Whether it strikes no more."""
        return self.fault.times is not None and self.strikes >= self.fault.times


class FaultBoard:
    """The faults that were armed, oldest first."""

    def __init__(self) -> None:
        self._armed: list[Armed] = []
        self._lock = threading.Lock()

    def arm(self, fault: Fault) -> None:
        """Add a fault behind those that wait already."""
        with self._lock:
            self._armed.append(Armed(fault))

    def take(
        self,
        platform: str,
        operation: str,
        body: bytes = b"",
        *,
        accepted: int = 0,
        read_ids: Callable[[], Sequence[str]] = tuple,
    ) -> Fault | None:
        """Use up one strike of the first fault that fits this request, and return it.

        A fault with an ``event_id`` fits when the id occurs in the body.

        Args:
            platform: Whose door the request came to.
            operation: Which door.
            body: What it carries.
            accepted: How many events the platform has accepted so far.
            read_ids: Gives the event ids of the body; asked only where a fault picks.
        """
        with self._lock:
            for armed in self._armed:
                if (
                    not armed.is_spent
                    and _fits(armed.fault, platform, operation, accepted)
                    and (found := _meant(armed, body, read_ids)) is not None
                    and _is_due(armed)
                ):
                    armed.strikes += 1
                    return armed.fault.model_copy(update={"event_ids": found})
        return None

    def states(self) -> list[Armed]:
        """All of them, spent ones included."""
        with self._lock:
            return list(self._armed)

    def clear(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._armed.clear()


def _fits(fault: Fault, platform: str, operation: str, accepted: int) -> bool:
    return (
        fault.platform == platform
        and fault.operation in {None, operation}
        and accepted >= fault.after_events
    )


def _meant(
    armed: Armed, body: bytes, read_ids: Callable[[], Sequence[str]]
) -> tuple[str, ...] | None:
    """The events of the body that are meant; None when the body holds none of those that the fault is about."""
    fault = armed.fault
    if fault.event_id is not None:
        return (fault.event_id,) if fault.event_id.encode() in body else None
    if fault.picks is None:
        return ()
    here = read_ids()
    for event_id in here:
        if len(armed.picked) < fault.picks and event_id and event_id not in armed.picked:
            armed.picked.append(event_id)
    present = set(here)
    return tuple(event_id for event_id in armed.picked if event_id in present) or None


def _is_due(armed: Armed) -> bool:
    armed.seen += 1
    place = armed.seen - 1 - armed.fault.skip
    return place >= 0 and place % armed.fault.every == 0
