"""Installing an account: the default routes, sealed credentials, and refusals that say what to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from orchestration.deliveries.accounts.accounts import list_accounts, read_credentials
from orchestration.deliveries.accounts.routes import DEFAULT_ROUTES, AccountRefused, install_account
from orchestration.warehouse import Warehouse
from orchestration.warehouse.secrets import Vault
from orchestration.warehouse.tenants import NewTenant

TOKEN = {"access_token": "EAAB-secret"}
WHOLE: dict[str, dict[str, Any]] = {
    "google": {
        "account_id": "123-456-7890",
        "config": {"login_account": "987-654-3210"},
        "action_ids": {"purchase": "900000002", "appointment": "900000004"},
    },
    "meta": {"account_id": "880000000000001", "config": {"ad_account_id": "act_1"}},
    "tiktok": {"account_id": "CPIXEL0001", "config": {"offline_event_set_id": "71"}},
}


def install(warehouse: Warehouse, tenant: NewTenant, platform: str, **changes: Any) -> None:
    options: dict[str, Any] = WHOLE[platform] | {"credentials": TOKEN} | changes
    account_id = options.pop("account_id")
    install_account(warehouse, tenant.tenant_id, platform, account_id, **options)


@pytest.fixture
def tenant(make_tenant: Callable[..., NewTenant]) -> NewTenant:
    return make_tenant()


@pytest.mark.parametrize("platform", DEFAULT_ROUTES)
def test_account_gets_its_routes_and_its_secret_sealed(
    warehouse: Warehouse, admin: psycopg.Connection, tenant: NewTenant, platform: str
) -> None:
    install(warehouse, tenant, platform)
    [account] = list_accounts(warehouse, tenant.tenant_id)
    assert read_credentials(warehouse, Vault.of(warehouse.settings), account) == TOKEN
    sealed = admin.execute("select ciphertext from ops.credentials").fetchall()
    assert all(b"EAAB" not in bytes(row[0]) for row in sealed)
    routes = admin.execute(
        "select conversion_kind, action, action_id, with_value from ops.routes order by 1"
    ).fetchall()
    wanted = WHOLE[platform].get("action_ids")
    assert routes == sorted(
        (kind, route.action, (wanted or {}).get(kind), route.with_value)
        for kind, route in DEFAULT_ROUTES[platform].items()
        if wanted is None or kind in wanted
    )
    audit = admin.execute("select action, object, result from ops.audit_log").fetchall()
    assert audit == [("account.install", f"{platform} {account.account_id}", "done")]


def test_google_numbers_lose_their_dashes(warehouse: Warehouse, tenant: NewTenant) -> None:
    install(warehouse, tenant, "google")
    [account] = list_accounts(warehouse, tenant.tenant_id)
    assert account.account_id == "1234567890"
    assert account.config == {"ads_customer_id": "1234567890", "login_account": "9876543210"}


def test_installing_again_keeps_what_the_tenant_chose(
    warehouse: Warehouse, admin: psycopg.Connection, tenant: NewTenant
) -> None:
    install(warehouse, tenant, "meta")
    admin.execute("update ops.routes set action = 'Subscribe', is_active = false")
    install(warehouse, tenant, "meta", credentials={"access_token": "new"})
    assert set(admin.execute("select action, is_active from ops.routes").fetchall()) == {
        ("Subscribe", False)
    }
    [account] = list_accounts(warehouse, tenant.tenant_id)
    credentials = read_credentials(warehouse, Vault.of(warehouse.settings), account)
    assert credentials == {"access_token": "new"}


@pytest.mark.parametrize(
    ("platform", "changes", "word"),
    [
        ("snapchat", {"account_id": "1"}, "no platform"),
        ("google", {"account_id": "12x"}, "no google account id"),
        ("google", {"action_ids": {}}, "purchase=123456789"),
        ("google", {"action_ids": {"refund": "1"}}, "purchase=123456789"),
        ("google", {"action_ids": {"purchase": "x"}}, "is a number"),
        ("google", {"credentials": {"client_id": "c"}}, "refresh_token"),
        ("google", {"config": {"dataset_id": "1"}}, "have no dataset_id"),
        ("meta", {"account_id": "act_1"}, "dataset_id="),
        ("meta", {"account_id": "a|b"}, "no meta account id"),
        ("meta", {"action_ids": {"purchase": "1"}}, "names, not ids"),
        ("meta", {"credentials": {"token": "x"}}, "credentials are"),
        ("tiktok", {"config": {}}, "offline_event_set_id="),
        ("tiktok", {"config": {"site_url": "https://a.example/?email=x"}}, "without a query"),
        ("google", {"config": {"api": "soap"}}, "data_manager or click_upload"),
        ("google", {"config": {"match_rate_threshold": "70"}}, "share from 0 to 1"),
        ("meta", {"config": {"dataset_id": "x"}}, "dataset_id is a number"),
        ("meta", {"config": {"ad_account_id": "1"}}, "behind act_"),
        ("meta", {"config": {"action_source": "website"}}, "browser of each person in the clear"),
        ("meta", {"config": {"action_source_purchase": "website"}}, "only hashes leave"),
        ("meta", {"config": {"action_source": "app"}}, "one of chat, email, other"),
        ("meta", {"config": {"action_source": "business_messaging"}}, "one of chat, email, other"),
        ("meta", {"config": {"crm_name": "jane@example.com"}}, "letters of the English alphabet"),
        ("meta", {"config": {"stage_purchase": "1"}}, "a letter first"),
        ("meta", {"config": {"data_processing_country": "1"}}, "or 1 and 1000"),
        ("meta", {"config": {"data_processing_state": "5"}}, "1000 for California"),
        ("meta", {"config": {"emq_threshold": "11"}}, "from 0 to 10"),
        ("meta", {"config": {"physical_store_days": "63"}}, "from 7 to 62"),
        ("meta", {"config": {"physical_store_days": "6"}}, "from 7 to 62"),
        ("meta", {"config": {"test_event_code": "a b"}}, "test page"),
        ("meta", {"config": {"crm_event_set_id": "1"}}, "have no crm_event_set_id"),
        (
            "tiktok",
            {"config": {"crm_event_set_id": "x", "site_url": "https://a.example/"}},
            "number",
        ),
        ("tiktok", {"config": {"event_source": "crm", "site_url": "https://a.example/"}}, "web or"),
        (
            "tiktok",
            {"config": {"event_source": "web", "offline_event_set_id": "1"}},
            "site_url too",
        ),
        (
            "tiktok",
            {"config": {"event_source": "offline", "site_url": "https://a.example/"}},
            "offline_event_set_id too",
        ),
        (
            "tiktok",
            {"config": {"stage_purchase": "Purchase", "offline_event_set_id": "1"}},
            "one of TikTok's own names",
        ),
        ("tiktok", {"config": {"emq_threshold": "5", "offline_event_set_id": "1"}}, "have no emq"),
    ],
)
def test_refusal_says_what_to_change(
    warehouse: Warehouse,
    admin: psycopg.Connection,
    tenant: NewTenant,
    platform: str,
    changes: dict[str, Any],
    word: str,
) -> None:
    base = platform if platform in WHOLE else "meta"
    options: dict[str, Any] = WHOLE[base] | {"credentials": TOKEN} | changes
    account_id = options.pop("account_id")
    with pytest.raises(AccountRefused, match=word):
        install_account(warehouse, tenant.tenant_id, platform, account_id, **options)
    assert admin.execute("select count(*) from ops.accounts").fetchone() == (0,)


@pytest.mark.parametrize(
    ("platform", "config"),
    [
        ("google", {"api": "click_upload", "match_rate_threshold": "0.5"}),
        (
            "meta",
            {
                "test_event_code": "TEST123",
                "crm_name": "Akademi CRM",
                "stage_enrollment": "Closed Won",
                "action_source": "phone_call",
                "action_source_purchase": "physical_store",
                "physical_store_days": "62",
                "data_processing_country": "1",
                "data_processing_state": "1000",
                "match_rate_threshold": "0.7",
                "emq_threshold": "6.5",
            },
        ),
        (
            "tiktok",
            {
                "site_url": "https://akademi.example/",
                "crm_event_set_id": "7200000000000000001",
                "event_source": "web",
                "crm_name": "Akademi CRM",
                "stage_purchase": "order",
                "test_event_code": "TEST123",
                "match_rate_threshold": "1",
            },
        ),
    ],
)
def test_every_value_that_is_right_is_kept(
    warehouse: Warehouse, tenant: NewTenant, platform: str, config: dict[str, str]
) -> None:
    install(warehouse, tenant, platform, config=config)
    [account] = list_accounts(warehouse, tenant.tenant_id)
    assert account.config.items() >= config.items()


# --- Moving an account while events may have arrived ---------------------------------------------------------------

MOVES = [
    ("meta", {}, "system_generated", {"dataset_id": "2"}),
    ("tiktok", {"site_url": "https://a.example/"}, "web", {"pixel_code": "COTHER"}),
    ("tiktok", {"offline_event_set_id": "71"}, "offline", {"offline_event_set_id": "72"}),
    (
        "tiktok",
        {"crm_event_set_id": "1", "offline_event_set_id": "71"},
        "crm",
        {"crm_event_set_id": "2"},
    ),
]


def owe(admin: psycopg.Connection, tenant: NewTenant, platform: str, lane: str, state: str) -> None:
    """Put one event of this lane and state into the ledger."""
    admin.execute(
        "insert into ops.deliveries (tenant_id, delivery_id, platform, account_id, action, conversion_id, event_id,"
        " state, reason, lane, is_doubtful, lease_token)"
        " values (%s, %s, %s, %s, 'Purchase', 'c', %s, %s, 'eligible', %s, %s, %s)",
        [
            tenant.tenant_id,
            "d" * 64,
            platform,
            WHOLE[platform]["account_id"],
            "e" * 64,
            state,
            lane,
            state == "retry_wait",
            tenant.tenant_id if state == "leased" else None,
        ],
    )


@pytest.mark.parametrize(("platform", "before", "lane", "after"), MOVES)
@pytest.mark.parametrize("state", ["in_doubt", "leased", "retry_wait"])
def test_events_that_may_have_arrived_are_not_moved_to_where_they_count_again(
    warehouse: Warehouse,
    admin: psycopg.Connection,
    tenant: NewTenant,
    platform: str,
    before: dict[str, str],
    lane: str,
    after: dict[str, str],
    state: str,
) -> None:
    install(warehouse, tenant, platform, config=before)
    owe(admin, tenant, platform, lane, state)
    with pytest.raises(AccountRefused, match="1 events may have arrived"):
        install(warehouse, tenant, platform, config=before | after)
    [account] = list_accounts(warehouse, tenant.tenant_id)
    assert account.config.items() >= before.items()
    # Anything else may change, and so may the place once the event is settled.
    install(warehouse, tenant, platform, config=before | {"test_event_code": "T"})
    admin.execute("delete from ops.deliveries")
    install(warehouse, tenant, platform, config=before | after)


def test_event_of_one_source_does_not_hold_another(
    warehouse: Warehouse, admin: psycopg.Connection, tenant: NewTenant
) -> None:
    before = {"offline_event_set_id": "71", "crm_event_set_id": "1"}
    install(warehouse, tenant, "tiktok", config=before)
    owe(admin, tenant, "tiktok", "offline", "in_doubt")
    install(warehouse, tenant, "tiktok", config=before | {"crm_event_set_id": "2"})


def test_event_that_never_left_is_no_reason_to_stay(
    warehouse: Warehouse, admin: psycopg.Connection, tenant: NewTenant
) -> None:
    install(warehouse, tenant, "meta")
    owe(admin, tenant, "meta", "system_generated", "pending")
    install(warehouse, tenant, "meta", config={"dataset_id": "2"})
