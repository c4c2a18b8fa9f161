"""What a rule is.

A code is three letters and a number and is never reused: a rule that goes leaves a gap. Rules of one family (the
letters) share a runbook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Limit:
    """One number that a rule judges by.

    Attributes:
        name: How the rule's statement asks for it.
        value: The number; its unit is in the name, shares are between 0 and 1.
        reason: Why this number.
    """

    name: str
    value: float
    reason: str


@dataclass(frozen=True)
class Rule:
    """One thing that must hold of one table, for each tenant by itself.

    Attributes:
        code: Three letters and a number.
        table: Schema and table, the address of the asset that the rule is a check of.
        sentence: What holds, as a sentence.
        threshold: The limit in words.
        severity: A critical failure closes the tenant's gate before deliveries; a warning only tells.
        blocking: Whether a failure also stops what is made from the table in the same run, for every tenant. Only
            for tables from which nothing but deliveries is made: the models must go on being built.
        kind: Name of Great Expectations' class.
        query: Name of a statement in ``queries.sql`` that selects a constant per breach; None for Great
            Expectations' own kinds.
        args: The class's arguments, or the names that the statement leaves open.
        limits: The numbers that the statement reads.
        reads: Further tables that the statement reads and that the rule's own is not made from: the check waits for
            them, or it would find them missing on a first run.
    """

    code: str
    table: str
    sentence: str
    threshold: str
    severity: Severity
    blocking: bool = False
    kind: str = "UnexpectedRowsExpectation"
    query: str | None = None
    args: Mapping[str, object] = field(default_factory=dict[str, object])
    limits: tuple[Limit, ...] = ()
    reads: tuple[str, ...] = ()

    @property
    def runbook(self) -> str:
        """What to do when the rule fails: a page per family."""
        return f"docs/runbooks/{self.code[:3].lower()}.md"

    def numbers(self) -> dict[str, float]:
        """The limits by name."""
        return {limit.name: limit.value for limit in self.limits}
