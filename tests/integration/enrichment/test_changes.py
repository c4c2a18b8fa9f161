"""What a change of rules would alter, counted over a real vault."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from orchestration.commands import filters
from orchestration.enrichment import vault
from orchestration.enrichment.changes import Changes, count_changes
from orchestration.enrichment.identifiers import PLATFORMS
from orchestration.enrichment.rules.sets import find_rule_set
from orchestration.enrichment.vault import IdentifierTally, read_new_identifiers
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse
from orchestration.warehouse.tenants import NewTenant

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
FIRST = dict.fromkeys(PLATFORMS, 1)
VALUES = [
    ("email", "a@b.co"),
    ("email", "ｊａｎｅ@example.com"),
    ("first_name", "Ayşe"),
    ("first_name", "Dr.Ali"),
    ("first_name", "Ayşe Hanım"),
    ("first_name", "\u3164"),
    ("phone", "0532 123 45 67"),
    ("phone", "+55 11 8765-4321"),
    ("phone", "12"),
    ("country", "Türkiye"),
    ("email", "DE8875562F7248A5BBC99B26D972C36201F6836C397F86C9357609BF61039694"),
    ("city", "de8875562f7248a5bbc99b26d972c36201f6836c397f86c9357609bf61039694"),
]

MakeTenant = Callable[..., NewTenant]
Stage = Callable[..., None]


def read(warehouse: Warehouse, tenant_id: UUID, versions: dict[Any, int]) -> None:
    with warehouse.tenant(tenant_id) as connection:
        read_new_identifiers(
            connection, tenant_id, IdentifierTally(), pepper=b"p" * 32, now=NOW, versions=versions
        )


def compare(warehouse: Warehouse, tenant_id: UUID, platform: str, before: int, after: int) -> Any:
    changes = Changes(find_rule_set(platform, before), find_rule_set(platform, after))
    with warehouse.tenant(tenant_id) as connection:
        count_changes(connection, tenant_id, changes)
    return changes.as_json()


@pytest.fixture
def tenant_id(warehouse: Warehouse, make_tenant: MakeTenant, stage_identifiers: Stage) -> UUID:
    """A tenant whose values were read by the first version of all rules."""
    tenant_id = make_tenant().tenant_id
    stage_identifiers(tenant_id, VALUES)
    read(warehouse, tenant_id, FIRST)
    return tenant_id


def test_changes_are_counted_by_kind_and_rule(warehouse: Warehouse, tenant_id: UUID):
    told = compare(warehouse, tenant_id, "google", 1, 2)

    assert told["values"] == len(VALUES)
    assert (told["altered"], told["accepted"], told["refused"]) == (3, 2, 1)
    assert told["other_reason"] == told["drifted"] == 0
    assert told["by_kind"]["first_name"] == {
        **{"values": 4, "altered": 2, "accepted": 0, "refused": 1, "other_reason": 0}
    }
    assert told["by_kind"]["phone"]["accepted"] == told["by_kind"]["country"]["accepted"] == 1
    assert told["by_rule"] == {"CTR3": 1, "NAM5": 1, "NAM6": 1, "PHN5": 1, "TXT4": 1, "TXT5": 1}


def test_platforms_are_counted_by_their_own_rules(warehouse: Warehouse, tenant_id: UUID):
    told = compare(warehouse, tenant_id, "meta", 1, 2)

    assert (told["altered"], told["accepted"], told["refused"]) == (1, 2, 1)
    assert told["by_rule"] == {"CTR3": 1, "PHN5": 1, "TXT4": 1, "TXT5": 1}


def test_way_back_is_the_mirror_of_the_way_there(warehouse: Warehouse, tenant_id: UUID):
    there = compare(warehouse, tenant_id, "google", 1, 2)
    back = compare(warehouse, tenant_id, "google", 2, 1)

    assert back["altered"] == there["altered"]
    assert (back["accepted"], back["refused"]) == (there["refused"], there["accepted"])
    assert back["by_rule"] == there["by_rule"]


def test_what_is_counted_is_what_the_asset_then_changes(warehouse: Warehouse, tenant_id: UUID):
    told = compare(warehouse, tenant_id, "google", 1, 2)

    def held() -> dict[Any, Any]:
        with warehouse.tenant(tenant_id) as connection:
            rows = connection.execute(
                text(
                    "select kind, raw_value, normalized, sha256, reason, token"
                    " from vault.identifiers where platform = 'google'"
                )
            ).all()
        return {(row.kind, row.raw_value): row for row in rows}

    before = held()
    read(warehouse, tenant_id, {**FIRST, "google": 2})
    after = held()

    changed = [key for key, row in before.items() if row[2:5] != after[key][2:5]]
    assert len(changed) == sum(told[name] for name in ("altered", "accepted", "refused"))
    kept = [key for key, row in before.items() if row.token]
    assert all(before[key].token == after[key].token for key in kept)


def test_value_that_its_own_rules_make_otherwise_today_is_drifted(
    warehouse: Warehouse, tenant_id: UUID
):
    with warehouse.tenant(tenant_id) as connection:
        connection.execute(
            text(
                "update vault.identifiers set normalized = '+905321234568', sha256 = repeat('0', 64)"
                " where kind = 'phone' and platform = 'google' and raw_value = '0532 123 45 67'"
            )
        )

    assert compare(warehouse, tenant_id, "google", 1, 2)["drifted"] == 1
    assert compare(warehouse, tenant_id, "google", 2, 1)["drifted"] == 0


def test_value_that_staging_lost_is_still_counted(
    warehouse: Warehouse, tenant_id: UUID, staging: Any
):
    staging.execute("delete from staging.stg_identifiers__values where kind = 'email'")

    assert compare(warehouse, tenant_id, "google", 1, 2)["values"] == len(VALUES)


def test_vault_is_read_in_chunks(
    warehouse: Warehouse, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(vault, "CHUNK_ROWS", 3)

    assert compare(warehouse, tenant_id, "tiktok", 1, 2)["values"] == len(VALUES)


def test_command_tells_numbers_and_no_value(
    settings: Settings,
    tenant_id: UUID,
    make_tenant: MakeTenant,
    monkeypatch: pytest.MonkeyPatch,
):
    make_tenant()
    monkeypatch.setattr(filters, "get_settings", lambda: settings)

    named = CliRunner().invoke(
        filters.app, ["normalize", "diff", "--from", "google:1", "--to", "google:2", "--json"]
    )
    shown = CliRunner().invoke(
        filters.app, ["normalize", "diff", "--platform", "google", "--from", "1", "--to", "2"]
    )

    assert named.exit_code == shown.exit_code == 0, named.output + shown.output
    told = json.loads(named.stdout)
    assert (told["from"], told["to"], told["values"]) == ("google:1", "google:2", len(VALUES))
    assert "google:1 → google:2" in shown.stdout
    assert "NAM6  1" in shown.stdout
    for _, value in (VALUES[0], *VALUES[6:8]):
        assert value not in named.output + shown.output
