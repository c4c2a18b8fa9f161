"""Named SQL: each statement of a file by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.warehouse import sql


def load(folder: Path, text: str) -> object:
    (folder / "queries.sql").write_text(text, encoding="utf-8")
    return sql.load(str(folder / "module.py"))


def test_a_statement_is_found_by_its_name(tmp_path: Path) -> None:
    queries = load(
        tmp_path, "-- name: read_one\n-- One.\nselect 1;\n\n-- name: read_two\nselect :x\n"
    )
    assert str(queries.read_one) == "-- One.\nselect 1"
    assert str(queries.read_two) == "select :x"


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'a' twice"):
        load(tmp_path, "-- name: a\nselect 1\n-- name: a\nselect 2\n")


def test_a_missing_name_says_so(tmp_path: Path) -> None:
    queries = load(tmp_path, "-- name: a\nselect 1\n")
    with pytest.raises(AttributeError, match="no statement named 'b'"):
        getattr(queries, "b")  # noqa: B009
