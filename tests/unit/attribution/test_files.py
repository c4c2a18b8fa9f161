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
        ("c2", "", "direct", "0.0"),
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
