"""Changes of rules: which of the vault's hashes another version of a platform's rules would alter, before it does.

Every value of the vault is read by both versions at once and what comes out is counted, never kept. An altered value
is put down to the rules without which it would have come out otherwise.

Belongs here: reading, comparing, counting. Lives elsewhere: the rules (``rules``), making the change (``vault``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestration.enrichment.identifiers import KINDS
from orchestration.enrichment.rules.plan import Plan, make_plan
from orchestration.enrichment.rules.rule import Reading, RuleSet
from orchestration.enrichment.rules.sets import list_introduced, without
from orchestration.enrichment.vault import stream_rows
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection, Row

_QUERIES = sql.load(__file__, "changes.sql")

EFFECTS = ("altered", "accepted", "refused", "other_reason")


@dataclass
class Changes:
    """What a change of rules would do; numbers only.

    Attributes:
        source: The rules before.
        target: The rules after.
        values: Values read, by kind.
        effects: Values by kind and effect: ``altered``, another hash or form; ``accepted``, refused before;
            ``refused``, accepted before; ``other_reason``, refused both times.
        rules: Values with an effect, by the rules that it is due to.
        drifted: Values kept by the rules before that these make otherwise today: the vendor of telephone numbers or
            of letters changed its data.
    """

    source: RuleSet
    target: RuleSet
    values: Counter[str] = field(default_factory=Counter[str])
    effects: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    rules: Counter[str] = field(default_factory=Counter[str])
    drifted: int = 0

    def total(self, effect: str) -> int:
        """Values with an effect, over all kinds."""
        return sum(count for (_, each), count in self.effects.items() if each == effect)

    def as_json(self) -> dict[str, Any]:
        """The numbers for a program."""
        return {
            "from": self.source.name,
            "to": self.target.name,
            "values": self.values.total(),
            **{effect: self.total(effect) for effect in EFFECTS},
            "drifted": self.drifted,
            "by_kind": {
                kind: {
                    "values": self.values[kind],
                    **{effect: self.effects[kind, effect] for effect in EFFECTS},
                }
                for kind in KINDS
                if self.values[kind]
            },
            "by_rule": dict(sorted(self.rules.items())),
        }


def count_changes(connection: Connection, tenant_id: UUID, changes: Changes) -> None:
    """Count what a change of rules would do to a tenant's values.

    Streams: memory does not grow with the vault.

    Args:
        connection: A transaction of the tenant.
        tenant_id: The tenant.
        changes: Names both versions, and counts.
    """
    values = {"tenant_id": tenant_id, "platform": changes.source.platform}
    comparison = _Comparison(changes.source, changes.target)
    for chunk in stream_rows(connection, _QUERIES.list_held_identifiers, values):
        comparison.count(chunk, changes)


class _Comparison:
    """Two versions side by side, with a plan for each rule as if the newer one lacked it."""

    def __init__(self, source: RuleSet, target: RuleSet) -> None:
        older, newer = sorted((source, target), key=lambda rule_set: rule_set.version)
        self._plans: Mapping[str, Plan] = {
            kind: make_plan([source.recipes[kind], target.recipes[kind]]) for kind in KINDS
        }
        self._doubts: Mapping[str, Mapping[str, Plan]] = {
            kind: {
                rule.code: make_plan([without(newer.recipes[kind], rule, older)])
                for rule in list_introduced(older, newer, kind)
            }
            for kind in KINDS
        }
        self._newer_place = int(newer is target)
        self._source = source

    def count(self, rows: Iterable[Row[Any]], changes: Changes) -> None:
        for row in rows:
            changes.values[row.kind] += 1
            readings = self._plans[row.kind].run(row.raw_value, row.region)
            before, after = readings
            if row.rules_version == self._source.version:
                changes.drifted += _is_other(before, row)
            if before == after:
                continue
            changes.effects[row.kind, _effect(before, after)] += 1
            newest = readings[self._newer_place]
            for code, plan in self._doubts[row.kind].items():
                if plan.run(row.raw_value, row.region)[0] != newest:
                    changes.rules[code] += 1


def _effect(before: Reading, after: Reading) -> str:
    if before.reason and after.reason:
        return "other_reason"
    if before.reason:
        return "accepted"
    return "refused" if after.reason else "altered"


def _is_other(reading: Reading, row: Row[Any]) -> bool:
    """Whether a kept row is not what its rules make today. What arrived as a hash has no text to compare."""
    if row.is_prehashed:
        return reading.digest is None
    return (reading.text or None, reading.reason) != (row.normalized, row.reason)
