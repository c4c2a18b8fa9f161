"""Whether an optimizer can use what it gets: each condition at its edge."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from orchestration.deliveries.answers.eligibility import CONDITIONS, Facts, judge

GOOD: dict[str, dict[str, Any]] = {
    "meta": {
        "lead_count": 250,
        "outcome_count": 60,
        "sent_count": 60,
        "own_count": 60,
        "timed_count": 60,
        "within_28_days": 60,
        "within_an_hour": 60,
        "crm_count": 60,
        "days_of_seven": 7,
    },
    "google": {
        "outcome_count": 60,
        "sent_count": 60,
        "timed_count": 60,
        "within_63_days": 60,
        "clicked_count": 50,
        "after_click_count": 50,
        "within_90_days": 50,
        "hashed_count": 60,
        "granted_count": 60,
    },
    "tiktok": {
        "outcome_count": 60,
        "sent_count": 60,
        "sent_within_28_days": 60,
        "matchable_count": 60,
    },
}


def facts(platform: str, **changes: int) -> Facts:
    values: dict[str, Any] = {field.name: 0 for field in fields(Facts)}
    values |= {"platform": platform, "account_id": "1", "action": "a"}
    return Facts(**(values | GOOD[platform] | changes))


def results(given: Facts) -> dict[str, str]:
    return {judgement.code: judgement.result for judgement in judge(given)}


@pytest.mark.parametrize("platform", GOOD)
def test_every_condition_of_a_platform_holds_where_all_is_well(platform: str) -> None:
    codes = {condition.code for condition in CONDITIONS if condition.platform == platform}
    assert results(facts(platform)) == dict.fromkeys(codes, "holds")


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("META1", {"days_of_seven": 6}),
        ("META2", {"within_28_days": 53}),
        ("META3", {"own_count": 101}),
        ("META3", {"own_count": 2}),
        ("META4", {"lead_count": 199}),
        ("META5", {"within_an_hour": 53}),
        ("GOOGLE1", {"within_90_days": 44}),
        ("GOOGLE1", {"after_click_count": 44}),
        ("GOOGLE2", {"within_63_days": 53}),
        ("GOOGLE3", {"hashed_count": 29}),
        ("GOOGLE4", {"granted_count": 53}),
        ("TIKTOK1", {"sent_within_28_days": 53}),
        ("TIKTOK2", {"matchable_count": 53}),
    ],
)
def test_condition_fails_just_past_its_edge(code: str, changes: dict[str, int]) -> None:
    assert results(facts(code.rstrip("0123456789").lower(), **changes))[code] == "fails"


def test_every_condition_has_a_case_that_fails_and_a_source() -> None:
    (mark,) = test_condition_fails_just_past_its_edge.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} == {condition.code for condition in CONDITIONS}
    assert all(condition.source for condition in CONDITIONS)


def test_stages_are_not_judged_where_no_lead_came_from_the_platforms_own_form() -> None:
    assert set(results(facts("meta", crm_count=0))) == {"META5"}


def test_share_of_a_few_outcomes_says_nothing() -> None:
    few = facts("tiktok", sent_count=19, sent_within_28_days=1, matchable_count=1)
    assert set(results(few).values()) == {"too_few"}
