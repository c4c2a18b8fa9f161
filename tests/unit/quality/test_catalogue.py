"""The catalogue of rules: codes, reasons, suites, statements, runbooks, and a test for each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import expectations
from expectations.rule import Rule
from expectations.rules import RULES, find_rule
from expectations.suite import Suite, suite
from expectations.suites import SUITES
from orchestration.quality.suites import statement
from tests.integration.quality.cases import CASES

ROOT = Path(__file__).resolve().parents[3]
RULE = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)


@RULE
def test_a_code_is_three_letters_and_a_number(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z]{3}[1-9][0-9]*", rule.code)


def test_a_code_is_given_once() -> None:
    codes = [rule.code for rule in RULES]
    assert sorted(codes) == sorted(set(codes))


@RULE
def test_a_rule_says_what_holds_in_a_sentence_and_how_strictly(rule: Rule) -> None:
    assert rule.sentence.endswith(".")
    assert rule.threshold
    assert not [limit.name for limit in rule.limits if not limit.reason]


@RULE
def test_only_a_critical_rule_stops_a_run(rule: Rule) -> None:
    assert rule.severity == "critical" or not rule.blocking


@RULE
def test_a_blocking_rule_stands_on_a_mart(rule: Rule) -> None:
    assert rule.table.startswith("marts.") or not rule.blocking, (
        "what is made from the table would not be built for any tenant: let the stored verdict close the gate"
    )


@RULE
def test_a_rule_has_a_runbook_that_names_it(rule: Rule) -> None:
    assert rule.code in (ROOT / rule.runbook).read_text(encoding="utf-8")


@RULE
def test_a_rule_has_data_that_breaks_it(rule: Rule) -> None:
    assert rule.code in CASES, "add a case to tests/integration/quality/cases.py"


def test_no_case_is_left_of_a_rule_that_went() -> None:
    assert CASES.keys() <= {rule.code for rule in RULES}


def test_every_rule_is_in_one_suite() -> None:
    picked = [rule.code for one in SUITES for rule in one.rules]
    assert sorted(picked) == sorted(rule.code for rule in RULES)


@pytest.mark.parametrize("one", SUITES, ids=lambda one: one.name)
def test_a_suite_has_a_module_of_its_name(one: Suite) -> None:
    folder = Path(expectations.__file__).parent / "suites"
    assert (folder / f"{one.name}.py").is_file()


def test_a_suite_takes_no_rule_of_another_table() -> None:
    with pytest.raises(ValueError, match="PLN1 judge another table"):
        suite("marts.fct_leads", "NUL1", "PLN1")


@RULE
def test_a_statement_is_complete_but_for_its_batch(rule: Rule) -> None:
    if rule.query is None:
        return
    text = statement(rule)
    assert "{batch}" in text
    assert not re.search(r"\{(?!batch\}|\{)[a-z]", text)
    assert set(re.findall(r"limits ->> '([a-z_]+)'", text)) <= {
        *rule.numbers(),
        "exempts_google",
    }


def test_a_name_that_is_not_plain_never_reaches_a_statement() -> None:
    rule = Rule(
        code="NUL9",
        table="marts.fct_leads",
        sentence="",
        threshold="",
        severity="warning",
        query="find_days_that_lack_a_field",
        args={"column": "utm_source is null or true --"},
    )
    with pytest.raises(ValueError, match="not a plain lower-case name"):
        statement(rule)


@pytest.mark.parametrize("field", ["utm_source", "campaign_id", "campaign_name", "adgroup_id"])
def test_each_campaign_field_has_a_limit_and_a_reason_for_each_source(field: str) -> None:
    (rule,) = [rule for rule in RULES if rule.args.get("column") == field]
    limits = {limit.name: limit for limit in rule.limits}
    for source in ("form", "whatsapp", "csv"):
        assert 0 < limits[source].value <= 1
        assert len(limits[source].reason) > 20


def test_an_unknown_code_is_an_error() -> None:
    with pytest.raises(KeyError):
        find_rule("XXX1")
