"""Installing an account: the default routes, sealed credentials, and refusals that say what to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from orchestration.deliveries.accounts import list_accounts, read_credentials
from orchestration.deliveries.routes import DEFAULT_ROUTES, AccountRefused, install_account
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
    options = WHOLE[platform] | {"credentials": TOKEN} | changes
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
    options = WHOLE[base] | {"credentials": TOKEN} | changes
    account_id = options.pop("account_id")
    with pytest.raises(AccountRefused, match=word):
        install_account(warehouse, tenant.tenant_id, platform, account_id, **options)
    assert admin.execute("select count(*) from ops.accounts").fetchone() == (0,)
