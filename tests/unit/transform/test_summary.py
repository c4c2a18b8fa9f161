"""What a table tells of itself in the graph: counts, and a preview without personal data."""

from datetime import UTC, datetime
from decimal import Decimal

from orchestration.transform.summary import render_markdown


def test_rows_become_a_markdown_table() -> None:
    rendered = render_markdown(
        ["created_at", "value"], [(datetime(2026, 11, 20, tzinfo=UTC), Decimal("1.50"))]
    )
    assert rendered.splitlines() == [
        "| created_at | value |",
        "| --- | --- |",
        "| 2026-11-20 00:00:00+00:00 | 1.50 |",
    ]


def test_a_value_cannot_leave_its_cell() -> None:
    rendered = render_markdown(["name"], [("Güz | <script>\n| x",), (None,)])
    assert rendered.splitlines()[2:] == ["| Güz \\| &lt;script> \\| x |", "|  |"]
