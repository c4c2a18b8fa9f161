"""One sandbox for the module's tests, emptied before each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.server import Sandbox, running_sandbox

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    around = Surroundings(now=lambda: NOW)
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), around=around) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(started: Sandbox) -> Sandbox:
    assert httpx.post(f"{started.control_url}/_sandbox/reset").status_code == 204
    return started
