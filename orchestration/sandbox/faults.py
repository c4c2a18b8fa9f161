"""Failures on demand: which platform shall fail how, how often, and for which event.

A fault waits until a request of its platform (and operation, and event, where named) arrives, and is used up after
``times`` requests. What each kind looks like on the wire is the platform module's business, except for the two that
are below HTTP: ``timeout`` (no answer) and ``reset`` (the connection is torn), which the plumbing does itself. With
``_after`` appended they strike after the platform has done its work: the case in which a sender cannot know.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, Field


class Fault(BaseModel):
    """One failure to act out.

    ``fault`` is one of the common kinds or one of the platform's own:

    ==========================  ==================================================================================
    ``429`` ``500`` ``503``     That HTTP status in the platform's own dialect, ``Retry-After`` when given.
    ``502_html``                An edge failure: HTTP 502 with an HTML body.
    ``timeout`` ``reset``       No answer for ``hold_seconds``, or a torn connection, before anything was taken.
    ``timeout_after`` …         ``timeout_after`` and ``reset_after``: the same, after everything was taken.
    ``expired_token``           The platform's answer to an expired token.
    ``whole_request_refusal``   The whole request is refused because of one event.
    ``code_N`` ``code_N_M``     Meta: error code N, subcode M. TikTok: code N in an HTTP 200.
    ``reason_R``                Google: request-time ErrorReason R.
    ``later_R``                 Google: the event is taken and fails later as ProcessingErrorReason R.
    ``processing``              Google: the status read answers PROCESSING once more.
    ``partial``                 TikTok: code 20001, the event alone has failed.
    ==========================  ==================================================================================
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: str
    fault: str
    times: int = Field(default=1, ge=1)
    retry_after: int | None = Field(default=None, ge=0)
    operation: str | None = None
    event_id: str | None = None
    hold_seconds: float = Field(default=30.0, gt=0)

    @property
    def is_after(self) -> bool:
        """Whether it strikes only after the platform has done its work."""
        return self.fault.endswith("_after")


@dataclass(frozen=True)
class _Armed:
    fault: Fault
    left: int


class FaultBoard:
    """The faults that are waiting, oldest first."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._lock = threading.Lock()

    def arm(self, fault: Fault) -> None:
        """Add a fault behind those that wait already."""
        with self._lock:
            self._armed.append(_Armed(fault, fault.times))

    def take(self, platform: str, operation: str, body: bytes = b"") -> Fault | None:
        """Use up one strike of the first fault that fits this request, and return it.

        A fault with an ``event_id`` fits when the id occurs in the body.
        """
        with self._lock:
            for place, armed in enumerate(self._armed):
                if _fits(armed.fault, platform, operation, body):
                    if armed.left == 1:
                        del self._armed[place]
                    else:
                        self._armed[place] = replace(armed, left=armed.left - 1)
                    return armed.fault
        return None

    def clear(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._armed.clear()


def _fits(fault: Fault, platform: str, operation: str, body: bytes) -> bool:
    return (
        fault.platform == platform
        and fault.operation in {None, operation}
        and (fault.event_id is None or fault.event_id.encode() in body)
    )
