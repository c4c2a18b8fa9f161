"""JSON lines: one line out for each line in, errors in their place, nothing of the input repeated."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.enrichment.jsonlines import normalize_lines, parse_lines
from orchestration.enrichment.landing import FIELDS


def parsed(*lines: str) -> list[dict]:
    return [json.loads(line) for line in parse_lines(lines)]


def normalized(*entries: object) -> list[dict]:
    lines = (json.dumps(entry) for entry in entries)
    return [json.loads(line) for line in normalize_lines(lines, "meta")]


def test_url_and_text_give_all_fields():
    url, text = parsed(
        '{"url": "https://ornek.com/?UTM_Source=Google&gad_campaignid=7"}',
        '{"text": "Merhaba (https://ornek.com/?utm_campaign=yaz%20okulu) 😀"}',
    )

    assert set(url) == set(text) == set(FIELDS)
    assert (url["utm_source"], url["campaign_id"]) == ("Google", "7")
    assert text["utm_campaign"] == "yaz okulu"
    assert text["utm_source"] is None


def test_turkish_letters_are_written_as_letters():
    assert "İlk Şube" in next(parse_lines(['{"url": "/?utm_campaign=İlk+Şube"}']))


def test_null_is_an_empty_value():
    assert parsed('{"url": null}')[0]["landing_url"] is None
    assert parsed('{"url": null, "text": "https://a.com"}')[0]["landing_url"] == "https://a.com"


def test_bad_line_gives_its_number_and_the_rest_goes_on():
    results = parsed('{"url": ""}', "", "not json", "  ", '{"text": ""}')

    assert results[1] == {"error": "not valid JSON", "line": 3}
    assert len(results) == 3
    assert "error" not in results[2]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "not valid JSON"),
        ('{"link": "x"}', '"url" or "text" is missing'),
        ('{"url": 5}', '"url" is not a string'),
        ('{"url": "a", "text": "b"}', 'give "url" or "text", not both'),
    ],
)
def test_error_says_what_the_line_should_be(line: str, error: str):
    assert parsed(line) == [{"error": error, "line": 1}]


def test_only_an_error_begins_with_the_word():
    assert next(parse_lines(["x"])).startswith('{"error"')
    assert next(normalize_lines(["x"], "meta")).startswith('{"error"')
    assert not next(normalize_lines(['{"kind": "email"}'], "meta")).startswith('{"error"')


def test_byte_order_mark_is_no_part_of_the_first_line():
    assert parsed('\ufeff{"url": "/?gclid=1"}')[0]["gclid"] == "1"


def test_lines_are_answered_as_they_come():
    def endless() -> Iterator[str]:
        while True:
            yield '{"url": "/?gclid=1"}'

    answers = parse_lines(endless())

    assert json.loads(next(answers))["gclid"] == json.loads(next(answers))["gclid"] == "1"


def test_identifier_is_normalized_and_hashed():
    assert normalized({"kind": "phone", "value": "0532 123 45 67", "region": "TR"}) == [
        {
            "normalized": "905321234567",
            "sha256": "7e3308159fc7cca243cef8a01acc25f18cd62d0d1ad92a6d38c3107d9aa3d8cc",
            "rules_version": 2,
        }
    ]


def test_phone_that_lost_its_quotes_is_read():
    assert (
        normalized({"kind": "phone", "value": 5321234567, "region": "TR"})[0]["normalized"]
        == "905321234567"
    )


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"kind": "shoe_size", "value": "42"}, "unknown_kind"),
        ({"kind": "email"}, "empty"),
        ({"kind": "email", "value": None}, "empty"),
        ({"kind": "email", "value": ["a@b.co"]}, "not_text"),
        ({"kind": "phone", "value": True}, "not_text"),
        ({"kind": "phone", "value": "0532 123 45 67"}, "no_region"),
        ({"kind": "first_name", "value": "\ud800"}, "not_text"),
    ],
)
def test_refused_identifier_gives_its_reason(entry: dict, reason: str):
    assert normalized(entry) == [{"reason": reason, "rules_version": 2}]


def test_kind_and_region_must_be_strings():
    assert normalized({"value": "x"}, {"kind": "phone", "value": "1", "region": 90}) == [
        {"error": '"kind" is not a string', "line": 1},
        {"error": '"region" is not a string', "line": 2},
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
entries = st.dictionaries(
    st.sampled_from(["url", "text", "kind", "value", "region", "x"]), json_values, max_size=5
)


@given(st.lists(st.one_of(entries.map(json.dumps), st.text()), max_size=5))
def test_any_lines_give_one_json_object_each(lines: list[str]):
    expected = sum(bool(line.strip().removeprefix("\ufeff")) for line in lines)

    for answers in (list(parse_lines(lines)), list(normalize_lines(lines, "google"))):
        assert len(answers) == expected
        assert all(isinstance(json.loads(answer), dict) and answer.encode() for answer in answers)
