"""Puts the stages together; no logic.

Dagster loads ``defs`` from here. ``build`` makes the same graph again for a command or a test.
"""

from __future__ import annotations

import dagster as dg

from orchestration import automation
from orchestration.deliveries import assets as deliveries
from orchestration.enrichment import assets as enrichment
from orchestration.quality import checks as quality
from orchestration.sources import assets as sources
from orchestration.transform import assets as transform
from orchestration.warehouse import assets as warehouse
from orchestration.warehouse.resource import WarehouseResource


def build() -> dg.Definitions:
    """The whole graph, its jobs, schedules and sensors.

    Steps run inside the run's own process: they are short, and a process each would import everything again.
    """
    return dg.Definitions.merge(
        warehouse.definitions(),
        sources.definitions(),
        transform.definitions(),
        enrichment.definitions(),
        quality.definitions(),
        deliveries.definitions(),
        dg.Definitions(
            jobs=automation.jobs(),
            schedules=automation.schedules(),
            sensors=[automation.new_events, automation.submitted_requests],
            resources={"warehouse": WarehouseResource()},
            executor=dg.in_process_executor,
        ),
    )


defs = build()
