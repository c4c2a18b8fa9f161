"""Every reason that the product can give is in the catalogue, with a sentence and what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import orchestration
from orchestration.deliveries import reasons
from orchestration.deliveries.ledger.states import LEASABLE, TRANSITIONS, State
from orchestration.deliveries.reasons import (
    AGE_REASONS,
    CALLS,
    CHANGES,
    DESTINATION,
    LEDGER,
    PLAN,
    REASONS,
    RETRIES,
    RULES,
    STATES,
    WAITS,
    find_reason,
    sentence_of,
)
from orchestration.vendors import errors

PROJECT = Path(orchestration.__file__).parent.parent
PLAN_RULES = PROJECT / "dbt_project" / "macros" / "plan_rules.sql"
STAGE = PROJECT / "orchestration" / "deliveries"
VENDORS = PROJECT / "orchestration" / "vendors"
FAMILY = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.VendorError)
}


def texts_of(node: ast.AST | None) -> set[str]:
    """The texts that an expression may come to; of one with a detail, the part before it."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=one, orelse=other):
            return texts_of(one) | texts_of(other)
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return {text}
        case _:
            return set()


def literals_given_to(paths: Iterator[Path], names: set[str]) -> set[str]:
    """The codes that stand as text in calls of these names, choices between two included."""
    found: set[str] = set()
    for path in paths:
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
                continue
            if call.func.id in names and call.args:
                found |= {text.rstrip(":") for text in texts_of(call.args[0])}
    return {code for code in found if re.fullmatch(r"[a-z][a-z_]+", code)}


def test_the_plans_rules_are_in_the_catalogue_in_the_plans_own_order() -> None:
    asked = re.findall(r"'code': '([a-z_]+)'", PLAN_RULES.read_text("utf-8"))
    assert [*asked, "eligible"] == list(PLAN)
    assert asked == list(RULES)
    assert set(PLAN) >= AGE_REASONS


def test_every_fact_that_decides_a_rule_is_told_with_it() -> None:
    rules = PLAN_RULES.read_text("utf-8").split("'code': ")[1:]
    for text, rule in zip(rules, RULES.values(), strict=True):
        facts = text.split("'facts': {")[1]
        assert re.findall(r"'([a-z_]+)': ", facts) == list(rule.facts)


def test_every_refusal_of_a_destination_is_in_the_catalogue_and_nothing_else() -> None:
    paths = (*STAGE.glob("destinations/*.py"), STAGE / "guard.py")
    assert literals_given_to(iter(paths), {"EventRefused"}) == set(DESTINATION)


def test_every_reason_that_the_ledger_writes_is_in_the_catalogue() -> None:
    written: set[str] = set()
    for path in STAGE.rglob("*.sql"):
        for block in re.findall(
            r"reason = (case\b.*?\bend\b|'[a-z_]+')", path.read_text("utf-8"), re.DOTALL
        ):
            written |= set(re.findall(r"(?:then|else|^) ?'([a-z_]+)'", block))
    returned = ast.parse((STAGE / "ledger" / "ledger.py").read_text("utf-8"))
    for function in ast.walk(returned):
        if isinstance(function, ast.FunctionDef) and function.name == "reason_of":
            for result in (node for node in ast.walk(function) if isinstance(node, ast.Return)):
                written |= texts_of(result.value)
    assert written >= {"expired", "budget_spent", "may_have_arrived", "refused_by_platform", "bug"}
    assert written <= set(REASONS)
    assert set(LEDGER) <= written


def test_every_reason_of_an_adjustment_is_in_the_catalogue_and_nothing_else() -> None:
    statement = (STAGE / "ledger" / "adjustments.sql").read_text("utf-8")
    written = set(
        re.findall(r"(?:then|else|reason =) '([a-z]+(?:_[a-z]+)+|superseded)'", statement)
    )
    assert written - set(PLAN) == set(CHANGES) | {"route_changed"}


def test_every_code_of_a_failed_call_is_in_the_catalogue() -> None:
    paths = (*VENDORS.glob("*.py"), *STAGE.rglob("*.py"))
    raised = literals_given_to(iter(paths), FAMILY)
    assert raised
    assert {code for code in raised if find_reason(code) is None} == set()


def test_every_way_in_which_the_transport_fails_is_in_the_catalogue() -> None:
    def kinds(parent: type[Exception]) -> Iterator[type[Exception]]:
        for kind in parent.__subclasses__():
            yield kind
            yield from kinds(kind)

    ends = [kind for kind in kinds(httpx.TransportError) if not kind.__subclasses__()]
    names = {re.sub(r"(?<!^)([A-Z])", r"_\1", kind.__name__).lower() for kind in ends}
    assert names
    assert names <= set(CALLS)


@pytest.mark.parametrize("code", [*REASONS, *CALLS, *RETRIES])
def test_a_reason_says_what_it_is_and_what_to_do(code: str) -> None:
    found = find_reason(code)
    assert found is not None
    assert found.sentence[0].islower() or found.sentence.startswith(("TikTok", "Meta", "Google"))
    assert not found.sentence.endswith(".")
    assert found.advice.endswith(".")


def test_every_state_has_words_and_its_ways() -> None:
    assert set(STATES) == set(TRANSITIONS) == set(State)


def test_no_code_stands_for_two_things() -> None:
    groups = [PLAN, LEDGER, CHANGES, DESTINATION, WAITS]
    assert sum(map(len, groups)) == len(REASONS)


def test_a_row_in_hands_comes_from_a_state_that_can_be_leased() -> None:
    assert {state for state in State if State.LEASED in TRANSITIONS[state]} == set(LEASABLE)


@pytest.mark.parametrize("code", ["field_misshapen:user_data.em", "field_misshapen"])
def test_a_detail_of_a_code_leaves_its_sentence(code: str) -> None:
    assert sentence_of(code) == DESTINATION["field_misshapen"].sentence


def test_a_status_alone_is_told_as_one() -> None:
    assert sentence_of("http_502") == reasons.CALLS["http"].sentence
    assert find_reason("http_of_another_kind") is None


def test_a_platforms_code_stands_for_itself() -> None:
    assert sentence_of("INVALID_GCLID") == "INVALID_GCLID"
