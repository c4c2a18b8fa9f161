"""Alerts: a person hears of a rule that fails when it begins to, once a day while it lasts, and when it is over.

One message per tenant and rule: code, sentence, tenant, how much failed, where to look and what to do. What has been
said is kept in ``ops.alerts``, and only after the receivers took it: a message that was lost is sent again by the next
pass. Addresses are apprise's (``LEADLOOP_ALERT_URLS``): chat, mail, webhooks.

Belongs here: what to say and when. Lives elsewhere: what holds and what does not (``run``).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from expectations.rule import Rule
    from orchestration.quality.verdicts import Verdict
    from orchestration.settings import Settings
    from orchestration.warehouse import Tenant, Warehouse

_QUERIES = sql.load(__file__)
_LOG = logging.getLogger(__name__)

REMIND_AFTER = timedelta(hours=24)
_SEND_SECONDS = 15

Occasion = Literal["opened", "reminder", "closed"]


@dataclass(frozen=True)
class Said:
    """What has been said about a rule: whether it is open, and when it was last said."""

    is_open: bool
    last_sent_at: datetime | None


@dataclass(frozen=True)
class Message:
    """What a person gets. Holds counts and codes only."""

    title: str
    body: str
    is_failure: bool


@dataclass(frozen=True)
class Tally:
    """What became of a pass's messages.

    Attributes:
        sent: Taken by every receiver.
        failed: Not taken; the next pass tries again.
        unaddressed: Due, with no receiver set up.
    """

    sent: int = 0
    failed: int = 0
    unaddressed: int = 0


# Takes a message to its receivers, and says whether every one of them took it.
Channel = Callable[[Message], bool]


def tell(
    settings: Settings, warehouse: Warehouse, verdicts: Iterable[Verdict], now: datetime
) -> Tally:
    """Send the messages that are due and remember them.

    Args:
        settings: The receivers' addresses, and where the Dagster UI is.
        warehouse: A pool of the role ``worker``.
        verdicts: The pass's verdicts.
        now: The pass's moment.
    """
    due = list(_list_due(warehouse, verdicts, now))
    if not due:
        return Tally()
    channel = open_channel(settings)
    if channel is None:
        return Tally(unaddressed=len(due))
    for sent, (verdict, occasion) in enumerate(due):
        if not channel(compose(verdict, occasion, settings.public_url)):
            # A receiver that is down holds each message up for seconds; the rest would fare no better.
            return Tally(sent=sent, failed=len(due) - sent)
        _remember(warehouse, verdict, occasion, now)
    return Tally(sent=len(due))


def tell_run_failure(settings: Settings, job: str, run_id: str, error: str) -> Tally:
    """Send word of a run that failed.

    Args:
        settings: The receivers' addresses, and where the Dagster UI is.
        job: The run's job.
        run_id: The run.
        error: The class of what stopped it; never its message.
    """
    channel = open_channel(settings)
    if channel is None:
        return Tally(unaddressed=1)
    link = f"{settings.public_url.rstrip('/')}/runs/{run_id}"
    lines = [f"Stopped by: {error}", f"Run: {link}", "Runbook: docs/runbooks/run.md"]
    message = Message(f"A run of {job} failed", "\n".join(lines), is_failure=True)
    return Tally(sent=1) if channel(message) else Tally(failed=1)


def occasion_of(verdict: Verdict, said: Said | None, now: datetime) -> Occasion | None:
    """Whether there is something to say about a verdict, and what."""
    is_open = said is not None and said.is_open
    if verdict.passed:
        return "closed" if is_open else None
    if said is None or not is_open:
        return "opened"
    if said.last_sent_at is None or now - said.last_sent_at >= REMIND_AFTER:
        return "reminder"
    return None


def compose(verdict: Verdict, occasion: Occasion, public_url: str) -> Message:
    """The message for one verdict."""
    rule, tenant = verdict.rule, verdict.tenant
    head = {"opened": "failed", "reminder": "still fails", "closed": "holds again"}[occasion]
    lines = [
        rule.sentence,
        f"Rule: {rule.code} ({rule.severity}) on {rule.table}",
        f"Tenant: {tenant.name} ({tenant.tenant_id})",
        f"Outcome: {_outcome(verdict)}",
        f"Threshold: {rule.threshold}",
        f"Check: {check_url(rule, public_url)}",
        f"Runbook: {rule.runbook}",
    ]
    return Message(
        title=f"{rule.code} {head} for {tenant.name}",
        body="\n".join(lines),
        is_failure=not verdict.passed,
    )


def check_url(rule: Rule, public_url: str) -> str:
    """The rule's asset check in the Dagster UI."""
    asset = rule.table.replace(".", "/")
    return f"{public_url.rstrip('/')}/assets/{asset}?view=checks&checkDetail={rule.code}"


def open_channel(settings: Settings) -> Channel | None:
    """The receivers of the settings, through apprise; None without any."""
    urls = [url.get_secret_value() for url in settings.alert_urls]
    if not urls:
        return None
    import apprise

    # Apprise logs addresses, which hold tokens, and what servers answer.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    receivers = apprise.Apprise()
    unreadable = [url for url in urls if not receivers.add(url)]

    def send(message: Message) -> bool:
        kind = apprise.NotifyType.FAILURE if message.is_failure else apprise.NotifyType.SUCCESS
        result = receivers.notify(
            title=message.title,
            body=message.body,
            notify_type=kind,
            timeout=_SEND_SECONDS,
        )
        if result and not unreadable:
            return True
        _LOG.warning("an alert was not delivered (%d unreadable addresses)", len(unreadable))
        return False

    return send


def _outcome(verdict: Verdict) -> str:
    if verdict.reason:
        return f"{verdict.reason} ({verdict.error})"
    rows = "" if verdict.row_count is None else f", over {verdict.row_count:,} rows"
    return f"{verdict.failed_count:,} failed{rows}"


def _list_due(
    warehouse: Warehouse, verdicts: Iterable[Verdict], now: datetime
) -> Iterator[tuple[Verdict, Occasion]]:
    by_tenant: defaultdict[Tenant, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_tenant[verdict.tenant].append(verdict)
    for tenant, rows in by_tenant.items():
        with warehouse.tenant(tenant.tenant_id) as connection:
            alerts = connection.execute(_QUERIES.list_alerts, {"tenant_id": tenant.tenant_id})
            said = {row.rule: Said(row.is_open, row.last_sent_at) for row in alerts}
        for verdict in rows:
            occasion = occasion_of(verdict, said.get(verdict.rule.code), now)
            if occasion is not None:
                yield verdict, occasion


def _remember(warehouse: Warehouse, verdict: Verdict, occasion: Occasion, now: datetime) -> None:
    statement = _QUERIES.close_alert if occasion == "closed" else _QUERIES.upsert_open_alert
    values = {"tenant_id": verdict.tenant.tenant_id, "rule": verdict.rule.code, "now": now}
    with warehouse.tenant(verdict.tenant.tenant_id) as connection:
        connection.execute(statement, values)
