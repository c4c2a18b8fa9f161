"""From bytes to rows: quotes, widths, characters; nothing that one row does costs another."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.sources.csv_text import MAX_LINES_PER_ROW, CsvRefused, find_encoding, split_rows

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


def split(text: str) -> list[tuple[int, list[str], str]]:
    lines = text.splitlines(keepends=True)
    return [(row.line, row.cells, row.problem) for row in split_rows(lines, ",")]


@given(
    st.integers(2, 5).flatmap(
        lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=8)
    )
)
def test_what_a_writer_wrote_is_what_is_read(table):
    table = [row for row in table if any(cell.strip() for cell in row)]
    file = io.StringIO(newline="")
    csv.writer(file).writerows(table)
    file.seek(0)
    assert [row.cells for row in split_rows(file, ",")] == table


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=20))
def test_any_text_is_rows_or_problems_and_loses_no_line(lines):
    text = [line.replace("\n", " ").replace("\r", " ") + "\n" for line in lines]
    rows = list(split_rows(text, ","))
    spent = "".join(row.text for row in rows)
    blank = [line for line in text if not line.replace(",", "").replace('"', "").strip()]
    assert len(spent) >= sum(map(len, text)) - sum(map(len, blank))


def test_a_cell_may_hold_line_breaks_and_the_row_begins_where_it_begins():
    assert split('id,note\n1,"a\nb"\n2,c\n') == [
        (1, ["id", "note"], ""),
        (2, ["1", "a\nb"], ""),
        (4, ["2", "c"], ""),
    ]


def test_a_quote_that_nobody_closes_gives_the_lines_behind_it_back():
    rows = split('id,note\n1,"open\n2,fine\n3,fine\n')
    assert rows[1] == (2, [], "quote_not_closed")
    assert rows[2:] == [(3, ["2", "fine"], ""), (4, ["3", "fine"], "")]


def test_a_row_of_too_many_lines_is_an_open_quote():
    lines = "".join(f"{n},fine\n" for n in range(3 * MAX_LINES_PER_ROW))
    rows = split('id,note\n1,"open\n' + lines)
    assert len(rows) == 2 + 3 * MAX_LINES_PER_ROW
    assert [problem for *_, problem in rows if problem] == ["quote_not_closed"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("1\n", "wrong_number_of_columns"),
        ("1,2,3\n", "wrong_number_of_columns"),
        ("1,a\0b\n", "nul_byte"),
        ("1,\udcff\n", "wrong_encoding"),
        (f"1,{'x' * 140_000}\n", "field_too_long"),
    ],
    ids=["short", "long", "NUL", "broken byte", "huge"],
)
def test_a_row_that_cannot_be_read_says_why(row, problem):
    assert split("id,note\n" + row + "2,fine\n")[1:] == [
        (2, [], problem),
        (3, ["2", "fine"], ""),
    ]


def test_rows_without_a_value_are_passed_over():
    assert [cells for _, cells, _ in split("id,note\n\n,\n1,a\n , \n")] == [
        ["id", "note"],
        ["1", "a"],
    ]


@pytest.mark.parametrize(
    ("content", "region", "encoding"),
    [
        (b"a,b\n", "TR", "utf-8"),
        ("ş\n".encode(), "TR", "utf-8"),
        (b"\xef\xbb\xbfa\n", "TR", "utf-8-sig"),
        ("ş\n".encode("utf-16"), "TR", "utf-16"),
        ("ş\n".encode("cp1254"), "TR", "cp1254"),
        ("é\n".encode("cp1252"), "FR", "cp1252"),
        ("ş\n".encode() + b"\xff\n", "TR", "utf-8"),
    ],
    ids=["ASCII", "UTF-8", "mark", "UTF-16", "Turkish Windows", "Western Windows", "one bad row"],
)
def test_the_encoding_is_found(tmp_path, content, region, encoding):
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    assert find_encoding(path, region) == encoding


@pytest.mark.parametrize("content", [b"", b" \r\n ", b"PK\x03\x04\0\0\0\0"])
def test_what_is_not_text_is_refused(tmp_path, content):
    path = tmp_path / "file.xlsx"
    path.write_bytes(content)
    with pytest.raises(CsvRefused):
        find_encoding(path, "TR")
