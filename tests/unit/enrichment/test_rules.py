"""Rule sets: what every one has, what runs as one, and what a new version may not change."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from orchestration.commands.filters import app
from orchestration.enrichment.identifiers import (
    KINDS,
    PLATFORMS,
    RULES_VERSION,
    internal_form,
    normalize,
    normalize_everywhere,
)
from orchestration.enrichment.rules.places import COUNTRIES, country_names, fold
from orchestration.enrichment.rules.plan import make_plan
from orchestration.enrichment.rules.rule import Rule
from orchestration.enrichment.rules.sets import RULE_SETS, UnknownRules, find_rule_set
from orchestration.enrichment.rules.sources import SOURCES
from orchestration.enrichment.rules.text import is_unusual

SETS = [rule_set for sets in RULE_SETS.values() for rule_set in sets]
RULES = [(rule_set, rule) for rule_set in SETS for rule in rule_set.rules().values()]


def run(*arguments: str, stdin: str = "") -> Any:
    return CliRunner().invoke(app, ["normalize", *arguments], input=stdin)


def test_every_platform_has_more_than_one_version_counted_from_one():
    assert tuple(RULE_SETS) == PLATFORMS
    for sets in RULE_SETS.values():
        assert len(sets) > 1
        assert [rule_set.version for rule_set in sets] == list(range(1, len(sets) + 1))
    assert dict(RULES_VERSION) == {name: sets[-1].version for name, sets in RULE_SETS.items()}


@pytest.mark.parametrize("rule_set", SETS, ids=lambda rule_set: rule_set.name)
def test_every_set_has_a_recipe_for_every_kind_and_a_reason(rule_set: Any):
    assert tuple(rule_set.recipes) == KINDS
    assert rule_set.why.endswith(".")


def test_code_names_one_rule_everywhere():
    rules: dict[str, Rule] = {}
    for _, rule in RULES:
        assert re.fullmatch(r"[A-Z]{3}[1-9]", rule.code)
        assert rules.setdefault(rule.code, rule) is rule


@pytest.mark.parametrize(("rule_set", "rule"), RULES, ids=lambda each: getattr(each, "code", ""))
def test_every_rule_has_a_sentence_and_sources(rule_set: Any, rule: Rule):
    assert rule.sentence.endswith(".")
    assert rule.sources
    assert set(rule.sources) <= SOURCES.keys()
    assert rule_set.kinds_of(rule)


def test_every_source_is_named_by_some_rule():
    assert {key for _, rule in RULES for key in rule.sources} == SOURCES.keys()


def test_unknown_version_is_refused_with_those_that_there_are():
    with pytest.raises(UnknownRules, match="google:1, google:2"):
        find_rule_set("google", 99)
    with pytest.raises(UnknownRules):
        normalize("email", "a@b.co", "google", None, 99)


texts = st.one_of(
    st.text(st.characters(exclude_categories=[])),
    st.text(st.sampled_from("İıIi\u0307ŞΣ'. +@09٣\u00a0\u200b\ufe0f\u3164ｊ𝓐dr"), max_size=12),
    st.sampled_from(
        ["Turkey", "TR", "uk", "551187654321", "0041446681800", "Dr.Ali Bey", "a@b.co"]
    ),
    st.from_regex(r"\+?[0-9 ()./-]{5,18}", fullmatch=True),
)
regions = st.sampled_from([None, "TR", "us", "BR", "MX", "??"])


@given(st.sampled_from(KINDS), texts, regions)
def test_recipes_run_as_one_give_what_each_gives_alone(kind: str, text: str, region: str | None):
    recipes = [rule_set.recipes[kind] for rule_set in SETS]

    together = make_plan(recipes).run(text, region)

    assert together == [make_plan([recipe]).run(text, region)[0] for recipe in recipes]


@given(st.sampled_from(KINDS), texts, regions)
@example("first_name", "Ａｙｓｅ", None)
def test_plan_for_usual_values_is_the_whole_plan_for_them(kind: str, text: str, region: str | None):
    recipes = [rule_set.recipes[kind] for rule_set in SETS]
    if not is_unusual(text):
        short = make_plan(recipes, is_for_unusual=False)
        assert short.run(text, region) == make_plan(recipes).run(text, region)


@given(st.sampled_from(KINDS), texts, regions)
@example("first_name", "Ayşe ❤\ufe0f", None)
@example("email", "ｊａｎｅ@example.com", None)
@example("phone", "551187654321", "BR")
@example("country", "Turkey", None)
def test_form_of_a_value_never_changes_once_it_had_one(kind: str, text: str, region: str | None):
    first = find_rule_set("meta", 1).recipes[kind]
    if kind == "phone":
        first = find_rule_set("google", 1).recipes[kind]
    (reading,) = make_plan([first]).run(text, region)

    if reading.reason is None:
        former = f"sha256:{reading.digest}" if reading.digest else reading.text
        assert internal_form(kind, text, region) == former


def test_value_that_was_refused_gets_a_form_when_it_can_be_read():
    assert internal_form("phone", "551187654321", "BR") == "+5511987654321"
    assert internal_form("country", "Turkey", None) == internal_form("country", "TR", None) == "tr"
    assert internal_form("email", "jane＠example.com", None) == "jane@example.com"


def test_versions_can_be_mixed():
    mixed = normalize_everywhere("country", "Turkey", None, {"google": 1, "meta": 2, "tiktok": 1})

    assert mixed.platforms["google"].reason == "not_a_country_code"
    assert mixed.platforms["meta"].normalized == "tr"
    assert [each.rules_version for each in mixed.platforms.values()] == [1, 2, 1]


def test_country_names_are_each_one_countrys():
    names = country_names()

    assert set(names.values()) == COUNTRIES
    for name, code in {"turkiye": "TR", "almanya": "DE", "osterreich": "AT", "uk": "GB"}.items():
        assert names[fold(name)] == code
    assert all(name not in COUNTRIES for name in names)


def test_rules_are_listed_with_their_sources():
    answer = run("rules", "--platform", "google")

    assert answer.exit_code == 0
    for rule in RULE_SETS["google"][-1].rules().values():
        assert rule.code in answer.stdout
    assert "NAM2" not in answer.stdout
    assert SOURCES["Gfmt"] in answer.stdout


def test_rules_of_an_older_version_are_listed_for_programs():
    answer = run("rules", "--platform", "google", "--version", "1", "--json")

    (told,) = json.loads(answer.stdout)
    assert told["rules"] == "google:1"
    assert told["kinds"]["first_name"]["rules"][-2:] == ["NAM1", "NAM2"]
    assert told["kinds"]["zip"]["is_hashed"] is False
    assert told["sentences"]["EML4"]["sources"] == ["Gfmt"]


def test_rules_of_all_platforms_are_listed_by_default():
    told = json.loads(run("rules", "--json").stdout)

    assert [each["rules"] for each in told] == [sets[-1].name for sets in RULE_SETS.values()]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("rules", "--platform", "myspace"), 2),
        (("rules", "--platform", "google", "--version", "9"), 1),
        (("--platform", "google", "--version", "9"), 1),
        ((), 2),
        (("diff", "--from", "google", "--to", "google:2"), 2),
        (("diff", "--from", "1", "--to", "2"), 2),
        (("diff", "--from", "google:1", "--to", "meta:2"), 2),
        (("diff", "--from", "google:1", "--to", "google:2", "--platform", "meta"), 2),
        (("diff", "--from", "google:1", "--to", "google:9"), 1),
    ],
)
def test_wrong_question_is_refused(arguments: tuple[str, ...], code: int):
    answer = run(*arguments)

    assert answer.exit_code == code
    assert answer.stderr


def test_filter_runs_an_older_version():
    line = json.dumps({"kind": "first_name", "value": "Dr.Ali"})

    older = json.loads(run("--platform", "google", "--version", "1", stdin=line).stdout)
    current = json.loads(run("--platform", "google", stdin=line).stdout)

    assert (older["normalized"], older["rules_version"]) == ("drali", 1)
    assert (current["normalized"], current["rules_version"]) == ("ali", 2)
