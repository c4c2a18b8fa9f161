"""Whose each part of a notification is, where tenants share a secret."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.intake.accounts import Division, divide
from orchestration.intake.keys import WHATSAPP, Key
from orchestration.intake.payloads import whatsapp
from orchestration.intake.problems import Unreadable

SAMPLES = Path(__file__).parents[2] / "data" / "whatsapp"
# The accounts and the phone number of the sample of a batch.
FIRST, SECOND, PHONE = "102290129340398", "102290129340399", "106540352242922"


def _key(number: int, *names: str) -> Key:
    return Key(
        tenant_id=UUID(int=number),
        key_id=f"k{number}",
        kind=WHATSAPP,
        secret=b"shared",
        lookup_sha256=None,
        origins=frozenset(names),
        not_before=datetime(2026, 11, 11, tzinfo=UTC),
        not_after=None,
        tenant_is_active=True,
    )


def _batch() -> dict[str, Any]:
    return json.loads((SAMPLES / "batch.json").read_text())


def _entry(account: object, *messages: str, phone: str = PHONE) -> dict[str, Any]:
    value = {"metadata": {"phone_number_id": phone}, "messages": [{"id": m} for m in messages]}
    return {"id": account, "changes": [{"field": "messages", "value": value}]}


def _envelope(*entries: object) -> bytes:
    return json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()


def _messages(division: Division) -> dict[tuple[str, bool], list[str]]:
    """The messages of each share, by whose it is and whether it is named."""
    return {
        (share.key.key_id, share.is_named): [
            event.dedupe_key for event in whatsapp.read(share.body).events
        ]
        for share in division.shares
    }


def test_who_alone_holds_the_secret_and_names_nothing_gets_everything_unread() -> None:
    (share,) = divide(b"no json", [_key(1)]).shares

    assert (share.key.key_id, share.body, share.is_named) == ("k1", b"no json", True)


def test_of_a_sole_holder_only_what_it_names_is_its_own() -> None:
    division = divide(_envelope(_entry("10", "a"), _entry("20", "b")), [_key(1, "10")])

    assert _messages(division) == {("k1", True): ["a"], ("k1", False): ["b"]}
    assert not division.is_settled
    assert not division.unclaimed


def test_a_batch_is_cut_between_the_tenants_that_name_its_accounts() -> None:
    body = json.dumps(_batch()).encode()

    division = divide(body, [_key(1, FIRST), _key(2, SECOND)])

    assert division.is_settled
    shares = {share.key.key_id: json.loads(share.body) for share in division.shares}
    assert shares["k1"] == {**_batch(), "entry": _batch()["entry"][:1]}
    assert shares["k2"] == {**_batch(), "entry": _batch()["entry"][1:]}


def test_what_is_all_of_one_tenant_stays_the_bytes_that_came() -> None:
    body = (SAMPLES / "batch.json").read_bytes()

    (share,) = divide(body, [_key(1, FIRST, SECOND), _key(2, "20")]).shares

    assert (share.key.key_id, share.body) == ("k1", body)


def test_a_phone_number_says_more_than_its_account() -> None:
    entry = _entry("10", "a", phone="111")
    entry["changes"] += _entry("10", "b", phone="222")["changes"]

    division = divide(_envelope(entry), [_key(1, "10"), _key(2, "222")])

    assert _messages(division) == {("k1", True): ["a"], ("k2", True): ["b"]}


@pytest.mark.parametrize(
    "names",
    [((), ("20",)), (("20",), ("30",)), (("10",), ("10",)), (("111",), ("111", "10"))],
    ids=["one names none", "nobody names it", "two name it", "two name its number"],
)
def test_what_not_just_one_tenant_names_is_nobodys(names: tuple[tuple[str, ...], ...]) -> None:
    keys = [_key(number, *of_key) for number, of_key in enumerate(names)]

    division = divide(_envelope(_entry("10", "a", phone="111")), keys)

    assert division.shares == []
    assert division.unclaimed == {"10"}


def test_what_is_nobodys_does_not_hold_up_the_others() -> None:
    body = _envelope(_entry("10", "a"), _entry("30", "c"), _entry("20", "b"))

    division = divide(body, [_key(1, "10"), _key(2, "20")])

    assert _messages(division) == {("k1", True): ["a"], ("k2", True): ["b"]}
    assert division.unclaimed == {"30"}


@pytest.mark.parametrize(
    "entry", [{}, 1, None, {"id": 10}, {"id": ["10"]}, {"id": "10 "}, {"id": {"id": "10"}}]
)
def test_an_entry_without_an_id_is_nobodys(entry: object) -> None:
    assert divide(_envelope(entry), [_key(1, "10"), _key(2, "20")]).shares == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"entry": []}',
        b'{"entry": {}}',
        b'{"entry": [{"id": "10"}], "entry": [{"id": "20"}]}',
        b'{"entry": [{"id": "20", "id": "10"}]}',
        b'{"entry": [1e9999999999999999999999]}',
        b'{"entry": ' + b"[" * 100_000,
    ],
    ids=lambda body: body[:24],
)
def test_what_cannot_be_told_is_a_sole_holders_to_read_and_else_nobodys(body: bytes) -> None:
    (share,) = divide(body, [_key(1, "10")]).shares

    assert (share.body, share.is_named) == (body, True)
    assert divide(body, [_key(1, "10"), _key(2, "20")]) == Division((), frozenset({""}))


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "x" * 9000], ids=["NUL", "half", "long"])
def test_an_unreadable_message_of_one_tenant_does_not_spoil_anothers(text: str) -> None:
    good, bad = json.dumps(_entry("10", "a")), json.dumps(_entry("20", "BAD")).replace("BAD", text)
    body = f'{{"object": "whatsapp_business_account", "entry": [{good}, {bad}]}}'.encode()

    first, second = divide(body, [_key(1, "10"), _key(2, "20")]).shares

    assert [event.dedupe_key for event in whatsapp.read(first.body).events] == ["a"]
    assert text.encode() in second.body
    with pytest.raises(Unreadable):
        whatsapp.read(second.body)


def test_numbers_keep_their_digits_where_a_batch_is_cut() -> None:
    numbers = "[40.990270000001, 123456789012345678, 1.50, -0.0]"
    entry = json.dumps(_entry("10", "a")).replace('{"id": "a"}', f'{{"id": "a", "n": {numbers}}}')
    body = f'{{"object": "whatsapp_business_account", "entry": [{entry}, {{"id": "20"}}]}}'.encode()

    share = divide(body, [_key(1, "10"), _key(2, "20")]).shares[0]

    assert numbers.replace(" ", "") in whatsapp.read(share.body).events[0].payload


_ACCOUNTS = st.sampled_from(["10", "20", "30"])
_ENTRIES = st.lists(
    st.tuples(_ACCOUNTS, st.sampled_from(["111", "222", "333"])), min_size=1, max_size=8
)


@given(_ENTRIES, st.lists(st.sets(st.sampled_from(["10", "20", "111", "222"])), max_size=2))
def test_nothing_is_lost_doubled_or_given_to_whom_it_does_not_name(
    entries: list[tuple[str, str]], names: list[set[str]]
) -> None:
    keys = [_key(0, "10"), *(_key(number, *of) for number, of in enumerate(names, 1))]
    body = _envelope(
        *(_entry(a, f"{i}:{a}:{p}", phone=p) for i, (a, p) in enumerate(entries)),
    )

    division = divide(body, keys)

    given_to = _messages(division)
    named = {key.key_id: key.origins for key in keys}
    for (key_id, is_named), messages in given_to.items():
        for message in messages:
            assert bool(named[key_id] & set(message.split(":")[1:])) is is_named
            assert is_named or len(keys) == 1
    shared = [message for messages in given_to.values() for message in messages]
    whole = {event.dedupe_key for event in whatsapp.read(body).events}
    assert len(shared) == len(set(shared))
    assert {message.split(":")[1] for message in whole - set(shared)} == division.unclaimed
