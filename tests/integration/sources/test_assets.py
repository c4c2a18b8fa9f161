"""The pull as Dagster runs it: accounts and credentials from the warehouse, failures at the end and by code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import psycopg
import pytest

from orchestration.sandbox.server import Sandbox, running_sandbox
from orchestration.settings import Settings
from orchestration.sources.assets import definitions, raw_records
from orchestration.warehouse.resource import WarehouseResource
from orchestration.warehouse.secrets import Vault

OAUTH = {"client_id": "id", "client_secret": "secret", "refresh_token": "refresh"}
TOKEN = {"access_token": "token"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with (
        running_sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(sandbox.grpc_roots_path))
        yield sandbox


@pytest.fixture
def add_account(settings: Settings, admin: psycopg.Connection) -> Callable[..., None]:
    vault = Vault.of(settings)

    def add(
        tenant_id: Any,
        platform: str,
        account_id: str,
        credentials: dict[str, str],
        **config: str,
    ) -> None:
        admin.execute(
            "insert into ops.accounts (tenant_id, platform, account_id, config) values (%s, %s, %s, %s)",
            (tenant_id, platform, account_id, json.dumps(config)),
        )
        for name, secret in credentials.items():
            sealed = vault.encrypt(secret.encode(), f"{tenant_id}|{platform}|{name}|{account_id}")
            admin.execute(
                "insert into ops.credentials (tenant_id, platform, account_id, field, ciphertext)"
                " values (%s, %s, %s, %s, %s)",
                (tenant_id, platform, account_id, name, sealed),
            )

    return add


@pytest.fixture
def materialize(settings: Settings, sandbox: Sandbox) -> Callable[[], dg.ExecuteInProcessResult]:
    pointed = settings.model_copy(update=sandbox.settings_overrides())

    class PointedResource(WarehouseResource):
        def settings(self) -> Settings:
            return pointed

    def materialize() -> dg.ExecuteInProcessResult:
        return dg.materialize(
            [raw_records],
            resources={"warehouse": PointedResource()},
            instance=dg.DagsterInstance.ephemeral(),
            raise_on_error=False,
        )

    return materialize


def counted(admin: psycopg.Connection) -> dict[tuple[str, str], int]:
    statement = "select system, object, count(*) from raw.records group by 1, 2"
    return {(system, name): count for system, name, count in admin.execute(statement).fetchall()}


def test_every_account_of_every_tenant_is_pulled(make_tenant, add_account, materialize, admin):
    first, second = make_tenant().tenant_id, make_tenant().tenant_id
    add_account(first, "google", "1234567890", OAUTH, ads_customer_id="1234567890")
    add_account(first, "meta", "880000000000001", TOKEN, ad_account_id="act_100000000000001")
    add_account(second, "tiktok", "CPIXEL0001", TOKEN, advertiser_id="7000000000000000001")
    result = materialize()
    assert result.success
    assert counted(admin) == {
        ("google_ads", "campaign"): 3,
        ("google_ads", "adgroup"): 4,
        ("meta_ads", "campaign"): 3,
        ("meta_ads", "adgroup"): 4,
        ("tiktok_ads", "campaign"): 3,
        ("tiktok_ads", "adgroup"): 3,
    }
    metadata = result.asset_materializations_for_node("raw__records")[0].metadata
    assert metadata["dagster/row_count"].value == 20
    assert metadata["accounts"].value == 3


def told_by_the_check(result) -> str:
    """What the failed check on the asset says; it warns and stops nothing."""
    (evaluation,) = result.get_asset_check_evaluations()
    assert not evaluation.passed
    assert evaluation.severity.value == "WARN"
    return str(evaluation.metadata["failures"].value)


def test_one_failing_account_stops_no_other(make_tenant, add_account, materialize, admin):
    tenant_id = make_tenant().tenant_id
    add_account(tenant_id, "google", "1234567890", {**OAUTH, "refresh_token": "revoked"})
    add_account(tenant_id, "meta", "1", {"access_token": "expired"}, ad_account_id="act_1")
    add_account(tenant_id, "tiktok", "P", TOKEN, advertiser_id="7000000000000000001")
    result = materialize()
    assert result.success
    assert counted(admin) == {("tiktok_ads", "campaign"): 3, ("tiktok_ads", "adgroup"): 3}
    description = told_by_the_check(result)
    assert "google account 1234567890" in description
    assert "credential_refused" in description
    assert "190_463" in description


def test_a_credential_that_does_not_open_costs_its_account_only(
    make_tenant, add_account, materialize, admin
):
    tenant_id = make_tenant().tenant_id
    add_account(tenant_id, "tiktok", "P", TOKEN, advertiser_id="7000000000000000001")
    add_account(tenant_id, "meta", "1", TOKEN, ad_account_id="act_100000000000001")
    admin.execute("update ops.credentials set ciphertext = 'x' where platform = 'meta'")
    result = materialize()
    assert result.success
    assert ("tiktok_ads", "campaign") in counted(admin)
    assert "credential_unreadable" in told_by_the_check(result)


def test_an_account_for_conversions_alone_is_passed_over(
    make_tenant, add_account, materialize, admin
):
    add_account(make_tenant().tenant_id, "meta", "880000000000001", TOKEN)
    result = materialize()
    assert result.success
    assert counted(admin) == {}
    metadata = result.asset_materializations_for_node("raw__records")[0].metadata
    assert metadata["accounts_without_lists"].value == 1


def test_an_inactive_account_is_left_alone(make_tenant, add_account, materialize, admin, sandbox):
    add_account(make_tenant().tenant_id, "tiktok", "P", TOKEN, advertiser_id="7000000000000000001")
    admin.execute("update ops.accounts set is_active = false")
    before = sandbox.counts()["tiktok"]["requests"]
    assert materialize().success
    assert sandbox.counts()["tiktok"]["requests"] == before


def test_the_stage_brings_what_is_pulled_and_what_is_pushed():
    resources = dg.Definitions(resources={"warehouse": WarehouseResource()})
    graph = dg.Definitions.merge(definitions(), resources).resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {
        "raw/events",
        "raw/records",
    }
