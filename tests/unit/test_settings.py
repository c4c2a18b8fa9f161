"""The sandbox's accounts are talked to on this machine alone; real ones anywhere."""

from __future__ import annotations

import pytest

from orchestration.settings import Settings

LOCAL = {
    "google_datamanager_url": "http://127.0.0.1:8711",
    "meta_graph_url": "http://localhost:8712",
    "tiktok_api_url": "http://127.0.0.1:8713",
}


@pytest.mark.parametrize(
    ("addresses", "config", "may"),
    [
        pytest.param({}, {}, True, id="a real account, real platforms"),
        pytest.param({}, {"sandbox": "true"}, False, id="a sandbox account, real platforms"),
        pytest.param(LOCAL, {"sandbox": "true"}, True, id="a sandbox account, the sandbox"),
        pytest.param(
            LOCAL | {"tiktok_api_url": "https://business-api.tiktok.com"},
            {"sandbox": "true"},
            False,
            id="a sandbox account, half a sandbox",
        ),
    ],
)
def test_a_sandbox_account_never_meets_a_real_platform(
    addresses: dict[str, str], config: dict[str, str], may: bool
) -> None:
    assert Settings(**addresses).may_reach(config) is may
