"""Landing URLs: named cases for each rule, and what must hold for any string at all."""

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestration.enrichment.landing import (
    FIELDS,
    PARAMETERS,
    Landing,
    parse,
    parse_text,
    parse_url,
    resolved_fields,
)

SITE = "https://ornek.com/kayit"


def found(landing: Landing) -> dict[str, str]:
    """The fields that are not null, the URL aside."""
    return {name: value for name in PARAMETERS if (value := getattr(landing, name)) is not None}


QUERIES = {
    "new site": (
        "utm_source=google&utm_medium=cpc&utm_campaign=yaz&campaign_id=123&adgroup_id=45&gclid=Cj0K",
        {
            "utm_source": "google",
            "utm_medium": "cpc",
            "utm_campaign": "yaz",
            "campaign_id": "123",
            "adgroup_id": "45",
            "gclid": "Cj0K",
        },
    ),
    "old site without campaign_id": (
        "gad_source=1&gad_campaignid=21&gbraid=0AAA&gclid=EAIaIQ&kcid=21&kpv=9",
        {"gad_campaignid": "21", "gbraid": "0AAA", "gclid": "EAIaIQ", "kcid": "21", "kpv": "9"},
    ),
    "names match without ASCII case": (
        "UTM_Source=Google&GCLID=AbC",
        {"utm_source": "Google", "gclid": "AbC"},
    ),
    "a dotted capital I is no I": ("GCLİD=1&gclıd=2&WBRAİD=3", {}),
    "a Kelvin sign is no K": ("\u212acid=1", {}),
    "a long s is no s": ("utm_\u017fource=x", {}),
    "values keep their case": ("utm_campaign=İLK+KAYIT", {"utm_campaign": "İLK KAYIT"}),
    "only the ampersand separates": (
        "utm_source=a;utm_medium=b&gclid=1",
        {"utm_source": "a;utm_medium=b", "gclid": "1"},
    ),
    "an HTML entity is data": ("utm_source=a&amp;utm_medium=b", {"utm_source": "a"}),
    "a second question mark is data": (
        "utm_source=a?gclid=1&ttclid=2",
        {"utm_source": "a?gclid=1", "ttclid": "2"},
    ),
    "an equals sign is data": ("gclid=a=b==", {"gclid": "a=b=="}),
    "decoded exactly once": (
        "utm_campaign=%2541&utm_term=%252B",
        {"utm_campaign": "%41", "utm_term": "%2B"},
    ),
    "plus is a space": ("utm_campaign=yaz+okulu%2B", {"utm_campaign": "yaz okulu+"}),
    "Turkish letters": (
        "utm_campaign=%C4%B0ngilizce%20%C5%9Eubesi&utm_term=ığüşöç",
        {"utm_campaign": "İngilizce Şubesi", "utm_term": "ığüşöç"},
    ),
    "emoji": ("utm_content=%F0%9F%8E%93", {"utm_content": "🎓"}),
    "broken escapes stay": (
        "utm_campaign=%25%zz%4&utm_term=100%",
        {"utm_campaign": "%%zz%4", "utm_term": "100%"},
    ),
    "bytes that are no UTF-8 stay as written": (
        "utm_campaign=%e7al%fdm%C5%9Fa%C5&utm_term=%C0%80",
        {"utm_campaign": "%e7al%fdmşa%C5", "utm_term": "%C0%80"},
    ),
    "an escaped surrogate stays": ("utm_campaign=%ED%A0%80", {"utm_campaign": "%ED%A0%80"}),
    "an escaped name counts": ("utm%5Fsource=a&%67clid=1", {"utm_source": "a", "gclid": "1"}),
    "the first value wins": ("gclid=1&GCLID=2", {"gclid": "1"}),
    "an empty first value loses": ("gclid=&gclid=%20%09&gclid=3&gclid=4", {"gclid": "3"}),
    "a name without a value is null": ("gclid&utm_source=", {}),
    "values are trimmed": (
        "utm_source=%20google+&utm_medium=%C2%A0cpc",
        {"utm_source": "google", "utm_medium": "cpc"},
    ),
    "a NUL stays an escape": ("utm_source=a%00b", {"utm_source": "a%00b"}),
    "a raw NUL becomes one": ("utm_source=a\x00b", {"utm_source": "a%00b"}),
    "control characters stay escapes": ("utm_source=red%1b[0m%7F", {"utm_source": "red%1B[0m"}),
    "a value of NULs is empty": ("utm_source=%00&utm_source=b", {"utm_source": "b"}),
    "an escaped line end is white space": ("utm_campaign=a%0Ab%0A", {"utm_campaign": "a\nb"}),
    "a wrapped URL is joined": ("utm_campaign=a\r\n\tb", {"utm_campaign": "ab"}),
    "a lone surrogate becomes its bytes": ("utm_source=\ud800", {"utm_source": "%ED%A0%80"}),
    "unknown parameters are left": ("ref=1&gclsrc=aw.ds&utm_id=5", {}),
    "many separators": ("&&&gclid=1&&", {"gclid": "1"}),
}


@pytest.mark.parametrize(("query", "expected"), QUERIES.values(), ids=QUERIES)
def test_query_is_read_by_the_rules(query: str, expected: dict[str, str]):
    assert found(parse_url(f"{SITE}?{query}")) == expected


URLS = {
    "fragment is ignored": (f"{SITE}?utm_source=a#utm_source=b&gclid=1", {"utm_source": "a"}),
    "fragment holds the whole query": (
        f"{SITE}#utm_source=b&gclid=1",
        {"utm_source": "b", "gclid": "1"},
    ),
    "fragment with its own question mark": (f"{SITE}#/form?gclid=1?2", {"gclid": "1?2"}),
    "fragment query with a question mark in a value": (
        f"{SITE}#utm_term=a?b&gclid=1",
        {"utm_term": "a?b", "gclid": "1"},
    ),
    "an empty query is none": (f"{SITE}?#gclid=1", {"gclid": "1"}),
    "an unknown parameter is a query": (f"{SITE}?a=1#gclid=1", {}),
    "relative": ("/kayit?gclid=1", {"gclid": "1"}),
    "without a scheme": ("www.ornek.com/?gclid=1", {"gclid": "1"}),
    "white space around": (f"\n  {SITE}?gclid=1 \u200b\x00", {"gclid": "1"}),
    "an app link": ("okul://kayit?utm_source=app", {"utm_source": "app"}),
}


@pytest.mark.parametrize(("url", "expected"), URLS.values(), ids=URLS)
def test_query_is_found_in_the_url(url: str, expected: dict[str, str]):
    landing = parse_url(url)

    assert found(landing) == expected
    assert landing.landing_url == url.strip(" \n\u200b\x00")


NO_PLACE = [
    "",
    "   ",
    "undefined",
    "N/A",
    "merhaba dünya",
    "http://",
    "https:///yol",
    "3.14",
    "ali@ornek.com",
]


@pytest.mark.parametrize(
    "value", [*NO_PLACE, "http://[::1", "https://[ornek/", "javascript:alert(1)", "?"]
)
def test_value_that_names_no_place_has_no_landing_url(value: str):
    assert parse_url(value) == Landing()


def test_parameters_of_a_broken_url_are_read_all_the_same():
    assert parse_url("http://[::1?gclid=1") == Landing(gclid="1")


def test_raw_control_characters_of_a_url_become_escapes():
    assert parse_url(f"{SITE}/a\x00b\x1b\ud800").landing_url == f"{SITE}/a%00b%1B%ED%A0%80"


TARGET = "https://ornek.com/yaz?utm_source=fb&utm_campaign=Yaz%20Okulu&fbclid=IwAR0"
SHIMS = {
    "facebook": "https://l.facebook.com/l.php?u={}&h=AT0x&s=1",
    "facebook mobile": "http://lm.facebook.com/l.php?u={}&h=AT0x",
    "facebook page": "https://www.facebook.com/l.php?h=AT0x&u={}",
    "instagram": "https://l.instagram.com/?u={}&e=AT0x",
    "whatsapp": "https://l.wl.co/l?u={}",
    "messenger": "https://l.messenger.com/l.php?u={}&h=AT0x",
    "threads": "https://l.threads.net/?u={}&e=AT0x",
    "google mail": "https://www.google.com/url?q={}&source=gmail",
    "google results": "https://www.google.com.tr/url?sa=t&q=yaz+okulu&url={}&usg=AO",
    "youtube": "https://www.youtube.com/redirect?event=video&q={}",
    "capital letters": "HTTPS://L.Facebook.COM/l.php?U={}",
    "without a scheme": "l.facebook.com/l.php?u={}",
    "port and user": "https://me@l.facebook.com.:443/l.php?u={}",
}


@pytest.mark.parametrize("shim", SHIMS.values(), ids=SHIMS)
def test_link_shim_is_unwrapped_to_its_landing_url(shim: str):
    landing = parse_url(shim.format(quote(TARGET, safe="")))

    assert landing.landing_url == TARGET
    assert found(landing) == {"utm_source": "fb", "utm_campaign": "Yaz Okulu", "fbclid": "IwAR0"}


def test_link_shim_is_unwrapped_once_only():
    inner = "https://l.instagram.com/?u=" + quote(TARGET, safe="")

    landing = parse_url("https://l.facebook.com/l.php?u=" + quote(inner, safe=""))

    assert landing.landing_url == inner
    assert found(landing) == {}


def test_target_of_a_shim_is_decoded_once_before_its_own_query_is():
    landing = parse_url(
        "https://l.wl.co/l?u=https%3A%2F%2Fornek.com%2F%3Futm_term%3D%252B%2Ba%2500"
    )

    assert landing.landing_url == "https://ornek.com/?utm_term=%2B+a%00"
    assert landing.utm_term == "+ a"


NO_SHIMS = [
    "https://l.facebook.com/l.php?u=javascript%3Aalert(1)&gclid=1",
    "https://l.facebook.com/l.php?u=&gclid=1",
    "https://l.facebook.com/l.php?gclid=1",
    "https://l.facebook.com.kotu.com/l.php?u=https%3A%2F%2Fornek.com&gclid=1",
    "https://www.google.com/search?q=https%3A%2F%2Fornek.com&gclid=1",
    "https://googlex.com/url?q=https%3A%2F%2Fornek.com&gclid=1",
    "https://ornek.com/?u=https%3A%2F%2Fl.facebook.com&gclid=1",
]


@pytest.mark.parametrize("url", NO_SHIMS)
def test_what_is_no_shim_or_leads_nowhere_is_the_landing_itself(url: str):
    assert parse_url(url) == Landing(landing_url=url, gclid="1")


LINK = "https://ornek.com/yaz?utm_source=ig&gclid=A_b-c"
TEXTS = {
    "alone": LINK,
    "in a sentence": f"Merhaba, {LINK} sayfasından yazıyorum.",
    "full stop": f"Bilgi almak istiyorum {LINK}.",
    "several marks": f"Bu doğru mu: {LINK}?!...",
    "ellipsis": f"{LINK}… devamı",
    "comma and line end": f"{LINK},\nteşekkürler",
    "round brackets": f"Sayfa ({LINK}) açılmıyor",
    "round brackets and text": f"({LINK})nden geldim",
    "square brackets": f"[{LINK}]",
    "angle brackets": f"<{LINK}>",
    "straight quotes": f'"{LINK}"',
    "single quotes": f"'{LINK}'.",
    "curly quotes": f"“{LINK}” diyor",
    "German quotes": f"„{LINK}“ diyor",
    "guillemets": f"«{LINK}»",
    "curly quotes and text": f"“{LINK}”den",
    "bold in WhatsApp": f"*{LINK}*!",
    "italics in WhatsApp": f"_{LINK}_",
    "code in WhatsApp": f"```{LINK}```",
    "markdown": f"[Yaz okulu]({LINK})",
    "BBCode closed": f"[{LINK}]({LINK})",
    "HTML": f'<a href="{LINK}">Kayıt</a>',
    "Turkish case ending": f"{LINK}'den ulaştım",
    "Turkish case ending, curly": f"{LINK}’deki form.",
    "zero width space": f"\u200b{LINK}\u200bMerhaba",
    "direction marks": f"\u202a{LINK}\u202c",
    "NUL": f"{LINK}\x00Merhaba",
    "after a colon": f"Link:{LINK}",
    "of several the tracked one": f"https://ornek.com ve www.ornek.com/a, sonra {LINK} ve {LINK}2",
    "through a shim": f"Merhaba https://l.wl.co/l?u={quote(LINK, safe='')} !",
    "through a shim without a scheme": f"l.instagram.com/?u={quote(LINK, safe='')}&e=AT",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_url_is_found_in_a_text_without_what_wraps_it(text: str):
    assert parse_text(text) == Landing(landing_url=LINK, utm_source="ig", gclid="A_b-c")


PLAIN = {
    "the first when none is tracked": ("https://a.com/x ve https://b.com/y", "https://a.com/x"),
    "www without a scheme": ("Siteniz www.ornek.com.tr, değil mi?", "www.ornek.com.tr"),
    "www in italics": ("_www.ornek.com_", "www.ornek.com"),
    "balanced bracket belongs to the URL": (
        "https://a.org/Film_(1999).",
        "https://a.org/Film_(1999)",
    ),
    "balanced inside brackets": ("(https://a.org/Film_(1999))", "https://a.org/Film_(1999)"),
    "closing bracket without an opening one": ("https://a.org/film)", "https://a.org/film"),
    "Turkish host": ("https://öğrenci.com/giriş’te", "https://öğrenci.com/giriş"),
    "a shim without a target is a URL": (
        "https://l.facebook.com/l.php",
        "https://l.facebook.com/l.php",
    ),
    "a shim without a scheme": ("l.wl.co/l?u=https%3A%2F%2Fa.com%2F", "https://a.com/"),
    "trailing underscore is data": ("https://a.com/x_ ve", "https://a.com/x_"),
    "uppercase": ("HTTPS://ORNEK.COM/YAZ", "HTTPS://ORNEK.COM/YAZ"),
    "after an unreadable one": ("http:// ve https://a.com", "https://a.com"),
}


@pytest.mark.parametrize(("text", "url"), PLAIN.values(), ids=PLAIN)
def test_first_url_counts_when_none_is_tracked(text: str, url: str):
    assert parse_text(text) == Landing(landing_url=url)


def test_bare_host_counts_when_it_carries_a_tracking_parameter():
    assert parse_text("ornek.com/yaz?gclid=1 sayfası") == Landing(
        landing_url="ornek.com/yaz?gclid=1", gclid="1"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Merhaba",
        "ve/veya",
        "tel.no/adres",
        "ornek.com/yaz",
        "5.6/10",
        "ali@ornek.com/?gclid=1",
        "gclid=1",
        "http://",
    ],
)
def test_text_without_a_url_gives_nothing(text: str):
    assert parse_text(text) == Landing()


def test_kind_chooses_the_reader():
    assert parse("url", "https://a.com/ x") == Landing(landing_url="https://a.com/ x")
    assert parse("text", "https://a.com/ x") == Landing(landing_url="https://a.com/")


def test_printed_campaign_falls_back_to_the_one_google_appends():
    assert resolved_fields(parse_url("/?gad_campaignid=7"))["campaign_id"] == "7"
    assert resolved_fields(parse_url("/?gad_campaignid=7&campaign_id=8"))["campaign_id"] == "8"


def test_printed_fields_are_all_fields():
    assert set(resolved_fields(Landing())) == set(FIELDS)


fragments = st.sampled_from(
    [
        *(
            "https://",
            "www.",
            "l.facebook.com/l.php?u=",
            "google.com/url?q=",
            "?",
            "#",
            "&",
            "=",
            ";",
        ),
        *(
            "%",
            "%00",
            "%C5",
            "%9F",
            "%ED%A0%80",
            "+",
            "(",
            ")",
            "[",
            "]",
            "“",
            "”",
            "'",
            "'den",
            " ",
        ),
        *("\x00", "\n", "\ud800", "\u200b", "İ", "ı", "a.b", "gclid", "GCLİD", "utm_source", "x"),
    ]
)
hostile = st.one_of(
    st.text(st.characters(exclude_categories=[])),
    st.lists(fragments, max_size=30).map("".join),
)


@given(hostile)
@example("http://[")
@example("https://" + "(" * 50 + ")" * 50)
def test_any_string_gives_fields_that_postgres_can_hold(raw: str):
    for landing in (parse_url(raw), parse_text(raw)):
        for name in FIELDS:
            value = getattr(landing, name)
            assert value is None or (value.strip() and "\x00" not in value and value.encode())


values = st.text(st.characters(exclude_categories=["Cs", "Cc"])).filter(lambda text: text.strip())


@given(st.sampled_from(PARAMETERS), values, st.sampled_from([quote, quote_plus]))
def test_quoted_value_comes_back_trimmed(name: str, value: str, quoting):
    landing = parse_url(f"{SITE}?x=1&{name}={quoting(value, safe='')}&y=2")

    assert found(landing) == {name: value.strip()}


@given(st.sampled_from(PARAMETERS), st.data())
def test_ascii_case_of_a_name_is_irrelevant(name: str, data: st.DataObject):
    spelled = "".join(data.draw(st.sampled_from([c, c.upper()])) for c in name)

    assert found(parse_url(f"{SITE}?{spelled}=İı")) == {name: "İı"}


@given(st.dictionaries(st.sampled_from(PARAMETERS), values, max_size=5))
def test_shim_changes_nothing_but_the_address(parameters: dict[str, str]):
    url = (
        SITE
        + "?"
        + "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    )

    assert parse_url("https://l.facebook.com/l.php?u=" + quote(url, safe="")) == parse_url(url)


@given(
    st.sampled_from(["({})", "[{}]", '"{}"', "“{}”", "<{}>", "{}.", "{}!?", "Bak: {}\n", "*{}*"])
)
def test_wrapping_a_url_in_a_text_changes_nothing(wrapping: str):
    assert parse_text(wrapping.format(LINK)) == parse_url(LINK)


@pytest.mark.parametrize(
    "unit",
    [
        "(http://a",
        "a.bc/,",
        "%FF",
        "http://a.b/)",
        "a.",
        "&",
        "'",
        "www.",
        "(",
        "#?",
        "%",
        "http://x.y/?gclid ",
    ],
)
def test_long_hostile_text_costs_no_more_than_its_length(unit: str):
    raw = unit * (200_000 // len(unit))

    assert isinstance(parse_text(raw), Landing)
    assert isinstance(parse_url(raw), Landing)
    assert isinstance(parse_url("/?gclid=" + raw), Landing)
