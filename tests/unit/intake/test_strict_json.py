"""Bytes become values, or one kind of refusal with a code."""

import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.intake import strict_json
from orchestration.intake.limits import JsonLimits
from orchestration.intake.problems import Unreadable

SMALL = JsonLimits(
    depth=4, nodes=20, keys_per_object=3, string_characters=10, key_characters=5, integer_digits=6
)


def _code(body: bytes, limits: JsonLimits = strict_json.DEFAULT_LIMITS) -> str:
    with pytest.raises(Unreadable) as refusal:
        strict_json.parse(body, limits)
    return refusal.value.code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", "not_json", id="empty"),
        pytest.param(b"{", "not_json", id="unfinished"),
        pytest.param(b"{} {}", "not_json", id="two values"),
        pytest.param(b"{'a': 1}", "not_json", id="single quotes"),
        pytest.param(b'{"a": 1,}', "not_json", id="trailing comma"),
        pytest.param(b'{"a": 01}', "not_json", id="leading zero"),
        pytest.param(b'"a\x00b"', "not_json", id="bare NUL"),
        pytest.param(b'"a\nb"', "not_json", id="bare line feed"),
        pytest.param(b'{"a": NaN}', "not_a_number", id="NaN"),
        pytest.param(b"[-Infinity]", "not_a_number", id="Infinity"),
        pytest.param(b'{"a": 1, "a": 1}', "duplicate_key", id="key twice"),
        pytest.param(b'{"a": 1, "\\u0061": 1}', "duplicate_key", id="key twice, once escaped"),
        pytest.param(b'{"a": "\\u0000"}', "unstorable_text", id="escaped NUL"),
        pytest.param(b'{"\\u0000": 1}', "unstorable_text", id="escaped NUL in a key"),
        pytest.param(b'"\\ud800"', "unstorable_text", id="lone surrogate"),
        pytest.param(b'"\\udc00\\ud800"', "unstorable_text", id="surrogates in the wrong order"),
        pytest.param(b'"\xed\xa0\x80"', "not_utf8", id="surrogate as bytes"),
        pytest.param(b'"\xc0\x80"', "not_utf8", id="overlong NUL"),
        pytest.param('"ş"'.encode("iso-8859-9"), "not_utf8", id="Turkish code page"),
        pytest.param(b"\xef\xbb\xbf{}", "byte_order_mark", id="byte-order mark"),
        pytest.param("{}".encode("utf-16"), "not_utf8", id="UTF-16"),
        pytest.param(b"[" * 100_000, "too_deep", id="deep beyond the stack"),
        pytest.param(b"[" * 33 + b"]" * 33, "too_deep", id="one level too deep"),
        pytest.param(b"1234567890123456789", "number_too_long", id="19 digits"),
        pytest.param(b"1e400", "number_too_long", id="exponent beyond a float"),
        pytest.param(b"1e131072", "number_too_long", id="exponent beyond numeric"),
        pytest.param(b"1e-131072", "number_too_long", id="scale beyond numeric"),
        pytest.param(b"1" + b"0" * 18 + b".5", "number_too_long", id="fraction with 19 digits"),
    ],
)
def test_what_would_be_read_differently_later_is_refused(body: bytes, code: str) -> None:
    assert _code(body) == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"[[[[[1]]]]]", "too_deep", id="depth"),
        pytest.param(b"[" + b"1," * 20 + b"1]", "too_many_nodes", id="nodes"),
        pytest.param(b'{"a":1,"b":1,"c":1,"d":1}', "too_many_keys", id="keys"),
        pytest.param(b'"12345678901"', "string_too_long", id="string"),
        pytest.param(b'{"123456":1}', "key_too_long", id="key"),
        pytest.param(b"-1234567", "number_too_long", id="digits"),
    ],
)
def test_what_is_over_a_limit_is_refused(body: bytes, code: str) -> None:
    assert _code(body, SMALL) == code


@pytest.mark.parametrize(
    "body",
    [b"[[[1]]]", b"[1,1,1,1]", b'{"a":1,"b":1,"c":1}', b'"1234567890"', b'{"12345":1}', b"-123456"],
)
def test_what_is_at_a_limit_passes(body: bytes) -> None:
    assert strict_json.parse(body, SMALL) == json.loads(body)


def test_fractions_keep_every_digit() -> None:
    value = strict_json.parse(
        b'{"value": 0.10000000000000000555, "other": 1e3, "turkish": "\xc5\x9f"}'
    )

    assert value == {
        "value": Decimal("0.10000000000000000555"),
        "other": Decimal("1e3"),
        "turkish": "ş",
    }


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_one_way(body: bytes) -> None:
    with suppress(Unreadable):
        value = strict_json.parse(body)
        assert strict_json.parse(strict_json.dump(value).encode()) == value


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
    | st.decimals(-(10**9), 10**9, places=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcığüşöç", max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_VALUES)
def test_what_is_dumped_parses_back(value: object) -> None:
    assert strict_json.parse(strict_json.dump(value).encode()) == value


@given(st.lists(_VALUES, max_size=5), st.sampled_from(["", " ", "\n\t "]))
def test_an_array_splits_into_its_elements_as_written(values: list[object], space: str) -> None:
    texts = [strict_json.dump(value) for value in values]
    array = f"{space}[{space}" + f"{space},{space}".join(texts) + f"{space}]{space}"

    assert strict_json.split_array(array) == texts


def test_sorted_dumps_do_not_depend_on_the_order_of_keys() -> None:
    one = strict_json.parse(b'{"b": {"y": 1.50, "x": 2}, "a": []}')
    other = strict_json.parse(b'{"a": [], "b": {"x": 2, "y": 1.50}}')

    assert strict_json.dump(one, sort_keys=True) == strict_json.dump(other, sort_keys=True)
    assert strict_json.dump(one, sort_keys=True) == '{"a":[],"b":{"x":2,"y":1.50}}'
