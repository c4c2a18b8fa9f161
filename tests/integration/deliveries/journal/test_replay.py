"""Requests are made again from the ledger byte for byte, without a network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.deliveries.journal.replay import rebuild, rebuild_all
from tests.integration.deliveries.conftest import Desk

DeskMaker = Callable[..., Desk]
Run = Callable[..., Result]
PLATFORMS = ("google", "meta", "tiktok")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def desk(make_desk: DeskMaker) -> Desk:
    """Six conversions on every platform, sent, one request of Meta's halved."""
    desk = make_desk(*PLATFORMS)
    for n in range(6):
        for platform in PLATFORMS:
            desk.plan(f"{platform}{n}", platform, gclid="Cj0KCQtest")
    desk.enroll()
    event_id = next(row[1] for row in desk.rows("platform, event_id") if row[0] == "meta")
    desk.sandbox.arm("meta", "whole_request_refusal", event_id=event_id, times=10)
    desk.send()
    return desk


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line on the desk's warehouse, with nothing to reach at the platforms' addresses."""
    platforms = ("google_datamanager_url", "meta_graph_url", "tiktok_api_url")
    nowhere: dict[str, Any] = {name: "http://127.0.0.1:1" for name in platforms}
    settings = desk.warehouse.settings.model_copy(update=nowhere)
    for name in ("ledger", "console"):
        monkeypatch.setattr(f"orchestration.commands.{name}.get_settings", lambda: settings)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def stored(desk: Desk, platform: str) -> list[tuple[str, bytes]]:
    """A platform's requests, as they left."""
    return [
        (key, bytes(body))
        for key, body in desk.admin.execute(
            "select request_key, body from ops.delivery_requests where tenant_id = %s and platform = %s"
            " order by sequence",
            [desk.tenant_id, platform],
        )
    ]


def test_every_request_is_made_again_byte_for_byte(desk: Desk) -> None:
    found = list(rebuild_all(desk.warehouse, desk.tenant_id, LONG_AGO))
    assert {request.platform for request in found} == set(PLATFORMS)
    assert len([request for request in found if request.platform == "meta"]) > 2
    assert all(request.is_same for request in found)
    assert list(rebuild_all(desk.warehouse, desk.tenant_id, datetime.now(UTC))) == []


def test_what_an_account_is_configured_as_later_changes_nothing(desk: Desk) -> None:
    changed = {
        "google": '{"login_account": "999"}',
        "meta": '{"dataset_id": "1", "test_event_code": "T"}',
        "tiktok": "{}",
    }
    for platform, config in changed.items():
        desk.admin.execute(
            "update ops.accounts set config = cast(%s as jsonb) where platform = %s",
            [config, platform],
        )
    assert all(r.is_same for r in rebuild_all(desk.warehouse, desk.tenant_id, LONG_AGO))


def test_command_prints_the_bytes_of_one_request_and_touches_no_network(
    desk: Desk, run: Run, tmp_path: Path
) -> None:
    before = desk.sandbox.counts()
    for platform in PLATFORMS:
        for key, body in stored(desk, platform):
            printed = run("ledger", "replay", "--batch", key, "--offline")
            assert (printed.exit_code, printed.stdout.encode()) == (0, body)
    key, body = stored(desk, "meta")[0]
    file = tmp_path / "request.json"
    assert run("ledger", "replay", "--batch", key, "-o", str(file)).exit_code == 0
    assert file.read_bytes() == body
    assert run("ledger", "replay", "--all").exit_code == 0
    assert desk.sandbox.counts() == before


def test_command_exits_1_where_other_bytes_left_and_2_where_it_is_asked_wrongly(
    desk: Desk, run: Run
) -> None:
    key, _ = stored(desk, "meta")[0]
    desk.admin.execute(
        "update ops.delivery_requests set body = body || ' '::bytea where request_key = %s", [key]
    )
    assert run("ledger", "replay", "--batch", key).exit_code == 1
    everything = run("ledger", "replay", "--all", "--since", "2020-01-01")
    assert (everything.exit_code, everything.stdout.count(key)) == (1, 1)
    assert run("ledger", "replay", "--all", "--since", "2999-01-01").exit_code == 0
    assert run("ledger", "replay", "--batch", "0" * 64).exit_code == 1
    for wrong in ((), ("--batch", "short"), ("--batch", key, "--all")):
        assert run("ledger", "replay", *wrong).exit_code == 2


def test_request_whose_payload_is_missing_is_not_made_up(desk: Desk, run: Run) -> None:
    key, _ = stored(desk, "google")[0]
    desk.admin.execute(
        "update ops.deliveries set payload = null, payload_sha256 = null where conversion_id = 'google3'"
    )
    found = rebuild(desk.warehouse, desk.tenant_id, key)
    assert found is not None
    assert found.made is None
    refused = run("ledger", "replay", "--batch", key)
    assert (refused.exit_code, refused.stdout) == (1, "")
