"""The conformance file: its hashes, our rules against it, Meta's library against it, and the protocol for others."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration.commands.filters import app
from orchestration.enrichment import conformance
from orchestration.enrichment.identifiers import KINDS, PLATFORMS, RULES_VERSION, normalize
from orchestration.enrichment.rules.rule import Settled
from orchestration.enrichment.rules.sets import RULE_SETS
from orchestration.enrichment.rules.sources import SOURCES

FILE = Path(__file__).parents[2] / "data" / "conformance" / "vectors.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text().splitlines()]
META_FIELDS = {
    "email": "em",
    "phone": "ph",
    "first_name": "fn",
    "last_name": "ln",
    "city": "ct",
    "zip": "zp",
    "country": "country",
}


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["normalize", *arguments])


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_file_is_broad():
    assert len(ROWS) >= 300
    assert {(row["platform"], row["kind"]) for row in ROWS} == {
        (platform, kind) for platform in PLATFORMS for kind in KINDS
    }
    reasons = {row["reason"] for row in ROWS}
    assert reasons >= {
        *("not_text", "empty", "placeholder", "md5_not_accepted", "sha1_not_accepted"),
        *("hash_of_empty", "hash_in_plain_field", "not_an_address", "invalid_number"),
        *("no_region", "not_a_postal_code", "not_a_country_code"),
    }
    assert {key for row in ROWS for key in row["source"].split()} <= SOURCES.keys()


def test_hash_of_a_vector_is_the_sha256_of_its_normalized_form():
    for row in ROWS:
        if row["reason"]:
            assert row["normalized"] is row["sha256"] is None, row["id"]
        elif row["normalized"] is not None and row["sha256"] is not None:
            digest = hashlib.sha256(row["normalized"].encode()).hexdigest()
            assert row["sha256"] == digest, row["id"]
        elif row["normalized"] is None:
            assert row["sha256"] == row["value"].strip().lower(), row["id"]
        else:
            assert (row["platform"], row["kind"]) in {
                *(("google", kind) for kind in ("city", "zip", "country")),
                *(("tiktok", kind) for kind in ("city", "country")),
            }, row["id"]


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_our_rules_give_what_the_vector_says(row: dict[str, Any]):
    found = normalize(
        row["kind"], row["value"], row["platform"], row["region"], row["rules_version"]
    )

    assert (found.normalized, found.sha256, found.reason) == (
        row["normalized"],
        row["sha256"],
        row["reason"],
    )


def test_older_version_differs_only_where_the_file_says_so():
    told = {
        (row["platform"], row["rules_version"], row["kind"], row["value"], row["region"]): row
        for row in ROWS
    }
    for row in ROWS:
        for version in range(1, RULES_VERSION[row["platform"]]):
            key = (row["platform"], version, row["kind"], row["value"], row["region"])
            expected = told.get(key, row)
            found = normalize(row["kind"], row["value"], row["platform"], row["region"], version)
            assert (found.normalized, found.reason) == (
                expected["normalized"],
                expected["reason"],
            ), row["id"]


def test_every_rule_decides_some_vector():
    decided = {
        rule.code
        for sets in RULE_SETS.values()
        for rule_set in sets
        for kind, recipe in rule_set.recipes.items()
        for rule in recipe.rules
        if any(
            row["kind"] == kind
            and row["platform"] == rule_set.platform
            and _acts(rule, recipe, row)
            for row in ROWS
        )
    }
    every = {code for sets in RULE_SETS.values() for rule_set in sets for code in rule_set.rules()}
    assert decided == every


def _acts(rule: Any, recipe: Any, row: dict[str, Any]) -> bool:
    """Whether a rule changes or settles a vector's value as it reaches the rule."""
    text = row["value"]
    for each in recipe.rules:
        try:
            after = each.apply(text, row["region"])
        except Settled:
            return each is rule
        if each is rule:
            return after != text
        text = after
    return False


def test_metas_library_agrees_and_differs_as_the_file_says():
    from facebook_business.adobjects.serverside.normalize import Normalize

    rows = [row for row in ROWS if row["platform"] == "meta" and row["rules_version"] == 2]
    told = {row["id"]: row["meta_library"] for row in rows}
    found: dict[str, str] = {}
    for row in rows:
        try:
            theirs = Normalize.normalize(META_FIELDS[row["kind"]], row["value"], True)
        except (TypeError, ValueError):
            theirs = None
        found[row["id"]] = "agrees" if theirs == row["sha256"] else "differs"
    assert found == told
    assert sum(answer == "agrees" for answer in told.values()) >= 50


def test_conform_accepts_our_own_rules():
    answer = run("conform")

    assert answer.exit_code == 0
    assert f"{len(ROWS)} agree, 0 differ" in answer.stderr
    assert answer.stdout == ""


def test_conform_names_the_ids_that_differ_and_no_value(tmp_path: Path):
    row = {**ROWS[0], "value": "gizli@ornek.com"}

    answer = run("conform", write(tmp_path / "v.jsonl", [row, *ROWS[1:5]]))

    assert answer.exit_code == 1
    assert answer.stdout == f"{row['id']} sha256\n"
    assert "gizli" not in answer.output


ANOTHER = """
import hashlib, json, sys
for line in sys.stdin:
    asked = json.loads(line)
    answer = {"id": asked["id"]}
    if asked["rules_version"] != 2:
        answer["skipped"] = True
    elif asked["kind"] != "email" or "@" not in asked["value"]:
        answer["reason"] = "mine"
    else:
        text = asked["value"].strip().lower()
        answer["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    print(json.dumps(answer))
"""


def another(tmp_path: Path, program: str = ANOTHER) -> str:
    script = tmp_path / "another.py"
    script.write_text(program)
    return f"{sys.executable} {script}"


def pick(*identities: str) -> list[dict[str, Any]]:
    return [row for row in ROWS if row["id"] in identities]


def test_conform_asks_another_implementation(tmp_path: Path):
    rows = pick("meta2-email-001", "meta2-email-017", "google1-email-001", "meta2-phone-001")
    file = write(tmp_path / "v.jsonl", rows)

    answer = run("conform", file, "--command", another(tmp_path), "--any-reason")
    strict = run("conform", file, "--command", another(tmp_path))

    assert answer.exit_code == strict.exit_code == 1
    assert answer.stdout == "meta2-phone-001 refused\n"
    assert "2 agree, 1 differ, 1 skipped" in answer.stderr
    assert strict.stdout.splitlines() == ["meta2-email-017 reason", "meta2-phone-001 refused"]


def test_lone_surrogate_reaches_another_implementation(tmp_path: Path):
    rows = [row for row in ROWS if row["reason"] == "not_text" and row["rules_version"] == 2]
    program = (
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    asked = json.loads(line)\n"
        "    held = any('\\ud800' <= each <= '\\udfff' for each in asked['value'])\n"
        "    print(json.dumps({'id': asked['id'], 'reason': 'not_text' if held else 'lost'}))\n"
    )

    answer = run(
        "conform", write(tmp_path / "v.jsonl", rows), "--command", another(tmp_path, program)
    )

    assert answer.exit_code == 0, answer.output


def test_silence_is_a_difference():
    vector = conformance.read_vectors([json.dumps(ROWS[0])])

    assert conformance.judge(vector, []).differences == [(ROWS[0]["id"], "unanswered")]


def test_accepting_what_is_refused_is_a_difference():
    (row,) = pick("meta2-email-017")
    vector = conformance.read_vectors([json.dumps(row)])
    answers = [{"id": row["id"], "normalized": "jane.doe", "sha256": "0" * 64}]

    assert conformance.judge(vector, answers).differences == [(row["id"], "accepted")]


def test_plain_value_must_be_shown():
    (row,) = pick("google2-zip-001")
    vector = conformance.read_vectors([json.dumps(row)])

    assert conformance.judge(vector, [{"id": row["id"]}]).differences == [(row["id"], "normalized")]


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("raise SystemExit(3)", "ended with 3"),
        ("print('no JSON')", "line 1 of the answers is not valid JSON"),
        ("print('{}')", "line 1 of the answers has no id"),
    ],
)
def test_broken_implementation_is_said_to_be_one(tmp_path: Path, program: str, told: str):
    answer = run("conform", "--command", another(tmp_path, program))

    assert answer.exit_code == 1
    assert told in answer.stderr


def test_command_that_does_not_exist_is_said_not_to():
    answer = run("conform", "--command", "/no/such/program")

    assert answer.exit_code == 1
    assert "FileNotFoundError" in answer.stderr


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["no JSON"], "line 1 is not valid JSON"),
        ([json.dumps(ROWS[0]), "[]"], "line 2 lacks"),
        ([json.dumps(ROWS[0])] * 2, "comes 2 times"),
        ([json.dumps({**ROWS[0], "rules_version": 99})], "no rules google:99"),
    ],
)
def test_unusable_file_is_refused_with_its_line(tmp_path: Path, lines: list[str], told: str):
    file = tmp_path / "v.jsonl"
    file.write_text("\n".join(lines))

    answer = run("conform", str(file))

    assert answer.exit_code == 1
    assert told in answer.stderr


def test_missing_file_is_asked_for():
    answer = run("conform", "nowhere.jsonl")

    assert answer.exit_code == 2
