"""What every test starts from: a real Postgres, and a database of its own cloned from a template.

One server per test process. The template is migrated once; a clone takes a few hundredths of a second. Its name is
the same for every test of a process, so that dbt's partial parse stays warm.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from orchestration.settings import Settings
from orchestration.warehouse import Warehouse, addresses, embedded
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.tenants import NewTenant, create_tenant

MASTER_KEY = "bGVhZGxvb3AtdGVzdHMtbWFzdGVyLWtleS0zMi1ieXQ="
TEMPLATE = "tpl"
BUILT_TEMPLATE = "tpl_built"
DATABASE = f"t_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


# The files that take longest, so that two processes end together: they are handed out in this order.
_LONGEST = (
    "journey/test_demonstration.py",
    "deliveries/sending/test_crashes.py",
    "sandbox/test_scenarios.py",
    "journey/test_readme.py",
    "journey/test_development.py",
    "integration/transform/",
    "deliveries/ledger/test_adjustments.py",
    "deliveries/answers/test_match_quality.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; no test depends on the order."""

    def rank(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((n for n, part in enumerate(_LONGEST) if part in path), len(_LONGEST))

    items.sort(key=rank)


@pytest.fixture(scope="session")
def server() -> Iterator[Callable[[str], str]]:
    """The address of a database on the test server, by name."""
    # A short folder: the socket's path may not pass 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    handle = embedded.start(folder / "d")
    with psycopg.connect(handle.get_uri(), autocommit=True) as connection:
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    yield lambda name: handle.get_uri(database=name)
    handle.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated, empty database."""
    migrate(_settings(server(TEMPLATE), tmp_path_factory.mktemp("home")))
    _freeze(server, TEMPLATE)
    return TEMPLATE


@pytest.fixture(scope="session")
def built_template(
    server: Callable[[str], str], template: str, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A migrated database in which dbt has built every model, empty."""
    from orchestration.transform.build import dbt_build_all

    _clone(server, template, DATABASE)
    dbt_build_all(_settings(server(DATABASE), tmp_path_factory.mktemp("home")))
    _clone(server, DATABASE, BUILT_TEMPLATE)
    _freeze(server, BUILT_TEMPLATE)
    return BUILT_TEMPLATE


@pytest.fixture
def settings(server: Callable[[str], str], template: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings on a fresh clone of the migrated template."""
    yield from _on_clone(server, template, tmp_path)


@pytest.fixture
def built_settings(
    server: Callable[[str], str], built_template: str, tmp_path: Path
) -> Iterator[Settings]:
    """Settings on a fresh clone of the template whose models are built."""
    yield from _on_clone(server, built_template, tmp_path)


@pytest.fixture(scope="module")
def shared_built_settings(
    server: Callable[[str], str], built_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings on one clone of the built template for all tests of a module, which keep apart by tenant."""
    name = f"{DATABASE}_shared"
    _clone(server, built_template, name)
    return _settings(server(name), tmp_path_factory.mktemp("home"))


@pytest.fixture
def warehouse(settings: Settings) -> Iterator[Warehouse]:
    """A pool for the worker, on ``settings``."""
    with Warehouse(settings, "worker") as pool:
        yield pool


@pytest.fixture
def make_tenant(request: pytest.FixtureRequest) -> Callable[..., NewTenant]:
    """Make a tenant on the settings that the test uses."""
    name = "built_settings" if "built_settings" in request.fixturenames else "settings"
    settings: Settings = request.getfixturevalue(name)

    def make(name: str | None = None, **options: str) -> NewTenant:
        return create_tenant(settings, name or f"Akademi {uuid.uuid4().hex[:8]}", **options)

    return make


@pytest.fixture
def admin(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """A superuser's connection to the test's database: for arranging data and for looking, never for the product."""
    name = "built_settings" if "built_settings" in request.fixturenames else "settings"
    settings: Settings = request.getfixturevalue(name)
    url = addresses.libpq_url(addresses.admin_url(settings))
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def _on_clone(server: Callable[[str], str], template: str, home: Path) -> Iterator[Settings]:
    _clone(server, template, DATABASE)
    yield _settings(server(DATABASE), home)


def _settings(url: str, home: Path) -> Settings:
    # In the state folder, where a Dagster resource finds it too: whatever names the folder has the key.
    (home / "master.key").write_text(MASTER_KEY)
    return Settings(home=home, database_url=SecretStr(url))


def _clone(server: Callable[[str], str], source: str, target: str) -> None:
    with psycopg.connect(server("postgres"), autocommit=True) as connection:
        drop = sql.SQL("drop database if exists {} with (force)")
        connection.execute(drop.format(sql.Identifier(target)))
        create = sql.SQL("create database {} template {}")
        connection.execute(create.format(sql.Identifier(target), sql.Identifier(source)))


def _freeze(server: Callable[[str], str], name: str) -> None:
    with psycopg.connect(server("postgres"), autocommit=True) as connection:
        statement = sql.SQL("alter database {} is_template true allow_connections false")
        connection.execute(statement.format(sql.Identifier(name)))
