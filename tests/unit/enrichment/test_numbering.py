"""Telephone numbers: the quick way and phonenumbers' own say the same of every number."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumberFormat

from orchestration.enrichment import numbering

COMMON = (
    "TR",
    "US",
    "CA",
    "GB",
    "DE",
    "FR",
    "IT",
    "ES",
    "NL",
    "BR",
    "MX",
    "AR",
    "RU",
    "KZ",
    "AZ",
    "SA",
    "IN",
    "AU",
)
ALL = sorted(phonenumbers.SUPPORTED_REGIONS)


def plainly(text: str, region: str | None) -> tuple[str, bool] | None:
    """What phonenumbers says, asked as anybody would."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return (
        phonenumbers.format_number(number, PhoneNumberFormat.E164),
        phonenumbers.is_valid_number(number),
    )


def quickly(text: str, region: str | None) -> tuple[str, bool] | None:
    try:
        number = numbering.to_e164(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number, numbering.is_valid(number)


def example_numbers(region: str) -> list[str]:
    """A number of every type that the region's plan has, as digits without a prefix."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    assert metadata is not None
    kinds = (
        "fixed_line",
        "mobile",
        "toll_free",
        "premium_rate",
        "shared_cost",
        "voip",
        "uan",
        "pager",
    )
    described = [getattr(metadata, kind) for kind in kinds]
    return [each.example_number for each in described if each is not None and each.example_number]


def spellings(region: str, national: str) -> list[str]:
    code = phonenumbers.country_code_for_region(region)
    return [
        national,
        f"0{national}",
        f"8{national}",
        f"1{national}",
        f"+{code}{national}",
        f"+{code} (0) {national}",
        f"+{code} {national[:3]} {national[3:6]}-{national[6:]}",
        f"{code}{national}",
        f"{code}0{national}",
        f"00{code}{national}",
        f"011{code}{national}",
        f"({national[:3]}) {national[3:]}",
        f"{national}0",
        national[:-1],
    ]


@pytest.mark.parametrize("region", ALL)
def test_number_of_every_type_and_spelling_is_read_as_phonenumbers_reads_it(region: str):
    for national in example_numbers(region):
        for text in spellings(region, national):
            for place in (region, None, "TR", "US"):
                assert quickly(text, place) == plainly(text, place), (text, place)


def test_split_parts_what_it_was_put_together_from():
    assert numbering.split("+905321234567") == ("90", "5321234567")
    assert numbering.split("+390612345678") == ("39", "0612345678")
    assert numbering.split("+12423570000") == ("1", "2423570000")
    with pytest.raises(ValueError, match="not a number"):
        numbering.split("+05321234567")


regions = st.one_of(st.sampled_from(COMMON), st.sampled_from(ALL), st.none())
digits = st.text("0123456789", min_size=2, max_size=19)
separated = st.lists(
    st.tuples(
        st.text("0123456789", min_size=1, max_size=5),
        st.sampled_from(["", " ", "-", ".", ") ", " ("]),
    ),
    min_size=1,
    max_size=6,
).map(lambda parts: "".join(f"{run}{separator}" for run, separator in parts))


@st.composite
def plausible(draw: st.DrawFn) -> tuple[str, str | None]:
    """A number near a valid one: an example of some plan with digits changed, prefixes before it and separators."""
    home = draw(regions) or "TR"
    national = draw(st.sampled_from(example_numbers(home) or ["5321234567"]))
    keep = draw(st.integers(0, len(national)))
    tail = draw(st.text("0123456789", min_size=0, max_size=len(national) - keep + 1))
    code = phonenumbers.country_code_for_region(home)
    here, abroad = (
        ["", "0", "8", "1", "15", "0 15", "(0"],
        ["+", f"+{code}", f"{code}", f"00{code}"],
    )
    before = draw(st.sampled_from([*here, "00", *abroad, f"+{code}(0)"]))
    cut = draw(st.integers(0, keep))
    separator = draw(st.sampled_from(["", " ", "-", ".", ")", " - "]))
    text = f"{before}{national[:cut]}{separator}{national[cut:keep]}{tail}"
    return text, draw(st.one_of(st.just(home), regions))


@settings(max_examples=1500, deadline=None)
@given(plausible())
@example(("+77012345678", "RU"))
@example(("87012345678", "KZ"))
@example(("+442071838750", None))
@example(("+390000", "IT"))
@example(("49 49 1234567", "DE"))
def test_number_near_a_valid_one_is_read_as_phonenumbers_reads_it(case: tuple[str, str | None]):
    assert quickly(*case) == plainly(*case)


@settings(max_examples=800, deadline=None)
@given(st.one_of(digits, separated, digits.map("+{}".format), st.text(max_size=20)), regions)
@example("+" * 300, "TR")
@example("0532 123 45 67 ext 5", "TR")
@example("1-800-FLOWERS", "US")
@example("٠٥٣٢١٢٣٤٥٦٧", "TR")
@example("(5321234567", "TR")
def test_any_text_is_read_as_phonenumbers_reads_it(text: str, region: str | None):
    assert quickly(text, region) == plainly(text, region)


def test_usual_number_does_not_reach_phonenumbers_parser(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise AssertionError("the slow way was taken")

    monkeypatch.setattr(numbering.phonenumbers, "parse", refuse)
    monkeypatch.setattr(numbering.phonenumbers, "is_valid_number", refuse)
    usual = {
        ("0532 123 45 67", "TR"): "+905321234567",
        ("+90 (532) 123-45-67", None): "+905321234567",
        ("905321234567", "TR"): "+905321234567",
        ("(650) 253-0000", "US"): "+16502530000",
        ("+1 650.253.0000", None): "+16502530000",
        ("01512 3456789", "DE"): "+4915123456789",
        ("07400 123456", "GB"): "+447400123456",
        ("11 98765-4321", "BR"): "+5511987654321",
        ("050 123 4567", "AE"): "+971501234567",
    }
    for (text, region), number in usual.items():
        assert numbering.to_e164(text, region) == number
        assert numbering.is_valid(number)
