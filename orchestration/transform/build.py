"""The whole dbt project built at once, without Dagster: for tests, continuous integration and benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.transform.project import DbtFailed, failures, run_as_dbt

if TYPE_CHECKING:
    from orchestration.settings import Settings


def dbt_build_all(settings: Settings, *flags: str, unit_tests: bool = False) -> None:
    """Build every seed and model, and run their tests, as the role ``dbt``.

    Args:
        settings: A migrated warehouse.
        flags: Further flags of ``dbt build``, such as ``--full-refresh`` or ``--select``.
        unit_tests: Run dbt's unit tests as well; the tables that they read must exist.

    Raises:
        DbtFailed: dbt did not run, or a node failed; the message names the nodes.
    """
    without = () if unit_tests else ("--exclude-resource-type", "unit_test")
    failed = failures(run_as_dbt(settings, ["build", *without, *flags]))
    if failed:
        raise DbtFailed("; ".join(failed))
