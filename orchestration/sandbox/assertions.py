"""Holding what an exporter did against what a scenario calls right.

Pure: a running sandbox's own words come in (``read_evidence`` fetches them), verdicts go out. An exporter in any
language is judged alike, for nothing here knows more than what came over the wire.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.sandbox.scenarios import Right, Scenario, ScenarioInvalid, Stop

_PAUSE_SECONDS = 0.001
_NAMED = 3


@dataclass(frozen=True)
class Expected:
    """What the exporter owed each platform of the scenario.

    Attributes:
        ids: Event ids, each with the value that it is to have now where one was given; None when only the number is
            known.
        planned: How many conversions there are; None when nothing is known.
    """

    ids: Mapping[str, float | None] | None = None
    planned: int | None = None


@dataclass(frozen=True)
class Evidence:
    """What the sandbox says, as its control routes answer."""

    counts: Mapping[str, Mapping[str, Any]]
    events: list[dict[str, Any]]
    moments: Mapping[str, list[dict[str, Any]]]
    condemned: Mapping[str, list[str]]
    faults: list[dict[str, Any]]


@dataclass(frozen=True)
class Verdict:
    """One assertion: its name, whether it holds, and a sentence with the numbers."""

    name: str
    holds: bool
    sentence: str


def judge(scenario: Scenario, evidence: Evidence, expected: Expected) -> list[Verdict]:
    """Judge every assertion of a scenario; what needs expectations that are not known is left out."""
    right = scenario.right
    verdicts: list[Verdict] = []
    for platform in scenario.platforms:
        verdicts += _judge_counts(platform, right, evidence, expected)
    for platform, door in _doors(scenario):
        verdicts += _judge_door(platform, door, right, evidence)
    if right.is_struck:
        verdicts += _judge_strikes(evidence)
    return verdicts


def read_evidence(url: str) -> Evidence:
    """Ask a running sandbox.

    Args:
        url: Of any of its HTTP stand-ins.

    Raises:
        ScenarioInvalid: Nobody answers there, or not as a sandbox does.
    """
    import httpx

    try:
        with httpx.Client(base_url=f"{url.rstrip('/')}/_sandbox", timeout=60) as http:

            def ask(what: str) -> Any:
                return http.get(f"/{what}").raise_for_status().json()

            return Evidence(
                ask("counts"), ask("events"), ask("moments"), ask("condemned"), ask("faults")
            )
    except (httpx.HTTPError, ValueError):
        raise ScenarioInvalid(f"no sandbox answers at {url}") from None


def read_played(url: str) -> list[str]:
    """Ask a running sandbox which scenarios it plays.

    Raises:
        ScenarioInvalid: Nobody answers there.
    """
    import httpx

    try:
        return httpx.get(f"{url.rstrip('/')}/_sandbox/scenarios").raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        raise ScenarioInvalid(f"no sandbox answers at {url}") from None


def read_expected(path: Path) -> Expected:
    """Read a file of event ids, one a line, each with its value behind a comma where that is to be checked.

    Raises:
        ScenarioInvalid: The file cannot be read, or a value is not a number.
    """
    ids: dict[str, float | None] = {}
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.reader(lines), start=1):
                if row and row[0].strip():
                    ids[row[0].strip()] = _value(row, number)
    except (OSError, UnicodeDecodeError):
        raise ScenarioInvalid(f"{path} cannot be read") from None
    return Expected(ids=ids, planned=len(ids))


def _value(row: list[str], number: int) -> float | None:
    if len(row) == 1 or not row[1].strip():
        return None
    try:
        return float(row[1])
    except ValueError:
        raise ScenarioInvalid(f"line {number}: the value is not a number") from None


def _doors(scenario: Scenario) -> list[tuple[str, str | None]]:
    named: list[tuple[str, str | None]] = [
        *((change.platform, None) for change in scenario.world),
        *((fault.platform, fault.operation) for fault in scenario.faults),
    ]
    return list(dict.fromkeys(named))


def _judge_counts(
    platform: str, right: Right, evidence: Evidence, expected: Expected
) -> Iterator[Verdict]:
    counts = evidence.counts[platform]
    held = [event for event in evidence.events if event["platform"] == platform]
    counted = {event["event_id"] for event in held if event["counted"]}
    # What was refused for good, or came and was taken back, is nobody's loss.
    settled = set(evidence.condemned[platform]) | {
        event["event_id"] for event in held if event["retracted"]
    }
    if right.lost is not None and expected.planned is not None:
        if expected.ids is not None:
            lost = sorted(set(expected.ids) - counted - settled)
            yield _at_most("lost", platform, len(lost), right.lost, lost)
        else:
            missing = max(0, expected.planned - len(counted) - len(settled - counted))
            yield _at_most("lost", platform, missing, right.lost)
    if right.counted_twice is not None:
        twice = sorted(event["event_id"] for event in held if event["counted"] > 1)
        yield _at_most("counted_twice", platform, len(twice), right.counted_twice, twice)
    if right.unexpected is not None and expected.planned is not None:
        if expected.ids is not None:
            extra = sorted(counted - set(expected.ids))
            yield _at_most("unexpected", platform, len(extra), right.unexpected, extra)
        else:
            more = max(0, len(counted) - expected.planned)
            yield _at_most("unexpected", platform, more, right.unexpected)
    if expected.ids is not None:
        yield from _judge_values(platform, held, expected.ids)
    yield _at_most(
        "raw_personal_data", platform, counts["raw_personal_data"], right.raw_personal_data
    )
    followed = counts["requests_by_operation"].get("elsewhere", 0)
    yield _at_most("elsewhere", platform, followed, right.elsewhere)


def _judge_values(
    platform: str, held: list[dict[str, Any]], ids: Mapping[str, float | None]
) -> Iterator[Verdict]:
    asked = {event_id: value for event_id, value in ids.items() if value is not None}
    if asked:
        wrong = sorted(
            event["event_id"]
            for event in held
            if event["event_id"] in asked
            and event["counted"]
            and event["value"] != asked[event["event_id"]]
        )
        yield _at_most("value", platform, len(wrong), 0, wrong)


def _judge_door(
    platform: str, door: str | None, right: Right, evidence: Evidence
) -> Iterator[Verdict]:
    moments = [m for m in evidence.moments[platform] if door in {None, m["operation"]}]
    place = f"{platform} {door}" if door else platform
    if right.max_requests is not None:
        yield _at_most("max_requests", place, len(moments), right.max_requests)
    if right.backs_off:
        early = _count_early(moments)
        yield _at_most("backs_off", place, early, 0)
    if right.stops is not None:
        after = _most_after_a_refusal(moments, right.stops)
        yield _at_most("stops", place, after, right.stops.requests)


def _count_early(moments: list[dict[str, Any]]) -> int:
    """How many requests came before a ``Retry-After`` was over."""
    early = 0
    not_before = 0.0
    for moment in moments:
        early += moment["at"] + _PAUSE_SECONDS < not_before
        if moment["fault"] and moment["retry_after"]:
            not_before = max(not_before, moment["at"] + moment["retry_after"])
    return early


def _most_after_a_refusal(moments: list[dict[str, Any]], stop: Stop) -> int:
    refused = [place for place, moment in enumerate(moments) if moment["fault"]]
    return max(
        (
            sum(
                later["at"] - moments[place]["at"] < stop.within_seconds
                for later in moments[place + 1 :]
            )
            for place in refused
        ),
        default=0,
    )


def _judge_strikes(evidence: Evidence) -> Iterator[Verdict]:
    for fault in evidence.faults:
        name = f"{fault['platform']} {fault['fault']}"
        struck = fault["strikes"] > 0
        yield Verdict(
            "is_struck",
            struck,
            f"{name} struck {fault['strikes']} times" if struck else f"{name} never struck",
        )


_SENTENCES: dict[str, Callable[[str, int], str]] = {
    "lost": lambda place, n: f"{place} does not count {n} that it was owed",
    "counted_twice": lambda place, n: f"{place} counts {n} more than once",
    "unexpected": lambda place, n: f"{place} counts {n} that nobody planned",
    "value": lambda place, n: f"{place} holds another value of {n}",
    "raw_personal_data": lambda place, n: f"{place} got {n} strings with personal data",
    "elsewhere": lambda place, n: f"{n} requests followed a redirect of {place}",
    "max_requests": lambda place, n: f"{place} got {n} requests",
    "backs_off": lambda place, n: f"{place} got {n} requests before Retry-After was over",
    "stops": lambda place, n: f"{place} got {n} requests soon after a refusal",
}


def _at_most(
    name: str, place: str, found: int, allowed: int, ids: list[str] | None = None
) -> Verdict:
    holds = found <= allowed
    sentence = f"{_SENTENCES[name](place, found)}; at most {allowed} is right"
    if not holds and ids:
        shown = ", ".join(ids[:_NAMED])
        sentence += f" ({shown}{', …' if len(ids) > _NAMED else ''})"
    return Verdict(name, holds, sentence)
