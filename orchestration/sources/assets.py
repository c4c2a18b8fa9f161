"""Sources in the graph: the asset that pulls, and the table that the intake fills.

Lives elsewhere: the pull (``pull.py``), importing files (``csv_files.py``, a command, not an asset).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from orchestration.warehouse.resource import WarehouseResource

if TYPE_CHECKING:
    from orchestration.sources.pull import PullReport

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
    # Limits of the platforms are per minute or per hour: the second attempt waits half a minute, the third a minute.
    retry_policy=dg.RetryPolicy(
        max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
    ),
)
def raw_records(warehouse: WarehouseResource) -> dg.MaterializeResult:
    """Pull every list of every account; fail at the end, by code, when an account could not be read."""
    from orchestration.sources.pull import pull_all

    with warehouse.open() as wh:
        report = pull_all(wh, datetime.now(UTC))
    metadata = _describe(report)
    if report.failures:
        raise dg.Failure(
            description=f"{len(report.failures)} of {report.accounts} accounts could not be read: "
            + "; ".join(map(str, report.failures)),
            metadata=metadata,
            allow_retries=not all(failure.is_lasting for failure in report.failures),
        )
    return dg.MaterializeResult(metadata=metadata)


def definitions() -> dg.Definitions:
    """What this stage adds to the graph."""
    return dg.Definitions(assets=[raw_records, RAW_EVENTS])


def _describe(report: PullReport) -> dict[str, dg.MetadataValue]:
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
