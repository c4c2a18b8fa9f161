"""dbt's models as Dagster assets: staging, models, and the delivery plan.

Three steps, because Python stands between them: enrichment reads staging and feeds the models; checks judge the marts
before the plan is made of them. Keys are ``[schema, table]``, and dbt's sources carry their schemas' names, so that
the Python assets join without a translator.

Belongs here: names, the pool, what a run reports. Lives elsewhere: running dbt (``project``), reading what it built
(``summary``), the models themselves (``dbt_project/``).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import dbt_assets

from orchestration.transform.project import MANIFEST_PATH, DbtFailed, manifest, run_as_dbt
from orchestration.transform.summary import summarize
from orchestration.warehouse.resource import WarehouseResource

if TYPE_CHECKING:
    from orchestration.warehouse import Warehouse

# dbt is not safe to run twice at once; the pool holds across processes.
_POOL = "dbt"
_STAGING = "fqn:leadloop.staging resource_type:seed"
_DELIVERIES = "fqn:leadloop.deliveries"
_MAX_FAILURE_CHARACTERS = 2000

Outcome = dg.MaterializeResult | dg.AssetCheckResult


def definitions() -> dg.Definitions:
    """The three steps. Parses the dbt project when it was never parsed or has changed."""
    manifest()

    @dbt_assets(manifest=MANIFEST_PATH, select=_STAGING, name="dbt_staging", pool=_POOL)
    def staging(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[Outcome]:
        """One canonical shape of what arrived."""
        yield from build(context, warehouse)

    @dbt_assets(
        manifest=MANIFEST_PATH,
        exclude=f"{_STAGING} {_DELIVERIES}",
        name="dbt_models",
        pool=_POOL,
    )
    def models(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[Outcome]:
        """Touches, leads, conversions and their credit."""
        yield from build(context, warehouse)

    @dbt_assets(manifest=MANIFEST_PATH, select=_DELIVERIES, name="dbt_deliveries", pool=_POOL)
    def deliveries(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[Outcome]:
        """One decision for each conversion and destination."""
        yield from build(context, warehouse)

    return dg.Definitions(assets=[staging, models, deliveries])


def build(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Iterator[Outcome]:
    """Build what the run selected of one step, and report each table and test.

    Raises:
        dagster.Failure: dbt did not run, or a node failed; the message names nodes and states, never rows.
    """
    nodes = manifest()["nodes"]
    specs = {spec.key: spec for spec in context.assets_def.specs}
    keys = {_unique_id(specs[key].metadata): key for key in context.selected_asset_keys}
    checks = {
        _unique_id(check.metadata): check
        for check in context.assets_def.check_specs
        if check.key in context.selected_asset_check_keys
    }
    select = ["fqn:" + ".".join(nodes[unique_id]["fqn"]) for unique_id in (*keys, *checks)]
    # Unit tests belong to continuous integration: here a failing one would skip its model without being a check.
    flags = ["--indirect-selection", "empty", "--exclude-resource-type", "unit_test"]
    try:
        result = run_as_dbt(warehouse.settings(), ["build", "--select", *select, *flags])
    except DbtFailed as error:
        raise dg.Failure(str(error)) from error
    outcome: Any = result.result
    failed: list[str] = []
    with warehouse.open("dbt") as pool:
        for node in outcome.results:
            unique_id, status = node.node.unique_id, str(node.status)
            if unique_id in keys and status == "success":
                yield _materialization(keys[unique_id], node, pool)
            elif unique_id in checks:
                yield _check_result(checks[unique_id], node, status)
            if status not in ("success", "pass", "warn"):
                failed.append(f"{unique_id}: {status}")
    missing = sorted(set(keys) - {node.node.unique_id for node in outcome.results})
    if failed or missing:
        raise dg.Failure(f"dbt: {failed + missing}"[:_MAX_FAILURE_CHARACTERS])


def _unique_id(metadata: Any) -> str:
    return metadata["dagster_dbt/unique_id"]


def _materialization(key: dg.AssetKey, node: Any, warehouse: "Warehouse") -> dg.MaterializeResult:
    """What a built table looks like now, and how many rows this run wrote."""
    with warehouse.shared() as connection:
        summary = summarize(connection, node.node.schema, node.node.identifier)
    metadata: dict[str, Any] = {
        "seconds": round(node.execution_time, 3),
        "dagster/row_count": summary.row_count,
    }
    written = node.adapter_response.get("rows_affected")
    if isinstance(written, int) and written >= 0:
        metadata["rows_written"] = written
    if summary.preview:
        metadata["preview"] = dg.MetadataValue.md(summary.preview)
    return dg.MaterializeResult(asset_key=key, metadata=metadata)


def _check_result(check: dg.AssetCheckSpec, node: Any, status: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=status == "pass",
        severity=(dg.AssetCheckSeverity.WARN if status == "warn" else dg.AssetCheckSeverity.ERROR),
        metadata={"failures": node.failures or 0},
    )
