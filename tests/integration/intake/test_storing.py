"""What the intake says it has, it has: once, as received, under the right tenant."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest


def test_an_event_is_stored_as_received_before_it_is_acknowledged(sender: Any, rows: Any) -> None:
    body = sender.sample("crm", "enrollment.json")

    answer = sender.post_signed(body)

    assert answer.status_code == 202
    (row,) = rows(
        "select tenant_id, source, dedupe_key, payload, body_sha256 = encode(sha256(%s), 'hex'),"
        " key_id like 'crm-%%', request_id, headers, occurred_at from raw.events",
        body,
    )
    assert row[:4] == (
        sender.tenant.tenant_id,
        "crm",
        "evt-2026-11-08-000003",
        json.loads(body),
    )
    assert row[4:6] == (True, True)
    assert row[6] == answer.json()["request_id"] == answer.headers["x-request-id"]
    assert row[7]["content-type"] == "application/json"
    assert row[7]["webhook-id"].startswith("msg_")
    assert "webhook-signature" not in row[7]
    assert row[8] == datetime.fromisoformat(json.loads(body)["event_time"])


def test_nothing_is_acknowledged_before_it_is_committed(
    sender: Any, rows: Any, blocked: Callable[[], None]
) -> None:
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(sender.post_signed, sender.conversion())
        assert not wait([answer], timeout=0.3).done
        blocked()
        assert answer.result(5).status_code == 202
    assert rows.count("raw.events") == 1


def test_numbers_keep_their_digits_in_the_warehouse(sender: Any, rows: Any) -> None:
    body = json.dumps(sender.conversion(value=0)).replace('"value": 0', '"value": 1250.50')

    assert sender.post_signed(body.encode()).status_code == 202

    assert rows("select payload ->> 'value' from raw.events") == ["1250.50"]


def test_a_repeat_is_acknowledged_and_stored_once(sender: Any, rows: Any) -> None:
    conversion = sender.conversion()

    answers = [sender.post_signed(conversion) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 200, 200]
    assert [answer.json()["status"] for answer in answers] == ["stored", "duplicate", "duplicate"]
    assert rows.count("raw.events") == 1
    assert rows.count("raw.quarantine") == 0


def test_of_two_events_with_one_key_the_first_stands_and_the_second_is_kept_aside(
    sender: Any, rows: Any
) -> None:
    first = sender.conversion(event_id="e1", value=100)
    second = sender.conversion(event_id="e1", value=200)

    answers = [sender.post_signed(event) for event in (first, second, second, first)]

    assert [answer.status_code for answer in answers] == [202, 409, 409, 200]
    assert answers[1].headers["content-type"] == "application/problem+json"
    assert answers[1].json()["code"] == "conflict"
    assert rows("select (payload ->> 'value')::int from raw.events") == [100]
    (kept,) = rows("select reason, source, convert_from(body, 'utf8') from raw.quarantine")
    assert kept[:2] == ("conflict", "crm")
    assert json.loads(kept[2]) == second


def test_without_an_event_id_record_type_and_time_tell_a_repeat(sender: Any, rows: Any) -> None:
    conversion = sender.conversion(event_id=...)

    answers = [sender.post_signed(conversion) for _ in range(2)]
    other_type = sender.post_signed({**conversion, "event_type": "refund"})

    assert [answer.status_code for answer in (*answers, other_type)] == [202, 200, 202]
    assert rows.count("raw.events") == 2


def test_an_array_is_stored_whole_and_each_event_is_judged(sender: Any, rows: Any) -> None:
    known = sender.conversion()
    sender.post_signed(known)

    answer = sender.post_signed([known, sender.conversion(), known])

    assert answer.status_code == 202
    # As an element the event is written as it was alone, so it is the same event.
    assert answer.json()["results"] == ["duplicate", "stored", "duplicate"]
    assert rows.count("raw.events") == 2


def test_an_array_with_one_bad_event_stores_none(sender: Any, rows: Any) -> None:
    answer = sender.post_signed([sender.conversion(), sender.conversion(event_time=...)])

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/1/event_time"]
    assert rows.count("raw.events") == 0
    assert rows("select reason from raw.quarantine") == ["off_schema"]


def test_requests_at_the_same_time_share_commits(
    sender: Any, rows: Any, blocked: Callable[[], None]
) -> None:
    with ThreadPoolExecutor(40) as threads:
        answers = [threads.submit(sender.post_signed, sender.conversion()) for _ in range(40)]
        assert not wait(answers, timeout=0.5).done
        blocked()
        assert {answer.result(5).status_code for answer in answers} == {202}

    assert rows.count("raw.events") == 40
    # What came while the first commit waited went together with the next.
    (commits,) = rows("select count(distinct xmin::text) from raw.events")
    assert commits <= 5


def test_tenants_that_share_a_commit_never_cross(
    sender: Any, other: Any, rows: Any, blocked: Callable[[], None]
) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers = [
            threads.submit(one.post_signed, one.conversion(event_id=f"same-{index}"))
            for index in range(10)
            for one in (sender, other)
        ]
        assert not wait(answers, timeout=0.5).done
        blocked()
        assert {answer.result(5).status_code for answer in answers} == {202}

    assert rows(
        "select count(*) from raw.events where payload ->> 'tenant_id' = tenant_id::text"
    ) == [20]
    assert rows("select count(*) from raw.events group by tenant_id") == [10, 10]


def test_a_row_that_postgres_refuses_does_not_hold_up_the_others(
    sender: Any, rows: Any, admin: Any
) -> None:
    admin.execute(
        "alter table raw.events add constraint no_thirteen check (dedupe_key <> 'thirteen')"
    )

    answer = sender.post_signed(
        [sender.conversion(event_id=key) for key in ("twelve", "thirteen", "fourteen")]
    )

    assert answer.status_code == 422
    assert answer.json()["code"] == "unstorable"
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/1"]
    assert rows("select count(*) from raw.events where dedupe_key ~ 'teen|twelve'") == [2]
    assert rows("select reason from raw.quarantine") == ["unstorable_23514"]


def test_a_form_is_stored_and_a_second_click_is_not(sender: Any, rows: Any) -> None:
    fields = {
        "name": "Ayşe",
        "email": "a@example.com",
        "dataW": {"url": "https://x.example/?gclid=1"},
    }

    answers = [sender.post_form(json=fields) for _ in range(2)]

    assert [answer.json()["status"] for answer in answers] == ["stored", "duplicate"]
    assert rows("select payload from raw.events") == [fields]


def test_each_message_of_a_batch_is_an_event_and_its_repeat_is_not(sender: Any, rows: Any) -> None:
    batch = sender.sample("whatsapp", "batch.json")

    answers = [sender.post_whatsapp(batch), sender.post_whatsapp(batch)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["status"] for answer in answers] == ["stored", "duplicate"]
    assert rows("select source, count(*) from raw.events group by source order by source") == [
        ("whatsapp", 3),
        ("whatsapp_status", 2),
    ]


@pytest.mark.parametrize(
    ("folder", "suffix"),
    [
        ("forms", "*.*"),
        ("whatsapp", "*.json"),
        ("crm", "*.json"),
        ("consent", "*"),
        ("counts", "*"),
    ],
)
def test_every_sample_is_taken_over_http(sender: Any, rows: Any, folder: str, suffix: str) -> None:
    for path in sorted((Path(__file__).parents[2] / "data" / folder).glob(suffix)):
        body = sender.sample(folder, path.name)
        answer: httpx.Response
        if folder == "forms":
            kind = (
                "application/json"
                if path.suffix == ".json"
                else "application/x-www-form-urlencoded"
            )
            answer = sender.post_form(content=body, headers={"content-type": kind})
        elif folder == "whatsapp":
            answer = sender.post_whatsapp(body)
        else:
            address = "crm/conversions" if folder == "crm" else folder
            answer = sender.post_signed(body, path=f"/integrations/{address}")
        expected = "set_aside" if path.stem == "other_field" else "stored"
        assert (path.name, answer.json()["status"]) == (path.name, expected)
    assert rows.count("raw.events") >= 1
