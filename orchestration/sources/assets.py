"""Sources in the graph: the asset that pulls, and the table that the intake fills.

Lives elsewhere: the pull (``pull.py``), importing files (``csv_files.py``, a command, not an asset).
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from orchestration.warehouse.resource import WarehouseResource

if TYPE_CHECKING:
    from orchestration.sources.pull import PullReport

ALL_ACCOUNTS_READ = "all_accounts_read"
_MAX_RETRIES = 2

RAW_EVENTS = dg.AssetSpec(
    key=["raw", "events"],
    group_name="intake",
    description=(
        "Grain: one row per event pushed to us (tenant, source, dedupe key), as received. Written by the intake "
        "service, outside of runs: forms, WhatsApp messages, CRM conversions, senders' counts."
    ),
    kinds={"postgres"},
    owners=["team:data"],
    tags={"layer": "raw", "pii": "true"},
    metadata={"dagster/table_name": "raw.events"},
)


@dg.asset(
    key=["raw", "records"],
    group_name="sources",
    description=(
        "Grain: one row per version of a record that we pull (tenant, system, object, record, version). This asset "
        "pulls campaigns and ad groups of every active Google, Meta and TikTok account; `leadloop import csv` adds "
        "leads and deals. A record gets a new version only when its content changed."
    ),
    kinds={"python", "postgres"},
    owners=["team:data"],
    tags={"layer": "raw", "pii": "true"},
    metadata={"dagster/table_name": "raw.records"},
    pool="platform_reads",
    check_specs=[
        dg.AssetCheckSpec(
            ALL_ACCOUNTS_READ,
            asset=["raw", "records"],
            blocking=False,
            description="Every active account's lists could be read. One dead token stops nobody else's day.",
        )
    ],
    # Limits of the platforms are per minute or per hour: the second attempt waits half a minute, the third a minute.
    retry_policy=dg.RetryPolicy(
        max_retries=_MAX_RETRIES,
        delay=30,
        backoff=dg.Backoff.EXPONENTIAL,
        jitter=dg.Jitter.PLUS_MINUS,
    ),
)
def raw_records(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource
) -> dg.MaterializeResult:
    """Pull every list of every account; tell, by code, which account could not be read."""
    from orchestration.sources.pull import pull_all

    with warehouse.open() as wh:
        report = pull_all(wh, datetime.now(UTC))
    told = "; ".join(map(str, report.failures))
    may_pass = any(not failure.is_lasting for failure in report.failures)
    if may_pass and context.retry_number < _MAX_RETRIES:
        raise dg.Failure(description=f"accounts to read again: {told}", metadata=_describe(report))
    verdict = dg.AssetCheckResult(
        check_name=ALL_ACCOUNTS_READ,
        passed=not report.failures,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"failures": dg.MetadataValue.text(told)} if told else {},
    )
    return dg.MaterializeResult(metadata=_describe(report), check_results=[verdict])


def definitions() -> dg.Definitions:
    """What this stage adds to the graph."""
    return dg.Definitions(assets=[raw_records, RAW_EVENTS])


def _describe(report: "PullReport") -> dict[str, dg.MetadataValue]:
    lines = ["| platform | object | read | new or changed | gone |", "|---|---|---|---|---|"]
    lines += [
        f"| {platform} | {name} | {read} | {report.stored[platform, name]} | {report.deleted[platform, name]} |"
        for (platform, name), read in sorted(report.read.items())
    ]
    return {
        "dagster/row_count": dg.MetadataValue.int(report.read.total()),
        "new_or_changed": dg.MetadataValue.int(report.stored.total() + report.deleted.total()),
        "accounts": dg.MetadataValue.int(report.accounts),
        "accounts_without_lists": dg.MetadataValue.int(report.without_lists),
        "failed_accounts": dg.MetadataValue.int(len(report.failures)),
        "per_platform": dg.MetadataValue.md("\n".join(lines)),
    }
