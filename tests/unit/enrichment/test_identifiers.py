"""Identifiers: rules of our own, what is refused and why, and what holds for any string. Vectors: test_conformance."""

import hashlib
import hmac
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestration.enrichment.identifiers import (
    KINDS,
    PLATFORMS,
    Hashed,
    NotAHash,
    Platform,
    internal_form,
    normalize,
    normalize_everywhere,
    token,
)

SHA_JANE = "de8875562f7248a5bbc99b26d972c36201f6836c397f86c9357609bf61039694"
SHA_EMPTY = hashlib.sha256(b"").hexdigest()
DOTTED = "i\u0307"

OUR_RULES = {
    "decomposed letters": ("first_name", "S\u0327ule", "meta", "şule"),
    "dot after a small i": ("first_name", f"{DOTTED}pek", "meta", "ipek"),
    "decomposed dotted I": ("first_name", "I\u0307PEK", "google", "ipek"),
    "zero width and no-break space": ("first_name", "\ufeffMary\u200b\u00a0\u00a0Ann\u2060", "meta", "mary ann"),
    "NUL": ("last_name", "Yıl\x00maz", "google", "yılmaz"),
    "emoji in a name": ("first_name", "Ayşe 🌸", "meta", "ayşe"),
    "title and suffix": ("first_name", "Prof. Dr. Ali Rıza Jr.", "google", "ali rıza"),
    "a title is all there is": ("last_name", "Bay", "google", "bay"),
    "titles are Google's rule only": ("first_name", "Dr. Ali", "meta", "dr ali"),
    "punctuation is kept for TikTok": ("last_name", "O'Neil-Smith", "tiktok", "o'neil-smith"),
    "district": ("city", "Beyoğlu / İSTANBUL", "tiktok", "beyoğluistanbul"),
    "city for Google is for reading": ("city", "New  York", "google", "new york"),
    "postal code with a dash": ("zip", "00-950", "meta", "00950"),
    "long code without a dash": ("zip", "940351234", "meta", "94035"),
    "postal code is left as typed for Google": ("zip", "M1  1AE", "google", "M1 1AE"),
    "postal code without spaces for TikTok": ("zip", "M1 1AE", "tiktok", "m11ae"),
    "address in Turkish capitals": ("email", "İPEK.IŞIK@ORNEK.COM", "meta", "ipek.işik@ornek.com"),
    "IDN domain as typed": ("email", "a@öğrenci.com", "meta", "a@öğrenci.com"),
    "plus sign at a host that is not Gmail": ("email", "a.b+c@ornek.com.tr", "google", "a.b+c@ornek.com.tr"),
    "direction marks around a phone": ("phone", "\u202a+90 532 123 45 67\u202c", "tiktok", "+905321234567"),
    "Arabic digits": ("phone", "+٩٠ ٥٣٢ ١٢٣ ٤٥ ٦٧", "meta", "905321234567"),
    "tel link": ("phone", "tel:+905321234567", "google", "+905321234567"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "platform", "normalized"), OUR_RULES.values(), ids=OUR_RULES
)
def test_rule_of_our_own_holds(kind: str, value: str, platform: Platform, normalized: str):
    assert normalize(kind, value, platform, None).normalized == normalized


REFUSED = {
    "unknown kind": ("shoe_size", "42", "unknown_kind"),
    "nothing": ("email", "", "empty"),
    "blanks": ("phone", " \u00a0\u200b\x00 ", "empty"),
    "punctuation only": ("first_name", "-", "empty"),
    "emoji only": ("city", "🌸", "empty"),
    "lone surrogate": ("first_name", "A\ud800", "not_text"),
    "MD5": ("email", "5d41402abc4b2a76b9719d911017c592", "md5_not_accepted"),
    "SHA-1": ("first_name", "AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D", "sha1_not_accepted"),
    "hash of nothing": ("email", SHA_EMPTY.upper(), "hash_of_empty"),
    "no at sign": ("email", "jane.doe", "not_an_address"),
    "two at signs": ("email", "jane@doe@example.com", "not_an_address"),
    "inner space": ("email", "jane doe@example.com", "not_an_address"),
    "no top level": ("email", "jane@localhost", "not_an_address"),
    "numeric top level": ("email", "jane@10.0.0.1", "not_an_address"),
    "trailing dot": ("email", "jane@example.com.", "not_an_address"),
    "display form": ("email", "Jane <jane@example.com>", "not_an_address"),
    "too long": ("email", f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 63}.com", "not_an_address"),
    "noemail": ("email", "noemail@noemail.com", "placeholder"),
    "no reply": ("email", "No-Reply@okul.com", "placeholder"),
    "test": ("email", "test@test.com", "placeholder"),
    "a serializer's undefined": ("last_name", "undefined", "placeholder"),
    "zeros": ("phone", "0000000000", "placeholder"),
    "ones": ("phone", "+90 111 111 11 11", "placeholder"),
    "fives that a plan would allow": ("phone", "05555555555", "placeholder"),
    "a row of keys": ("phone", "0123456789", "placeholder"),
    "too short": ("phone", "0532 123", "invalid_number"),
    "too long for any plan": ("phone", "0532 123 45 67 89 01", "invalid_number"),
    "two numbers": ("phone", "0532 123 45 67 / 0533 123 45 68", "invalid_number"),
    "words": ("phone", "beni arayın", "invalid_number"),
    "plus before a national number": ("phone", "+0532 123 45 67", "invalid_number"),
    "no country": ("country", "Narnia", "not_a_country_code"),
    "a name of two countries": ("country", "Congo", "not_a_country_code"),
    "dotted I is no I": ("country", "İT", "not_a_country_code"),
    "zeros in a postal code": ("zip", "00000", "placeholder"),
    "a street": ("zip", "Bağdat Caddesi", "not_a_postal_code"),
}  # fmt: skip


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(("kind", "value", "reason"), REFUSED.values(), ids=REFUSED)
def test_refused_value_has_a_reason_and_nothing_else(
    kind: str, value: str, reason: str, platform: Platform
):
    identifier = normalize(kind, value, platform, "TR")

    assert identifier.reason == reason
    assert identifier.normalized is None
    assert identifier.sha256 is None
    assert internal_form(kind, value, "TR") is None


def test_national_number_without_a_region_is_refused_with_what_is_missing():
    assert normalize("phone", "0532 123 45 67", "meta", None).reason == "no_region"
    assert normalize("phone", "0532 123 45 67", "meta", "Türkiye").reason == "no_region"
    assert normalize("phone", "0532 123 45 67", "meta", "tr").normalized == "905321234567"


def test_mailbox_that_is_all_suffix_is_refused_by_google_alone():
    assert normalize("email", "+crm@gmail.com", "google", None).reason == "empty"
    assert normalize("email", "+crm@gmail.com", "meta", None).normalized == "+crm@gmail.com"


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("kind", ["email", "phone", "first_name"])
def test_hash_passes_through_in_lower_case(kind: str, platform: Platform):
    identifier = normalize(kind, f" {SHA_JANE.upper()} ", platform, "TR")

    assert identifier.sha256 == SHA_JANE
    assert identifier.is_prehashed
    assert identifier.normalized is None
    assert identifier.reason is None
    assert internal_form(kind, SHA_JANE.upper(), "TR") == f"sha256:{SHA_JANE}"


@pytest.mark.parametrize(
    ("kind", "platform"),
    [
        ("zip", "google"),
        ("country", "google"),
        ("city", "google"),
        ("city", "tiktok"),
        ("country", "tiktok"),
    ],
)
def test_hash_is_refused_where_the_platform_wants_the_plain_value(kind: str, platform: Platform):
    identifier = normalize(kind, SHA_JANE, platform, None)

    assert identifier.reason == "hash_in_plain_field"
    assert identifier.sha256 is None
    assert identifier.is_prehashed


def test_countries_are_those_of_iso_3166():
    import pycountry

    from orchestration.enrichment.rules.places import COUNTRIES

    assert {country.alpha_2 for country in pycountry.countries} == COUNTRIES


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("email", "em", " Ayse.Yilmaz@Example.com "),
        ("email", "em", "Jane.Doe+crm@Gmail.COM"),
        ("email", "em", SHA_JANE.upper()),
        ("phone", "ph", "+90 (532) 123-45-67"),
        ("first_name", "fn", " Şule Nur "),
        ("last_name", "ln", "ÖZTÜRK"),
        ("city", "ct", "New York"),
        ("city", "ct", "Kahramanmaraş (Merkez)"),
        ("zip", "zp", "94035-1234"),
        ("zip", "zp", "M1 1AE"),
        ("country", "country", "TR"),
    ],
)
def test_meta_form_is_that_of_metas_own_library_where_it_follows_metas_documentation(
    kind: str, field: str, value: str
):
    from facebook_business.adobjects.serverside.normalize import Normalize

    assert normalize(kind, value, "meta", None).sha256 == Normalize.normalize(field, value, True)


def test_token_is_keyed_by_tenant_and_kind():
    form = internal_form("email", " Jane@Example.com", None)

    assert form == "jane@example.com"
    assert (
        token(b"pepper", "email", form)
        == hmac.digest(b"pepper", b"email\x1fjane@example.com", "sha256").hex()
    )
    assert token(b"other", "email", form) != token(b"pepper", "email", form)
    assert token(b"pepper", "phone", form) != token(b"pepper", "email", form)


def test_internal_form_of_a_phone_keeps_its_plus():
    assert internal_form("phone", "0532 123 45 67", "TR") == "+905321234567"
    assert internal_form("phone", "+90 532 1234567", None) == "+905321234567"


@pytest.mark.parametrize(
    "digest", ["", "abc", SHA_JANE.upper(), SHA_JANE + "\n", SHA_JANE[:-1], "jane@example.com"]
)
def test_hashed_accepts_a_lower_case_digest_only_and_does_not_repeat_what_it_refuses(digest: str):
    with pytest.raises(NotAHash) as caught:
        Hashed(digest)
    assert not digest or digest not in str(caught.value)


hostile = st.one_of(
    st.text(st.characters(exclude_categories=[])),
    st.text(st.sampled_from("İıIi\u0307\u0327ŞşΣσ'-. +@09٣\u00a0\u200b\ud800\x00"), max_size=20),
    st.from_regex(r"\+?[0-9 ()./-]{5,20}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9.+]{1,10}@(gmail|ornek)\.com", fullmatch=True),
)
kinds = st.sampled_from(KINDS)
platforms = st.sampled_from(PLATFORMS)
regions = st.sampled_from([None, "TR", "us", "", "??"])


@given(kinds, hostile, platforms, regions)
@example("phone", "+" * 300, "google", "TR")
@example("email", "a@" + "b." * 120 + "c", "google", None)
def test_any_string_gives_a_form_or_a_reason(
    kind: str, value: str, platform: Platform, region: str | None
):
    identifier = normalize(kind, value, platform, region)

    if identifier.reason:
        assert identifier.normalized is identifier.sha256 is None
    elif identifier.is_prehashed:
        assert identifier.normalized is None
        assert identifier.sha256 == value.strip().lower()
    else:
        assert identifier.normalized
        assert unicodedata.is_normalized("NFC", identifier.normalized)
        assert identifier.normalized == identifier.normalized.strip()
        digest = hashlib.sha256(identifier.normalized.encode()).hexdigest()
        assert identifier.sha256 in (None, digest)
    assert identifier.sha256 != SHA_EMPTY
    assert "\x00" not in (identifier.normalized or "")


@given(kinds, hostile, platforms)
def test_normalizing_twice_changes_nothing(kind: str, value: str, platform: Platform):
    once = normalize(kind, value, platform, None)
    if once.normalized and not (kind == "phone" and platform == "meta"):
        assert normalize(kind, once.normalized, platform, None) == once


@given(kinds, hostile, regions)
def test_reading_once_for_all_platforms_is_reading_for_each(
    kind: str, value: str, region: str | None
):
    everywhere = normalize_everywhere(kind, value, region)

    assert everywhere.internal_form == internal_form(kind, value, region)
    assert everywhere.platforms == {
        platform: normalize(kind, value, platform, region) for platform in PLATFORMS
    }


@given(kinds, st.text("aşİI'- 5", min_size=1), st.sampled_from([" ", "\u00a0", "\u200b", "\n"]))
def test_space_around_a_value_is_irrelevant(kind: str, value: str, space: str):
    assert internal_form(kind, f"{space}{value}{space}", "TR") == internal_form(kind, value, "TR")


@given(st.from_regex(r"[a-zşığ]{1,12}", fullmatch=True), platforms)
def test_turkish_letters_survive_in_names_and_cities(word: str, platform: Platform):
    for kind in ("first_name", "last_name", "city"):
        assert normalize(kind, word, platform, "TR").normalized in (word, None)
