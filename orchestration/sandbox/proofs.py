"""What the demonstration proves of itself: the audit, the journal, the replay, consent, and what platforms make of it.

Each line is what a command of the product says, asked of the demonstration's data.

Belongs here: asking, and one line for each answer. Lives elsewhere: the proofs themselves (``deliveries``), the rest
of the screen (``report.py``).
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from orchestration.deliveries.answers import eligibility, match_quality
from orchestration.deliveries.answers.audit import audit
from orchestration.deliveries.consent.proof import prove
from orchestration.deliveries.journal.replay import rebuild_all
from orchestration.deliveries.journal.verification import verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from orchestration.warehouse import Tenant, Warehouse

_PERIOD = timedelta(days=28)


class NotProven(Exception):
    """A proof does not hold on the demonstration's own data; the message says which command shows it."""

    is_refusal = True


def print_proofs(warehouse: Warehouse, now: datetime, console: Console) -> None:
    """Print, for each tenant, whether what is promised holds, and how well its conversions can be used.

    Args:
        warehouse: As role worker.
        now: The end of the period that is looked at.
        console: Gets the lines.

    Raises:
        NotProven: Something does not hold.
    """
    console.rule("[b]Proofs", align="left")
    broken: set[str] = set()
    table = Table("tenant", "asked", "answer", box=box.SIMPLE_HEAD)
    for tenant in warehouse.tenants():
        name = tenant.name
        for command, answer, holds in _prove(warehouse, tenant, now):
            table.add_row(name, command, answer if holds else f"[red]{answer}[/red]")
            name = ""
            if not holds:
                broken.add(command)
    console.print(table)
    console.print(_tabulate_use(warehouse, now))
    if broken:
        raise NotProven(f"this does not hold: {', '.join(sorted(broken))}")


def _prove(warehouse: Warehouse, tenant: Tenant, now: datetime) -> Iterator[tuple[str, str, bool]]:
    """Each proof of one tenant: the command, its answer, whether it holds."""
    audited = audit(warehouse, tenant)
    pairs = sum(balance.pairs for balance in audited.balances)
    sent = sum(balance.sent.total() for balance in audited.balances)
    held = sum(balance.not_sent.total() for balance in audited.balances)
    told = f"{pairs:,} outcomes × destinations = {sent:,} sent + {held:,} not sent"
    yield "why --audit", f"{told}, each with one reason", audited.holds
    verdicts = verify(warehouse, tenant.tenant_id)
    entries = sum(verdict.entry_count for verdict in verdicts)
    faults = sum(verdict.fault_counts.total() for verdict in verdicts)
    told = f"{entries:,} entries in {len(verdicts)} chains, {faults:,} that do not hold"
    yield "ledger verify", told, not faults
    requests = list(rebuild_all(warehouse, tenant.tenant_id, datetime(1970, 1, 1, tzinfo=UTC)))
    different = sum(not request.is_same for request in requests)
    told = f"{len(requests):,} requests made again, {different:,} with other bytes than left"
    yield "ledger replay --all", told, not different
    proof = prove(warehouse, tenant, (now - _PERIOD).date(), (now + timedelta(days=1)).date())
    violations = len(proof.violations)
    told = f"{proof.attempts:,} attempts left, {violations:,} without a ground that held"
    yield "consent prove", told, not violations


def _tabulate_use(warehouse: Warehouse, now: datetime) -> Table:
    """Match quality and eligibility, a line for each destination."""
    table = Table(
        *("tenant", "destination", "sent", "accepted", "matched", "carried"),
        "rules of its optimizer",
        title="What the platforms can do with it (deliveries quality, deliveries eligibility)",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    since = now - _PERIOD
    for tenant in warehouse.tenants():
        days = match_quality.list_days(warehouse, tenant.tenant_id, since.date())
        judgements = eligibility.report(warehouse, tenant.tenant_id, since, now)
        for platform, account_id in dict.fromkeys((d["platform"], d["account_id"]) for d in days):
            own = [d for d in days if (d["platform"], d["account_id"]) == (platform, account_id)]
            sent = sum(d["sent"] for d in own)
            matched = [d["matched"] for d in own if d["matched"] is not None]
            carried = ", ".join(
                f"{kind} {sum(d[name] for d in own) / sent:.0%}"
                for kind, name in (("e-mail", "with_email"), ("click", "with_click"))
            )
            table.add_row(
                tenant.name,
                f"{platform}:{account_id}",
                *(f"{sent:,}", f"{sum(d['accepted'] for d in own):,}"),
                f"{sum(matched):,}" if matched else "not told",
                carried,
                _say_rules(
                    [j for j in judgements if (j.platform, j.account_id) == (platform, account_id)]
                ),
            )
    for column in table.columns[2:4]:
        column.justify = "right"
    return table


def _say_rules(judgements: Sequence[eligibility.Judgement]) -> str:
    results = Counter(judgement.result for judgement in judgements)
    failed = sorted({judgement.code for judgement in judgements if judgement.result == "fails"})
    words = [f"{results['holds']} hold"]
    if failed:
        words.append(f"{results['fails']} fail ({', '.join(failed)})")
    if results["too_few"]:
        words.append(f"{results['too_few']} with too few to tell")
    return ", ".join(words)
