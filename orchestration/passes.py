"""A pass: one run of a job over the graph, in this process, on the shared Dagster instance.

No daemon is needed; the run shows in the Dagster UI all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from orchestration.instance import activate

if TYPE_CHECKING:
    import dagster as dg
    from rich.console import Console

    from orchestration.settings import Settings

# Dagster's own lines are in its event log, where the UI shows them; here they would bury ours.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
JOBS = ("full", "refresh", "check", "deliver")


class JobUnknown(Exception):
    """There is no such job; the message lists those there are."""

    is_refusal = True


@dataclass(frozen=True)
class PassOutcome:
    """What one pass came to.

    Attributes:
        run_id: The run in the Dagster UI.
        failed_steps: Names of the steps that failed.
        failed_checks: ``asset check`` names that failed, warnings included.
        checks_passed: How many checks passed.
    """

    run_id: str
    failed_steps: tuple[str, ...]
    failed_checks: tuple[str, ...]
    checks_passed: int

    @property
    def succeeded(self) -> bool:
        """Whether every step did its work; a check that only warns does not fail a pass."""
        return not self.failed_steps

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        checks = f"{self.checks_passed} checks passed, {len(self.failed_checks)} failed"
        if self.failed_checks:
            checks += f" ({', '.join(self.failed_checks)})"
        if self.succeeded:
            return f"Run {self.run_id} is done: {checks}."
        return f"Run {self.run_id} failed at {', '.join(self.failed_steps)}: {checks}."


def run_pass(settings: Settings, job: str, console: Console) -> PassOutcome:
    """Run one job and show its steps as they end.

    Args:
        settings: Where the warehouse is; migrated when it is not yet.
        job: One of ``JOBS``.
        console: Gets the progress.

    Raises:
        JobUnknown: There is no such job.
    """
    import dagster as dg

    from orchestration.warehouse.migrate import migrate

    if job not in JOBS:
        raise JobUnknown(f"no job {job!r}; there are {', '.join(JOBS)}")
    migrate(settings)
    activate(settings)
    with console.status("Loading the graph"):
        from orchestration.definitions import build

        definition = build().resolve_job_def(job)
    with dg.DagsterInstance.get() as instance:
        return execute(definition, instance, console)


def execute(
    definition: dg.JobDefinition, instance: dg.DagsterInstance, console: Console
) -> PassOutcome:
    """Execute a job in this process and report its steps as they end."""
    run_id = str(uuid4())
    with console.status("Starting the run") as status:

        def hear(entry: dg.EventLogEntry) -> None:
            """Show a step when it starts, and keep a line of it when it ended."""
            event = entry.dagster_event
            if event is None or event.step_key is None:
                return
            if event.is_step_start:
                status.update(f"Running {event.step_key}")
            elif event.is_step_success:
                console.print(f"  [green]done[/green]    {event.step_key}", highlight=False)
            elif event.is_step_failure:
                console.print(f"  [red]failed[/red]  {event.step_key}", highlight=False)
            elif event.is_step_skipped:
                console.print(f"  [yellow]skipped[/yellow] {event.step_key}", highlight=False)

        instance.add_event_listener(run_id, hear)
        result = definition.execute_in_process(
            run_config=_QUIET, instance=instance, run_id=run_id, raise_on_error=False
        )
    evaluations = result.get_asset_check_evaluations()
    return PassOutcome(
        run_id=run_id,
        failed_steps=tuple(sorted(result.get_failed_step_keys())),
        failed_checks=tuple(sorted({e.check_name for e in evaluations if not e.passed})),
        checks_passed=sum(e.passed for e in evaluations),
    )
