"""What a suite is: the rules of one table, in the order in which they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expectations.rules import find_rule

if TYPE_CHECKING:
    from expectations.rule import Rule


@dataclass(frozen=True)
class Suite:
    """The rules of one table.

    Attributes:
        schema: The table's schema, first part of its asset's key.
        table: The table's name, second part of the key.
        rules: What must hold.
    """

    schema: str
    table: str
    rules: tuple[Rule, ...]

    @property
    def name(self) -> str:
        """Schema and table, as Great Expectations, Dagster and the Data Docs know the suite."""
        return f"{self.schema}__{self.table}"


def suite(address: str, *codes: str) -> Suite:
    """Pick a table's rules by their codes.

    Args:
        address: Schema and table, with a dot.
        codes: The rules.

    Raises:
        KeyError: There is no rule with a code.
        ValueError: A rule judges another table.
    """
    rules = tuple(find_rule(code) for code in codes)
    strangers = [rule.code for rule in rules if rule.table != address]
    if strangers:
        raise ValueError(f"{', '.join(strangers)} judge another table than {address}")
    schema, table = address.split(".")
    return Suite(schema, table, rules)
