"""The asset of letting go: once a day, with the full pass.

Belongs here: what Dagster needs to know. Lives elsewhere: the work (``retention.py``).
"""

from collections import Counter
from datetime import UTC, datetime

import dagster as dg

from orchestration.deliveries.retention import prune
from orchestration.warehouse.resource import WarehouseResource


@dg.asset(
    key=["ops", "journal_anchors"],
    deps=[dg.AssetKey(["ops", "delivery_requests"])],
    # A group of its own: the hourly deliveries do not need it.
    group_name="retention",
    owners=["team:data"],
    kinds={"python", "postgres"},
    pool="deliveries",
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
    """The one asset."""
    return dg.Definitions(assets=[journal_anchors])
