"""The two assets: what they report, and when they fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from orchestration.automation import submitted_requests
from orchestration.deliveries.assets import ask, definitions
from orchestration.deliveries.destinations import DESTINATIONS
from orchestration.warehouse.resource import WarehouseResource

DeskMaker = Callable[..., Any]


class OnTheDesk(WarehouseResource):
    """The resource, with the sandbox's addresses."""

    overrides: str = "{}"

    def settings(self) -> Any:
        return super().settings().model_copy(update=json.loads(self.overrides))


def materialize(desk: Any, *, raise_on_error: bool = True) -> dg.ExecuteInProcessResult:
    assets = definitions().assets
    assert assets is not None
    return dg.materialize(
        list(assets),  # pyright: ignore[reportArgumentType]
        resources={"warehouse": resource(desk)},
        raise_on_error=raise_on_error,
    )


def metadata(result: dg.ExecuteInProcessResult, *key: str) -> dict[str, Any]:
    [event] = [
        e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(key)
    ]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_run_reports_counts_and_codes_by_platform(make_desk: DeskMaker) -> None:
    desk = make_desk("meta", "tiktok")
    desk.plan("c1", "meta")
    desk.plan("c2", "meta", decision="hold", reason="consent_unknown")
    desk.plan("c3", "tiktok")
    desk.sandbox.arm("tiktok", "429")
    result = materialize(desk)
    enrolled = metadata(result, "ops", "deliveries")
    assert enrolled["dagster/row_count"] == 3
    assert enrolled["meta"] == {"pending: eligible": 1, "held: consent_unknown": 1}
    sent = metadata(result, "ops", "delivery_requests")
    assert sent["dagster/row_count"] == 2
    assert sent["meta"] == {"rows came to": {"accepted": 1}, "codes": {}}
    assert sent["tiktok"] == {"rows came to": {"retry_wait": 1}, "codes": {"40100": 1}}
    assert "throttled" in sent["stopped"]


def test_closed_gate_is_reported_and_fails_nothing(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.judge(passed=False, rule="REC3")
    desk.plan("c1", "meta")
    result = materialize(desk)
    assert result.success
    assert "gate_closed | REC3" in metadata(result, "ops", "delivery_requests")["stopped"]
    # What Meta says of its dataset is still read; nothing is sent.
    assert "events" not in desk.received("meta")["requests_by_operation"]


def test_error_of_ours_fails_the_run_with_its_kind_alone(
    make_desk: DeskMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("meta", "tiktok")
    desk.plan("c1", "meta")
    desk.plan("c2", "tiktok")

    def stumble(*_: object) -> None:
        raise ZeroDivisionError("jane.doe@example.com")

    monkeypatch.setattr(DESTINATIONS["meta"], "send", stumble)
    result = materialize(desk, raise_on_error=False)
    assert not result.success
    failures = [str(event) for event in result.all_events]
    assert any("Errors of ours while sending: ZeroDivisionError" in text for text in failures)
    assert not any("jane.doe" in text for text in failures)
    assert desk.received("tiktok")["distinct_ids"] == 1


def resource(desk: Any) -> OnTheDesk:
    settings = desk.warehouse.settings
    return OnTheDesk(
        home=str(settings.home),
        database_url=settings.database_url.get_secret_value(),
        overrides=json.dumps(desk.sandbox.settings_overrides()),
    )


def test_platform_is_asked_only_while_something_is_due_to_be_asked_about(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("google")
    desk.plan("c1", "google")
    desk.enroll()

    def look() -> object:
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(
                instance=instance, resources={"warehouse": resource(desk)}
            )
            return submitted_requests(context)

    assert isinstance(look(), dg.SkipReason)
    desk.send()
    assert isinstance(look(), dg.SkipReason)
    desk.pass_time(1)
    assert isinstance(look(), dg.RunRequest)
    assert ask.execute_in_process(resources={"warehouse": resource(desk)}).success
    assert desk.states() == {"c1": "accepted"}
    assert isinstance(look(), dg.SkipReason)


def test_assets_introduce_themselves() -> None:
    assets = definitions().assets
    assert assets is not None
    for asset in assets:
        assert isinstance(asset, dg.AssetsDefinition)
        [spec] = asset.specs
        assert spec.group_name in {"deliveries", "retention"}
        assert spec.owners == ["team:data"]
        assert spec.kinds
        assert (spec.description or "").startswith("One row per")
