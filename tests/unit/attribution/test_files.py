"""Anybody's files: what goes in, what comes out, and what is refused by line and never by value."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app

TOUCHES = """touch_id,person_id,channel,touched_at
t1,ada,search,2026-01-01T10:00:00Z
t2,ada,mail,2026-01-02T10:00:00Z
t3,bob,social,2026-01-03T10:00:00+03:00
t4,ada,social,2026-01-04 09:00:00
"""
CONVERSIONS = """conversion_id,person_id,converted_at,value
c1,ada,2026-01-04T09:00:00Z,100.01
c2,cem,2026-01-05T09:00:00Z,
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "touches.csv").write_text(TOUCHES)
    (tmp_path / "conversions.csv").write_text(CONVERSIONS)
    return tmp_path


def run(folder: Path, *options: str) -> tuple[int, str, list[dict[str, str]]]:
    out = folder / "out.csv"
    told = CliRunner().invoke(
        app,
        [
            *("attribution", "run"),
            *("--touches", str(folder / "touches.csv")),
            *("--conversions", str(folder / "conversions.csv")),
            *("--out", str(out)),
            *options,
        ],
    )
    with out.open() if out.exists() else (folder / "touches.csv").open() as file:
        rows = list(csv.DictReader(file)) if out.exists() else []
    return told.exit_code, " ".join(told.output.split()), rows


def test_credit_is_written_per_conversion_and_touch(files: Path) -> None:
    code, _, rows = run(files, "--model", "linear")
    assert code == 0
    assert [(r["conversion_id"], r["touch_id"], r["channel"], r["value"]) for r in rows] == [
        ("c1", "t1", "search", "33.33"),
        ("c1", "t2", "mail", "33.34"),
        ("c1", "t4", "social", "33.34"),
        ("c2", "", "direct", "0.00"),
    ]
    assert [round(float(r["credit"]), 6) for r in rows] == [0.333333, 0.333333, 0.333333, 1.0]


def test_totals_are_written_per_channel_for_every_model(files: Path) -> None:
    code, _, rows = run(files, "--by", "channel")
    assert code == 0
    by_model: dict[str, float] = {}
    for row in rows:
        by_model[row["model"]] = by_model.get(row["model"], 0) + float(row["conversions"])
    assert len(by_model) == 8
    assert all(total == pytest.approx(2) for total in by_model.values())
    money = {model: 0 for model in by_model}
    for row in rows:
        money[row["model"]] += round(float(row["value"]) * 100)
    assert set(money.values()) == {10_001}


def test_direct_of_the_file_is_the_channel_that_is_none(files: Path) -> None:
    (files / "touches.csv").write_text(TOUCHES.replace("t4,ada,social", "t4,ada,(none)"))
    options = ("--model", "last_non_direct", "--direct-name", "(none)")
    _, _, rows = run(files, *options)
    assert [(r["channel"], r["credit"]) for r in rows] == [
        ("search", "0.0"),
        ("mail", "1.0"),
        ("(none)", "0.0"),
        ("(none)", "1.0"),
    ]


def test_semicolons_and_decimal_commas_are_read_as_they_are_meant(files: Path) -> None:
    _, _, expected = run(files, "--model", "linear")
    (files / "touches.csv").write_text(TOUCHES.replace(",", ";"))
    (files / "conversions.csv").write_text(
        CONVERSIONS.replace(",", ";").replace("100.01", "100,01"), encoding="utf-8-sig"
    )
    code, _, rows = run(files, "--model", "linear")
    assert (code, rows) == (0, expected)


def test_quoted_names_and_other_columns_do_no_harm(files: Path) -> None:
    (files / "touches.csv").write_text(
        'campaign,touched_at,channel,person_id,touch_id\nx,2026-01-01,"ara, marka",ada,"t ""1"""\n'
    )
    code, _, rows = run(files, "--model", "last")
    assert code == 0
    assert [(r["touch_id"], r["channel"]) for r in rows] == [
        ('t "1"', "ara, marka"),
        ("", "direct"),
    ]


def test_answer_never_replaces_what_is_read(files: Path) -> None:
    code, output, _ = run(files, "--out", str(files / "touches.csv"))
    assert code == 2
    assert "would replace" in output
    assert (files / "touches.csv").read_text() == TOUCHES


def test_answer_that_cannot_be_written_is_said_and_leaves_nothing(files: Path) -> None:
    code, output, _ = run(files, "--out", str(files / "nowhere" / "out.csv"))
    assert code == 1
    assert "cannot be written" in output


def test_window_leaves_older_touches_out(files: Path) -> None:
    _, _, rows = run(files, "--model", "first", "--lookback-days", "2")
    assert [(r["touch_id"], r["credit"]) for r in rows] == [
        ("t2", "1.0"),
        ("t4", "0.0"),
        ("", "1.0"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("touches.csv", "touch_id,person_id,channel\n", "lacks touched_at"),
        (
            "touches.csv",
            TOUCHES + "t1,ada,mail,2026-01-01\n",
            "touch_id was there before in line 6",
        ),
        (
            "touches.csv",
            TOUCHES + "t9,secret@example.com,mail,soon\n",
            "no ISO 8601 time in line 6",
        ),
        ("touches.csv", TOUCHES + "t9,,mail,2026-01-01\n", "person_id is empty in line 6"),
        ("touches.csv", TOUCHES + "t9,ada,mail\n", "touched_at is empty in line 6"),
        ("touches.csv", TOUCHES + "t9,ada,a,b,2026-01-01\n", "line 6 has more fields"),
        (
            "touches.csv",
            "touch_id,person_id,channel,touched_at\nt9,ada,a,b,2026-01-01\n",
            "line 2 has more fields",
        ),
        ("touches.csv", "", "not readable as CSV"),
        ("touches.csv", "\xff\xfe", "not readable as CSV"),
        ("conversions.csv", CONVERSIONS + "c3,ada,2026-01-01,-1\n", "no amount of money in line 4"),
        (
            "conversions.csv",
            CONVERSIONS + "c3,ada,2026-01-01,lots\n",
            "no amount of money in line 4",
        ),
        (
            "conversions.csv",
            CONVERSIONS + "c3,ada,2026-01-01,nan\n",
            "no amount of money in line 4",
        ),
    ],
)
def test_file_that_is_wrong_is_refused_by_line(
    files: Path, name: str, text: str, told: str
) -> None:
    (files / name).write_bytes(text.encode("latin-1"))
    code, output, rows = run(files)
    assert (code, rows) == (1, [])
    assert told in output
    assert "secret" not in output


def test_file_that_is_not_there_is_said_to_be(files: Path) -> None:
    (files / "conversions.csv").unlink()
    code, output, _ = run(files)
    assert code == 1
    assert "there is no such file" in output


def test_model_that_does_not_exist_is_refused_with_those_that_do(files: Path) -> None:
    code, output, _ = run(files, "--model", "magic")
    assert code == 2
    assert "shapley" in output
