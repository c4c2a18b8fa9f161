"""The vault on a real Postgres: new values once, older rules again, each tenant for itself."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import dagster as dg
import pytest
from sqlalchemy import text

from orchestration.enrichment import assets, vault
from orchestration.enrichment.identifiers import RULES_VERSION, internal_form, token
from orchestration.enrichment.landing import PARSER_VERSION
from orchestration.enrichment.vault import (
    IdentifierTally,
    LandingTally,
    parse_new_landings,
    read_new_identifiers,
)
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse
from orchestration.warehouse.resource import WarehouseResource
from orchestration.warehouse.secrets import Vault
from orchestration.warehouse.tenants import NewTenant

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
PEPPER = b"p" * 32
URL = "https://ornek.com/?utm_source=google&gclid=1&utm_campaign=Yaz%20Okulu"
DIGEST = "de8875562f7248a5bbc99b26d972c36201f6836c397f86c9357609bf61039694"

MakeTenant = Callable[..., NewTenant]
Stage = Callable[..., None]


def parse_landings(warehouse: Warehouse, tenant_id: UUID, **options: Any) -> LandingTally:
    tally = LandingTally()
    with warehouse.tenant(tenant_id) as connection:
        parse_new_landings(connection, tenant_id, tally, **{"now": NOW, **options})
    return tally


def read_identifiers(warehouse: Warehouse, tenant_id: UUID, **options: Any) -> IdentifierTally:
    tally = IdentifierTally()
    with warehouse.tenant(tenant_id) as connection:
        read_new_identifiers(
            connection, tenant_id, tally, **{"pepper": PEPPER, "now": NOW, **options}
        )
    return tally


def held_landings(warehouse: Warehouse, tenant_id: UUID) -> list[Any]:
    with warehouse.tenant(tenant_id) as connection:
        return list(connection.execute(text("select * from vault.landings order by landing_key")))


def held_identifiers(warehouse: Warehouse, tenant_id: UUID) -> list[Any]:
    with warehouse.tenant(tenant_id) as connection:
        return list(
            connection.execute(
                text("select * from vault.identifiers order by kind, raw_value, platform")
            )
        )


def test_new_landing_is_parsed_and_kept(
    warehouse: Warehouse, make_tenant: MakeTenant, stage_landings: Stage
):
    tenant_id = make_tenant().tenant_id
    stage_landings(
        tenant_id, [("url", URL), ("text", f"Merhaba ({URL}). Şule"), ("text", "Merhaba")]
    )

    tally = parse_landings(warehouse, tenant_id)

    assert tally == LandingTally(new_count=3, placeless_count=1, sources=Counter(google=2))
    rows = {row.kind: row for row in held_landings(warehouse, tenant_id) if row.landing_url}
    for row in rows.values():
        assert (row.landing_url, row.utm_source, row.utm_campaign, row.gclid) == (
            URL,
            "google",
            "Yaz Okulu",
            "1",
        )
        assert row.utm_medium is None
        assert (row.parser_version, row.parsed_at) == (PARSER_VERSION, NOW)
    assert set(rows) == {"url", "text"}


def test_new_identifier_has_a_row_per_platform_and_one_token(
    warehouse: Warehouse, make_tenant: MakeTenant, stage_identifiers: Stage
):
    tenant_id = make_tenant().tenant_id
    stage_identifiers(tenant_id, [("phone", "0532 123 45 67")])

    tally = read_identifiers(warehouse, tenant_id)

    assert tally == IdentifierTally(new_count=1)
    rows = held_identifiers(warehouse, tenant_id)
    assert {row.platform: row.normalized for row in rows} == {
        "google": "+905321234567",
        "meta": "905321234567",
        "tiktok": "+905321234567",
    }
    assert {row.sha256 for row in rows} == {
        "57c4176feab36c8b2d9536954c377aee3fa760184cbdb9c3a431fbc707817386",
        "7e3308159fc7cca243cef8a01acc25f18cd62d0d1ad92a6d38c3107d9aa3d8cc",
    }
    assert {row.token for row in rows} == {token(PEPPER, "phone", "+905321234567")}
    assert {row.rules_version for row in rows} == set(RULES_VERSION.values())


def test_refused_and_prehashed_values_are_kept_and_counted(
    warehouse: Warehouse, make_tenant: MakeTenant, stage_identifiers: Stage
):
    tenant_id = make_tenant().tenant_id
    stage_identifiers(
        tenant_id,
        [
            ("email", DIGEST.upper()),
            ("email", "noemail@x.com"),
            ("phone", "12"),
            ("city", DIGEST),
            ("email", "a@b.co"),
        ],
    )

    tally = read_identifiers(warehouse, tenant_id)

    assert tally.new_count == 5
    assert tally.prehashed_count == 2
    assert tally.refusals == Counter(placeholder=1, invalid_number=1, hash_in_plain_field=1)
    rows = {(row.raw_value, row.platform): row for row in held_identifiers(warehouse, tenant_id)}
    hashed = rows[DIGEST.upper(), "meta"]
    assert (hashed.sha256, hashed.normalized, hashed.is_prehashed) == (DIGEST, None, True)
    assert hashed.token == token(PEPPER, "email", f"sha256:{DIGEST}")
    refused = rows["12", "google"]
    assert (refused.sha256, refused.token, refused.reason) == (None, None, "invalid_number")
    assert rows[DIGEST, "tiktok"].reason == "hash_in_plain_field"
    assert rows[DIGEST, "meta"].sha256 == DIGEST


def test_second_run_adds_nothing(
    warehouse: Warehouse, make_tenant: MakeTenant, stage_landings: Stage, stage_identifiers: Stage
):
    tenant_id = make_tenant().tenant_id
    stage_landings(tenant_id, [("url", URL)])
    stage_identifiers(tenant_id, [("email", "a@b.co")])
    parse_landings(warehouse, tenant_id)
    read_identifiers(warehouse, tenant_id)
    before = held_landings(warehouse, tenant_id), held_identifiers(warehouse, tenant_id)

    later = NOW + timedelta(days=1)

    assert parse_landings(warehouse, tenant_id, now=later) == LandingTally()
    assert read_identifiers(warehouse, tenant_id, now=later) == IdentifierTally()
    assert (held_landings(warehouse, tenant_id), held_identifiers(warehouse, tenant_id)) == before


def test_only_what_is_new_is_read(
    warehouse: Warehouse, make_tenant: MakeTenant, stage_landings: Stage
):
    tenant_id = make_tenant().tenant_id
    stage_landings(tenant_id, [("url", URL)])
    parse_landings(warehouse, tenant_id)
    stage_landings(tenant_id, [("url", f"{URL}&kpv=2")])

    assert parse_landings(warehouse, tenant_id).new_count == 1
    assert len(held_landings(warehouse, tenant_id)) == 2


def test_newer_parser_reads_old_values_again_and_an_older_one_does_not(
    warehouse: Warehouse,
    make_tenant: MakeTenant,
    stage_landings: Stage,
    monkeypatch: pytest.MonkeyPatch,
):
    tenant_id = make_tenant().tenant_id
    stage_landings(tenant_id, [("url", URL)])
    parse_landings(warehouse, tenant_id)
    original = vault.parse
    monkeypatch.setattr(vault, "parse", lambda kind, raw: replace(original(kind, raw), gclid="new"))
    later = NOW + timedelta(days=1)

    tally = parse_landings(warehouse, tenant_id, version=PARSER_VERSION + 1, now=later)
    older = parse_landings(warehouse, tenant_id)

    assert (tally.new_count, tally.renewed_count) == (0, 1)
    assert older == LandingTally()
    (row,) = held_landings(warehouse, tenant_id)
    assert (row.gclid, row.parser_version, row.parsed_at) == ("new", PARSER_VERSION + 1, later)


def test_newer_rules_of_one_platform_read_its_old_values_again(
    warehouse: Warehouse, make_tenant: MakeTenant, stage_identifiers: Stage
):
    tenant_id = make_tenant().tenant_id
    stage_identifiers(tenant_id, [("email", "a@b.co"), ("country", "Türkiye")])
    former = {**RULES_VERSION, "tiktok": RULES_VERSION["tiktok"] - 1}
    read_identifiers(warehouse, tenant_id, versions=former)
    later = NOW + timedelta(days=1)

    tally = read_identifiers(warehouse, tenant_id, now=later)
    again = read_identifiers(warehouse, tenant_id)
    older = read_identifiers(warehouse, tenant_id, versions=former)

    assert (tally.new_count, tally.renewed_count) == (0, 2)
    assert again == older == IdentifierTally()
    rows = {(row.kind, row.platform): row for row in held_identifiers(warehouse, tenant_id)}
    assert {row.rules_version for row in rows.values()} == set(RULES_VERSION.values())
    country = rows["country", "tiktok"]
    assert (country.normalized, country.reason, country.seen_at) == ("tr", None, later)
    # What newer rules leave as it was is nothing new.
    assert {row.seen_at for key, row in rows.items() if key != ("country", "tiktok")} == {NOW}


def test_each_tenant_has_its_own_values_and_tokens(
    warehouse: Warehouse, make_tenant: MakeTenant, stage_landings: Stage, stage_identifiers: Stage
):
    first, second = make_tenant().tenant_id, make_tenant().tenant_id
    for tenant_id in (first, second):
        stage_landings(tenant_id, [("url", URL)])
        stage_identifiers(tenant_id, [("email", "a@b.co")])

    parse_landings(warehouse, first)
    read_identifiers(warehouse, first)

    assert held_landings(warehouse, second) == held_identifiers(warehouse, second) == []
    assert parse_landings(warehouse, second).new_count == 1
    read_identifiers(warehouse, second, pepper=b"q" * 32)
    tokens = [
        {row.token for row in held_identifiers(warehouse, tenant)} for tenant in (first, second)
    ]
    assert tokens[0].isdisjoint(tokens[1])
    assert [row.tenant_id for row in held_landings(warehouse, first)] == [first]


def test_hostile_value_does_not_sink_the_batch(
    warehouse: Warehouse, make_tenant: MakeTenant, stage_landings: Stage, stage_identifiers: Stage
):
    tenant_id = make_tenant().tenant_id
    hostile = [
        "/?gclid=%00&utm_source=a%00b",
        "http://[::1?gclid=1",
        "\\N",
        "a\tb\\.\n",
        "\x1b[31m",
        "%ED%A0%80",
        "x" * 9000,
    ]
    stage_landings(tenant_id, [*(("url", raw) for raw in hostile), ("url", URL)])
    names = [raw[:512] for raw in hostile]
    stage_identifiers(
        tenant_id,
        [*(("first_name", raw) for raw in names), ("shoe_size", "42"), ("email", "a@b.co")],
    )

    landings = parse_landings(warehouse, tenant_id)
    identifiers = read_identifiers(warehouse, tenant_id)

    assert landings.new_count == len(held_landings(warehouse, tenant_id)) == len(hostile) + 1
    assert landings.sources == Counter({"google": 1, "a%00b": 1})
    assert identifiers.refusals["unknown_kind"] == 1
    assert len(held_identifiers(warehouse, tenant_id)) == 3 * (len(names) + 1)


def test_many_values_go_through_in_chunks(
    warehouse: Warehouse,
    make_tenant: MakeTenant,
    stage_landings: Stage,
    stage_identifiers: Stage,
    monkeypatch: pytest.MonkeyPatch,
):
    tenant_id = make_tenant().tenant_id
    stage_landings(tenant_id, [("url", f"{URL}&kpv={number}") for number in range(20_000)])
    stage_identifiers(tenant_id, [("email", f"a{number}@b.co") for number in range(20_000)])
    chunks: list[int] = []
    original = vault.copy_rows

    def watch(connection: Any, table: str, columns: Any, rows: list[Any]) -> int:
        chunks.append(len(rows))
        return original(connection, table, columns, rows)

    monkeypatch.setattr(vault, "copy_rows", watch)

    assert parse_landings(warehouse, tenant_id).new_count == 20_000
    assert read_identifiers(warehouse, tenant_id).new_count == 20_000
    assert chunks == [10_000, 10_000, 30_000, 30_000]
    assert len(held_landings(warehouse, tenant_id)) == 20_000
    assert len(held_identifiers(warehouse, tenant_id)) == 60_000


def test_assets_go_through_all_tenants_and_report_counts_only(
    settings: Settings,
    warehouse: Warehouse,
    make_tenant: MakeTenant,
    stage_landings: Stage,
    stage_identifiers: Stage,
):
    first, second = make_tenant().tenant_id, make_tenant().tenant_id
    stage_landings(first, [("url", URL)])
    stage_landings(second, [("url", URL)])
    stage_identifiers(first, [("email", "gizli@ornek.com"), ("phone", "1")])
    stage_identifiers(second, [("email", DIGEST)])

    result = dg.materialize(
        [assets.landings, assets.identifiers],
        resources={"warehouse": resource_for(settings)},
        instance=dg.DagsterInstance.ephemeral(),
    )

    landings = metadata_of(result, "landings")
    assert landings["dagster/row_count"] == 2
    assert "| google | 2 |" in landings["preview"]
    identifiers = metadata_of(result, "identifiers")
    assert (
        identifiers["dagster/row_count"],
        identifiers["prehashed_count"],
        identifiers["refused_count"],
    ) == (3, 1, 1)
    assert "| invalid_number | 1 |" in identifiers["preview"]
    assert not any("gizli" in str(event) for event in result.all_events)
    pepper = Vault.of(resource_for(settings).settings()).pepper(first)
    form = internal_form("email", "gizli@ornek.com", "TR")
    assert form is not None
    assert token(pepper, "email", form) in {row.token for row in held_identifiers(warehouse, first)}
    assert len(held_identifiers(warehouse, second)) == 3


def resource_for(settings: Settings) -> WarehouseResource:
    assert settings.database_url is not None
    return WarehouseResource(
        home=str(settings.home), database_url=settings.database_url.get_secret_value()
    )


def metadata_of(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node(f"vault__{name}")
    return {key: entry.value for key, entry in event.metadata.items()}
