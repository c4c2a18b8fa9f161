"""What a built table looks like: how many rows, and a few of them where that gives nobody away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, column, func, literal, select, table

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

_QUERIES = sql.load(__file__)
# Counting is exact up to here; beyond, the planner's estimate is good enough and costs nothing.
_MAX_COUNTED_ROWS = 500_000
_PREVIEW_ROWS = 5
_PREVIEW_SCHEMA = "marts"
# Columns that describe a campaign or an outcome. Whoever runs the graph needs no person's id, token or click.
_PREVIEW_COLUMNS = (
    "day",
    "created_at",
    "touched_at",
    "converted_at",
    "source",
    "kind",
    "model",
    "platform",
    "level",
    "external_id",
    "name",
    "origin",
    "utm_source",
    "utm_medium",
    "campaign_id",
    "campaign_name",
    "campaign_name_from",
    "adgroup_id",
    "credit",
    "value",
    "currency",
    "message_count",
    "has_campaign",
    "action",
    "decision",
    "reason",
    "channel",
)
# Elsewhere it is the sender's id of a lead.
_EXTERNAL_ID_TABLES = frozenset({"dim_campaigns"})


@dataclass(frozen=True)
class Summary:
    """A table now.

    Attributes:
        row_count: All tenants'; the planner's estimate for a very large table.
        preview: A markdown table of a few rows, empty where there is nothing to show.
    """

    row_count: int
    preview: str = ""


def summarize(connection: Connection, schema: str, name: str) -> Summary:
    """Count a table's rows, and show a few of a mart's.

    Args:
        connection: As the role ``dbt``, which sees every tenant in what it builds.
        schema: The table's schema.
        name: The table.
    """
    row_count = _count_rows(connection, schema, name)
    if schema != _PREVIEW_SCHEMA or not row_count:
        return Summary(row_count)
    there = set(
        connection.execute(_QUERIES.list_columns, {"schema": schema, "name": name}).scalars()
    )
    if name not in _EXTERNAL_ID_TABLES:
        there.discard("external_id")
    names = [c for c in _PREVIEW_COLUMNS if c in there]
    shown: list[ColumnElement[Any]] = [column(c) for c in names]
    rows = connection.execute(
        select(*shown).select_from(table(name, schema=schema)).limit(_PREVIEW_ROWS)
    )
    return Summary(row_count, render_markdown(names, [tuple(row) for row in rows]))


def render_markdown(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Render rows as a markdown table; a value cannot leave its cell."""
    lines = [names, ["---"] * len(names), *[[_cell(value) for value in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _count_rows(connection: Connection, schema: str, name: str) -> int:
    some = select(literal(1)).select_from(table(name, schema=schema)).limit(_MAX_COUNTED_ROWS + 1)
    counted: int = connection.execute(
        select(func.count()).select_from(some.subquery())
    ).scalar_one()
    if counted <= _MAX_COUNTED_ROWS:
        return counted
    estimate: int = connection.execute(
        _QUERIES.estimate_rows, {"schema": schema, "name": name}
    ).scalar_one()
    return max(estimate, counted)
