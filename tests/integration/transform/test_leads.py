"""What a lead says about its campaign, from the landing to the mart."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import timedelta

import pytest

from .conftest import NOON, Company, Tale

tale = Tale()

SITE = "https://www.akademi-istanbul.com/kurslar?"
CAMPAIGN = (
    "platform",
    "utm_source",
    "campaign_id",
    "campaign_name",
    "campaign_name_from",
    "adgroup_id",
)

# id: (query of the landing URL, the campaign fields)
LANDINGS = {
    "new-site-names-its-campaign": (
        "utm_source=google&campaign_id=21500111222&campaign_name=Yaz+Okulu&adgroup_id=77",
        ("google", "google", "21500111222", "Yaz Okulu", "url", "77"),
    ),
    "id-alone-is-named-by-the-map": (
        "gclid=Cj0Q&campaign_id=21500111222",
        ("google", None, "21500111222", "Yaz Okulu – Arama", "campaign_map", None),
    ),
    "old-site-has-gad-campaignid": (
        "gad_campaignid=21500111222&gclid=Cj0R",
        ("google", None, "21500111222", "Yaz Okulu – Arama", "campaign_map", None),
    ),
    "campaign-id-wins-over-gad-campaignid": (
        "gad_campaignid=1&campaign_id=2&gclid=Cj0R",
        ("google", None, "2", None, None, None),
    ),
    "google-lead-by-kcid-and-kpv": (
        "gclid=Cj0S&kcid=21500111222&kpv=168345597306",
        ("google", None, "21500111222", "Yaz Okulu – Arama", "campaign_map", "168345597306"),
    ),
    "kcid-without-google-click-says-nothing": (
        "kcid=21500111222&kpv=1",
        (None, None, None, None, None, None),
    ),
    "kcid-that-is-no-number-says-nothing": (
        "gclid=Cj0T&kcid=yaz-okulu&kpv=reklam",
        ("google", None, None, None, None, None),
    ),
    "social-digits-are-ids": (
        "fbclid=IwAR1&utm_source=fb&utm_campaign=120210000000000002&utm_content=120210000000000103",
        (
            "meta",
            "facebook",
            "120210000000000002",
            "Kayıt Dönemi – Mesaj",
            "campaign_map",
            "120210000000000103",
        ),
    ),
    "social-words-are-a-name": (
        "utm_source=ig&utm_campaign=Işıltılı+Güz&utm_content=video",
        ("meta", "instagram", None, "Işıltılı Güz", "url", None),
    ),
    "tiktok-click": (
        "ttclid=E.C.P&utm_campaign=1780000000000001",
        ("tiktok", None, "1780000000000001", None, None, None),
    ),
    "same-id-on-another-platform-is-not-that-campaign": (
        "ttclid=E.C.Q&campaign_id=21500111222",
        ("tiktok", None, "21500111222", None, None, None),
    ),
    "no-platform-takes-the-only-campaign-with-that-id": (
        "utm_source=bülten&campaign_id=21500111222",
        (None, "bülten", "21500111222", "Yaz Okulu – Arama", "campaign_map", None),
    ),
    "unknown-source-is-lower-cased-and-kept": (
        "utm_source=BÜLTEN+İlkbahar",
        (None, "bülten ilkbahar", None, None, None, None),
    ),
    "utm-campaign-of-a-google-click-is-no-name": (
        "gclid=Cj0U&utm_source=Google&utm_campaign=Marka",
        ("google", "google", None, None, None, None),
    ),
    "bare-page": ("", (None, None, None, None, None, None)),
}


def test_landing_gives_the_campaign_fields(company: Company, refresh: Callable[..., None]) -> None:
    for key, (query, _) in LANDINGS.items():
        company.submit(key, dataW={"url": SITE + query})
    refresh()
    found = {
        lead["external_id"]: tuple(lead[name] for name in CAMPAIGN)
        for lead in company.rows("marts.fct_leads")
    }
    assert found == {key: expected for key, (_, expected) in LANDINGS.items()}


@tale
def landing_url_is_found_wherever_the_site_puts_it(company: Company) -> Generator[None]:
    url = SITE + "gclid=A"
    company.submit("nested", dataW={"url": url})
    company.submit("flat", **{"dataW.url": url})
    company.submit("url", url=url)
    company.submit("landing_url", landing_url=url)
    company.submit("repeated", url=[url, "https://other.example/"])
    yield
    assert [lead["gclid"] for lead in company.rows("marts.fct_leads")] == ["A"] * 5


@tale
def received_spelling_of_the_source_stays_beside_its_one_name(company: Company) -> Generator[None]:
    company.submit("f1", url=SITE + "utm_source=FaceBook.com")
    yield
    lead = company.lead("f1")
    assert (lead["utm_source"], lead["utm_source_received"]) == ("facebook", "FaceBook.com")


@tale
def personal_data_in_campaign_parameters_does_not_reach_the_marts(
    company: Company,
) -> Generator[None]:
    company.submit(
        "f1",
        url=SITE
        + "utm_term=ayse%40example.com&utm_content=%2B905321112233&utm_campaign=5551234567",
    )
    yield
    lead = company.lead("f1")
    assert (lead["utm_term"], lead["utm_content"]) == ("[redacted]", "[redacted]")
    assert lead["utm_campaign"] == "5551234567"


@tale
def new_entry_of_a_person_repairs_past_leads(company: Company) -> Generator[None]:
    company.submit("without-name", url=SITE + "gclid=A&campaign_id=990")
    company.submit("with-seed-name", url=SITE + "gclid=B&campaign_id=21500111222")
    company.submit("named-by-url", url=SITE + "gclid=C&campaign_id=990&campaign_name=Bahar")
    yield
    assert company.lead("without-name")["campaign_name"] is None

    company.name_campaign("google", "990", "Güz Dönemi")
    company.name_campaign("google", "21500111222", "Yaz Okulu (yeni)")
    yield

    assert company.lead("without-name")["campaign_name"] == "Güz Dönemi"
    assert company.lead("without-name")["campaign_name_from"] == "campaign_map"
    assert company.lead("with-seed-name")["campaign_name"] == "Yaz Okulu (yeni)"
    assert company.lead("named-by-url")["campaign_name"] == "Bahar"


@tale
def entry_that_ended_takes_its_name_away(company: Company) -> Generator[None]:
    company.submit("f1", url=SITE + "gclid=A&campaign_id=990")
    company.name_campaign("google", "990", "Güz Dönemi")
    yield
    company.admin.execute(
        "update ops.campaign_map set valid_to = clock_timestamp() where tenant_id = %s",
        [company.tenant.tenant_id],
    )
    yield
    assert company.lead("f1")["campaign_name"] is None
    assert company.lead("f1")["campaign_name_from"] is None


def test_landing_parsed_late_fills_the_lead(
    company: Company, build: Callable[..., None], refresh: Callable[..., None]
) -> None:
    company.submit("f1", url=SITE + "gclid=A&campaign_id=990&campaign_name=Bahar")
    build()
    assert company.lead("f1")["campaign_name"] is None
    refresh()
    assert company.lead("f1")["campaign_name"] == "Bahar"


@tale
def event_that_arrives_with_an_older_receipt_is_not_lost(company: Company) -> Generator[None]:
    company.submit("first", url=SITE)
    yield
    late = company.rows("raw.events")[0]["received_at"] - timedelta(hours=48)
    company.send("form", "late", {"submission_id": "late", "url": SITE + "gclid=A"}, at=late)
    yield
    assert company.lead("late")["gclid"] == "A"
    assert len(company.rows("marts.fct_leads")) == 2


@tale
def lead_of_a_file_has_the_columns_of_the_file(company: Company) -> Generator[None]:
    row = {
        "lead_id": "8821",
        "created_at": "2018-02-26T19:58:54+03:00",
        "utm_source": "Paid_Search",
        "email": "isil@example.com",
        "extra": {},
    }
    company.record("csv", "lead", "8821", **row)
    yield
    lead = company.lead("8821")
    assert (lead["source"], lead["utm_source"]) == ("csv", "paid_search")
    assert lead["created_at"].isoformat() == "2018-02-26T16:58:54+00:00"

    company.record("csv", "lead", "8821", 2, **{**row, "utm_source": "Social"})
    yield
    assert company.lead("8821")["utm_source"] == "social"
    assert len(company.rows("marts.fct_touches")) == 1


@tale
def consent_is_read_as_people_say_it(company: Company) -> Generator[None]:
    said: dict[str, tuple[object, str | None]] = {
        "true": (True, "granted"),
        "shouted": ("EVET", "granted"),
        "checkbox": ("on", "granted"),
        "turkish-no": ("Hayır", "denied"),
        "shouted-no": ("HAYIR", "denied"),
        "false": (False, "denied"),
        "perhaps": ("belki", None),
        "nothing": (None, None),
    }
    for key, (consent, _) in said.items():
        company.submit(key, consent=consent)
    yield
    found = {lead["external_id"]: lead["consent"] for lead in company.rows("marts.fct_leads")}
    assert found == {key: expected for key, (_, expected) in said.items()}


@tale
def time_without_zone_is_the_tenants(company: Company) -> Generator[None]:
    company.send("form", "f1", {"submission_id": "f1", "submitted_at": "2026-11-20T12:00:00"})
    yield
    assert company.lead("f1")["created_at"] == NOON


@pytest.mark.parametrize("story", tale.stories)
def test_story(story: str, failures: dict[str, AssertionError]) -> None:
    if story in failures:
        raise failures[story]
