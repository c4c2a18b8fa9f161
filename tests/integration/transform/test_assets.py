"""The three dbt steps as Dagster runs them."""

from __future__ import annotations

import dagster as dg
import pytest

from orchestration.settings import Settings
from orchestration.transform import assets
from orchestration.warehouse.resource import WarehouseResource

from .conftest import Company

STEPS = {"dbt_staging", "dbt_models", "dbt_deliveries"}
OUTSIDE = {("raw",), ("vault",), ("ops",)}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return dg.Definitions.merge(
        assets.definitions(), dg.Definitions(resources={"warehouse": WarehouseResource()})
    )


def test_every_model_has_group_owner_kinds_and_a_grain(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.group_name == (
            "deliveries" if key.path[-1].startswith("delivery_") else key.path[0]
        )
        assert node.owners
        assert (node.description or "").startswith("Grain: "), key
        assert {"dbt", "postgres"} <= node.kinds


def test_only_other_stages_tables_are_outside(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert {(key.path[0],) for key in graph.external_asset_keys} == OUTSIDE


def test_steps_materialize_with_counts_checks_and_a_preview(
    definitions: dg.Definitions, warm_settings: Settings, company: Company
) -> None:
    company.submit("f1", email="isil@example.com", url="https://a.com/?gclid=A&campaign_id=7")
    resource = WarehouseResource(
        home=str(warm_settings.home),
        database_url=warm_settings.database_url.get_secret_value(),  # pyright: ignore[reportOptionalMemberAccess]
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, resources={"warehouse": resource}
        )
    assert {step.step_key for step in result.get_step_success_events()} == STEPS

    metadata = {
        event.asset_key.path[-1]: event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert metadata["fct_leads"]["dagster/row_count"].value == 1
    assert metadata["stg_forms__submissions"]["dagster/row_count"].value == 1
    assert "| form |" in str(metadata["fct_leads"]["preview"].value)
    assert "preview" not in metadata["stg_forms__submissions"]

    checks = result.get_asset_check_evaluations()
    assert len(checks) == len(definitions.resolve_asset_graph().asset_check_keys)
    assert all(check.passed for check in checks)
    events = str([event.event_specific_data for event in result.all_events])
    assert "isil@example.com" not in events
