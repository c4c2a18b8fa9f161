"""Persons, chats, conversions and credit: what belongs to whom."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from .conftest import NOON, Company, Tale

tale = Tale()

SITE = "https://www.akademi-istanbul.com/kurslar?"
AD = {"source_id": "120210000000000103", "source_type": "ad", "ctwa_clid": "ARAk1"}


def _person(company: Company, external_id: str) -> str:
    return company.lead(external_id)["person_id"]


@tale
def chat_is_one_lead_named_by_its_first_message_from_an_ad(company: Company) -> Generator[None]:
    company.write("m1", type="unsupported")
    company.write(
        "m2",
        at=NOON + timedelta(minutes=5),
        type="text",
        text={"body": "Kayıt için yazdım"},
        referral=AD,
    )
    company.write("m3", at=NOON + timedelta(days=1), type="text", text={"body": "Teşekkürler"})
    company.write("m4", wa_id="905449998877", type="text", text={"body": "Selam"})
    company.name_campaign("meta", AD["source_id"], "Kayıt Reklamı")
    yield

    leads = company.rows("marts.fct_leads", "created_at, received_at")
    assert len(leads) == 2
    chat = next(lead for lead in leads if lead["ctwa_clid"])
    assert (chat["created_at"], chat["source"], chat["platform"]) == (NOON, "whatsapp", "meta")
    assert (chat["campaign_id"], chat["campaign_name"]) == (AD["source_id"], "Kayıt Reklamı")

    touches = company.rows("marts.fct_touches", "touched_at, received_at")
    assert len(touches) == 4
    of_chat = [touch for touch in touches if touch["lead_id"] == chat["lead_id"]]
    assert [touch["is_first_contact"] for touch in of_chat] == [True, False, False]
    assert [touch["has_campaign"] for touch in of_chat] == [False, True, False]
    assert chat["first_touch_id"] == of_chat[0]["touch_id"]
    assert chat["last_touch_id"] == of_chat[2]["touch_id"]

    days = [row for row in company.rows("marts.wapim_daily") if row["lead_id"] == chat["lead_id"]]
    assert [(row["day"].isoformat(), row["message_count"]) for row in days] == [
        ("2026-11-20", 2),
        ("2026-11-21", 1),
    ]
    assert {row["campaign_name"] for row in days} == {"Kayıt Reklamı"}
    assert days[0]["chat_id"] == chat["external_id"]
    assert "905321112233" not in str(leads + touches + days)


@tale
def ad_of_a_listed_ad_group_brings_its_campaign(company: Company) -> Generator[None]:
    company.record("meta_ads", "campaign", "1", name="Kayıt", status="ACTIVE", id="1")
    company.record("meta_ads", "adgroup", "2", name="Ege", status="ACTIVE", id="2", campaign_id="1")
    company.write("m1", type="text", text={"body": "Merhaba"}, referral={**AD, "source_id": "2"})
    yield
    [lead] = company.rows("marts.fct_leads")
    assert (lead["campaign_id"], lead["adgroup_id"], lead["campaign_name"]) == ("1", "2", "Kayıt")


@tale
def parameters_in_a_message_count(company: Company) -> Generator[None]:
    body = "Merhaba, https://akademi.com/lp?utm_source=ig&utm_campaign=Güz&gclid= hakkında"
    company.write("m1", type="text", text={"body": body})
    yield
    [lead] = company.rows("marts.fct_leads")
    assert (lead["utm_source"], lead["campaign_name"]) == ("instagram", "Güz")


@tale
def message_that_comes_late_becomes_its_chats_first(company: Company) -> Generator[None]:
    company.write("m2", type="text", text={"body": "Orada mısınız?"})
    yield
    company.write("m1", at=NOON - timedelta(hours=1), type="text", text={"body": "Merhaba"})
    yield
    touches = company.rows("marts.fct_touches", "touched_at")
    assert [touch["is_first_contact"] for touch in touches] == [True, False]
    [lead] = company.rows("marts.fct_leads")
    assert lead["created_at"] == NOON - timedelta(hours=1)


def test_chat_built_before_its_number_was_read_becomes_one_lead(
    company: Company, build: Callable[..., None], refresh: Callable[..., None]
) -> None:
    company.write("m1", type="text", text={"body": "Merhaba"})
    company.write("m2", type="text", text={"body": "Fiyat nedir?"})
    build()
    assert len(company.rows("marts.fct_leads")) == 2
    refresh()
    assert len(company.rows("marts.fct_leads")) == 1
    assert len(company.rows("marts.wapim_daily")) == 1


@tale
def phone_names_the_person_before_the_email(company: Company) -> Generator[None]:
    company.submit("by-email", email="isil@example.com")
    company.submit("stranger", email="can@example.com")
    company.submit("nobody")
    yield
    assert _person(company, "by-email") != _person(company, "stranger")

    company.submit("both", email="ISIL@example.com ", phone="0532 111 22 33")
    company.write("m1", wa_id="905321112233", type="text", text={"body": "Merhaba"})
    yield

    chat = next(lead for lead in company.rows("marts.fct_leads") if lead["source"] == "whatsapp")
    assert _person(company, "both") == chat["person_id"]
    # The e-mail was seen with that phone since, so the earlier lead is the same person's.
    assert _person(company, "by-email") == chat["person_id"]
    assert _person(company, "stranger") != chat["person_id"]
    assert _person(company, "nobody") not in (chat["person_id"], _person(company, "stranger"))


@tale
def conversion_with_hashes_only_finds_its_lead(company: Company) -> Generator[None]:
    company.submit("f1", email="isil@example.com", url=SITE + "gclid=A")
    digest = hashlib.sha256(b"isil@example.com").hexdigest()
    company.convert("c1", identifiers={"email_sha256": digest}, at=NOON + timedelta(days=1))
    yield
    conversion, lead = company.conversion("c1"), company.lead("f1")
    assert (conversion["lead_id"], conversion["matched_by"]) == (lead["lead_id"], "person")
    assert conversion["person_id"] == lead["person_id"]
    kinds = {row["kind"] for row in company.rows("intermediate.int_conversions__identifiers")}
    assert kinds == {"email"}


@tale
def click_id_is_believed_before_the_leads_id_and_that_before_the_person(
    company: Company,
) -> Generator[None]:
    company.submit("click", url=SITE + "gclid=A")
    company.submit("id")
    company.submit("person", phone="05321112233")
    phone = {"phone": "+90 532 111 22 33"}
    company.convert("c1", crm_record_id="id", identifiers={"gclid": "A", **phone})
    company.convert("c2", crm_record_id="id", identifiers=phone)
    company.convert("c3", identifiers=phone)
    company.convert("c4", identifiers={"gclid": "a"})
    yield
    leads = {row["lead_id"]: row["external_id"] for row in company.rows("marts.fct_leads")}
    found = {
        row["event_id"]: (leads.get(row["lead_id"]), row["matched_by"])
        for row in company.rows("marts.fct_conversions")
    }
    assert found == {
        "c1": ("click", "click"),
        "c2": ("id", "lead_id"),
        "c3": ("person", "person"),
        "c4": (None, None),
    }


@tale
def conversion_belongs_to_the_latest_lead_before_it(company: Company) -> Generator[None]:
    phone = "05321112233"
    for key, day in (("early", 1), ("late", 3), ("after", 9)):
        company.submit(key, at=NOON + timedelta(days=day), phone=phone)
    company.convert("c1", at=NOON + timedelta(days=5), identifiers={"phone": phone})
    company.convert("c2", at=NOON, identifiers={"phone": phone})
    yield
    leads = {row["lead_id"]: row["external_id"] for row in company.rows("marts.fct_leads")}
    assert leads[company.conversion("c1")["lead_id"]] == "late"
    assert leads[company.conversion("c2")["lead_id"]] == "early"

    company.submit("between", at=NOON + timedelta(days=4), phone=phone)
    yield
    leads = {row["lead_id"]: row["external_id"] for row in company.rows("marts.fct_leads")}
    assert leads[company.conversion("c1")["lead_id"]] == "between"


@tale
def deal_of_a_file_belongs_to_the_files_lead(company: Company) -> Generator[None]:
    company.record("csv", "lead", "77", lead_id="77", created_at="2018-02-01T00:00:00+00:00")
    company.record(
        "csv", "deal", "77", lead_id="77", converted_at="2018-02-26T19:58:54+00:00",
        kind="purchase", value="1250.50",
    )  # fmt: skip
    yield
    [conversion] = company.rows("marts.fct_conversions")
    assert conversion["lead_id"] == company.lead("77")["lead_id"]
    assert (conversion["kind"], conversion["value"]) == ("purchase", Decimal("1250.50"))
    # The tenant's own currency, where the deal names none.
    assert conversion["currency"] == "TRY"


@tale
def reversal_takes_back_earlier_conversions_of_its_record_and_kind(
    company: Company,
) -> Generator[None]:
    company.convert("c1", crm_record_id="r1")
    company.convert("c2", crm_record_id="r1", event_type="enrollment")
    company.convert("c3", crm_record_id="r1", at=NOON + timedelta(days=1), reversed=True)
    company.convert("c4", crm_record_id="r1", at=NOON + timedelta(days=2))
    yield
    found = {row["event_id"]: row["is_reversed"] for row in company.rows("marts.fct_conversions")}
    assert found == {"c1": True, "c2": False, "c3": True, "c4": False}


@tale
def credit_goes_to_first_and_last_contact_with_a_campaign(company: Company) -> Generator[None]:
    phone = "05321112233"
    company.submit("too-old", at=NOON - timedelta(days=95), phone=phone, url=SITE + "gclid=O")
    company.submit("first", at=NOON - timedelta(days=80), phone=phone, url=SITE + "gclid=A")
    company.submit("middle", at=NOON - timedelta(days=40), phone=phone, url=SITE + "fbclid=B")
    company.write("m1", at=NOON - timedelta(days=10), type="text", text={"body": "Merhaba"})
    company.write("m2", at=NOON - timedelta(days=9), type="text", text={"body": "Fiyat?"})
    company.submit("after", at=NOON + timedelta(days=1), phone=phone, url=SITE + "gclid=C")
    company.convert("c1", identifiers={"phone": phone}, value=100, currency="TRY")
    company.convert("direct", value=50, currency="TRY")
    yield

    touches = {row["touch_id"]: row for row in company.rows("marts.fct_touches")}
    conversions = {
        row["conversion_id"]: row["event_id"] for row in company.rows("marts.fct_conversions")
    }
    credit = {
        (conversions[row["conversion_id"]], row["model"]): row
        for row in company.rows("marts.fct_attribution")
    }
    assert len(credit) == 4
    assert touches[credit["c1", "first"]["touch_id"]]["gclid"] == "A"
    # The chat's first message is a contact; the next one is talk.
    last = touches[credit["c1", "last"]["touch_id"]]
    assert (last["source"], last["touched_at"]) == ("whatsapp", NOON - timedelta(days=10))
    assert credit["direct", "first"]["touch_id"] == credit["direct", "last"]["touch_id"] == ""
    assert {row["credit"] for row in credit.values()} == {Decimal(1)}
    assert credit["c1", "last"]["value"] == Decimal(100)


@tale
def names_keep_their_time(company: Company) -> Generator[None]:
    def listed(version: int, name: str, day: int) -> None:
        company.record("google_ads", "campaign", "9", version, id="9", name=name, status="ENABLED")
        company.admin.execute(
            "update raw.records set seen_at = %s where tenant_id = %s and version = %s",
            [datetime(2026, 11, day, tzinfo=UTC), company.tenant.tenant_id, version],
        )

    listed(1, "Bahar", 1)
    listed(2, "Bahar 2026", 5)
    company.admin.execute(
        "insert into ops.campaign_map"
        " (tenant_id, platform, level, external_id, name, origin, valid_from, valid_to, recorded_by)"
        " values (%s, 'google', 'campaign', '9', 'İlkbahar', 'person', '2026-11-08Z', '2026-11-10Z', 'derya')",
        [company.tenant.tenant_id],
    )
    yield
    spans = [
        (row["name"], row["origin"], row["valid_from"].day, row["valid_to"] and row["valid_to"].day)
        for row in company.rows("intermediate.int_campaigns__resolved", "valid_from")
        if row["external_id"] == "9"
    ]
    assert spans == [
        ("Bahar", "platform", 1, 5),
        ("Bahar 2026", "platform", 5, 8),
        ("İlkbahar", "person", 8, 10),
        ("Bahar 2026", "platform", 10, None),
    ]
    [current] = [row for row in company.rows("marts.dim_campaigns") if row["external_id"] == "9"]
    assert current["name"] == "Bahar 2026"


@pytest.mark.parametrize("story", tale.stories)
def test_story(story: str, failures: dict[str, AssertionError]) -> None:
    if story in failures:
        raise failures[story]
