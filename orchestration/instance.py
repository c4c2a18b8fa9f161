"""The Dagster instance: where it lives, and how a process of ours joins it.

Dagster reads ``dagster.yaml`` only from ``DAGSTER_HOME`` and takes its address from the environment, so a process
that wants the shared instance first puts both in place.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from orchestration.settings import PROJECT_FOLDER, Settings, get_settings
from orchestration.warehouse.addresses import child_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagster as dg


def prepare_home(settings: Settings) -> None:
    """Put ``dagster.yaml`` where Dagster looks for it."""
    home = settings.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT_FOLDER / "dagster.yaml", home / "dagster.yaml")


def activate(settings: Settings, environment: Mapping[str, str] | None = None) -> Settings:
    """Make this process, and what it starts, use these settings and the shared instance.

    Args:
        settings: Where the warehouse and the state folder are.
        environment: Variables to set besides: the sandbox's addresses, for one.

    Returns:
        The settings as everything in this process reads them from now on.
    """
    prepare_home(settings)
    os.environ.update(child_environment(settings))
    os.environ.update(environment or {})
    get_settings.cache_clear()
    return get_settings()


def end_lost_runs(instance: dg.DagsterInstance) -> int:
    """End runs whose worker died together with everything else, and free their slots.

    Called at start-up, before anything can be running: Dagster itself would leave such a run STARTED until its
    longest allowed time has passed.

    Returns:
        How many runs were ended.
    """
    import dagster as dg

    lost = instance.get_runs(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
    )
    for run in lost:
        instance.report_run_failed(run, "its worker was gone at start-up")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(lost)
