"""Assets: the plan into the ledger, the ledger out to the platforms, what they make of it, and letting go.

Belongs here: what Dagster needs to know. Lives elsewhere: the work (``ledger``, ``sending``, ``answers``, ``journal``).
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from orchestration.automation import ASK_JOB
from orchestration.deliveries.answers import match_quality as quality
from orchestration.deliveries.journal.retention import prune
from orchestration.deliveries.ledger import ledger
from orchestration.deliveries.sending import sender
from orchestration.warehouse.resource import WarehouseResource

_GROUP = "deliveries"
_OWNERS = ["team:data"]
# One sender at a time: two would share the platforms' rate limits without knowing of each other.
_POOL = "deliveries"
# For a database that was away for a moment; what the platforms do is the ledger's to retry.
_RETRY = dg.RetryPolicy(
    max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


@dg.asset(
    key=["ops", "deliveries"],
    deps=[dg.AssetKey(["marts", "delivery_plan"])],
    group_name=_GROUP,
    owners=_OWNERS,
    kinds={"python", "postgres"},
    pool=_POOL,
    retry_policy=_RETRY,
    description=(
        "One row per conversion, account, action and version that the plan wants sent or held: the ledger of what "
        "is owed, and what became of it."
    ),
)
def deliveries(warehouse: WarehouseResource) -> dg.MaterializeResult:
    """Bring the ledger in line with the plan, tenant by tenant."""
    counts: list[ledger.Count] = []
    bugs: set[str] = set()
    with warehouse.open() as pool:
        for tenant in pool.tenants():
            try:
                counts += ledger.enroll(pool, tenant.tenant_id)
            except Exception as bug:  # noqa: BLE001 - one tenant's error must not stop the others; raised below
                bugs.add(type(bug).__name__)
    metadata = _moves_metadata(counts)
    if bugs:
        raise _failure("enrolling", bugs, metadata)
    return dg.MaterializeResult(metadata=metadata)


@dg.asset(
    key=["ops", "delivery_requests"],
    deps=[deliveries],
    group_name=_GROUP,
    owners=_OWNERS,
    kinds={"python", "googleads", "meta", "tiktok"},
    pool=_POOL,
    retry_policy=_RETRY,
    description=(
        "One row per request to a platform, byte for byte as it left, each naming the one before it. Nothing leaves "
        "for a tenant whose last critical checks failed, are missing or are older than 26 hours."
    ),
)
def delivery_requests(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource
) -> dg.MaterializeResult:
    """Send what is due, and ask what became of what was taken earlier.

    A closed gate, a refused credential or a platform that fails is the state of one account: it is reported, and the
    others go on. Only an error of ours fails the run, and only after all accounts had their turn.
    """
    with warehouse.open() as pool:
        reports = sender.send_due(pool)
    for report in reports:
        if report.stopped_by:
            context.log.warning(
                f"{report.account.platform} {report.account.account_id}: {report.stopped_by} "
                f"{' '.join(report.details)}"
            )
    metadata = _sending_metadata(reports)
    if bugs := {kind for report in reports for kind in report.bugs}:
        raise _failure("sending", bugs, metadata)
    return dg.MaterializeResult(metadata=metadata)


@dg.op(
    name="ask_about_requests",
    pool=_POOL,
    retry_policy=_RETRY,
    description="Ask what became of requests that a platform took earlier; nothing is sent.",
)
def ask_about_requests(context: dg.OpExecutionContext, warehouse: WarehouseResource) -> None:
    """Ask, and store what was said of each row."""
    with warehouse.open() as pool:
        reports = sender.poll_submitted(pool)
    metadata = _sending_metadata(reports)
    if bugs := {kind for report in reports for kind in report.bugs}:
        raise _failure("asking", bugs, metadata)
    context.add_output_metadata(metadata)


@dg.job(
    name=ASK_JOB,
    description="What became of requests that a platform took earlier.",
    tags={"dagster/max_runtime": "3600"},
)
def ask() -> None:
    """Ask about what is due to be asked about."""
    ask_about_requests()


@dg.asset(
    key=["ops", "match_quality"],
    deps=[delivery_requests],
    group_name=_GROUP,
    owners=_OWNERS,
    kinds={"python", "googleads", "meta"},
    pool=_POOL,
    description=(
        "One row per account, day, source and scope: what Google's upload summaries and Meta's dataset quality say of "
        "what was received, accepted and matched. TikTok has no address for it."
    ),
)
def match_quality(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource
) -> dg.MaterializeResult:
    """Ask every platform that tells; an account that cannot be read is reported and stops nothing."""
    with warehouse.open() as pool:
        reports = quality.read_all(pool, datetime.now(UTC))
    for report in reports:
        if report.code:
            context.log.warning(
                f"{report.account.platform} {report.account.account_id}: not read, {report.code}"
            )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(report.count for report in reports),
            "accounts": len(reports),
            "not read": sum(report.code is not None for report in reports),
        }
    )


@dg.asset(
    key=["ops", "journal_anchors"],
    deps=[delivery_requests],
    # A group of its own: the hourly deliveries do not need it.
    group_name="retention",
    owners=_OWNERS,
    kinds={"python", "postgres"},
    pool=_POOL,
    description=(
        "One row per account whose oldest requests and answers were let go: the entry of the journal that its chain is "
        "followed on from."
    ),
)
def journal_anchors(warehouse: WarehouseResource) -> dg.MaterializeResult:
    """Let go of what the ledger has kept for long enough, tenant by tenant."""
    counts: Counter[str] = Counter()
    with warehouse.open() as pool:
        for tenant in pool.tenants():
            for pruned in prune(pool, tenant.tenant_id, datetime.now(UTC)):
                counts.update(pruned.counts)
    return dg.MaterializeResult(metadata={"dagster/row_count": counts["deliveries"], **counts})


def definitions() -> dg.Definitions:
    """The stage's assets, and the job that asks."""
    return dg.Definitions(
        assets=[deliveries, delivery_requests, match_quality, journal_anchors], jobs=[ask]
    )


def _failure(act: str, bugs: set[str], metadata: dict[str, Any]) -> dg.Failure:
    """The error of a run: kinds only, as messages of the database hold values."""
    return dg.Failure(
        description=f"Errors of ours while {act}: {', '.join(sorted(bugs))}",
        metadata=metadata,
        # A lost database comes back; a bug does not go away.
        allow_retries="OperationalError" in bugs,
    )


def _moves_metadata(counts: Iterable[ledger.Count]) -> dict[str, Any]:
    by_platform: dict[str, Counter[str]] = {}
    for count in counts:
        moves = by_platform.setdefault(count.platform, Counter())
        moves[f"{count.state}: {count.reason}"] += count.row_count
    total = sum(sum(moves.values()) for moves in by_platform.values())
    return {
        "dagster/row_count": total,
        **{platform: dg.MetadataValue.json(dict(moves)) for platform, moves in by_platform.items()},
    }


def _sending_metadata(reports: Iterable[sender.Report]) -> dict[str, Any]:
    """Counts and codes per platform, and a line for each account that was stopped."""
    reports = list(reports)
    by_platform: dict[str, dict[str, Counter[str]]] = {}
    for report in reports:
        counts = by_platform.setdefault(
            report.account.platform, {"rows came to": Counter(), "codes": Counter()}
        )
        counts["rows came to"].update(report.moves)
        counts["codes"].update(report.codes)
    stopped = [
        f"| {report.account.tenant_id} | {report.account.platform} {report.account.account_id} "
        f"| {report.stopped_by} | {' '.join(report.details)} |"
        for report in reports
        if report.stopped_by
    ] + [
        f"| {report.account.tenant_id} | {report.account.platform} {report.account.account_id} {target} "
        f"| stopped | {reason} |"
        for report in reports
        for target, reason in sorted(report.closed.items())
    ]
    metadata: dict[str, Any] = {
        "dagster/row_count": sum(report.requests for report in reports),
        **{
            platform: dg.MetadataValue.json({name: dict(c) for name, c in counts.items()})
            for platform, counts in by_platform.items()
        },
    }
    if stopped:
        header = "| tenant | account | stopped by | details |\n|---|---|---|---|\n"
        metadata["stopped"] = dg.MetadataValue.md(header + "\n".join(stopped))
    return metadata
