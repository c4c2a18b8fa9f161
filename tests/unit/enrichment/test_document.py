"""docs/normalization.md says of the rules what the rule sets say."""

from __future__ import annotations

import json
import re
from pathlib import Path

from orchestration.enrichment.identifiers import KINDS
from orchestration.enrichment.rules.rule import Rule
from orchestration.enrichment.rules.sets import RULE_SETS
from orchestration.enrichment.rules.sources import SOURCES

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "normalization.md").read_text(encoding="utf-8")
VECTORS = (ROOT / "tests" / "data" / "conformance" / "vectors.jsonl").read_text()


def every_rule() -> dict[str, Rule]:
    return dict(
        sorted(
            (code, rule)
            for sets in RULE_SETS.values()
            for rule_set in sets
            for code, rule in rule_set.rules().items()
        )
    )


def rules_table() -> str:
    lines = ["| rule | in | what it does | sources |", "|---|---|---|---|"]
    for code, rule in every_rule().items():
        holders = {
            name: [str(each.version) for each in sets if code in each.rules()]
            for name, sets in RULE_SETS.items()
        }
        versions = [f"{name} {', '.join(found)}" for name, found in holders.items() if found]
        shown = (
            "all"
            if len(set(map(tuple, holders.values()))) == 1 and _is_in_all(rule)
            else "; ".join(versions)
        )
        lines.append(f"| {code} | {shown} | {rule.sentence} | {' '.join(rule.sources)} |")
    return "\n".join(lines) + "\n"


def _is_in_all(rule: Rule) -> bool:
    return all(rule.code in each.rules() for sets in RULE_SETS.values() for each in sets)


def recipes_table() -> str:
    lines = [
        "| kind | " + " | ".join(sets[-1].name for sets in RULE_SETS.values()) + " |",
        "|---|---|---|---|",
    ]
    for kind in KINDS:
        cells = []
        for sets in RULE_SETS.values():
            recipe = sets[-1].recipes[kind]
            shown = " ".join(rule.code for rule in recipe.rules if not _is_for_all_kinds(rule))
            cells.append(f"{shown}, {'hashed' if recipe.is_hashed else 'plain'}")
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _is_for_all_kinds(rule: Rule) -> bool:
    return rule.code[:3] in ("TXT", "DIG", "IDL")


def sources_table() -> str:
    lines = ["| key | source |", "|---|---|"]
    return "\n".join(lines + [f"| {key} | {place} |" for key, place in SOURCES.items()]) + "\n"


def test_page_has_the_rules_as_they_are():
    for table in (rules_table(), recipes_table(), sources_table()):
        assert table in PAGE, f"put this into docs/normalization.md:\n\n{table}"


def test_page_says_why_each_version_is():
    for sets in RULE_SETS.values():
        for rule_set in sets:
            assert rule_set.why in PAGE, rule_set.name


def test_page_counts_the_vectors():
    rows = [json.loads(line) for line in VECTORS.splitlines()]
    theirs = [row.get("meta_library") for row in rows]

    (count,) = re.findall(r"holds (\d+) vectors", PAGE)
    (agrees, differs) = re.findall(r"agrees in (\d+) of Meta's vectors and differs in (\d+)", PAGE)[
        0
    ]
    assert int(count) == len(rows)
    assert (int(agrees), int(differs)) == (theirs.count("agrees"), theirs.count("differs"))
