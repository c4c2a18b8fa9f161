"""The asset of the platforms' own words about matching.

Belongs here: what Dagster needs to know. Lives elsewhere: the work (``match_quality.py``).
"""

from datetime import UTC, datetime

import dagster as dg

from orchestration.deliveries import match_quality as reading
from orchestration.warehouse.resource import WarehouseResource


@dg.asset(
    key=["ops", "match_quality"],
    deps=[dg.AssetKey(["ops", "delivery_requests"])],
    group_name="deliveries",
    owners=["team:data"],
    kinds={"python", "googleads", "meta"},
    pool="deliveries",
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
        reports = reading.read_all(pool, datetime.now(UTC))
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


def definitions() -> dg.Definitions:
    """The one asset."""
    return dg.Definitions(assets=[match_quality])
