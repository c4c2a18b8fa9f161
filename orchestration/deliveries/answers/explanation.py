"""The shape of an explanation: one destination's word on one outcome, and the chain of steps that led to it.

The JSON form is for programs and keeps its names; ``docs/deliveries.md`` describes it. Facts are codes, counts, times,
hashes and ids of ours or the platform's: never personal data.

Belongs here: the shape, as lines and as JSON. Lives elsewhere: making the steps (``steps.py``), reading what they are
made of (``explain.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Literal

from orchestration.deliveries.ledger.states import State
from orchestration.deliveries.reasons import STATES, sentence_of

SCHEMA = 1
Stage = Literal[
    "plan", "ledger", "wording", "attempts", "late answers", "match", "changes", "clock"
]
Verdict = Literal["passed", "against", "told"]

_MARKS: Mapping[Verdict, str] = {"passed": "✓", "against": "✗", "told": "·"}


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was asked, or one thing that happened.

    Attributes:
        stage: Where on the way; steps come in the order of the way.
        code: The rule, reason, state or answer.
        verdict: ``passed`` or ``against`` for a rule, ``told`` for what is merely so.
        sentence: The same, for people.
        facts: The values that decided.
    """

    stage: Stage
    code: str
    verdict: Verdict
    sentence: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def line(self) -> str:
        """The same, on a line."""
        values = ", ".join(f"{name}={_say(value)}" for name, value in self.facts.items())
        detail = f"{self.code}: {values}" if values else self.code
        return f"{_MARKS[self.verdict]} {self.sentence} ({detail})"

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values."""
        return {
            "stage": self.stage,
            "code": self.code,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "facts": {name: plain(value) for name, value in self.facts.items()},
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """One destination's word on one conversion.

    Attributes:
        decision: ``send``, ``hold`` or ``never``; what has left stays ``send``, whatever the plan says now.
        reason: The one code that led to it.
        state: Where it is in the ledger; None when it never came there.
        platform_code: The platform's last code, or ours.
        is_matched: Whether the platform matched it, where it says.
        steps: How it came to that, in order.
    """

    conversion_id: str
    kind: str
    converted_at: datetime
    platform: str
    account_id: str
    action: str | None
    decision: str
    reason: str
    state: str | None
    platform_code: str | None
    attempts: int
    next_at: datetime | None
    sent_at: datetime | None
    is_matched: bool | None
    steps: Sequence[Step] = ()

    def sentence(self) -> str:
        """The word alone, for people."""
        target = f"{self.platform} {self.account_id}"
        if self.action:
            target += f" as {self.action}"
        words = [
            f"{self.kind} of {self.converted_at:%Y-%m-%d %H:%M} UTC → {target}: "
            f"{self.decision}, {sentence_of(self.reason)} ({self.reason})."
        ]
        if self.state is not None:
            words.append(f"It {STATES[self.state]}")
            words[-1] += f" ({self.platform_code})." if self.platform_code else "."
        if self.is_matched is False:
            words.append("The platform knows nobody behind it.")
        if self.attempts:
            words.append(f"Attempts: {self.attempts}.")
        if self.state in {State.RETRY_WAIT, State.IN_DOUBT} and self.next_at:
            words.append(f"Next try from {self.next_at:%Y-%m-%d %H:%M} UTC.")
        return " ".join(words)

    def lines(self) -> Iterator[str]:
        """The word and the steps that led to it, as an indented list."""
        yield self.sentence()
        for stage, steps in groupby(self.steps, key=lambda step: step.stage):
            yield f"  {stage}"
            for step in steps:
                yield f"    {step.line()}"

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON values; its names are stable within a ``schema``."""
        return {
            "schema": SCHEMA,
            "conversion_id": self.conversion_id,
            "kind": self.kind,
            "converted_at": self.converted_at.isoformat(),
            "platform": self.platform,
            "account_id": self.account_id,
            "action": self.action,
            "decision": self.decision,
            "reason": self.reason,
            "state": self.state,
            "platform_code": self.platform_code,
            "attempts": self.attempts,
            "next_at": plain(self.next_at),
            "sent_at": plain(self.sent_at),
            "is_matched": self.is_matched,
            "sentence": self.sentence(),
            "steps": [step.as_json() for step in self.steps],
        }


def plain(value: Any) -> Any:
    """A fact as a JSON value: moments in ISO 8601, money as text."""
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case Mapping():
            return {str(name): plain(item) for name, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value


def _say(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        case list() | tuple():
            return "+".join(_say(item) for item in value) or "-"
        case str() if len(value) == _HASH_LENGTH and value.isalnum():
            # Enough to find it by; the JSON form has all of it.
            return f"{value[:12]}…"
        case _:
            return str(value)


_HASH_LENGTH = 64
