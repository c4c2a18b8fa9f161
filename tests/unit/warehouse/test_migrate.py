"""Which servers will do."""

from __future__ import annotations

import pytest

from orchestration.warehouse.migrate import ServerUnsuitable, require_supported_version


@pytest.mark.parametrize("version", [150000, 160004, 180001])
def test_postgres_15_and_newer_will_do(version: int) -> None:
    require_supported_version(version)


def test_an_older_postgres_is_refused_by_its_number() -> None:
    with pytest.raises(ServerUnsuitable, match="Postgres 14"):
        require_supported_version(140012)
