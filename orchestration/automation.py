"""What runs by itself, and why: jobs, schedules and sensors, each with its reason.

Belongs here: when something runs. Lives elsewhere: what it does (the stages), and what must hold before it may
(``quality``, and the gate that the sender asks).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from orchestration.warehouse import sql
from orchestration.warehouse.resource import WarehouseResource

if TYPE_CHECKING:
    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "automation.sql")

FULL_JOB = "full"
REFRESH_JOB = "refresh"
CHECK_JOB = "check"
DELIVER_JOB = "deliver"
ASK_JOB = "ask"

# The groups between raw data and marts: what a new event passes through.
_REFRESH_GROUPS = ("staging", "enrichment", "intermediate", "marts")
_DELIVERY_GROUP = "deliveries"
_MAX_RUNTIME = {"dagster/max_runtime": "3600"}


def jobs() -> list[dg.UnresolvedAssetJobDefinition]:
    """The four ways to run the graph.

    ``full``: everything, with every check. ``refresh``: from raw to marts without Great Expectations, whose import
    alone takes longer than all of it; deliveries never start from here, as nothing has been judged. ``check``: every
    check of what is there. ``deliver``: plan, ledger and senders; the sender asks for the stored verdict, so it stands
    on the last checks.
    """
    return [
        dg.define_asset_job(
            FULL_JOB,
            selection=dg.AssetSelection.all(),
            description="Pull, refresh, check, deliver: one pass over the whole graph.",
            tags=_MAX_RUNTIME,
        ),
        dg.define_asset_job(
            REFRESH_JOB,
            selection=dg.AssetSelection.groups(*_REFRESH_GROUPS).without_checks(),
            description="New events from raw to marts, without checks and deliveries.",
            tags=_MAX_RUNTIME,
        ),
        dg.define_asset_job(
            CHECK_JOB,
            # The pull's own check is made by pulling; it cannot be made alone.
            selection=dg.AssetSelection.all_asset_checks()
            - dg.AssetSelection.checks_for_assets(["raw", "records"]),
            description="Every check of the tables as they are now; nothing is built and nothing leaves.",
            tags=_MAX_RUNTIME,
        ),
        dg.define_asset_job(
            DELIVER_JOB,
            selection=dg.AssetSelection.groups(_DELIVERY_GROUP),
            description="Plan, ledger and senders; tenants whose last checks failed are passed over.",
            tags=_MAX_RUNTIME,
        ),
    ]


def schedules() -> list[dg.ScheduleDefinition]:
    """What the clock starts.

    Refreshes come without checks, so the checks come by the quarter of an hour: whoever is on call hears of a broken
    day within it, and the hourly deliveries stand on a fresh verdict. Deliveries leave every hour: platforms ask for
    conversions within hours, and one call can carry thousands. The full pass, with the platforms' lists, runs once a
    day, at night.
    """
    return [
        dg.ScheduleDefinition(
            name="quarter_hourly_checks",
            job_name=CHECK_JOB,
            cron_schedule="0,15,30,45 * * * *",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Seven minutes before the deliveries of the hour, and three times more.",
        ),
        dg.ScheduleDefinition(
            name="hourly_deliveries",
            job_name=DELIVER_JOB,
            cron_schedule="7 * * * *",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Seven minutes past, when most systems that act on the hour are done.",
        ),
        dg.ScheduleDefinition(
            name="daily_full_check",
            job_name=FULL_JOB,
            cron_schedule="20 4 * * *",
            execution_timezone="Europe/Istanbul",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="The whole graph with every check, before the day's first report.",
        ),
    ]


@dataclass(frozen=True)
class Position:
    """How far the sensor has looked: events counted since a fixed moment.

    A high-water mark on ``received_at`` would miss a row whose transaction committed after a later one was seen;
    a count since an anchor does not.

    Attributes:
        anchor: ISO 8601; moves on by the hour, so that the count stays cheap.
        count: Events and records since the anchor, all tenants.
    """

    anchor: str
    count: int

    @classmethod
    def parse(cls, cursor: str | None, now: datetime) -> Position:
        """The position in a cursor; without one, an hour back and nothing seen."""
        if cursor:
            return cls(**json.loads(cursor))
        return cls(anchor=(now - timedelta(hours=1)).isoformat(), count=0)

    def render(self) -> str:
        """The position as a cursor."""
        return json.dumps(asdict(self))


@dg.sensor(
    name="new_events",
    job_name=REFRESH_JOB,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a refresh when something arrived; waits while one is queued or running.",
)
def new_events(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource
) -> dg.SensorResult | dg.SkipReason:
    """Start a refresh for what arrived since the last look.

    One refresh at a time: under steady traffic a request per tick would pile up runs that find nothing new.
    """
    if _is_waiting_or_running(context.instance, REFRESH_JOB):
        return dg.SkipReason(
            "a refresh is queued or running; what arrived meanwhile starts the next"
        )
    now = datetime.now(UTC)
    position = Position.parse(context.cursor, now)
    with warehouse.open() as pool:
        count = count_arrivals(pool, position.anchor)
        if count == position.count:
            return dg.SkipReason("nothing arrived")
        moved = _moved(pool, Position(position.anchor, count), now)
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=f"{position.anchor}/{count}")], cursor=moved.render()
    )


@dg.sensor(
    name="submitted_requests",
    job_name=ASK_JOB,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks what became of requests that a platform took, only while one is due to be asked about.",
)
def submitted_requests(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource
) -> dg.RunRequest | dg.SkipReason:
    """Start a run that asks, when a request is due to be asked about.

    Google answers a request hours after it took it. Each that is not done yet is asked about again after as long as
    it has taken so far, half an hour at most, so that there is little to ask and nothing to ask in between. Deliveries
    ask as well, so nothing is started beside them.
    """
    if _is_waiting_or_running(context.instance, ASK_JOB, DELIVER_JOB, FULL_JOB):
        return dg.SkipReason("a run that asks is queued or running")
    with warehouse.open() as pool:
        count = count_submitted_due(pool)
    if not count:
        return dg.SkipReason("nothing is due to be asked about")
    return dg.RunRequest()


def count_submitted_due(warehouse: Warehouse) -> int:
    """Requests of all tenants whose fate is due to be asked for."""
    total = 0
    for tenant in warehouse.tenants():
        with warehouse.tenant(tenant.tenant_id) as connection:
            values = {"tenant_id": tenant.tenant_id}
            total += connection.execute(_QUERIES.count_submitted_due, values).scalar_one()
    return total


def count_arrivals(warehouse: Warehouse, since: str) -> int:
    """Events and records of all tenants that arrived after a moment."""
    total = 0
    for tenant in warehouse.tenants():
        with warehouse.tenant(tenant.tenant_id) as connection:
            values = {"tenant_id": tenant.tenant_id, "since": datetime.fromisoformat(since)}
            total += connection.execute(_QUERIES.count_arrivals, values).scalar_one()
    return total


def _moved(warehouse: Warehouse, position: Position, now: datetime) -> Position:
    """Move the anchor on when it is more than two hours old, with the count that belongs to it."""
    if now - datetime.fromisoformat(position.anchor) < timedelta(hours=2):
        return position
    anchor = (now - timedelta(hours=1)).isoformat()
    return Position(anchor, count_arrivals(warehouse, anchor))


def _is_waiting_or_running(instance: dg.DagsterInstance, *jobs: str) -> bool:
    statuses = [
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
    ]
    return any(
        instance.get_runs(dg.RunsFilter(job_name=job, statuses=statuses), limit=1) for job in jobs
    )
