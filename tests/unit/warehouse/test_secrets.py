"""Sealed secrets open in their place and nowhere else; the master key is made once."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from orchestration.settings import Settings
from orchestration.warehouse.keys import MasterKeyUnreadable, master_key
from orchestration.warehouse.secrets import SecretUnreadable, Vault

VAULT = Vault(b"k" * 32)


@given(secret=st.binary(max_size=200), place=st.text(max_size=80))
def test_a_secret_opens_in_its_place(secret: bytes, place: str) -> None:
    assert VAULT.decrypt(VAULT.encrypt(secret, place), place) == secret


@given(secret=st.binary(max_size=50), place=st.text(max_size=20), other=st.text(max_size=20))
def test_a_moved_secret_does_not_open(secret: bytes, place: str, other: str) -> None:
    if place != other:
        with pytest.raises(SecretUnreadable):
            VAULT.decrypt(VAULT.encrypt(secret, place), other)


@given(damaged=st.binary(max_size=60))
def test_any_bytes_end_in_the_same_refusal(damaged: bytes) -> None:
    with pytest.raises(SecretUnreadable):
        VAULT.decrypt(damaged, "place")


def test_another_key_opens_nothing() -> None:
    with pytest.raises(SecretUnreadable):
        Vault(b"j" * 32).decrypt(VAULT.encrypt(b"secret", "place"), "place")


def test_each_tenant_has_its_own_pepper() -> None:
    one, other = uuid4(), uuid4()
    assert VAULT.pepper(one) == VAULT.pepper(one)
    assert VAULT.pepper(one) != VAULT.pepper(other)


def test_first_starts_at_once_agree_on_one_key_that_only_the_owner_reads(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", master_key=None)
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: master_key(settings), range(32)))
    assert len(keys) == 1
    mode = stat.S_IMODE((settings.home / "master.key").stat().st_mode)
    assert mode == 0o600
    assert [path.name for path in settings.home.iterdir()] == ["master.key"]


@pytest.mark.parametrize(
    "value",
    ["", "not base64!", base64.b64encode(b"short").decode()],
    ids=["empty", "text", "short"],
)
def test_a_master_key_of_another_kind_is_refused(value: str) -> None:
    with pytest.raises(MasterKeyUnreadable):
        master_key(Settings(master_key=SecretStr(value)))


def test_settings_never_print_a_secret() -> None:
    settings = Settings(
        master_key=SecretStr("hunter2"), database_url=SecretStr("postgresql://u:hunter2@h/d")
    )
    assert "hunter2" not in repr(settings) + str(settings.model_dump())
