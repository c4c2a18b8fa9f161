"""Tenants: made once, keys sealed, rows apart."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import text

from orchestration.settings import Settings
from orchestration.warehouse import Warehouse
from orchestration.warehouse.tenants import (
    NewTenant,
    TenantRefused,
    create_tenant,
    find_tenant,
    name_whatsapp_accounts,
    read_keys,
)

INSERT_EVENT = text(
    "insert into raw.events (tenant_id, source, dedupe_key, payload, body_sha256)"
    " values (:tenant_id, 'form', 'a', '{}', 'x')"
)


def test_a_new_tenant_is_found_by_name_and_by_id(
    settings: Settings, make_tenant: Callable[..., NewTenant]
) -> None:
    tenant = make_tenant("Akademi İstanbul")
    assert find_tenant(settings, "Akademi İstanbul") == tenant.tenant_id
    assert find_tenant(settings, str(tenant.tenant_id)) == tenant.tenant_id


def test_a_missing_tenant_is_answered_with_the_names_there_are(
    settings: Settings, make_tenant: Callable[..., NewTenant]
) -> None:
    make_tenant("Akademi")
    with pytest.raises(TenantRefused, match="'Akademi'"):
        find_tenant(settings, "Okul")


def test_keys_open_again_and_lie_sealed(
    settings: Settings, make_tenant: Callable[..., NewTenant], admin: psycopg.Connection
) -> None:
    tenant = make_tenant()
    assert read_keys(settings, tenant.tenant_id)["crm"] == tenant.crm_secret
    stored = admin.execute("select string_agg(encode(secret, 'escape'), '') from ops.intake_keys")
    sealed = stored.fetchone()
    assert sealed is not None
    assert tenant.crm_secret not in sealed[0]
    assert tenant.form_key not in sealed[0]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"region": "turkey"}, "region"),
        ({"timezone": "Istanbul"}, "time zone"),
        ({"currency": "lira"}, "currency"),
    ],
    ids=["region", "time zone", "currency"],
)
def test_a_wrong_value_is_refused_by_name(
    settings: Settings, options: dict[str, str], word: str
) -> None:
    with pytest.raises(TenantRefused, match=word):
        create_tenant(settings, "Akademi", **options)


def test_a_whatsapp_account_is_named_by_one_tenant(
    settings: Settings, make_tenant: Callable[..., NewTenant], admin: psycopg.Connection
) -> None:
    ours, theirs = make_tenant(), make_tenant()
    name_whatsapp_accounts(settings, ours.tenant_id, ["102290129340398"])
    name_whatsapp_accounts(settings, ours.tenant_id, ["102290129340398", "2"])
    with pytest.raises(TenantRefused, match="102290129340398"):
        name_whatsapp_accounts(settings, theirs.tenant_id, ["102290129340398"])
    named = admin.execute(
        "select origins from ops.intake_keys where kind = 'whatsapp' order by cardinality(origins)"
    ).fetchall()
    assert named == [([],), (["102290129340398", "2"],)]


def test_a_name_is_taken_once(settings: Settings, make_tenant: Callable[..., NewTenant]) -> None:
    make_tenant("Akademi")
    with pytest.raises(TenantRefused, match="exists already"):
        make_tenant("Akademi")


def test_a_tenant_sees_its_own_rows_and_no_others(
    warehouse: Warehouse, make_tenant: Callable[..., NewTenant]
) -> None:
    mine, theirs = make_tenant("a"), make_tenant("b")
    with warehouse.tenant(mine.tenant_id) as connection:
        connection.execute(INSERT_EVENT, {"tenant_id": mine.tenant_id})
    count = text("select count(*) from raw.events")
    with warehouse.tenant(mine.tenant_id) as connection:
        assert connection.execute(count).scalar_one() == 1
    with warehouse.tenant(theirs.tenant_id) as connection:
        assert connection.execute(count).scalar_one() == 0
    with warehouse.shared() as connection:
        assert connection.execute(count).scalar_one() == 0


def test_a_row_of_another_tenant_cannot_be_written(
    warehouse: Warehouse, make_tenant: Callable[..., NewTenant]
) -> None:
    mine, theirs = make_tenant("a"), make_tenant("b")
    with (
        pytest.raises(Exception, match="row-level security"),
        warehouse.tenant(mine.tenant_id) as connection,
    ):
        connection.execute(INSERT_EVENT, {"tenant_id": theirs.tenant_id})


def test_every_table_with_a_tenant_is_guarded(
    admin: psycopg.Connection, settings: Settings
) -> None:
    bare = admin.execute(
        """
        select c.oid::regclass::text
        from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname in ('raw', 'vault', 'ops', 'staging', 'intermediate', 'marts')
        and c.relkind in ('r', 'p')
        and exists (
            select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'tenant_id'
        )
        and not (c.relrowsecurity and c.relforcerowsecurity)
        """
    ).fetchall()
    assert bare == []
