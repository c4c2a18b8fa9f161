"""The steps of an explanation: every rule in the order in which it is asked, and everything that happened since.

plan (each rule, passed or against) → ledger (what stands in the way now) → wording (the door, what is carried) →
attempts → late answers → match → changes → clock

Belongs here: making steps of what was read, pure. Lives elsewhere: reading it (``explain.py``), the shape
(``explanation.py``), the rules themselves (dbt's ``plan_rules``, ``leases.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from orchestration.deliveries.answers.explanation import Step
from orchestration.deliveries.answers.meanings import Meaning, find_meaning
from orchestration.deliveries.answers.phrases import NAMES, say_expiry, say_span, say_stop
from orchestration.deliveries.answers.shown import say_door, show_fields
from orchestration.deliveries.ledger.states import LEASABLE, TAKEN, State
from orchestration.deliveries.ledger.timing import MAX_FAILURES
from orchestration.deliveries.reasons import PLAN, RULES, STATES, WAITS, sentence_of
from orchestration.deliveries.sending.stops import Stop

_OWED = frozenset({State.HELD, *LEASABLE})


@dataclass(frozen=True, slots=True)
class Worded:
    """An event as it is frozen, or would be.

    Attributes:
        lane: The door.
        event: The body; empty where it cannot be worded.
        is_frozen: Whether it is stored: then it goes out like this, whatever is known meanwhile.
        refusal: Why it cannot be worded.
    """

    lane: str = ""
    event: Mapping[str, Any] = field(default_factory=dict[str, Any])
    is_frozen: bool = False
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one conversion at one destination.

    Attributes:
        row: The plan's and the ledger's columns.
        is_active: Whether the account is switched on.
        stops: What is stopped there.
        gate: The rules that keep all of the tenant's deliveries back.
        worded: What would leave or left; None where nobody can say.
        attempts: Every time that it was taken to be sent.
        versions: Every row of the ledger about it.
        resend_within: How long after the first sending a repeat is recognised.
    """

    row: Mapping[str, Any]
    is_active: bool
    stops: Sequence[Stop]
    gate: Sequence[str]
    worded: Worded | None
    attempts: Sequence[Mapping[str, Any]]
    versions: Sequence[Mapping[str, Any]]
    resend_within: timedelta

    @property
    def platform(self) -> str:
        """Whose destination it is."""
        return self.row["platform"]

    @property
    def is_waiting(self) -> bool:
        """Whether it is still to leave: planned and not in the ledger yet, or there and not at its end."""
        state = self.row["state"]
        return state in _OWED if state else self.row["decision"] == "send"


def make_steps(evidence: Evidence) -> list[Step]:
    """The whole chain, in order."""
    return [
        *_ask_plan(evidence),
        *_ask_ledger(evidence),
        *_tell_wording(evidence),
        *_tell_attempts(evidence),
        *_tell_late_answers(evidence),
        *_tell_match(evidence),
        *_tell_changes(evidence),
        *_tell_clock(evidence),
    ]


def _ask_plan(evidence: Evidence) -> Iterator[Step]:
    row = evidence.row
    if row["decision"] is None:
        yield Step("plan", "not_planned", "against", sentence_of("not_planned"))
        return
    facts: Mapping[str, Any] = row["facts"] or {}
    standing = row["rules"] or ()
    for code, rule in RULES.items():
        decided = {name: facts[name] for name in rule.facts if name in facts}
        if code in standing:
            yield Step("plan", code, "against", PLAN[code].sentence, decided)
        else:
            yield Step("plan", code, "passed", rule.passed, decided)


def _ask_ledger(evidence: Evidence) -> Iterator[Step]:
    row = evidence.row
    if row["state"] is None and row["decision"] in {"send", "hold"}:
        yield Step("ledger", "not_enrolled", "told", sentence_of("not_enrolled"))
    if evidence.is_waiting:
        yield from _ask_obstacles(evidence)
    if row["state"] is None:
        return
    facts = {"reason": row["state_reason"], "failures": row["failures"]}
    sentence = f"it {STATES[row['state']]}: {sentence_of(row['state_reason'])}"
    yield Step("ledger", row["state"], "told", sentence, facts)
    if row["sent_at"] is not None and row["decision"] in {"hold", "never"}:
        since, name = sentence_of(row["reason"]), NAMES[evidence.platform]
        sentence = f"it had left when this came up: {since}; what left stays at {name}"
        yield Step("ledger", "left_before", "told", sentence, {"sent_at": row["sent_at"]})


def _ask_obstacles(evidence: Evidence) -> Iterator[Step]:
    row, name = evidence.row, NAMES[evidence.platform]
    if evidence.is_active:
        yield Step("ledger", "account_inactive", "passed", "the account is switched on")
    else:
        yield Step("ledger", "account_inactive", "against", WAITS["account_inactive"].sentence)
    lane = evidence.worded.lane if evidence.worded else ""
    standing = [stop for stop in evidence.stops if stop.target in {"", lane}]
    for stop in standing:
        facts = {"kind": stop.kind, "target": stop.target, "next_try_at": stop.next_try_at}
        yield Step("ledger", "stopped", "against", say_stop(evidence.platform, stop), facts)
    if not standing:
        yield Step("ledger", "stopped", "passed", f"nothing stops what goes to {name}")
    if evidence.gate:
        sentence = (
            "critical checks failed, or are too old to stand on; nothing of the tenant leaves"
        )
        yield Step("ledger", "gate_closed", "against", sentence, {"rules": list(evidence.gate)})
    else:
        yield Step("ledger", "gate_closed", "passed", "the tenant's critical checks passed")
    if row["expires_at"] is not None:
        is_over = row["expires_at"] <= row["now_at"]
        yield Step(
            "ledger",
            "expired",
            "against" if is_over else "passed",
            f"its time at {name} is {'over' if is_over else 'not over'}",
            {"expires_at": row["expires_at"]},
        )
    if row["next_at"] is not None and row["next_at"] > row["now_at"]:
        left = say_span(row["next_at"] - row["now_at"])
        facts = {"next_at": row["next_at"], "failures": f"{row['failures']} of {MAX_FAILURES}"}
        yield Step("ledger", "not_due", "against", f"its next try is in {left}", facts)


def _tell_wording(evidence: Evidence) -> Iterator[Step]:
    worded = evidence.worded
    if worded is None:
        return
    if worded.refusal:
        sentence = f"it cannot be worded: {sentence_of(worded.refusal)}"
        yield Step("wording", worded.refusal, "against", sentence)
        return
    door = say_door(evidence.platform, worded.lane)
    frozen = "as it was frozen" if worded.is_frozen else "as it would be worded now"
    yield Step("wording", "lane", "told", door, {"lane": worded.lane})
    yield Step("wording", "event", "told", f"what it carries, {frozen}", show_fields(worded.event))


def _tell_attempts(evidence: Evidence) -> Iterator[Step]:
    for attempt in evidence.attempts:
        code = attempt["code"]
        outcome = attempt["outcome"] or "leased"
        words = [STATES.get(outcome, outcome)]
        meaning = find_meaning(evidence.platform, code) if code else None
        words += [_say_meaning(code, meaning)] if code else []
        if attempt["request_key"] is None:
            words.append("no request left")
        yield Step(
            "attempts",
            outcome,
            "told",
            ": ".join(words),
            {
                "attempt": attempt["attempt"],
                "version": attempt["version"],
                "at": attempt["started_at"],
                "request": attempt["request_key"],
                "place": attempt["place"],
                "code": code,
                "source": meaning.source if meaning else None,
                "consent": attempt["consent"],
                "legal_basis": attempt["legal_basis"],
                "policy_from": attempt["policy_from"],
            },
        )


def _tell_late_answers(evidence: Evidence) -> Iterator[Step]:
    for attempt in evidence.attempts:
        if attempt["settled_at"] is None:
            continue
        code = attempt["late_code"]
        meaning = find_meaning(evidence.platform, code, is_late=True) if code else None
        words = [STATES.get(attempt["late_outcome"], attempt["late_outcome"] or "no word")]
        words += [_say_meaning(code, meaning)] if code else []
        yield Step(
            "late answers",
            attempt["late_outcome"] or "answered",
            "told",
            ": ".join(words),
            {
                "at": attempt["settled_at"],
                "request": attempt["request_key"],
                "platform_request_id": attempt["platform_request_id"],
                "code": code,
                "source": meaning.source if meaning else None,
            },
        )
        yield from _tell_counts(evidence.platform, attempt)


def _tell_counts(platform: str, attempt: Mapping[str, Any]) -> Iterator[Step]:
    """What the platform said of the request as a whole, where it speaks in counts."""
    if attempt["late_answer"] is None:
        return
    counts: Mapping[str, int] = json.loads(bytes(attempt["late_answer"])).get("counts", {})
    open_ = "; it does not say which" if attempt["is_unresolved"] else ""
    for reason, count in sorted(counts.items()):
        meaning = find_meaning(platform, reason, is_late=True)
        yield Step(
            "late answers",
            reason,
            "told",
            f"{count:,} of {attempt['event_count']:,} failed for {reason}{open_}: "
            f"{meaning.sentence if meaning else 'nobody has a meaning for it'}",
            {"count": count, "of": attempt["event_count"], "source": meaning and meaning.source},
        )


def _tell_match(evidence: Evidence) -> Iterator[Step]:
    state, name = evidence.row["state"], NAMES[evidence.platform]
    if evidence.row["is_matched"] is True:
        yield Step("match", "matched", "told", f"{name} found somebody behind it")
    elif evidence.row["is_matched"] is False:
        yield Step("match", "unmatched", "told", f"{name} knows nobody behind it")
    elif state in TAKEN:
        sentence = f"{name} does not say of single events whether it found somebody behind them"
        yield Step("match", "match_untold", "told", sentence)


def _tell_changes(evidence: Evidence) -> Iterator[Step]:
    """The chain of versions, where there is more than one row."""
    if len(evidence.versions) <= 1:
        return
    for row in evidence.versions:
        facts = {
            "version": row["version"],
            "kind": row["kind"],
            "at": row["created_at"],
            "reason": row["reason"],
            "code": row["code"],
            "value": row["value"],
            "currency": row["currency"],
        }
        sentence = f"{row['kind']} {STATES[row['state']]}: {sentence_of(row['reason'])}"
        yield Step("changes", row["state"], "told", sentence, facts)


def _tell_clock(evidence: Evidence) -> Iterator[Step]:
    row = evidence.row
    if row["state"] == State.IN_DOUBT and row["sent_at"] is not None:
        until = row["sent_at"] + evidence.resend_within
        left = until - row["now_at"]
        name = NAMES[evidence.platform]
        sentence = (
            f"{name} recognises a repeat for {say_span(left)} more"
            if left > timedelta(0)
            else f"{name} recognises a repeat no longer"
        )
        yield Step("clock", "resend_until", "told", sentence, {"until": until})
    if evidence.is_waiting and row["expires_at"] is not None:
        left = row["expires_at"] - row["now_at"]
        sentence = say_expiry(evidence.platform, left)
        yield Step("clock", "expires", "told", sentence, {"expires_at": row["expires_at"]})


def _say_meaning(code: str, meaning: Meaning | None) -> str:
    return f"{code}, {meaning.sentence}" if meaning else f"{code}, which nobody has a meaning for"
