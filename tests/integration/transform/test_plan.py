"""The delivery plan: one decision and one reason for each conversion and account."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from orchestration.deliveries.accounts.routes import DEFAULT_ROUTES
from orchestration.deliveries.conversion import Account, Conversion
from orchestration.deliveries.destinations import DESTINATIONS

from .conftest import Company, Tale

tale = Tale()

SITE = "https://www.akademi-istanbul.com/?"
# The plan asks the database's clock, so the stories are told from now.
NOW = datetime.now(UTC)
YESTERDAY = NOW - timedelta(days=1)
ACCOUNTS = {
    "google": ("1234567890", {"login_account": "1234567890"}),
    "meta": ("880000000000001", {"dataset_id": "880000000000001", "whatsapp_business_account_id": "10"}),
    "tiktok": ("CABC", {"pixel_code": "CABC", "offline_event_set_id": "77", "crm_event_set_id": "78", "site_url": "https://a.example/"}),
}  # fmt: skip

WHATSAPP = {"whatsapp_business_account_id": "10"}
PAGE = {"site_url": "https://a.example/"}
DOORS: dict[tuple[str, str], dict[str, str]] = {
    ("meta", "m1"): {"dataset_id": "1"},
    ("meta", "m2"): {"dataset_id": "1", **WHATSAPP, "action_source": "phone_call"},
    ("meta", "m3"): {**WHATSAPP, "action_source_appointment": "physical_store"},
    ("meta", "m4"): {"action_source": "physical_store", "physical_store_days": "62"},
    ("tiktok", "t1"): {"offline_event_set_id": "77"},
    ("tiktok", "t2"): {"offline_event_set_id": "77", **PAGE, "crm_event_set_id": "78"},
    ("tiktok", "t3"): {**PAGE, "pixel_code": "C"},
    ("tiktok", "t4"): {"offline_event_set_id": "77", **PAGE, "event_source": "web"},
}
EMAIL = {"email": "isil@example.com"}
KNOWN: list[dict[str, str]] = [
    EMAIL,
    {"fbclid": "F"},
    {"ctwa_clid": "W"},
    {"ctwa_clid": "W2", **EMAIL},
    {"meta_lead_id": "525645896321548"},
    {"meta_lead_id": "525645896321549", "ctwa_clid": "W3"},
    {"ttclid": "T"},
    {"ttclid": "T2", **EMAIL},
    {"tiktok_lead_id": "7391234567890123456"},
    {"tiktok_lead_id": "7391234567890123457", "ttclid": "T3", **EMAIL},
]
CLICK_IDS = ("fbclid", "ctwa_clid", "ttclid", "meta_lead_id", "tiktok_lead_id")


def _open_accounts(company: Company, *platforms: str) -> None:
    for platform in platforms or tuple(ACCOUNTS):
        account_id, config = ACCOUNTS[platform]
        company.admin.execute(
            "insert into ops.accounts (tenant_id, platform, account_id, config) values (%s, %s, %s, %s)",
            [company.tenant.tenant_id, platform, account_id, Jsonb(config)],
        )


def _route(company: Company, kind: str, platform: str, **columns: Any) -> None:
    row = {"action": "Lead", "action_id": None, "with_value": False, "is_active": True, **columns}
    company.admin.execute(
        "insert into ops.routes"
        " (tenant_id, conversion_kind, platform, account_id, action, action_id, with_value, is_active)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s)",
        [company.tenant.tenant_id, kind, platform, ACCOUNTS[platform][0], *row.values()],
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
def the_first_reason_that_applies_decides(company: Company) -> Generator[None]:
    _open_accounts(company, "google")
    for kind in ("qualified_lead", "purchase", "appointment"):
        _route(company, kind, "google", with_value=kind == "appointment")
    _route(company, "enrollment", "google", is_active=False)
    good = {"at": YESTERDAY, "consent": "granted", "identifiers": {"gclid": "A"}}
    old = {**good, "at": NOW - timedelta(days=91)}
    stories: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
        "eligible": (good, ("send", "eligible")),
        "purchase": ({**good, "event_type": "purchase", "value": 5, "currency": "TRY"}, ("send", "eligible")),
        "free": ({**good, "event_type": "purchase"}, ("never", "value_missing")),
        "unpriced": ({**good, "event_type": "appointment"}, ("never", "value_missing")),
        "strange": ({**good, "event_type": "newsletter"}, ("never", "no_route")),
        "paused": ({**good, "event_type": "enrollment", "consent": "denied"}, ("never", "route_inactive")),
        "reversed": ({**good, "reversed": True, "consent": "denied"}, ("never", "reversed")),
        "denied": ({**good, "consent": "denied", "identifiers": {}}, ("never", "consent_denied")),
        "silent": ({**good, "consent": None}, ("hold", "consent_unknown")),
        "stranger": ({**old, "identifiers": {}}, ("never", "no_identifier")),
        "bad-email": ({**good, "identifiers": {"email": "isil@"}}, ("never", "no_identifier")),
        "other-click": ({**good, "identifiers": {"fbclid": "B"}}, ("never", "no_identifier")),
        "hashed": ({**good, "identifiers": {"email": "isil@example.com"}}, ("send", "eligible")),
        "old": (old, ("never", "too_old")),
        "ancient": ({**good, "at": NOW - timedelta(days=121)}, ("", "")),
    }  # fmt: skip
    for key, (fields, _) in stories.items():
        company.convert(key, **fields)
    yield
    found = {key: (row["decision"], row["reason"]) for (key, _), row in _plan(company).items()}
    assert found == {key: expected for key, (_, expected) in stories.items() if expected[0]}


@tale
def policy_of_the_tenant_decides_where_nobody_said(company: Company) -> Generator[None]:
    company.admin.execute(
        "update ops.consent_policies set unknown_consent = 'send' where tenant_id = %s",
        [company.tenant.tenant_id],
    )
    _open_accounts(company, "google")
    _route(company, "qualified_lead", "google")
    company.convert("c1", at=YESTERDAY, identifiers={"gclid": "A"})
    yield
    assert _plan(company)["c1", "google"]["reason"] == "eligible"


@tale
def each_platform_gets_its_own_channel_click_and_time(company: Company) -> Generator[None]:
    _open_accounts(company)
    for platform in ACCOUNTS:
        _route(company, "qualified_lead", platform, action="QualifiedLead")
    clicked = NOW - timedelta(days=10)
    phone = "05321112233"
    for key, query in (("g", "gclid=G"), ("f", "fbclid=F"), ("t", "ttclid=T"), ("n", "")):
        company.submit(key, at=clicked, phone=phone, url=SITE + query, consent="evet")
        company.convert(f"c-{key}", crm_record_id=key, at=NOW - timedelta(days=7))
    company.write("m1", at=clicked, type="text", referral={"source_id": "5", "ctwa_clid": "W"})
    company.convert("c-w", at=YESTERDAY, consent=True, identifiers={"ctwa_clid": "W"})
    yield
    plan = _plan(company)
    assert len(plan) == 5 * 3
    channels = {key: row["channel"] for key, row in plan.items()}
    assert channels["c-g", "google"] == "click"
    assert channels["c-n", "google"] == "hashed"
    assert channels["c-f", "meta"] == "system_generated"
    assert channels["c-w", "meta"] == "messaging"
    assert channels["c-t", "tiktok"] == "web"
    assert channels["c-n", "tiktok"] == "offline"
    assert plan["c-g", "google"]["gclid"] == "G"
    assert abs(plan["c-g", "google"]["click_at"] - clicked) < timedelta(milliseconds=1)
    # Meta takes nothing older than seven days, and half a day is kept for trying.
    assert plan["c-f", "meta"]["reason"] == "too_old"
    assert plan["c-w", "meta"]["reason"] == "eligible"
    assert {row["consent"] for row in plan.values()} == {"granted"}


@tale
def click_on_a_site_keeps_its_own_time_beside_a_later_message(company: Company) -> Generator[None]:
    _open_accounts(company, "meta")
    _route(company, "qualified_lead", "meta", action="Lead")
    clicked = NOW - timedelta(days=3)
    company.write("m1", at=clicked, type="text", text={"body": f"Merhaba {SITE}fbclid=F"})
    referral = {"source_id": "5", "ctwa_clid": "W"}
    company.write("m2", at=clicked + timedelta(days=1), type="text", referral=referral)
    company.convert("c", at=YESTERDAY, consent=True, identifiers={"ctwa_clid": "W"})
    yield
    row = _plan(company)["c", "meta"]
    assert (row["fbclid"], row["ctwa_clid"]) == ("F", "W")
    assert abs(row["click_at"] - clicked) < timedelta(seconds=1)


@tale
def plan_names_the_door_that_the_event_takes(company: Company) -> Generator[None]:
    for (platform, account_id), config in DOORS.items():
        company.admin.execute(
            "insert into ops.accounts (tenant_id, platform, account_id, config) values (%s, %s, %s, %s)",
            [company.tenant.tenant_id, platform, account_id, Jsonb(config)],
        )
        for kind, route in DEFAULT_ROUTES[platform].items():
            company.admin.execute(
                "insert into ops.routes (tenant_id, conversion_kind, platform, account_id, action)"
                " values (%s, %s, %s, %s, %s)",
                [company.tenant.tenant_id, kind, platform, account_id, route.action],
            )
    for number, (known, kind) in enumerate(product(KNOWN, ("qualified_lead", "appointment"))):
        company.convert(
            f"c{number}", event_type=kind, at=YESTERDAY, consent=True, identifiers=known
        )
    yield
    rows = company.rows("marts.delivery_plan")
    assert len(rows) == 2 * len(KNOWN) * len(DOORS)
    for row in rows:
        known = {name: row[name] for name in CLICK_IDS if row[name]}
        kinds = row["facts"]["hash_kinds"]
        made = Conversion(
            event_id="a" * 64,
            kind=row["kind"],
            action=row["action"],
            action_id=None,
            converted_at=row["converted_at"],
            value=None,
            currency=None,
            consent="granted",
            click_ids=known,
            click_at=YESTERDAY,
            person_key=None,
            hashes={kind: ("a" * 64,) for kind in kinds},
            account=Account(
                company.tenant.tenant_id,
                row["platform"],
                row["account_id"],
                DOORS[row["platform"], row["account_id"]],
            ),
        )
        destination = DESTINATIONS[row["platform"]]
        assert row["channel"] == destination.lane(made), (known, kinds, row["account_id"])
        # What the plan says can be sent can be worded; a click of TikTok's without its page is the one exception.
        if row["decision"] == "send" and not (row["platform"] == "tiktok" and "ttclid" in known):
            destination.event(made)
    days = {
        (row["account_id"], row["channel"]): (row["expires_at"] - row["converted_at"]).total_seconds() / 86_400
        for row in rows
    }  # fmt: skip
    assert days["m4", "physical_store"] == 61.5
    assert days["m3", "physical_store"] == days["m4", "system_generated"] == 6.5
    assert days["t1", "offline"] == 28


@tale
def account_that_is_switched_off_is_planned_nothing(company: Company) -> Generator[None]:
    _open_accounts(company, "google", "meta")
    company.admin.execute(
        "update ops.accounts set is_active = platform <> 'meta' where tenant_id = %s",
        [company.tenant.tenant_id],
    )
    company.convert("c1", at=YESTERDAY, identifiers={"gclid": "A"})
    yield
    assert list(_plan(company)) == [("c1", "google")]


@pytest.mark.parametrize("story", tale.stories)
def test_story(story: str, failures: dict[str, AssertionError]) -> None:
    if story in failures:
        raise failures[story]
