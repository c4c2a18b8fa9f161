"""Who signed, and how fresh the keys are that say so."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from orchestration.intake.keys import CRM, FORM, WHATSAPP, Key, KeyRing, Keys
from orchestration.intake.limits import Limits
from orchestration.intake.problems import Unavailable
from orchestration.intake.verification import fingerprint

NOW = datetime(2026, 11, 11, 12, tzinfo=UTC)
A, B = UUID(int=1), UUID(int=2)
LIMITS = Limits(key_seconds=5, stale_key_seconds=60, reload_seconds=0)


class Secret:
    """A proof by one secret, which remembers what was tried."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.tried: list[bytes] = []

    def is_signed_by(self, secret: bytes, body: bytes) -> bool:
        self.tried.append(secret)
        return secret == self._secret


def _key(tenant_id: UUID, secret: bytes, **changes: Any) -> Key:
    fields: dict[str, Any] = {
        "tenant_id": tenant_id,
        "key_id": secret.decode(),
        "kind": CRM,
        "secret": secret,
        "lookup_sha256": None,
        "origins": frozenset(),
        "not_before": NOW - timedelta(days=1),
        "not_after": None,
        "tenant_is_active": True,
    }
    return Key(**fields | changes)


def _signers(ring: KeyRing, secret: bytes, hint: UUID | None = None) -> list[str]:
    return [key.key_id for key in ring.signers(CRM, Secret(secret), b"", NOW, hint)]


def test_the_key_that_signs_says_whose_the_request_is() -> None:
    ring = KeyRing([_key(A, b"a1"), _key(A, b"a2"), _key(B, b"b1")])

    assert _signers(ring, b"a2") == ["a2"]
    assert _signers(ring, b"b1") == ["b1"]
    assert _signers(ring, b"c1") == []


def test_a_hint_only_says_whom_to_try_first() -> None:
    ring = KeyRing([_key(A, b"a1"), _key(B, b"b1")])
    proof = Secret(b"b1")

    assert [key.key_id for key in ring.signers(CRM, proof, b"", NOW, hint=B)] == ["b1"]
    assert proof.tried == [b"b1"]
    assert _signers(ring, b"b1", hint=A) == ["b1"]
    assert _signers(ring, b"b1", hint=UUID(int=9)) == ["b1"]


def test_all_keys_of_a_tenant_are_tried_whichever_matches() -> None:
    ring = KeyRing([_key(A, b"a1"), _key(A, b"a2")])
    proof = Secret(b"a1")

    ring.signers(CRM, proof, b"", NOW)

    assert proof.tried == [b"a1", b"a2"]


def test_a_secret_shared_by_tenants_names_all_of_them() -> None:
    assert _signers(KeyRing([_key(A, b"same"), _key(B, b"same")]), b"same") == ["same", "same"]


@pytest.mark.parametrize(
    ("changes", "is_current"),
    [
        ({"not_before": NOW}, True),
        ({"not_before": NOW + timedelta(seconds=1)}, False),
        ({"not_after": NOW + timedelta(seconds=1)}, True),
        ({"not_after": NOW}, False),
    ],
    ids=["from now", "not yet", "still", "no more"],
)
def test_a_key_counts_from_and_until_its_time(changes: dict[str, Any], is_current: bool) -> None:
    ring = KeyRing([_key(A, b"a1", **changes)])

    assert bool(_signers(ring, b"a1")) is is_current


def test_a_form_is_found_by_its_key_and_kind() -> None:
    ring = KeyRing([_key(A, b"x", kind=FORM, lookup_sha256=fingerprint(b"public-key"))])

    assert ring.find(FORM, "public-key", NOW) is not None
    assert ring.find(FORM, "public-kez", NOW) is None
    assert ring.find(WHATSAPP, "public-key", NOW) is None
    assert ring.find(FORM, "\ud800", NOW) is None


def test_a_key_does_not_print_its_secret() -> None:
    assert "hidden" not in repr(_key(A, b"hidden", key_id="k"))


class Shelf:
    """A place to read rings from, which can be down, and counts how often it was asked."""

    def __init__(self) -> None:
        self.ring = KeyRing([_key(A, b"a1")])
        self.is_down = False
        self.readings = 0

    def read(self) -> KeyRing:
        self.readings += 1
        if self.is_down:
            raise Unavailable("keys_unavailable", "down")
        return self.ring


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def _run(scenario: Callable[[Keys, Shelf, Clock], Any]) -> None:
    shelf, clock = Shelf(), Clock()
    asyncio.run(scenario(Keys(shelf.read, LIMITS, clock), shelf, clock))


def test_keys_are_read_once_for_all_who_ask_at_the_same_time() -> None:
    async def scenario(keys: Keys, shelf: Shelf, _: Clock) -> None:
        rings = await asyncio.gather(*(keys.current() for _ in range(20)))
        assert len(set(rings)) == 1
        await keys.current()
        assert shelf.readings == 1

    _run(scenario)


def test_old_keys_stand_while_new_ones_are_read() -> None:
    async def scenario(keys: Keys, shelf: Shelf, clock: Clock) -> None:
        old = await keys.current()
        shelf.ring = KeyRing()
        clock.seconds += 6
        assert await keys.current() is old
        await keys.close()
        assert await keys.current() is shelf.ring

    _run(scenario)


def test_a_request_that_matches_nothing_gets_the_newest_keys() -> None:
    async def scenario(keys: Keys, shelf: Shelf, _: Clock) -> None:
        await keys.current()
        shelf.ring = KeyRing([_key(B, b"b1")])
        rings = await asyncio.gather(*(keys.after_miss() for _ in range(20)))
        assert set(rings) == {shelf.ring}
        assert shelf.readings <= 3

    _run(scenario)


def test_when_keys_cannot_be_read_the_answer_is_later() -> None:
    async def scenario(keys: Keys, shelf: Shelf, _: Clock) -> None:
        shelf.is_down = True
        with pytest.raises(Unavailable):
            await keys.current()
        shelf.is_down = False
        assert await keys.current() is shelf.ring
        shelf.is_down = True
        with pytest.raises(Unavailable):
            await keys.after_miss()

    _run(scenario)


def test_the_last_keys_stand_for_a_minute_and_no_longer() -> None:
    async def scenario(keys: Keys, shelf: Shelf, clock: Clock) -> None:
        last = await keys.current()
        shelf.is_down = True
        clock.seconds += 59
        assert await keys.current() is last
        await keys.close()
        clock.seconds += 2
        with pytest.raises(Unavailable):
            await keys.current()

    _run(scenario)
