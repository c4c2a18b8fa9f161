"""For each rule: rows with which it holds, and rows that break it when they are added to the first.

Numbers, times and texts are chosen at the edge: what holds, holds by little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from tests.integration.quality.rows import Rows, digest

Arrange = Callable[[Rows], None]
Moment = Callable[[Rows], datetime]


@dataclass(frozen=True)
class Case:
    """How to keep a rule, how to break it, and how many breaches that makes."""

    keep: Arrange
    breach: Arrange
    failed_count: int = 1


def ago(**span: float) -> Moment:
    return lambda rows: rows.now - timedelta(**span)


def date_of(*, days: int) -> Callable[[Rows], date]:
    """The day so many days before now."""
    return lambda rows: (rows.now - timedelta(days=days)).date()


AN_HOUR_AGO = ago(hours=1)


def put(table: str, times: int = 1, *, at: Moment = AN_HOUR_AGO, **columns: Any) -> Arrange:
    """Add rows; a column's value may be a moment."""

    def arrange(rows: Rows) -> None:
        values = {
            name: value(rows) if callable(value) else value for name, value in columns.items()
        }
        rows.add(table, times, at=at(rows), **values)

    return arrange


def each(*arrangements: Arrange) -> Arrange:
    def arrange(rows: Rows) -> None:
        for one in arrangements:
            one(rows)

    return arrange


def nothing(rows: Rows) -> None:
    """Keep the tables empty."""


def counted(source: str, count: int, day: date) -> Arrange:
    return put("staging.stg_intake__sender_counts", source=source, day=day, sent_count=count)


def file_count(rows: Rows) -> None:
    """A file of two leads, of which one was refused: the count names it."""
    day, at = date(2018, 3, 1), rows.ago(minutes=50)
    happened = rows.now.replace(year=2018, month=3, day=1)
    rows.add("staging.stg_csv__leads", at=at, created_at=happened)
    payload = {"source": "csv", "day": "2018-03-01", "count": 2, "refused_ids": ["r1"]}
    rows.add("raw.events", at=at, source="sender_counts", payload=Jsonb(payload))
    rows.add("staging.stg_intake__sender_counts", at=at, source="csv", day=day, sent_count=2)


def read_twice(staged: str, held: str, key: str) -> Arrange:
    values = [digest(0), digest(1)]
    return each(
        *(put(staged, **{key: value}) for value in values),
        *(put(held, **{key: value}) for value in values),
    )


def lacking(field: str, missing: int) -> Case:
    """A day on which as many of 20 forms lack a field as may, and one more.

    Other days are whole. Neither 19 chats nor leads of last month are enough to judge.
    """
    leads, empty = "marts.fct_leads", {field: None}
    return Case(
        keep=each(
            put(leads, 20 - missing, at=ago(days=1)),
            put(leads, missing, at=ago(days=1), **empty),
            put(leads, 20, at=ago(days=2)),
            put(leads, 19, source="whatsapp", at=ago(days=1), **empty),
            put(leads, 50, at=ago(days=8), **empty),
        ),
        breach=put(leads, at=ago(days=1), **empty),
    )


def four_weeks(table: str, column: str, source: str, yesterday: int) -> Arrange:
    """Twenty rows on each of four Mondays, and some on the last."""
    moments = [(ago(days=1 + 7 * week), 20) for week in range(1, 5)] + [(ago(days=1), yesterday)]
    return each(
        *(
            put(table, count, at=moment, source=source, **{column: moment})
            for moment, count in moments
        )
    )


def lists(rows: Rows) -> None:
    rows.add("ops.accounts")
    place = {"started_at": rows.ago(hours=47).isoformat(), "is_complete": True, "rows": 1}
    rows.add("ops.cursors", cursor=Jsonb({"act_9001": place}))
    rows.add("staging.stg_ads__campaigns", platform="meta")
    google = {"platform": "google", "config": Jsonb({"ads_customer_id": "1"})}
    # Added today: its list may come tonight.
    rows.add("ops.accounts", **google, created_at=rows.ago(hours=3), account_id="1")
    # Nothing to list.
    rows.add("ops.accounts", platform="tiktok", config=Jsonb({"pixel_code": "C1"}), account_id="2")


def list_of_three_days_ago(rows: Rows) -> None:
    config = Jsonb({"ads_customer_id": "3"})
    rows.add("ops.accounts", platform="google", config=config, account_id="3")
    place = {"started_at": rows.ago(hours=49).isoformat(), "is_complete": True, "rows": 0}
    rows.add("ops.cursors", system="google_ads", cursor=Jsonb({"3": place}))


def delete_yesterday(rows: Rows) -> None:
    rows.connection.execute(
        "delete from marts.fct_conversions where tenant_id = %s and received_at > %s",
        [rows.tenant_id, rows.ago(days=2)],
    )


def personal(table: str, **columns: Any) -> Case:
    """Ids that resemble a number, and a row with an address."""
    name = next(iter(columns))
    return Case(
        keep=each(
            put(table, **{name: "120210000000000001"}), put(table, **{name: "CjwKCAjw+90-532_a"})
        ),
        breach=put(table, **columns),
    )


_SUNDAY, _SATURDAY, _TODAY = date(2026, 11, 22), date(2026, 11, 21), date(2026, 11, 24)

CASES: dict[str, Case] = {
    "REC1": Case(
        keep=each(
            put("raw.events", 3, at=ago(days=2)),
            counted("form", 3, _SUNDAY),
            # Half past midnight in Istanbul is still the day before in Greenwich.
            put("raw.events", source="crm", at=ago(days=2, hours=11, minutes=30)),
            counted("crm", 1, _SUNDAY),
            # One was set aside: the sender may have counted it, or not.
            put("raw.quarantine", source="whatsapp", at=ago(days=2)),
            counted("whatsapp", 1, _SUNDAY),
            # The day is not over: its count is a part of it.
            counted("form", 9, _TODAY),
            file_count,
        ),
        breach=counted("form", 1, _SATURDAY),
    ),
    "REC2": Case(
        keep=each(put("raw.events", 2), put("staging.stg_forms__submissions", 2)),
        breach=put("raw.events", at=ago(hours=2)),
    ),
    "REC3": Case(
        keep=each(
            put("staging.stg_forms__submissions", 2),
            put("staging.stg_whatsapp__messages", 2),
            put("staging.stg_csv__leads", 2),
            put("marts.fct_touches", 2),
            put("marts.fct_touches", 2, source="whatsapp"),
            put("marts.fct_touches", 2, source="csv"),
        ),
        breach=put("staging.stg_whatsapp__messages", at=ago(hours=2)),
    ),
    "REC4": Case(
        keep=each(
            put("staging.stg_crm__conversions", 2),
            put("staging.stg_csv__deals", 2),
            put("marts.fct_conversions", 2),
            put("marts.fct_conversions", 2, source="csv"),
        ),
        breach=put("staging.stg_csv__deals", at=ago(hours=2)),
    ),
    "REC5": Case(
        keep=each(
            put("raw.events", 2, source="whatsapp"), put("staging.stg_whatsapp__messages", 2)
        ),
        breach=put("raw.events", source="whatsapp", at=ago(hours=2)),
    ),
    "REC6": Case(
        keep=each(put("raw.events", 2, source="crm"), put("staging.stg_crm__conversions", 2)),
        breach=put("raw.events", source="crm", at=ago(hours=2)),
    ),
    "REC7": Case(
        keep=each(
            put("raw.records", record_id="a", at=ago(days=3)),
            put("raw.records", record_id="a", version=2),
            put("staging.stg_csv__leads", record_id="a", version=2),
        ),
        breach=put("raw.records", at=ago(hours=2)),
    ),
    "REC8": Case(
        keep=each(put("raw.records", 2, object="deal"), put("staging.stg_csv__deals", 2)),
        breach=put("raw.records", object="deal", at=ago(hours=2)),
    ),
    "REC9": Case(
        keep=each(
            put("marts.fct_touches", 3, source="whatsapp"),
            put("marts.wapim_daily", message_count=2),
            put("marts.wapim_daily", message_count=1),
        ),
        breach=put("marts.wapim_daily"),
    ),
    "CNS1": Case(
        keep=read_twice("staging.stg_landings__values", "vault.landings", "landing_key"),
        breach=put("staging.stg_landings__values", at=ago(hours=2)),
    ),
    "CNS2": Case(
        keep=read_twice("staging.stg_identifiers__values", "vault.identifiers", "raw_value"),
        breach=put("staging.stg_identifiers__values", at=ago(hours=2)),
    ),
    "CNS4": Case(
        keep=each(
            put("staging.stg_forms__submissions", lead_id="lead", consent="granted"),
            put("marts.fct_consents", subject_id="lead"),
            put("staging.stg_intake__consents", crm_record_id="record"),
            put("marts.fct_consents", subject_kind="crm_record", subject_id="record"),
            # Nobody said anything, and a no of a minute ago may still be on its way.
            put("staging.stg_crm__conversions"),
            put("staging.stg_crm__conversions", consent="denied", at=ago(minutes=1)),
        ),
        breach=each(
            put("staging.stg_crm__conversions", consent="denied", at=ago(hours=2)),
            put("staging.stg_intake__consents", lead_external_id="lead-9", at=ago(hours=2)),
        ),
        failed_count=3,
    ),
    "CNS3": Case(
        keep=each(
            put("marts.delivery_plan", conversion_id="a"),
            put("ops.deliveries", conversion_id="a"),
            put("marts.delivery_plan", decision="never", reason="no_route"),
        ),
        breach=put("marts.delivery_plan"),
    ),
    "DLV1": Case(
        keep=each(
            put("ops.accounts"),
            put("ops.accounts", account_id="9002"),
            # A refusal that nothing waits for, a pause that a person wanted, and a throttle that ends by itself.
            put("ops.delivery_stops", target="crm"),
            put("ops.deliveries", state="pending", account_id="9002"),
            put("ops.delivery_stops", account_id="9002", kind="person", code="audit"),
            put("ops.accounts", account_id="9003"),
            put("ops.deliveries", state="pending", account_id="9003"),
            put("ops.delivery_stops", account_id="9003", kind="throttle", code="http_429"),
        ),
        breach=put("ops.deliveries", state="pending"),
    ),
    "MAT1": Case(
        keep=each(
            put("ops.accounts"),
            put("ops.accounts", account_id="9002", config=Jsonb({"match_rate_threshold": "0.9"})),
            put("marts.delivery_quality", match_rate=0.6, day=date_of(days=1)),
            put("marts.delivery_quality", match_rate=0.1, day=date_of(days=7)),
            put("marts.delivery_quality", account_id="9002", match_rate=0.9, day=date_of(days=1)),
            put(
                "marts.delivery_quality",
                platform="google",
                match_rate=0.1,
                accepted=49,
                day=date_of(days=1),
            ),
        ),
        breach=put(
            "marts.delivery_quality", account_id="9002", match_rate=0.89, day=date_of(days=2)
        ),
    ),
    "MAT2": Case(
        keep=each(
            put("ops.accounts"),
            put("ops.accounts", account_id="9002", config=Jsonb({"emq_threshold": "6"})),
            put("marts.delivery_quality", event_match_quality=3.9, day=date_of(days=2)),
            put("marts.delivery_quality", event_match_quality=4, day=date_of(days=1)),
            put(
                "marts.delivery_quality",
                account_id="9002",
                event_match_quality=6,
                day=date_of(days=2),
            ),
        ),
        breach=put(
            "marts.delivery_quality",
            account_id="9002",
            event_match_quality=5.9,
            day=date_of(days=1),
        ),
    ),
    "HSH1": Case(
        keep=each(
            put("vault.identifiers", 2),
            put("vault.identifiers", kind="country", normalized="tr", sha256=None),
        ),
        breach=put("vault.identifiers", sha256=hashlib.sha256().hexdigest()),
    ),
    "HSH2": Case(
        keep=put("vault.identifiers", normalized=None, sha256=None, reason="not_an_address"),
        breach=put("vault.identifiers", normalized=None, sha256=None),
    ),
    "NUL1": lacking("utm_source", missing=12),
    "NUL2": lacking("campaign_id", missing=13),
    "NUL3": lacking("campaign_name", missing=13),
    "NUL4": lacking("adgroup_id", missing=14),
    "UNQ1": Case(
        keep=each(
            put("marts.fct_conversions", crm_record_id="r"),
            put("marts.fct_conversions", crm_record_id="r", kind="enrollment"),
            put("marts.fct_conversions", 2, crm_record_id=None),
        ),
        breach=put("marts.fct_conversions", crm_record_id="r"),
    ),
    "UNQ2": Case(
        keep=each(
            put("marts.fct_leads", 5, gclid="CjwKCAjw0"),
            put("marts.fct_leads", 9, fbclid="IwAR0", person_id="one"),
        ),
        breach=put("marts.fct_leads", gclid="CjwKCAjw0"),
    ),
    "UNQ3": Case(
        keep=each(
            put("ops.deliveries", event_id=digest(0), state="rejected"),
            put("ops.deliveries", event_id=digest(0)),
            put("ops.deliveries", event_id=digest(0), account_id="9002"),
        ),
        breach=put("ops.deliveries", event_id=digest(0)),
    ),
    "FRS1": Case(
        keep=each(
            put("raw.events", at=ago(hours=2)),
            put("marts.fct_touches", at=ago(hours=2)),
            put("raw.events", at=ago(minutes=29)),
        ),
        breach=put("raw.records", at=ago(minutes=31)),
    ),
    "FRS2": Case(
        keep=each(
            put("raw.events", source="crm", at=ago(hours=2)),
            put("marts.fct_conversions", at=ago(hours=2)),
            put("raw.events", source="crm", at=ago(minutes=29)),
        ),
        breach=put("raw.events", source="crm", at=ago(minutes=31)),
    ),
    "FRS3": Case(keep=lists, breach=list_of_three_days_ago),
    "VOL1": Case(
        keep=four_weeks("marts.fct_touches", "touched_at", "form", yesterday=10),
        breach=four_weeks("marts.fct_touches", "touched_at", "whatsapp", yesterday=9),
    ),
    "VOL2": Case(
        keep=four_weeks("marts.fct_conversions", "converted_at", "crm", yesterday=10),
        breach=delete_yesterday,
    ),
    "VOL3": Case(keep=nothing, breach=put("marts.fct_touches")),
    "TCH2": Case(
        keep=put("marts.fct_touches", touched_at=ago(minutes=55)),
        breach=put("marts.fct_touches", touched_at=ago(minutes=54)),
    ),
    "PLA1": Case(
        keep=each(
            put("marts.fct_conversions", value="10.00", currency="TRY"),
            put("marts.fct_conversions", value=None, currency=None),
        ),
        breach=each(
            put("marts.fct_conversions", value="10.00", currency=None),
            put("marts.fct_conversions", value="10.00", currency="TL"),
        ),
        failed_count=2,
    ),
    "PLA2": Case(
        keep=each(
            put("marts.fct_conversions", value="0.00"),
            put("marts.fct_conversions", value="999999999999.99"),
            put("marts.fct_conversions", value=None),
        ),
        breach=each(
            put("marts.fct_conversions", value="-0.01"),
            put("marts.fct_conversions", value="1000000000000.00"),
        ),
        failed_count=2,
    ),
    "PLA3": Case(
        keep=each(
            put("marts.fct_conversions", converted_at=ago(days=400)),
            put("marts.fct_conversions", converted_at=ago(hours=-23)),
            put("marts.fct_conversions", converted_at=ago(days=4000), source="csv"),
        ),
        breach=each(
            put("marts.fct_conversions", converted_at=ago(days=401)),
            put("marts.fct_conversions", converted_at=ago(hours=-24)),
        ),
        failed_count=2,
    ),
    "JOI1": Case(
        keep=each(
            put("marts.fct_conversions", 10),
            put("marts.fct_conversions", 10, lead_id=None),
            put("marts.fct_conversions", 19, source="csv", lead_id=None),
        ),
        breach=put("marts.fct_conversions", lead_id=None),
    ),
    "ATT1": Case(
        keep=each(
            put("marts.fct_conversions", conversion_id="a"),
            *(
                put(
                    "marts.fct_attribution",
                    conversion_id="a",
                    model=model,
                    touch_id=touch_id,
                    credit=credit,
                )
                for model in ("first", "last")
                for touch_id, credit in (("x", "0.4"), ("y", "0.6"))
            ),
        ),
        breach=put("marts.fct_conversions", at=ago(hours=2)),
        failed_count=2,
    ),
    "PII1": personal("marts.fct_leads", utm_content="ayse@example.com"),
    "PII2": personal("marts.fct_touches", utm_term="+90 532 123 45 67"),
    "PII3": personal("marts.fct_conversions", crm_record_id="+905321234567"),
    "PII4": personal("marts.wapim_daily", chat_id="+905321234567"),
    "PII5": personal("marts.delivery_plan", action_id="ayse@example.com"),
    "PLN1": Case(
        keep=each(
            put("ops.accounts"),
            put("ops.accounts", account_id="9002", is_active=False),
            put("marts.fct_conversions", conversion_id="a"),
            put("marts.delivery_plan", conversion_id="a"),
            # Too old for any platform, and not in the plan.
            put("marts.fct_conversions", converted_at=ago(days=121)),
        ),
        breach=put("marts.fct_conversions", at=ago(hours=2)),
    ),
}
