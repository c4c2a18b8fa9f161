"""From the bytes of a CSV file to numbered rows of cells, whatever wrote it.

The encoding is found, not asked for: a byte order mark, else UTF-8, else the Windows code page of the region, where
spreadsheets still live. A row that cannot be read costs itself: a stray quote that swallowed the lines behind it
gives them back.

Belongs here: encoding, delimiter, rows. Lives elsewhere: what the columns mean (``csv_rows.py``).
"""

from __future__ import annotations

import codecs
import csv
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

DELIMITERS = (",", ";", "\t", "|")
# A field may hold line breaks; a row of more lines than this is a quote that was never closed.
MAX_LINES_PER_ROW = 100
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Windows' code pages by region; elsewhere in the West it is 1252.
_CODE_PAGES = {"TR": "cp1254"}
_PROBE_BYTES = 4096


class CsvRefused(Exception):
    """The file as a whole cannot be imported; the message says what to change, without quoting the file."""

    is_refusal = True


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        line: Where it begins, counted from 1.
        cells: Its cells; empty when it has a problem.
        text: The row as it stands in the file.
        problem: Why it cannot be read; empty when it can.
    """

    line: int
    cells: list[str]
    text: str
    problem: str = ""


def find_encoding(path: Path, region: str) -> str:
    """Find a file's encoding.

    A file with both good and broken UTF-8 is UTF-8 with broken rows; one whose every non-ASCII line is broken was
    written in another encoding.

    Raises:
        CsvRefused: It is empty, or not text.
    """
    with path.open("rb") as file:
        head = file.read(_PROBE_BYTES)
        if not head.strip():
            raise CsvRefused(f"{path.name} is empty")
        for mark, encoding in _MARKS:
            if head.startswith(mark):
                return encoding
        if head.count(0) > len(head) // 10:
            raise CsvRefused(f"{path.name} is not text; save it as CSV in UTF-8")
        file.seek(0)
        good = broken = 0
        for line in file:
            if not line.isascii():
                is_good = _is_utf8(line)
                good, broken = good + is_good, broken + (not is_good)
    return _CODE_PAGES.get(region, "cp1252") if broken and not good else "utf-8"


def find_delimiter(path: Path, encoding: str, wanted: Sequence[str]) -> str:
    """Find the delimiter under which the header holds the most wanted columns, then the most columns.

    Raises:
        CsvRefused: The first row cannot be read.
    """

    def score(delimiter: str) -> tuple[int, int]:
        header = read_header(path, encoding, delimiter)
        return sum(name in header for name in wanted), len(header)

    return max(DELIMITERS, key=score)


def read_header(path: Path, encoding: str, delimiter: str) -> list[str]:
    """The names of the first row, without the space around them.

    Raises:
        CsvRefused: The first row cannot be read.
    """
    row = next(read_rows(path, encoding, delimiter), None)
    if row is None or row.problem:
        raise CsvRefused(f"the first row of {path.name} cannot be read as column names")
    return [cell.strip() for cell in row.cells]


def read_rows(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    """Read every row, the header's first; rows without a single value are passed over.

    Raises:
        CsvRefused: The file is cut in the middle of a UTF-16 character.
    """
    errors = "strict" if encoding == "utf-16" else "surrogateescape"
    with path.open(encoding=encoding, errors=errors, newline="") as file:
        try:
            yield from split_rows(file, delimiter)
        except UnicodeDecodeError as error:
            raise CsvRefused(f"{path.name} is not whole: it ends inside a character") from error


def split_rows(lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    """Split lines into rows; every row must have as many cells as the first."""
    feed = _Feed(lines, delimiter)
    width = 0
    while True:
        row = feed.next_row()
        if row is None:
            return
        if not row.problem and not any(cell.strip() for cell in row.cells):
            continue
        width = width or len(row.cells)
        yield row if row.problem else feed.judge(row, width)


def original_bytes(row: Row, encoding: str) -> bytes:
    """The row as it was in the file; one of UTF-16 in UTF-8."""
    if encoding == "utf-16":
        return row.text.encode()
    return row.text.encode(encoding.removesuffix("-sig"), "surrogateescape")


class _TooManyLines(Exception):
    """A row does not end."""


class _Feed:
    """Hands out lines one by one, remembers those of the present row, and takes lines back."""

    def __init__(self, lines: Iterable[str], delimiter: str) -> None:
        self._lines = iter(lines)
        self._delimiter = delimiter
        self._returned: deque[str] = deque()
        self._taken: list[str] = []
        self._line = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self._taken) >= MAX_LINES_PER_ROW:
            raise _TooManyLines
        line = self._returned.popleft() if self._returned else next(self._lines)
        self._taken.append(line)
        return line

    def next_row(self) -> Row | None:
        """The next row, or None at the end."""
        self._line += len(self._taken)
        self._taken = []
        try:
            cells = next(csv.reader(self, delimiter=self._delimiter), None)
        except (csv.Error, _TooManyLines):
            is_one_line = len(self._taken) == 1
            return self._first_line("field_too_long" if is_one_line else "quote_not_closed")
        if cells is None:
            return None
        return Row(self._line, cells, "".join(self._taken))

    def judge(self, row: Row, width: int) -> Row:
        """Look at a row's shape and characters; of a bad one only its first line is spent."""
        if not self._is_closed():
            return self._first_line("quote_not_closed")
        if len(row.cells) != width:
            return self._first_line("wrong_number_of_columns")
        if "\0" in row.text:
            return Row(row.line, [], row.text, "nul_byte")
        if not _is_encodable(row.text):
            return Row(row.line, [], row.text, "wrong_encoding")
        return row

    def _is_closed(self) -> bool:
        """Whether a row of several lines ends where its quotes do, and not where the file does."""
        if len(self._taken) == 1:
            return True
        try:
            list(csv.reader(self._taken, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return False
        return True

    def _first_line(self, problem: str) -> Row:
        first, *rest = self._taken
        self._returned.extendleft(reversed(rest))
        self._taken = [first]
        return Row(self._line, [], first, problem)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_encodable(text: str) -> bool:
    # Bytes that the encoding does not know became lone surrogates.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
