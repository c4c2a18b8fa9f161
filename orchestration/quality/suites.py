"""Suites: what ``expectations/`` says in plain data, said to Great Expectations.

A rule names either one of Great Expectations' own expectations with its arguments, or a statement of
``expectations/queries.sql`` that selects one constant for each thing that breaks the rule.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import expectations
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from expectations.rule import Rule
    from expectations.suite import Suite

_STATEMENTS = sql.load(expectations.__file__)
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")

# Stands before the rules of each suite and only counts the rows: most expectations hold on an empty table, so a
# reader wants to know over how many rows a rule held.
ROW_COUNT = "row_count"


def build_suite(suite: Suite) -> Any:
    """One table's rules as a suite of Great Expectations, the row count first."""
    import great_expectations as gx
    import great_expectations.expectations as gxe

    row_count = gxe.ExpectTableRowCountToBeBetween(
        min_value=0, description="The table's rows can be counted.", meta={"rule": ROW_COUNT}
    )
    # A list, as adding an expectation equal to an earlier one silently does nothing.
    return gx.ExpectationSuite(
        suite.name, expectations=[row_count, *map(build_expectation, suite.rules)]
    )


def build_expectation(rule: Rule) -> Any:
    """One rule as an expectation; its sentence becomes the description that the Data Docs show."""
    import great_expectations.expectations as gxe

    return getattr(gxe, rule.kind)(
        **_arguments(rule),
        severity=rule.severity,
        description=f"{rule.code}: {rule.sentence}",
        meta={"rule": rule.code},
    )


def _arguments(rule: Rule) -> dict[str, object]:
    if rule.query is None:
        return dict(rule.args)
    return {"unexpected_rows_query": statement(rule)}


def statement(rule: Rule) -> str:
    """A rule's SQL, with its names put in and ``{batch}`` left for Great Expectations.

    Names of columns cannot travel as parameters. They are ours, and anything else than a plain lower-case name is
    refused; values never come this way.

    Raises:
        ValueError: A name is not plain.
    """
    names = {name: str(value) for name, value in rule.args.items()}
    for name, value in names.items():
        if not _NAME.match(value):
            raise ValueError(f"rule {rule.code}: {name} is not a plain lower-case name")
    text: str = getattr(_STATEMENTS, str(rule.query)).text
    return text.format(batch="{batch}", code=rule.code, **names)
