"""Match quality: what the platforms say they made of ours, read day by day into ``ops.match_quality``.

Google tells in upload summaries, Meta in the quality of a dataset; TikTok has no address for it (no public one was
found), so what we carried is all there is to say. *Sent*, *accepted* and *matched* stay three facts: dbt's
``delivery_quality`` shows them side by side.

Belongs here: reading the platforms' reports. Lives elsewhere: our own counts (dbt), thresholds (rules ``MAT``), what a
single request was answered (``submissions.py``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from orchestration.deliveries.accounts import accounts
from orchestration.deliveries.destinations import google_probe, meta
from orchestration.vendors import meta_conversions
from orchestration.vendors.errors import VendorError
from orchestration.warehouse import sql
from orchestration.warehouse.secrets import SecretUnreadable

if TYPE_CHECKING:
    from uuid import UUID

    from orchestration.deliveries.conversion import Account
    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "match_quality.sql")
# What a composite score is asked of: web events always, offline ones where the beta is open (Mdq).
_META_FIELDS = (
    "web{event_name,event_match_quality{composite_score,match_key_feedback{identifier,coverage{percentage}}},"
    "event_coverage{percentage},dedupe_key_feedback}"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a platform says of one day, or of one event name or action on it.

    Attributes:
        day: In the account's time zone.
        source: ``upload_summary`` or ``dataset_quality``.
        scope: The event name or the conversion action; empty for all.
        received: Events of all senders that it counted.
        accepted: Of those, taken.
        failed: Of those, refused.
        pending: Of those, not judged yet.
        duplicate_share: Of the events, reported by the browser as well; from 0 to 1.
        event_match_quality: From 0 to 10.
        coverage: For each identifier the share of events that carried it, from 0 to 1.
    """

    day: date
    source: str
    scope: str = ""
    received: int | None = None
    accepted: int | None = None
    failed: int | None = None
    pending: int | None = None
    duplicate_share: Decimal | None = None
    event_match_quality: Decimal | None = None
    coverage: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Report:
    """How one account's reading went.

    Attributes:
        account: Which.
        count: Readings that were kept.
        code: Why nothing could be read, if so.
    """

    account: Account
    count: int = 0
    code: str | None = None


Read = Callable[["Warehouse", "Account", Mapping[str, str], date], Iterable[Reading]]


def read_all(
    warehouse: Warehouse, now: datetime, tenant_ids: Sequence[UUID] | None = None
) -> list[Report]:
    """Ask every platform that tells anything, and keep what it says.

    Args:
        warehouse: As role worker.
        now: The moment that "today" is taken from.
        tenant_ids: Whose accounts; all active tenants by default.

    Returns:
        One report per account; an account that cannot be read does not stop the others.
    """
    if tenant_ids is None:
        tenant_ids = [tenant.tenant_id for tenant in warehouse.tenants()]
    return [
        _read_account(warehouse, account, READERS[account.platform], now)
        for tenant_id in tenant_ids
        for account in accounts.list_accounts(warehouse, tenant_id)
        if account.platform in READERS and warehouse.settings.may_reach(account.config)
    ]


def list_days(
    warehouse: Warehouse, tenant_id: UUID, since: date, platform: str | None = None
) -> list[dict[str, Any]]:
    """A tenant's destinations, day by day, newest first: the columns of ``marts.delivery_quality``.

    Args:
        warehouse: As role worker.
        tenant_id: Whose.
        since: The first day.
        platform: Only this one.
    """
    values = {"tenant_id": tenant_id, "since": since, "platform": platform}
    with warehouse.tenant(tenant_id) as connection:
        return [dict(row) for row in connection.execute(_QUERIES.list_quality, values).mappings()]


def read_meta(answer: Mapping[str, Any], day: date) -> Iterator[Reading]:
    """Read the quality of a dataset: one reading for each web event.

    The shape of ``dedupe_key_feedback`` is not sure (one report says it was removed in April 2026): a share is read
    where it is there, and nothing breaks where it is not.
    """
    for event in _list(answer.get("web")):
        name = event.get("event_name")
        if not isinstance(name, str):
            continue
        quality = _mapping(event.get("event_match_quality"))
        yield Reading(
            day,
            "dataset_quality",
            name,
            duplicate_share=_share_of_duplicates(event),
            event_match_quality=_number(quality.get("composite_score")),
            coverage={
                key: float(share / 100)
                for feedback in _list(quality.get("match_key_feedback"))
                if isinstance(key := feedback.get("identifier"), str)
                and (share := _number(_mapping(feedback.get("coverage")).get("percentage")))
                is not None
            },
        )


def read_google(summaries: Iterable[Mapping[str, Any]]) -> Iterator[Reading]:
    """Read upload summaries: one reading for each action and day.

    Args:
        summaries: Of ``GoogleAds.upload_summaries``: ``action_id``, ``day``, ``successful``, ``failed``, ``pending``.
            An action that several clients upload to has a summary for each; which client stands for the Data Manager
            API is not sure, so all are added up.
    """
    added: dict[tuple[str, date], list[int]] = {}
    for summary in summaries:
        counts = added.setdefault((summary["action_id"], summary["day"]), [0, 0, 0])
        for place, name in enumerate(("successful", "failed", "pending")):
            counts[place] += summary[name]
    for (action_id, day), (successful, failed, pending) in sorted(added.items()):
        yield Reading(
            day,
            "upload_summary",
            action_id,
            received=successful + failed + pending,
            accepted=successful,
            failed=failed,
            pending=pending,
        )


def _ask_meta(
    warehouse: Warehouse, account: Account, credentials: Mapping[str, str], day: date
) -> Iterator[Reading]:
    client = meta.connect(warehouse.settings, credentials, account)
    try:
        dataset = account.config.get("dataset_id") or account.account_id
        answer = client.read("dataset_quality", {"dataset_id": dataset, "fields": _META_FIELDS})
        if error := meta_conversions.read_error(answer):
            raise error
        yield from read_meta(answer.body, day)
    finally:
        client.close()


def _ask_google(
    warehouse: Warehouse, account: Account, credentials: Mapping[str, str], _day: date
) -> Iterator[Reading]:
    client = google_probe.open_ads(warehouse.settings, credentials, account)
    try:
        customer = account.config.get("ads_customer_id") or account.account_id
        yield from read_google(client.upload_summaries(customer))
    finally:
        client.close()


READERS: dict[str, Read] = {"google": _ask_google, "meta": _ask_meta}


def _read_account(warehouse: Warehouse, account: Account, read: Read, now: datetime) -> Report:
    try:
        credentials = accounts.open_credentials(warehouse, account)
        readings = list(read(warehouse, account, credentials, now.astimezone(UTC).date()))
    except VendorError as error:
        return Report(account, code=error.code)
    except SecretUnreadable:
        return Report(account, code="credential_unreadable")
    _keep(warehouse, account, readings)
    return Report(account, count=len(readings))


def _keep(warehouse: Warehouse, account: Account, readings: Sequence[Reading]) -> None:
    if not readings:
        return
    rows = [
        account.key | asdict(reading) | {"coverage": json.dumps(dict(reading.coverage))}
        for reading in readings
    ]
    with warehouse.tenant(account.tenant_id) as connection:
        connection.execute(_QUERIES.upsert_reading, rows)


def _share_of_duplicates(event: Mapping[str, Any]) -> Decimal | None:
    for feedback in _list(event.get("dedupe_key_feedback")):
        share = _number(
            _mapping(feedback.get("overall_browser_coverage_from_dedupe_key")).get("percentage")
        )
        if feedback.get("dedupe_key") == "event_id" and share is not None:
            return share / 100
    return None


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> Decimal | None:
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and number >= 0 else None
