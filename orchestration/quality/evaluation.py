"""Evaluation: Great Expectations runs a suite inside Postgres, for one tenant.

It connects as the role ``worker`` with the tenant already set, so row-level security decides what a rule sees, as it
does for everything else. The rules' numbers and the moment of judging travel as settings of the session: a statement
reads them with ``current_setting``, and no value is ever written into SQL.

One context serves the whole process, as a second one would take over the first one's sources. Importing Great
Expectations takes seconds and a quarter of a gigabyte, so it happens inside the functions that need it.
"""

from __future__ import annotations

import functools
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expectations.rules import RULES
from orchestration.quality.suites import build_suite
from orchestration.warehouse import addresses

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime
    from uuid import UUID

    from expectations.suite import Suite
    from orchestration.settings import Settings

# A rule that takes longer than this is a rule to rewrite; the pass must not wait for it.
_STATEMENT_TIMEOUT_SECONDS = 300
_DATABASE_ERROR = re.compile(r"psycopg\.(?:errors\.)?([A-Za-z]+)")
# Counts only: with more, Great Expectations would hand over the values that broke a rule.
_RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Span:
    """What a pass looks at: what arrived from ``since`` on, judged as of ``now``. Both aware, UTC."""

    now: datetime
    since: datetime


@dataclass(frozen=True)
class Outcome:
    """What Great Expectations said about one rule, reduced to counts.

    Attributes:
        passed: Whether the rule holds; false also when it could not be computed.
        count: What broke the rule, or for the row count the rows; None when there is none.
        error: The class of what stopped the computation.
    """

    passed: bool
    count: int | None = None
    error: str | None = None


@contextmanager
def open_source(settings: Settings, tenant_id: UUID, span: Span) -> Generator[Any]:
    """One tenant's data source; its connections are closed at the end.

    Raises:
        great_expectations.datasource.fluent.interfaces.TestConnectionError: Postgres cannot be reached.
    """
    context, variables = _context()
    name = f"tenant_{tenant_id.hex}"
    # The context's configuration holds the variable's name only: the address has a password in it.
    variables[name] = addresses.role_url(settings, "worker").render_as_string(hide_password=False)
    connect_args = {"options": _session_options(tenant_id, span)}
    try:
        source = context.data_sources.add_postgres(
            name,
            connection_string=f"${{{name}}}",
            kwargs={"hide_parameters": True, "connect_args": connect_args},
        )
        try:
            yield source
        finally:
            # Two pools: one tests the connection, the other runs the rules.
            source.get_engine().dispose()
            source.get_execution_engine().engine.dispose()
            context.data_sources.delete(name)
    finally:
        del variables[name]


def evaluate(source: Any, suite: Suite) -> dict[str, Outcome]:
    """Run one suite's rules.

    A rule that cannot be computed has an outcome like the others; its neighbours are not disturbed.

    Args:
        source: From ``open_source``.
        suite: The rules and their table.

    Returns:
        An outcome per rule code, and one for ``ROW_COUNT``.

    Raises:
        great_expectations.datasource.fluent.interfaces.TestConnectionError: The table is not there.
    """
    asset = source.add_table_asset(suite.name, table_name=suite.table, schema_name=suite.schema)
    batch = asset.add_batch_definition_whole_table(suite.name).get_batch()
    results = batch.validate(build_suite(suite), result_format=_RESULT_FORMAT).results
    # Results come in an order of their own.
    return {result.expectation_config.meta["rule"]: _outcome(result) for result in results}


def _outcome(result: Any) -> Outcome:
    """Copy the verdict and one count; everything else in a result may hold a value."""
    error = _error_class(result.exception_info or {})
    if error:
        return Outcome(passed=False, error=error)
    counts: dict[str, Any] = result.result or {}
    # A statement's observed value is its number of rows, an aggregate's may be a value: only row counts are ours.
    key = "unexpected_count" if "unexpected_count" in counts else "observed_value"
    count = counts.get(key)
    return Outcome(passed=bool(result.success), count=count if isinstance(count, int) else None)


def _error_class(info: dict[str, Any]) -> str | None:
    """The class of what stopped a rule, from a result's exception info, which is flat or keyed by metric."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if entry.get("raised_exception"):
            return name_error(str(entry.get("exception_message") or ""), "error")
    return None


def name_error(message: str, otherwise: str) -> str:
    """The database's error class that a message names, such as ``UndefinedTable``, and nothing else of the message.

    Messages quote SQL and values, so they may not be kept.
    """
    match = _DATABASE_ERROR.search(message)
    return match.group(1) if match else otherwise


def _session_options(tenant_id: UUID, span: Span) -> str:
    settings = {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{_STATEMENT_TIMEOUT_SECONDS}s",
        "timezone": "UTC",
        "app.tenant_id": str(tenant_id),
        "app.now": span.now.isoformat(),
        "app.since": span.since.isoformat(),
        "app.limits": json.dumps(
            {rule.code: rule.numbers() for rule in RULES if rule.limits}, separators=(",", ":")
        ),
    }
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())


def _escaped(value: str) -> str:
    """A value as libpq's options want it: a space or a backslash is preceded by a backslash."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


@functools.cache
def _context() -> tuple[Any, dict[str, str]]:
    """The process's context, and the variables that its configuration may name."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    variables: dict[str, str] = {}
    context = gx.get_context(mode="ephemeral", runtime_environment=variables)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context, variables
