"""The plan's rules and facts: which stand, whose policy holds, and what is known of a lead of a platform's own form."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from .conftest import Company, Tale

tale = Tale()

SITE = "https://www.akademi-istanbul.com/?"
# The plan asks the database's clock, so the stories are told from now.
NOW = datetime.now(UTC)
YESTERDAY = NOW - timedelta(days=1)
ACCOUNTS = {
    "google": ("1234567890", {"login_account": "1234567890"}),
    "meta": ("880000000000001", {"dataset_id": "880000000000001"}),
    "tiktok": ("CABC", {"pixel_code": "CABC", "crm_event_set_id": "78"}),
}


def _open_accounts(company: Company, *platforms: str) -> None:
    for platform in platforms:
        account_id, config = ACCOUNTS[platform]
        company.admin.execute(
            "insert into ops.accounts (tenant_id, platform, account_id, config) values (%s, %s, %s, %s)",
            [company.tenant.tenant_id, platform, account_id, Jsonb(config)],
        )


def _route(company: Company, kind: str, platform: str, *, with_value: bool = False) -> None:
    company.admin.execute(
        "insert into ops.routes (tenant_id, conversion_kind, platform, account_id, action, with_value)"
        " values (%s, %s, %s, %s, 'QualifiedLead', %s)",
        [company.tenant.tenant_id, kind, platform, ACCOUNTS[platform][0], with_value],
    )


def _plan(company: Company) -> dict[tuple[str, str], dict[str, Any]]:
    events = {
        row["conversion_id"]: row["event_id"] for row in company.rows("marts.fct_conversions")
    }
    return {
        (events[row["conversion_id"]], row["platform"]): row
        for row in company.rows("marts.delivery_plan")
    }


@tale
def lead_of_an_instant_form_goes_the_way_of_the_crm(company: Company) -> Generator[None]:
    _open_accounts(company, "meta", "tiktok")
    for platform in ("meta", "tiktok"):
        _route(company, "qualified_lead", platform)
    meta_id, tiktok_id = "512345678901234", "7012345678901234567"
    company.submit("m", at=YESTERDAY, leadgen_id=int(meta_id), consent="evet")
    company.record("csv", "lead", "t", created_at=YESTERDAY.isoformat(), tiktok_lead_id=tiktok_id)
    company.convert("form", crm_record_id="m", at=YESTERDAY)
    company.convert("file", crm_record_id="t", at=YESTERDAY, consent=True)
    company.convert("crm", at=YESTERDAY, consent=True, identifiers={"meta_lead_id": meta_id})
    company.convert("bad", at=YESTERDAY, consent=True, identifiers={"meta_lead_id": "l:1"})
    yield
    plan = _plan(company)
    found = {key: (row["channel"], row["reason"]) for key, row in plan.items()}
    assert found["form", "meta"] == found["crm", "meta"] == ("crm", "eligible")
    assert found["file", "tiktok"] == ("crm", "eligible")
    assert found["file", "meta"][1] == found["bad", "meta"][1] == "no_identifier"
    assert plan["form", "meta"]["meta_lead_id"] == meta_id
    assert plan["file", "tiktok"]["tiktok_lead_id"] == tiktok_id
    # A platform's own id of a lead finds the lead, as a click does.
    assert company.conversion("crm")["lead_id"] == company.lead("m")["lead_id"]
    assert company.conversion("crm")["matched_by"] == "lead_id"
    assert company.lead("m")["platform"] == "meta"
    assert company.lead("t")["platform"] == "tiktok"


@tale
def all_rules_that_stand_are_told_with_the_facts_that_decided(company: Company) -> Generator[None]:
    _open_accounts(company, "google")
    _route(company, "purchase", "google", with_value=True)
    person = {"email": "isil@example.com", "phone": "05321112233", "gclid": "GEHEIM"}
    company.convert(
        "bad", at=NOW - timedelta(days=91), event_type="purchase", consent="denied", reversed=True
    )
    company.convert(
        "good", at=YESTERDAY, event_type="purchase", value=5, consent=True, identifiers=person
    )
    yield
    plan = _plan(company)
    bad, good = plan["bad", "google"], plan["good", "google"]
    assert bad["rules"] == [
        "reversed",
        "value_missing",
        "consent_denied",
        "no_identifier",
        "too_old",
    ]
    assert (bad["reason"], bad["decision"]) == ("reversed", "never")
    assert (good["rules"], good["reason"], good["decision"]) == ([], "eligible", "send")
    facts = good["facts"]
    assert facts["click_kinds"] == ["gclid"]
    assert facts["hash_kinds"] == ["email", "phone"]
    assert (facts["consent"], facts["legal_basis"], facts["region"]) == ("granted", "consent", "TR")
    assert (facts["has_value"], facts["has_currency"]) == (True, True)
    assert facts["consent_at"]
    assert facts["age_hours"] in (23, 24)
    assert bad["facts"]["has_value"] is False
    assert "GEHEIM" not in str(facts)
    assert "isil" not in str(facts)


@tale
def country_of_the_outcome_or_its_lead_says_whose_policy_holds(company: Company) -> Generator[None]:
    _open_accounts(company, "google")
    _route(company, "qualified_lead", "google")
    for region, unknown in (("DE", "hold"), ("US", "send")):
        company.admin.execute(
            "insert into ops.consent_policies"
            " (tenant_id, region, legal_basis, unknown_consent, limited_data_use, recorded_by)"
            " values (%s, %s, 'consent', %s, %s, 'derya')",
            [company.tenant.tenant_id, region, unknown, region == "US"],
        )
    company.submit("f", at=YESTERDAY, country="de", url=SITE + "gclid=F")
    company.convert("lead", crm_record_id="f", at=YESTERDAY)
    us = {"country": "US", "gclid": "F"}
    company.convert("own", at=YESTERDAY, identifiers=us)
    company.convert("word", at=YESTERDAY, identifiers={"country": "Germany", "gclid": "A"})
    yield
    found = {
        key: (row["region"], row["reason"], row["limited_data_use"])
        for (key, _), row in _plan(company).items()
    }
    assert found == {
        "lead": ("DE", "consent_unknown", False),
        "own": ("US", "eligible", True),
        "word": ("TR", "consent_unknown", False),
    }


@pytest.mark.parametrize("story", tale.stories)
def test_story(story: str, failures: dict[str, AssertionError]) -> None:
    if story in failures:
        raise failures[story]
