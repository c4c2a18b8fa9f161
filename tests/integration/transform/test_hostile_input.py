"""Whatever was stored, the build goes on and the value is empty."""

from __future__ import annotations

from collections.abc import Callable

from .conftest import Company

TIMES = [
    "2026-02-30T10:00:00Z", "2025-02-29", "2100-02-29T00:00:00Z", "2026-13-01", "2026-04-31T00:00Z", "0000-01-01",
    "2026-11-20T24:00:00Z", "2026-11-20T10:00:60Z", "2026-11-20T10:00:00+16:00", "294277-01-01", "-infinity", "now",
    "١٢٣٤٥٦٧٨٩٠", "99999999999999999999", "2026-11-20T10:00:00.0000000001Z", "", "epoch", "20.11.2026",
]  # fmt: skip
AMOUNTS = ["NaN", "Infinity", "1e400", "--1", "1.234,56", "٣", "9" * 30, "0x10", "", "1 000"]
ODD = [
    None,
    True,
    12,
    -0.0,
    1e30,
    "",
    " ",
    "x" * 9_000,
    [],
    {},
    [[]],
    {"url": {}},
    ["a", {"b": 1}],
    "İ\u0307ıI",
    "%",
    "\\",
]


def test_no_time_or_amount_breaks_the_build(
    company: Company, refresh: Callable[..., None], build: Callable[..., None]
) -> None:
    for number, time in enumerate(TIMES):
        company.submit(f"f{number}", submitted_at=time)
        company.convert(f"t{number}", event_time=time)
        company.record("csv", "lead", f"l{number}", created_at=time)
        company.record("csv", "deal", f"d{number}", converted_at=time, kind="purchase")
        company.send("sender_counts", f"n{number}", {"source": "crm", "day": time, "count": 1})
    for number, amount in enumerate(AMOUNTS):
        company.convert(f"a{number}", value=amount, currency="TRY")
        company.send(
            "sender_counts", f"c{number}", {"source": "crm", "day": "2026-11-20", "count": amount}
        )
    refresh()
    build()

    submissions = {row["dedupe_key"]: row for row in company.rows("staging.stg_forms__submissions")}
    assert len(submissions) == len(TIMES)
    # No event time can be read, so each was when it was received.
    assert all(row["submitted_at"] == row["received_at"] for row in submissions.values())
    values = {row["event_id"]: row["value"] for row in company.rows("marts.fct_conversions")}
    assert {values[f"a{number}"] for number in range(len(AMOUNTS))} == {None}
    assert company.rows("staging.stg_intake__sender_counts") == []


def test_no_shape_of_a_payload_breaks_the_build(
    company: Company, refresh: Callable[..., None], build: Callable[..., None]
) -> None:
    for number, odd in enumerate(ODD):
        names = (
            "url",
            "dataW",
            "dataW.url",
            "name",
            "email",
            "phone",
            "consent",
            "form_id",
            "city",
            "submitted_at",
        )
        company.send("form", f"f{number}", dict.fromkeys(names, odd))
        company.send("form", f"p{number}", odd)
        company.send("whatsapp", f"w{number}", {"message": odd, "contacts": odd, "metadata": odd})
        message = dict.fromkeys(("from", "timestamp", "text", "referral", "type", "button"), odd)
        company.send(
            "whatsapp", f"m{number}", {"message": message, "contacts": [odd], "metadata": {}}
        )
        names = (
            "event_type",
            "event_time",
            "value",
            "currency",
            "identifiers",
            "consent",
            "crm_record_id",
        )
        company.send("crm", f"c{number}", dict.fromkeys(names, odd))
        clicks = dict.fromkeys(("gclid", "email", "phone_sha256", "lead_id", "ttclid"), odd)
        company.send("crm", f"i{number}", {"identifiers": clicks})
        company.send("sender_counts", f"s{number}", dict.fromkeys(("source", "day", "count"), odd))
        company.record(
            "google_ads", "campaign", f"g{number}", name=odd, status=odd, campaign_id=odd
        )
        company.record("csv", "lead", f"l{number}", created_at=odd, gclid=odd, utm_source=odd)
    refresh()
    build()
    assert len(
        [row for row in company.rows("marts.fct_touches") if row["source"] == "form"]
    ) == 2 * len(ODD)


def test_oversized_click_id_is_no_click_id(company: Company, refresh: Callable[..., None]) -> None:
    company.submit("f1", url=f"https://akademi.com/?gclid={'A' * 7_000}&utm_term={'ı' * 600}")
    company.write(
        "m1", type="text", text={"body": "x." + "ş" * 8_000}, referral={"ctwa_clid": "B" * 9_000}
    )
    refresh()
    assert company.lead("f1")["gclid"] is None
    assert len(company.lead("f1")["utm_term"]) == 512
