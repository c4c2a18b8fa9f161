"""Scenario files: the shipped ones say where they come from, and a wrong one is refused with what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.sandbox.assertions import (
    Evidence,
    Expected,
    Verdict,
    judge,
    read_evidence,
    read_expected,
)
from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.scenarios import (
    Scenario,
    ScenarioInvalid,
    find_scenario,
    list_scenarios,
    play,
)

GOOD = """\
title: Something goes wrong at Meta
happens: HTTP 503 once, before anything is taken.
sources: [https://example.com/page]
evidence: DOC
faults:
  - {platform: meta, fault: "503", operation: events}
"""


def written(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_there_are_many_and_each_can_be_played():
    scenarios = list_scenarios()
    assert len(scenarios) >= 35
    for name, scenario in scenarios.items():
        around = Surroundings()
        play(name, scenario, around)
        assert around.scenarios == [name]
        assert scenario.faults or scenario.world
        assert set(scenario.platforms) <= {"google", "meta", "tiktok"}


def test_anyones_own_file_is_a_scenario(tmp_path):
    name, scenario = find_scenario(written(tmp_path, GOOD))
    assert (name, scenario.platforms) == ("mine", ("meta",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title: [", "not YAML: line 1"),
        ("- a list", "must be a mapping"),
        (GOOD.replace("evidence: DOC", "evidence: sure"), "evidence"),
        (GOOD.replace("sources: [https://example.com/page]", "sources: []"), "sources"),
        (GOOD.replace("operation:", "operatoin:"), "faults.0.operatoin"),
        (GOOD + "right: {lsot: 0}\n", "right.lsot"),
    ],
    ids=["no YAML", "a list", "evidence", "no source", "misspelled fault", "misspelled assertion"],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path, text, told):
    with pytest.raises(ScenarioInvalid, match=told):
        find_scenario(written(tmp_path, text))


@pytest.mark.parametrize("name", ["no-such-scenario", "../meta-throttled"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ScenarioInvalid, match="leadloop sandbox scenarios"):
        find_scenario(name)


def test_a_fact_that_accounts_do_not_have_is_refused(tmp_path):
    text = GOOD + "world:\n  - {platform: meta, facts: {mood: bad}}\n"
    name, scenario = find_scenario(written(tmp_path, text))
    with pytest.raises(ScenarioInvalid, match="mood"):
        play(name, scenario, Surroundings())


class TestExpectations:
    def test_a_file_names_ids_and_values(self, tmp_path):
        path = tmp_path / "ids.txt"
        path.write_text("a\nb,12.5\n\n c \n", encoding="utf-8")
        assert read_expected(path) == Expected({"a": None, "b": 12.5, "c": None}, 3)

    def test_a_value_that_is_no_number_is_refused(self, tmp_path):
        path = tmp_path / "ids.txt"
        path.write_text("a\nb,much\n", encoding="utf-8")
        with pytest.raises(ScenarioInvalid, match="line 2"):
            read_expected(path)

    def test_a_missing_file_is_refused(self, tmp_path):
        with pytest.raises(ScenarioInvalid, match="cannot be read"):
            read_expected(tmp_path / "none")


def scenario(**right: object) -> Scenario:
    return Scenario.model_validate(
        {
            "title": "Something goes wrong",
            "happens": "HTTP 503 once, before anything.",
            "sources": ["a page"],
            "evidence": "DOC",
            "faults": [{"platform": "meta", "fault": "503", "operation": "events"}],
            "right": right,
        }
    )


def evidence(
    *events: tuple[str, int, float | None],
    moments: tuple[tuple[float, str | None, int | None], ...] = (),
    condemned: tuple[str, ...] = (),
    retracted: tuple[str, ...] = (),
    strikes: int = 1,
    personal_data: int = 0,
    elsewhere: int = 0,
) -> Evidence:
    """What a sandbox would say: events as (id, counted, value), moments as (second, fault, Retry-After)."""
    counts = {
        "raw_personal_data": personal_data,
        "requests_by_operation": {"elsewhere": elsewhere},
    }
    return Evidence(
        counts={"meta": counts},
        events=[
            {
                "platform": "meta",
                "event_id": event_id,
                "counted": counted,
                "value": value,
                "retracted": event_id in retracted,
            }
            for event_id, counted, value in events
        ],
        moments={
            "meta": [
                {"at": at, "operation": "events", "fault": fault, "retry_after": retry_after}
                for at, fault, retry_after in moments
            ]
        },
        condemned={"meta": list(condemned)},
        faults=[{"platform": "meta", "fault": "503", "strikes": strikes}],
    )


def failing(found: list[Verdict]) -> list[str]:
    return [verdict.name for verdict in found if not verdict.holds]


OWED = Expected({"a": None, "b": None}, 2)
THROTTLED = ((0.0, "429", 60), (30.0, None, None))


@pytest.mark.parametrize(
    ("right", "said", "owed", "expected"),
    [
        ({}, evidence(("a", 1, None), ("b", 1, None)), OWED, []),
        ({}, evidence(("a", 1, None), ("b", 0, None)), OWED, ["lost"]),
        ({}, evidence(("a", 1, None)), Expected(planned=2), ["lost"]),
        ({}, evidence(("a", 1, None), condemned=("b",)), OWED, []),
        ({}, evidence(("a", 1, None), ("b", 0, 0.0), retracted=("b",)), OWED, []),
        ({}, evidence(("a", 2, None), ("b", 1, None)), OWED, ["counted_twice"]),
        ({}, evidence(("a", 1, None), ("b", 1, None), ("c", 1, None)), OWED, ["unexpected"]),
        ({}, evidence(("a", 1, None), ("c", 1, None)), Expected(planned=1), ["unexpected"]),
        ({}, evidence(("a", 1, 5.0)), Expected({"a": 6.0}, 1), ["value"]),
        ({}, evidence(personal_data=1), Expected(), ["raw_personal_data"]),
        ({}, evidence(elsewhere=1), Expected(), ["elsewhere"]),
        ({}, evidence(strikes=0), Expected(), ["is_struck"]),
        ({"is_struck": False}, evidence(strikes=0), Expected(), []),
        ({"max_requests": 1}, evidence(moments=THROTTLED), Expected(), ["max_requests"]),
        ({"backs_off": True}, evidence(moments=THROTTLED), Expected(), ["backs_off"]),
        ({"backs_off": True}, evidence(moments=((0, "429", 60), (60, None, None))), Expected(), []),
        (
            {"stops": {"requests": 0, "within_seconds": 60}},
            evidence(moments=THROTTLED),
            Expected(),
            ["stops"],
        ),
        (
            {"stops": {"requests": 1, "within_seconds": 60}},
            evidence(moments=THROTTLED),
            Expected(),
            [],
        ),
    ],
    ids=[
        "all is well",
        "one is not counted",
        "fewer than planned",
        "refused for good",
        "taken back",
        "counted twice",
        "a new id",
        "more than planned",
        "another value",
        "personal data",
        "followed a redirect",
        "nothing struck",
        "nothing had to strike",
        "too many requests",
        "too early",
        "in time",
        "went on",
        "went on once",
    ],
)
def test_each_assertion_tells_right_from_wrong(right, said, owed, expected):
    assert failing(judge(scenario(**right), said, owed)) == expected


def test_an_address_without_a_sandbox_is_told():
    with pytest.raises(ScenarioInvalid, match="no sandbox answers"):
        read_evidence("http://127.0.0.1:9")
