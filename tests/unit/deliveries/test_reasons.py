"""Every reason that the product can give has its sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import orchestration
from orchestration.deliveries.reasons import AGE_REASONS, DESTINATION, PLAN, STATES, sentence_of
from orchestration.deliveries.states import LEASABLE, TRANSITIONS, State

PROJECT = Path(orchestration.__file__).parent.parent
PLAN_SQL = PROJECT / "dbt_project" / "models" / "deliveries" / "delivery_plan.sql"
SOURCES = PROJECT / "orchestration" / "deliveries"


def test_every_reason_of_the_plan_has_a_sentence_and_no_sentence_lacks_its_reason() -> None:
    reasons = set(re.findall(r"(?:then|else) '([a-z_]+)'", PLAN_SQL.read_text("utf-8")))
    block = PLAN_SQL.read_text("utf-8").split("reasoned as (")[1].split("end as reason")[0]
    reasons = set(re.findall(r"(?:then|else) '([a-z_]+)'", block))
    assert reasons == set(PLAN)
    assert reasons >= AGE_REASONS


def test_every_refusal_of_a_destination_has_a_sentence() -> None:
    sources = "".join(
        path.read_text("utf-8")
        for path in (*SOURCES.glob("destinations/*.py"), SOURCES / "guard.py")
    )
    raised = set(re.findall(r'EventRefused\(\s*f?"([a-z_]+)', sources))
    raised |= set(re.findall(r'EventRefused\("[a-z_]+" if [^\n]+ else "([a-z_]+)"\)', sources))
    assert raised == set(DESTINATION)


def test_every_state_has_words_and_its_ways() -> None:
    assert set(STATES) == set(TRANSITIONS) == set(State)


def test_a_row_in_hands_comes_from_a_state_that_can_be_leased() -> None:
    assert {state for state in State if State.LEASED in TRANSITIONS[state]} == set(LEASABLE)


@pytest.mark.parametrize("code", ["field_misshapen:user_data.em", "field_misshapen"])
def test_a_detail_of_a_code_leaves_its_sentence(code: str) -> None:
    assert sentence_of(code) == DESTINATION["field_misshapen"]


def test_a_platforms_code_stands_for_itself() -> None:
    assert sentence_of("INVALID_GCLID") == "INVALID_GCLID"
