"""Answers: what the sender of a request that was taken is told.

Belongs here: outcomes of events, as one status and body. Lives elsewhere: refusals (``problems``).
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from orchestration.intake.problems import Conflict, OffSchema
from orchestration.intake.store import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Answer:
    """A request that was taken.

    Attributes:
        status: 202 for new to our own senders, 200 otherwise.
        body: JSON object: ``status``, and where it helps ``results`` or ``code``.
    """

    status: HTTPStatus
    body: dict[str, Any]


def answer_signed(outcomes: Sequence[Outcome], is_list: bool) -> Answer:
    """New is 202, nothing new is 200; a conflict or an unstorable event speaks for the whole body."""
    if Outcome.CONFLICT in outcomes:
        raise Conflict(outcomes)
    if Outcome.SET_ASIDE in outcomes:
        errors = [
            {
                "pointer": f"/{index}" if is_list else "",
                "code": "unstorable",
                "reason": "cannot be stored",
            }
            for index, outcome in enumerate(outcomes)
            if outcome is Outcome.SET_ASIDE
        ]
        raise OffSchema("unstorable", "An event holds something that cannot be stored.", errors)
    has_new = Outcome.STORED in outcomes
    body: dict[str, Any] = {"status": Outcome.STORED if has_new else Outcome.DUPLICATE}
    if is_list:
        body["results"] = list(outcomes)
    return Answer(HTTPStatus.ACCEPTED if has_new else HTTPStatus.OK, body)


def thank(outcomes: Sequence[Outcome], code: str | None) -> Answer:
    """200 whatever became of it; the body says so to whoever reads it."""
    ranked = (Outcome.STORED, Outcome.SET_ASIDE, Outcome.CONFLICT, Outcome.DUPLICATE)
    status = next((outcome for outcome in ranked if outcome in outcomes), Outcome.SET_ASIDE)
    body: dict[str, Any] = {"status": status}
    if code is not None:
        body["code"] = code
    return Answer(HTTPStatus.OK, body)
