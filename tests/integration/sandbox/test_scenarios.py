"""Every shipped scenario, played against our own exporter: what it calls right holds. A careless exporter fails.

The exporter is the whole product from the ledger on: plan, enroll, send, ask again, over as many hours as it takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from orchestration.deliveries.accounts.routes import install_account
from orchestration.sandbox.assertions import Expected, Verdict, judge, read_evidence
from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.scenarios import Scenario, find_scenario, list_scenarios, play
from orchestration.sandbox.server import Sandbox, running_sandbox
from orchestration.sandbox.tally import Tally
from orchestration.sandbox.world import load_world
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse, addresses
from orchestration.warehouse.tenants import create_tenant
from tests.integration.deliveries.conftest import ACTION_IDS, Desk

SCENARIOS = list_scenarios()
WAVES = 2
PER_WAVE = 6
# What lies between the later runs: enough for what a platform or the ledger puts off by hours.
HOURS = (1, 1, 1, 1, 6, 6)
SETTLED = {"accepted", "duplicate", "rejected", "expired", "cancelled", "noted"}
REFRESHING = {"client_id": "id", "client_secret": "secret", "refresh_token": "refresh"}
HASH = "a" * 64


class MovableClock:
    """The sandbox's time, which moves on with the ledger's."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, clock: MovableClock) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    around = Surroundings(tally=Tally(folder), now=clock)
    with (
        pytest.MonkeyPatch.context() as environment,
        running_sandbox(folder, around=around) as running,
    ):
        environment.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(running.grpc_roots_path))
        yield running


@pytest.fixture
def sandbox(started: Sandbox, clock: MovableClock) -> Sandbox:
    """The stand-ins with nothing received, nothing armed and nothing wrong with any account."""
    httpx.post(f"{started.control_url}/_sandbox/reset").raise_for_status()
    started.around.world = load_world()
    started.around.scenarios.clear()
    clock.ahead = timedelta(0)
    return started


@pytest.fixture(scope="module")
def sending_warehouse(shared_built_settings: Settings, started: Sandbox) -> Iterator[Warehouse]:
    settings = shared_built_settings.model_copy(update=started.settings_overrides())
    with Warehouse(settings, "worker") as pool:
        yield pool


@pytest.fixture(scope="module")
def all_rights(shared_built_settings: Settings) -> Iterator[psycopg.Connection]:
    url = addresses.libpq_url(addresses.admin_url(shared_built_settings))
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def desk(sending_warehouse: Warehouse, sandbox: Sandbox, all_rights: psycopg.Connection) -> Desk:
    """A tenant of its own for each test, so that they can share a database."""
    tenant = create_tenant(sending_warehouse.settings, f"Akademi {uuid4().hex[:8]}")
    made = Desk(sending_warehouse, all_rights, sandbox, tenant.tenant_id)
    made.judge()
    return made


@pytest.mark.parametrize("name", SCENARIOS)
def test_our_exporter_does_what_is_right(desk: Desk, clock: MovableClock, name: str) -> None:
    scenario = SCENARIOS[name]
    play(name, scenario, desk.sandbox.around)
    install(desk, scenario)
    for wave in range(WAVES):
        plan_wave(desk, scenario, name, wave)
        desk.enroll()
        desk.send()
        # What backs off holds back what is planned meanwhile, too; of all else the later wave comes an hour later.
        if not scenario.right.backs_off:
            pass_hours(desk, clock, 1)
    if scenario.right.backs_off:
        pass_hours(desk, clock, 1)
    for hours in HOURS:
        if not is_owed_anything(desk):
            break
        desk.send()
        pass_hours(desk, clock, hours)
    owed = Expected(ids={row[0]: None for row in desk.rows("event_id")}, planned=len(desk.rows()))
    assert failing(desk.sandbox, scenario, owed) == []


def install(desk: Desk, scenario: Scenario) -> None:
    """Give the tenant the accounts that the scenario is about."""
    doors = {fault.operation for fault in scenario.faults}
    for platform in scenario.platforms:
        config = {"api": "click_upload"} if doors & {"click_upload", "click_adjustment"} else {}
        desk.install(platform, **config)
        if "token" in doors:
            # A refresh token, so that there is something to be refused.
            install_account(
                desk.warehouse,
                desk.tenant_id,
                platform,
                desk.account(platform).account_id,
                config={},
                credentials=REFRESHING,
                action_ids=ACTION_IDS,
            )


def is_owed_anything(desk: Desk) -> bool:
    """Whether a row of the ledger is not settled."""
    return any(state not in SETTLED for (state,) in desk.rows("state"))


def plan_wave(desk: Desk, scenario: Scenario, name: str, wave: int) -> None:
    """Plan some purchases for each platform; in a thread of WhatsApp where that is what the scenario is about."""
    clicks = {"ctwa_clid": "ARAkLkA8rmlFeiCktEJQ"} if "message" in name else {}
    for platform in scenario.platforms:
        if name.startswith("clicks"):
            clicks = {"gclid": "Cj0KCQ_abc-1"}
        for number in range(PER_WAVE):
            desk.plan(f"c{wave}-{number}", platform, **clicks)


def pass_hours(desk: Desk, clock: MovableClock, hours: int) -> None:
    """Let time pass for the ledger and for the platforms alike."""
    clock.ahead += timedelta(hours=hours)
    desk.pass_time(hours)


def failing(sandbox: Sandbox, scenario: Scenario, owed: Expected) -> list[Verdict]:
    """The assertions of a scenario that do not hold."""
    verdicts = judge(scenario, read_evidence(sandbox.control_url), owed)
    return [verdict for verdict in verdicts if not verdict.holds]


class CarelessExporter:
    """What one writes on a Friday: a new id for each attempt, everything at once again, the status alone believed."""

    ATTEMPTS = 6

    def __init__(self, sandbox: Sandbox, email: str = HASH) -> None:
        self._sandbox = sandbox
        self._email = email

    def send(self, platform: str, count: int) -> None:
        """Send purchases until something answers 200."""
        for _ in range(self.ATTEMPTS):
            try:
                answer = self._post(platform, count)
            except httpx.TransportError:
                continue
            if answer.status_code == 200:
                return

    def _post(self, platform: str, count: int) -> httpx.Response:
        yesterday = int((datetime.now(UTC) - timedelta(days=1)).timestamp())
        ids = [uuid4().hex for _ in range(count)]
        if platform == "meta":
            events = [
                {
                    "event_name": "Lead",
                    "event_time": yesterday,
                    "event_id": event_id,
                    "action_source": "system_generated",
                    "user_data": {"em": self._email},
                }
                for event_id in ids
            ]
            url = f"{self._sandbox.meta_url}/v26.0/880000000000001/events"
            body: dict[str, Any] = {"data": events, "access_token": "good"}
        else:
            events = [
                {
                    "event": "Lead",
                    "event_time": yesterday,
                    "event_id": event_id,
                    "user": {"email": self._email},
                }
                for event_id in ids
            ]
            url = f"{self._sandbox.tiktok_url}/open_api/v1.3/event/track/"
            body = {
                "event_source": "offline",
                "event_source_id": "7100000000000000001",
                "data": events,
            }
        headers = {"Access-Token": "good"}
        return httpx.post(url, json=body, headers=headers, follow_redirects=True, timeout=10)


@pytest.mark.parametrize(
    ("name", "email", "expected"),
    [
        ("meta-unavailable", HASH, set[str]()),
        ("meta-torn-after", HASH, {"unexpected"}),
        ("meta-taken-then-silent", HASH, {"unexpected"}),
        ("meta-200-with-html", HASH, {"lost"}),
        ("meta-fewer-received", HASH, {"lost"}),
        ("meta-throttled", HASH, {"backs_off"}),
        ("meta-token-expired", HASH, {"stops"}),
        ("meta-redirected", HASH, {"elsewhere"}),
        ("meta-policy-block", "jane@example.com", {"stops"}),
        ("meta-unavailable", "jane@example.com", {"lost", "raw_personal_data"}),
        ("tiktok-throttled-in-200", HASH, {"lost"}),
        ("tiktok-service-down", HASH, {"lost"}),
        ("tiktok-torn-after", HASH, {"unexpected"}),
    ],
)
def test_a_careless_exporter_fails_where_it_should(
    sandbox: Sandbox, name: str, email: str, expected: set[str]
) -> None:
    _, scenario = find_scenario(name)
    play(name, scenario, sandbox.around)
    exporter = CarelessExporter(sandbox, email)
    for _ in range(WAVES):
        exporter.send(scenario.platforms[0], PER_WAVE)
    owed = Expected(planned=WAVES * PER_WAVE)
    assert {verdict.name for verdict in failing(sandbox, scenario, owed)} == expected
