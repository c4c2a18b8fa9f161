"""The table of steps: complete, without doubles, and what the page and the retry classes say of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from orchestration.deliveries.ledger.states import (
    STEPS,
    TRANSITIONS,
    State,
    diagram,
    may_follow,
    table,
)

PAGE = Path(__file__).parents[4] / "docs" / "ledger.md"


def between(text: str, name: str) -> str:
    found = re.search(f"<!-- {name} -->\n(.*?)\n<!-- end of {name} -->", text, re.DOTALL)
    assert found, f"docs/ledger.md has lost its marks around the {name}"
    return found[1]


def test_page_shows_the_table_as_it_is() -> None:
    drawn = {"diagram": f"```mermaid\n{diagram()}\n```", "table": table()}
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("LEADLOOP_WRITE_PAGES"):
        for name, wanted in drawn.items():
            text = text.replace(f"{between(text, name)}\n<!-- end", f"{wanted}\n<!-- end", 1)
        PAGE.write_text(text, encoding="utf-8")
    for name, wanted in drawn.items():
        assert between(text, name) == wanted, (
            "write it anew: LEADLOOP_WRITE_PAGES=1 python -m pytest tests/unit/deliveries/ledger/test_states.py"
        )


def test_every_state_is_reached_and_every_step_stands_once() -> None:
    assert {step.after for step in STEPS} == set(State)
    named = [(step.before, step.event, step.after) for step in STEPS]
    assert len(set(named)) == len(named)


def test_what_the_platform_has_or_will_never_get_goes_nowhere() -> None:
    ends = {state for state, following in TRANSITIONS.items() if not following}
    assert ends == {
        *(State.ACCEPTED, State.DUPLICATE),
        *(State.EXPIRED, State.CANCELLED, State.NOTED),
    }


def test_what_may_have_arrived_is_never_called_off_or_refused() -> None:
    assert not TRANSITIONS[State.IN_DOUBT] & {State.CANCELLED, State.EXPIRED, State.REJECTED}
    assert not may_follow(State.IN_DOUBT, State.PENDING)


def test_nothing_leaves_without_a_lease() -> None:
    for state in (State.HELD, State.PENDING, State.RETRY_WAIT):
        sent = {State.SUBMITTED, State.ACCEPTED, State.DUPLICATE, State.IN_DOUBT}
        assert not TRANSITIONS[state] & sent
