"""One contract for every ad platform that we read: pages, repeats, throttling, expired tokens, deletions.

Each case is a platform with its real client, talking to its stand-in over the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.server import Sandbox, running_sandbox
from orchestration.sandbox.world import Account as ListedAccount
from orchestration.sandbox.world import AdGroup, Campaign, World
from orchestration.sources import google_ads, meta_ads, tiktok_ads
from orchestration.sources.accounts import Account
from orchestration.sources.pull import PullReport, pull_account
from orchestration.vendors.errors import Throttled, Unauthorized, Unclear, Unreachable, VendorError
from orchestration.vendors.google_ads import GoogleAds
from orchestration.vendors.meta_ads import MetaAds
from orchestration.vendors.tiktok_ads import TikTokAds
from orchestration.warehouse import Warehouse

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAGE_SIZE = 2
TOKEN = "token-that-must-not-show"


def open_google(sandbox: Sandbox, token: str) -> GoogleAds:
    return GoogleAds(
        endpoint=sandbox.google_ads_endpoint,
        version="v26",
        token_url=f"{sandbox.google_url}/token",
        credentials={"access_token": token},
    )


def open_meta(sandbox: Sandbox, token: str) -> MetaAds:
    return MetaAds(
        graph_url=sandbox.meta_url, version="v26.0", access_token=token, page_size=PAGE_SIZE
    )


def open_tiktok(sandbox: Sandbox, token: str) -> TikTokAds:
    return TikTokAds(api_url=sandbox.tiktok_url, access_token=token, page_size=PAGE_SIZE)


@dataclass(frozen=True)
class Case:
    source: Any
    open_client: Callable[[Sandbox, str], Any]
    counted_as: str
    account_id: str
    active: str
    deleted: str
    says_when: bool  # whether a throttled call tells when to come back


CASES = [
    pytest.param(
        Case(google_ads, open_google, "google_ads", "1234567890", "ENABLED", "REMOVED", True),
        id="google",
    ),
    pytest.param(
        Case(meta_ads, open_meta, "meta", "act_100000000000001", "ACTIVE", "DELETED", True),
        id="meta",
    ),
    pytest.param(
        Case(tiktok_ads, open_tiktok, "tiktok", "7000000000000000001", "ENABLE", "DELETE", False),
        id="tiktok",
    ),
]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    around = Surroundings(ads_page_size=PAGE_SIZE)
    with (
        running_sandbox(tmp_path_factory.mktemp("sandbox"), around=around) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(sandbox.grpc_roots_path))
        yield sandbox


@pytest.fixture
def sandbox(started: Sandbox) -> Sandbox:
    started.around.tally.reset()
    started.around.faults.clear()
    return started


class Platform:
    """One platform with lists of the test's choice, and a pull of it."""

    def __init__(self, case: Case, sandbox: Sandbox, warehouse: Warehouse, tenant_id: Any) -> None:
        self.case = case
        self.sandbox = sandbox
        self.warehouse = warehouse
        self.tenant_id = tenant_id

    def lists(self, *names: str, deleted: tuple[str, ...] = ()) -> None:
        """Let the platform list these campaigns; a name's place is not part of its id."""
        campaigns = tuple(self.campaign(name, is_deleted=name in deleted) for name in names)
        account = ListedAccount(self.case.account_id, campaigns)
        self.sandbox.around.world = World({self.case.source.PLATFORM: (account,)})

    def campaign(self, name: str, *, number: str = "", is_deleted: bool = False) -> Campaign:
        number = number or str(1000 + sum(name.encode()))
        status = self.case.deleted if is_deleted else self.case.active
        group = AdGroup(f"9{number}", f"{name} grubu", status, number)
        return Campaign(number, name, status, (group,))

    def pull(self, token: str = TOKEN) -> PullReport:
        account = Account(self.tenant_id, self.case.source.PLATFORM, self.case.account_id, {})
        report = PullReport()
        client = self.case.open_client(self.sandbox, token)
        try:
            pull_account(
                self.warehouse,
                self.case.source,
                client,
                account,
                self.case.account_id,
                NOW,
                report,
            )
        finally:
            client.close()
        return report

    def arm(self, fault: str, **details: object) -> None:
        self.sandbox.arm(self.case.counted_as, fault, **details)

    def requests(self) -> int:
        return self.sandbox.counts()[self.case.counted_as]["requests"]


@pytest.fixture
def platform(
    case: Case, sandbox: Sandbox, warehouse: Warehouse, make_tenant: Callable[..., Any]
) -> Platform:
    return Platform(case, sandbox, warehouse, make_tenant().tenant_id)


def versions(admin: psycopg.Connection, kind: str = "campaign") -> list[tuple[str, int, bool]]:
    statement = """
        select payload ->> 'name', version, deleted from raw.records where object = %s
        order by record_id, version
    """
    return admin.execute(statement, (kind,)).fetchall()


def cursor(admin: psycopg.Connection, kind: str = "campaign") -> dict[str, Any]:
    row = admin.execute("select cursor from ops.cursors where object = %s", (kind,)).fetchone()
    assert row is not None
    return next(iter(row[0].values()))


def test_an_empty_list_stores_nothing_and_is_complete(platform, admin):
    platform.lists()
    report = platform.pull()
    assert report.read.total() == 0
    assert versions(admin) == []
    assert cursor(admin)["is_complete"]


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_every_page_is_read_and_none_beyond_the_last(platform, admin, count, pages):
    platform.lists(*(f"Kampanya {n} – İstanbul" for n in range(count)))
    platform.pull()
    assert len(versions(admin)) == len(versions(admin, "adgroup")) == count
    assert platform.requests() == 2 * pages
    assert (cursor(admin)["pages"], cursor(admin)["rows"]) == (pages, count)


def test_names_arrive_letter_by_letter_and_ids_as_text(platform, admin):
    platform.lists("Işık Şubesi – Bahar “%50” & ☀")
    platform.pull()
    number = platform.campaign("Işık Şubesi – Bahar “%50” & ☀").id
    found = admin.execute(
        "select record_id, payload from raw.records where object = 'adgroup'"
    ).fetchall()
    record_id, payload = found[0]
    assert record_id == payload["id"] == f"9{number}"
    assert payload["name"] == "Işık Şubesi – Bahar “%50” & ☀ grubu"
    assert payload["campaign_id"] == number
    assert payload["account_id"] == platform.case.account_id


def test_the_same_list_again_adds_nothing(platform, admin):
    platform.lists("Bahar", "Yaz", "Güz")
    platform.pull()
    report = platform.pull()
    assert report.stored.total() == report.deleted.total() == 0
    assert [version for _, version, _ in versions(admin)] == [1, 1, 1]


def test_a_row_that_two_pages_hold_is_one_record(platform, admin):
    platform.lists("Bahar", "Yaz", "Bahar")
    platform.pull()
    assert sorted(versions(admin)) == [("Bahar", 1, False), ("Yaz", 1, False)]


def test_a_rename_keeps_the_old_name(platform, admin):
    world = platform.sandbox.around
    for name in ("Bahar", "Bahar 2027"):
        account = ListedAccount(platform.case.account_id, (platform.campaign(name, number="1000"),))
        world.world = World({platform.case.source.PLATFORM: (account,)})
        platform.pull()
    assert versions(admin) == [("Bahar", 1, False), ("Bahar 2027", 2, False)]


def test_what_the_platform_deleted_is_marked_so(platform, admin):
    platform.lists("Bahar", "Yaz")
    platform.pull()
    platform.lists("Bahar", "Yaz", deleted=("Yaz",))
    platform.pull()
    assert sorted(versions(admin)) == [("Bahar", 1, False), ("Yaz", 1, False), ("Yaz", 2, True)]


def test_what_vanished_from_a_whole_list_is_marked_once(platform, admin):
    platform.lists("Bahar", "Yaz")
    platform.pull()
    platform.lists("Bahar")
    platform.pull()
    platform.pull()
    assert sorted(versions(admin)) == [("Bahar", 1, False), ("Yaz", 1, False), ("Yaz", 2, True)]


def test_a_list_that_is_suddenly_empty_marks_nothing(platform, admin):
    platform.lists("Bahar")
    platform.pull()
    platform.lists()
    platform.pull()
    assert versions(admin) == [("Bahar", 1, False)]


def test_too_many_requests_means_later_and_tells_when(platform):
    platform.lists("Bahar")
    platform.arm("429", retry_after=120)
    with pytest.raises(Throttled) as refusal:
        platform.pull()
    expected = timedelta(seconds=120) if platform.case.says_when else None
    assert refusal.value.retry_after == expected


def test_an_expired_token_needs_an_operator(platform):
    platform.lists("Bahar")
    with pytest.raises(Unauthorized):
        platform.pull("expired-token")


@pytest.mark.parametrize("fault", ["500", "503"])
def test_trouble_of_theirs_means_later(platform, fault):
    platform.lists("Bahar")
    platform.arm(fault)
    with pytest.raises(Unclear):
        platform.pull()
    assert platform.pull().read.total() == 2


def test_an_account_that_is_not_ours_is_refused(platform):
    platform.lists("Bahar")
    platform.sandbox.around.world = World({platform.case.source.PLATFORM: ()})
    with pytest.raises(VendorError):
        platform.pull()


def test_trouble_in_the_middle_costs_no_page(platform, admin):
    platform.lists("Bahar", "Yaz", "Güz")
    client = platform.case.open_client(platform.sandbox, TOKEN)
    pages = client.campaigns(platform.case.account_id)
    next(pages)
    platform.arm("503")
    with pytest.raises(Unclear):
        next(pages)
    client.close()
    report = platform.pull()
    assert report.read[platform.case.source.PLATFORM, "campaign"] == 3
    assert len(versions(admin)) == 3


def test_nobody_there_means_later(platform):
    nowhere = "http://127.0.0.1:9"
    dead = Sandbox(
        google_url=nowhere,
        meta_url=nowhere,
        tiktok_url=nowhere,
        google_ads_endpoint="localhost:9",
        grpc_roots_path=platform.sandbox.grpc_roots_path,
        around=platform.sandbox.around,
    )
    platform.sandbox = dead
    with pytest.raises((Unreachable, Unclear)):
        platform.pull()


@pytest.mark.parametrize("fault", ["429", "503", "500", "expired_token"])
def test_an_error_says_its_code_and_nothing_else(platform, fault):
    platform.lists("Bahar")
    platform.arm(fault)
    with pytest.raises(VendorError) as refusal:
        platform.pull()
    assert str(refusal.value) == refusal.value.code
    assert refusal.value.__context__ is None or refusal.value.__suppress_context__
    assert TOKEN not in repr(refusal.value)
    assert len(refusal.value.code) < 60
