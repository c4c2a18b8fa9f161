"""The asset graph: every asset introduces itself, nothing dangles, and it changes only on purpose."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
import pytest

from expectations.rules import RULES
from orchestration.quality.suites import statement

SNAPSHOT = Path(__file__).with_name("graph.txt")


@pytest.fixture(scope="module")
def graph():
    from orchestration.definitions import build

    return build().resolve_asset_graph()


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    from orchestration.definitions import build

    return build()


def specs(definitions: dg.Definitions) -> dict[dg.AssetKey, dg.AssetSpec]:
    return {spec.key: spec for spec in definitions.resolve_all_asset_specs()}


def test_every_asset_has_group_owner_kind_and_a_description_that_begins_with_its_grain(
    definitions: dg.Definitions,
) -> None:
    lacking = {}
    for key, spec in specs(definitions).items():
        wrong = [
            what
            for what, missing in {
                "group": spec.group_name in (None, "default"),
                "owner": not spec.owners,
                "kind": not spec.kinds,
                "grain": not (spec.description or "")
                .lower()
                .startswith(("one row per", "grain: one row per")),
            }.items()
            if missing
        ]
        if wrong:
            lacking[key.to_user_string()] = wrong
    assert lacking == {}


def test_an_asset_is_named_like_its_table(definitions: dg.Definitions) -> None:
    wrong = [key.to_user_string() for key in specs(definitions) if len(key.path) != 2]
    assert wrong == [], "the key is the table's address: schema, table"


def test_nothing_depends_on_an_asset_that_is_not_there(graph, definitions: dg.Definitions) -> None:
    described = set(specs(definitions))
    undescribed = {key.to_user_string() for key in graph.get_all_asset_keys() - described}
    assert undescribed == set(), "a typo in deps becomes an asset that nobody makes"


def test_every_check_guards_an_asset_that_is_there(graph) -> None:
    keys = graph.get_all_asset_keys()
    stray = [
        check.to_user_string() for check in graph.asset_check_keys if check.asset_key not in keys
    ]
    assert stray == []


def test_the_graph_is_the_one_written_down(graph) -> None:
    lines = []
    for key in sorted(graph.get_all_asset_keys(), key=lambda key: key.path):
        parents = sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        lines.append(f"{key.to_user_string()} <- {', '.join(parents) or '-'}")
    now = "\n".join(lines) + "\n"
    assert now == SNAPSHOT.read_text(encoding="utf-8"), (
        "the graph changed; when that is meant, write the new one to tests/conventions/graph.txt:\n"
        + now
    )


def test_a_check_waits_for_every_table_that_its_statement_reads(graph) -> None:
    """What a check reads must be there on a first run: made before its own table, or named in the rule's ``reads``."""
    made = {"/".join(key.path): key for key in graph.get_all_asset_keys()}
    early = {}
    for rule in (rule for rule in RULES if rule.query):
        own = dg.AssetKey(rule.table.split("."))
        before = {own, *graph.get_ancestor_asset_keys(own)}
        read = re.findall(r"(?:from|join)\s+([a-z]+)\.(\w+)", statement(rule))
        named = {made[f"{schema}/{table}"] for schema, table in read if f"{schema}/{table}" in made}
        declared = {dg.AssetKey(table.split(".")) for table in rule.reads}
        materialized = {key for key in named if graph.get(key).is_materializable}
        if missing := materialized - before - declared:
            early[rule.code] = sorted(key.to_user_string() for key in missing)
    assert early == {}, "name them in the rule's reads"
