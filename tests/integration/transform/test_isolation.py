"""Row-level security on what dbt builds, with the roles themselves logged in."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from orchestration.settings import Settings
from orchestration.warehouse import Warehouse

from .conftest import Company

BUILT_SCHEMAS = ["staging", "intermediate", "marts"]
COUNT = text("select count(*) from marts.fct_leads")


@pytest.fixture
def traffic(company: Company, neighbour: Company, refresh: Callable[..., None]) -> None:
    company.submit("ours-1", email="isil@example.com")
    company.submit("ours-2", email="can@example.com")
    neighbour.submit("theirs", email="isil@example.com")
    refresh()


def _count(settings: Settings, role: str, tenant_id: UUID | None, relation: str) -> int:
    with Warehouse(settings, role) as warehouse:
        opened = warehouse.shared() if tenant_id is None else warehouse.tenant(tenant_id)
        with opened as connection:
            return connection.execute(text(f"select count(*) from {relation}")).scalar_one()


@pytest.mark.usefixtures("traffic")
def test_each_role_sees_its_transactions_tenant_and_nothing_without_one(
    built_settings: Settings, company: Company, neighbour: Company
) -> None:
    for role in ("analyst", "panel", "worker"):
        seen = [
            _count(built_settings, role, tenant, "marts.fct_leads")
            for tenant in (company.tenant.tenant_id, neighbour.tenant.tenant_id, None)
        ]
        assert seen == [2, 1, 0], role


@pytest.mark.usefixtures("traffic")
def test_personal_data_is_for_the_worker_alone(built_settings: Settings, company: Company) -> None:
    tenant_id = company.tenant.tenant_id
    assert _count(built_settings, "worker", tenant_id, "staging.stg_forms__submissions") == 2
    for role in ("analyst", "panel", "intake"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            _count(built_settings, role, tenant_id, "staging.stg_forms__submissions")
    with pytest.raises(ProgrammingError, match="permission denied"):
        _count(built_settings, "analyst", tenant_id, "intermediate.int_touches__identified")


@pytest.mark.usefixtures("traffic")
def test_same_person_at_two_companies_is_two_persons(company: Company, neighbour: Company) -> None:
    assert company.lead("ours-1")["person_id"] != neighbour.lead("theirs")["person_id"]


@pytest.mark.usefixtures("traffic")
def test_rebuilt_tables_are_guarded_as_before(
    admin: psycopg.Connection, build: Callable[..., None]
) -> None:
    before = _guards(admin)
    build("--full-refresh", "--exclude-resource-type", "test")
    assert _guards(admin) == before


def test_no_readable_relation_is_unguarded(admin: psycopg.Connection) -> None:
    unguarded = admin.execute(
        "select c.oid::regclass::text from pg_class as c"
        " join pg_namespace as n on n.oid = c.relnamespace"
        " where n.nspname = any(%s) and c.relkind in ('r', 'p', 'v', 'm')"
        " and not (c.relrowsecurity and c.relforcerowsecurity)"
        " and not coalesce('security_invoker=true' = any(c.reloptions), false)"
        " and exists (select 1 from unnest(array['intake', 'worker', 'panel', 'analyst']) as role"
        " where has_table_privilege(role, c.oid, 'select'))",
        [BUILT_SCHEMAS],
    ).fetchall()
    assert unguarded == []


def _guards(admin: psycopg.Connection) -> list[tuple[object, ...]]:
    return admin.execute(
        "select schemaname, tablename, policyname, roles, cmd, qual from pg_policies"
        " where schemaname = any(%s) order by 1, 2, 3",
        [BUILT_SCHEMAS],
    ).fetchall()
