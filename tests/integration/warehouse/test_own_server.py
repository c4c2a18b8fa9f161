"""A server of the operator's own: a login that is no superuser, strangers' roles, a second warehouse beside."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text

from orchestration.settings import Settings
from orchestration.warehouse import Warehouse, addresses, embedded
from orchestration.warehouse.migrate import ServerUnsuitable, migrate
from orchestration.warehouse.roles import RolesTaken
from orchestration.warehouse.tenants import create_tenant, find_tenant

KEY = SecretStr(base64.b64encode(b"k" * 32).decode())
OTHER_KEY = SecretStr(base64.b64encode(b"o" * 32).decode())


class OwnServer:
    """A bare server, not in UTC, with a login ``admin`` that may make databases and roles and nothing else."""

    def __init__(self, address: Callable[[str], str], home: Path) -> None:
        self._address = address
        self._home = home

    def settings(self, database: str = "leadloop", key: SecretStr = KEY) -> Settings:
        """What the operator sets."""
        url = make_url(self._address("postgres"))._replace(
            username="admin", password="secret", database=database or None
        )
        return Settings(
            home=self._home,
            database_url=SecretStr(url.render_as_string(hide_password=False)),
            master_key=key,
        )

    def run(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the superuser, and give its rows."""
        with psycopg.connect(self._address(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def address() -> Iterator[Callable[[str], str]]:
    """The superuser's address of a database on a server apart, by name: roles are shared by a whole server."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    handle = embedded.start(folder / "d")
    with psycopg.connect(handle.get_uri(), autocommit=True) as connection:
        connection.execute("alter system set fsync = off")
        connection.execute("alter system set timezone = 'America/New_York'")
        connection.execute("select pg_reload_conf()")
    yield lambda name: handle.get_uri(database=name)
    handle.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(address: Callable[[str], str], tmp_path: Path) -> Iterator[OwnServer]:
    own = OwnServer(address, tmp_path)
    own.run("create role admin login createdb createrole")
    yield own
    for (name,) in own.run(
        "select datname from pg_database where datname <> 'postgres' and not datistemplate"
    ):
        own.run(f"drop database {name} with (force)")
    for (name,) in own.run("select rolname from pg_roles where oid >= 16384"):
        own.run(f"drop owned by {name}")
    for (name,) in own.run("select rolname from pg_roles where oid >= 16384 order by rolname desc"):
        own.run(f"drop role {name}")


def test_a_login_that_is_no_superuser_makes_a_warehouse_and_may_repeat_it(
    server: OwnServer,
) -> None:
    settings = server.settings()
    assert migrate(settings) == migrate(settings)
    tenant = create_tenant(settings, "Akademi")
    assert find_tenant(settings, "Akademi") == tenant.tenant_id


def test_the_login_needs_its_privileges_for_the_first_migration_alone(server: OwnServer) -> None:
    settings = server.settings()
    revision = migrate(settings)
    server.run("alter role admin nocreatedb nocreaterole")
    assert migrate(settings) == revision
    assert create_tenant(settings, "Akademi").name == "Akademi"


def test_a_login_without_privileges_is_refused(server: OwnServer) -> None:
    server.run("alter role admin nocreatedb nocreaterole")
    with pytest.raises(errors.InsufficientPrivilege):
        migrate(server.settings())


def test_an_address_without_a_database_means_ours(server: OwnServer) -> None:
    settings = server.settings(database="")
    migrate(settings)
    assert find_tenant(settings, str(create_tenant(settings, "Akademi").tenant_id))
    assert server.run("select 1 from pg_database where datname = 'leadloop'")


def test_two_warehouses_of_one_server_share_roles_and_key(server: OwnServer) -> None:
    first, second = server.settings("first"), server.settings("second")
    migrate(first)
    migrate(second)
    create_tenant(second, "Okul")
    with Warehouse(first, "worker") as warehouse:
        assert warehouse.tenants() == []


def test_another_master_key_does_not_lock_out_the_warehouse_beside(server: OwnServer) -> None:
    migrate(server.settings("first"))
    passwords = "select rolname, rolpassword from pg_authid order by rolname"
    before = server.run(passwords)
    with pytest.raises(RolesTaken, match="another LEADLOOP_MASTER_KEY"):
        migrate(server.settings("second", OTHER_KEY))
    assert server.run(passwords) == before
    assert not server.run("select 1 from pg_database where datname = 'second'")


def test_roles_that_nobody_needs_any_more_may_be_made_under_another_key(server: OwnServer) -> None:
    migrate(server.settings())
    for database in ("leadloop", "leadloop_dagster"):
        server.run(f"drop database {database}")
    with pytest.raises(RolesTaken, match="drop role owner, keeper") as refusal:
        migrate(server.settings(key=OTHER_KEY))
    server.run(str(refusal.value).rpartition(": ")[2])
    migrate(server.settings(key=OTHER_KEY))


def test_a_stranger_s_role_of_the_same_name_is_left_alone(server: OwnServer) -> None:
    server.run("create role analyst login")
    with pytest.raises(RolesTaken, match="analyst"):
        migrate(server.settings())
    assert server.run("select rolpassword from pg_authid where rolname = 'analyst'") == [(None,)]
    assert not server.run("select 1 from pg_roles where rolname = 'owner'")


def test_roles_of_a_warehouse_from_before_they_were_marked_are_its_own(server: OwnServer) -> None:
    migrate(server.settings())
    for role in ("owner", "keeper", *addresses.ROLES):
        server.run(f"comment on role {role} is null")
    migrate(server.settings())
    with pytest.raises(RolesTaken, match="another LEADLOOP_MASTER_KEY"):
        migrate(server.settings(key=OTHER_KEY))


def test_a_database_that_cannot_hold_every_character_is_refused(server: OwnServer) -> None:
    server.run(
        "create database leadloop owner admin template template0 encoding 'LATIN1' locale 'C'"
    )
    with pytest.raises(ServerUnsuitable, match="LATIN1"):
        migrate(server.settings())


def test_times_are_utc_whatever_zone_the_server_keeps(server: OwnServer) -> None:
    settings = server.settings()
    migrate(settings)
    for address in (
        addresses.libpq_url(addresses.role_url(settings, "analyst")),
        addresses.libpq_url(addresses.role_url(settings, "dbt")),
    ):
        with psycopg.connect(address) as connection:
            assert connection.execute("show timezone").fetchone() == ("UTC",)
    engine = create_engine(addresses.dagster_url(settings))
    try:
        with engine.connect() as connection:
            assert connection.execute(text("show timezone")).scalar_one() == "UTC"
    finally:
        engine.dispose()
