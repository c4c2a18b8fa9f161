"""One address of the operator becomes what each part needs, driver always named."""

from __future__ import annotations

import base64

import pytest
from pydantic import SecretStr

from orchestration.settings import Settings
from orchestration.warehouse import addresses

KEY = SecretStr(base64.b64encode(b"k" * 32).decode())


def settings(url: str) -> Settings:
    return Settings(database_url=SecretStr(url), master_key=KEY)


@pytest.mark.parametrize(
    "given",
    ["postgresql://a:b@db.internal:5433/ll", "postgres+psycopg2://a:b@db.internal:5433/ll"],
    ids=["bare", "with another driver"],
)
def test_the_driver_is_always_named(given: str) -> None:
    operator = settings(given.replace("postgres+", "postgresql+"))
    assert addresses.role_url(operator, "worker").drivername == "postgresql+psycopg"
    assert addresses.dagster_url(operator).startswith("postgresql+psycopg2://a:b@")
    assert "/ll_dagster" in addresses.dagster_url(operator)
    assert addresses.libpq_url(addresses.admin_url(operator)).startswith("postgresql://a:b@")


def test_dbt_gets_a_socket_folder_as_its_host() -> None:
    operator = settings("postgresql://postgres@/ll?host=/tmp/sockets")
    environment = addresses.libpq_environment(addresses.role_url(operator, "dbt"))
    assert environment["PGHOST"] == "/tmp/sockets"  # noqa: S108
    assert environment["PGUSER"] == "dbt"
    assert environment["PGDATABASE"] == "ll"


def test_each_role_has_a_password_of_its_own_that_follows_the_master_key() -> None:
    operator = settings("postgresql://postgres@h/ll")
    passwords = {role: addresses.role_password(operator, role) for role in addresses.ROLES}
    assert len(set(passwords.values())) == len(addresses.ROLES)
    other = operator.model_copy(
        update={"master_key": SecretStr(base64.b64encode(b"j" * 32).decode())}
    )
    assert addresses.role_password(other, "worker") != passwords["worker"]


def test_an_unknown_role_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="the roles are migrate, intake"):
        addresses.role_url(settings("postgresql://postgres@h/ll"), "root")


@pytest.mark.parametrize(
    "given",
    ["", "db.internal hunter2", "mysql://a:hunter2@h/ll", "postgresql://a:hunter2@h:port/ll"],
    ids=["empty", "no address", "another database", "no port"],
)
def test_what_is_no_address_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(addresses.AddressUnreadable, match="LEADLOOP_DATABASE_URL") as refusal:
        addresses.admin_url(settings(given))
    assert "hunter2" not in str(refusal.value)


def test_dbt_is_told_how_to_trust_the_server() -> None:
    operator = settings("postgresql://a:b@h/ll?sslmode=verify-full&sslrootcert=/ca.pem")
    environment = addresses.libpq_environment(addresses.role_url(operator, "dbt"))
    assert environment["PGSSLMODE"] == "verify-full"
    assert environment["PGSSLROOTCERT"] == "/ca.pem"
