"""Batches, repeats and full rebuilds end in the same tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from .conftest import NOON, Company

SITE = "https://www.akademi-istanbul.com/?"
MARTS = (
    "fct_touches", "fct_leads", "fct_conversions", "fct_attribution", "wapim_daily", "dim_campaigns", "delivery_plan",
)  # fmt: skip
# When a row was written says nothing about what it says.
CLOCKS = {"built_at", "identified_at"}


def _marts(*companies: Company) -> dict[str, list[dict[str, Any]]]:
    return {
        f"{company.tenant.name} {mart}": [
            {name: value for name, value in row.items() if name not in CLOCKS}
            for row in company.rows(f"marts.{mart}", "1, 2, 3, 4")
        ]
        for company in companies
        for mart in MARTS
    }


def _first_day(company: Company) -> None:
    company.submit("f1", url=SITE + "gclid=A&campaign_id=990", email="isil@example.com")
    company.submit(
        "f2", url=SITE + "fbclid=B&utm_campaign=Güz", phone="05321112233", consent="evet"
    )
    company.write("m1", type="text", text={"body": "Merhaba"})
    company.write("m2", at=NOON + timedelta(hours=1), referral={"source_id": "55"}, type="text")
    company.record("csv", "lead", "1", created_at="2026-11-01T00:00:00Z", utm_source="TT")
    digest = hashlib.sha256(b"can@example.com").hexdigest()
    company.convert("c1", at=NOON + timedelta(days=1), identifiers={"email_sha256": digest})
    company.convert(
        "c2", at=NOON + timedelta(days=1), identifiers={"gclid": "A"}, value=10, currency="TRY"
    )
    company.convert("c3", crm_record_id="r3", event_type="purchase", value=99, currency="TRY")


def _second_day(company: Company) -> None:
    company.submit("f3", email="isil@example.com", phone="0532 111 22 33")
    company.submit(
        "f4", at=NOON - timedelta(days=3), email="can@example.com", url=SITE + "ttclid=T"
    )
    company.write(
        "m0", at=NOON - timedelta(hours=2), type="text", text={"body": SITE + "utm_source=ig"}
    )
    company.record(
        "csv",
        "lead",
        "1",
        2,
        created_at="2026-11-01T00:00:00Z",
        utm_source="Fb",
        phone="05321112233",
    )
    company.record("meta_ads", "campaign", "54", id="54", name="Kayıt")
    company.record("meta_ads", "adgroup", "55", id="55", name="Ege", campaign_id="54")
    company.name_campaign("google", "990", "Güz Dönemi")
    company.convert(
        "c4", crm_record_id="r3", event_type="purchase", at=NOON + timedelta(days=2), reversed=True
    )
    company.convert("c5", at=NOON + timedelta(days=1), identifiers={"phone": "05321112233"})


def test_batches_equal_a_full_rebuild(
    company: Company, neighbour: Company, refresh: Callable[..., None], build: Callable[..., None]
) -> None:
    for each in (company, neighbour):
        _first_day(each)
    refresh()
    for each in (company, neighbour):
        _second_day(each)
    refresh()
    in_batches = _marts(company, neighbour)
    build("--full-refresh")
    rebuilt = _marts(company, neighbour)
    for mart, rows in in_batches.items():
        assert rows == rebuilt[mart], mart


def test_a_pass_without_news_changes_nothing(
    company: Company, refresh: Callable[..., None], build: Callable[..., None]
) -> None:
    _first_day(company)
    refresh()
    before = {mart: company.rows(f"marts.{mart}", "1, 2, 3, 4") for mart in MARTS}
    refresh()
    build()
    after = {mart: company.rows(f"marts.{mart}", "1, 2, 3, 4") for mart in MARTS}
    assert after == before
