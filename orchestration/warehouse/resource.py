"""The warehouse as a Dagster resource: settings are read when a run starts, not when definitions load."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from orchestration.settings import Settings, get_settings
from orchestration.warehouse.connections import Warehouse


class WarehouseResource(dg.ConfigurableResource["WarehouseResource"]):
    """Gives an asset its connection pool.

    Attributes:
        home: State folder, for a run against another warehouse than the environment's (tests do this).
        database_url: Address of that other warehouse.
    """

    home: str = ""
    database_url: str = ""

    def settings(self) -> Settings:
        """The settings of this run."""
        if not self.home:
            return get_settings()
        return get_settings().model_copy(update=self._overrides())

    @contextmanager
    def open(self, role: str = "worker") -> Generator[Warehouse]:
        """A pool for one role, closed at the end."""
        with Warehouse(self.settings(), role) as warehouse:
            yield warehouse

    def _overrides(self) -> dict[str, object]:
        from pathlib import Path

        from pydantic import SecretStr

        return {"home": Path(self.home), "database_url": SecretStr(self.database_url)}
