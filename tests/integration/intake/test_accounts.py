"""Tenants that share one Meta app: each gets what is of its own accounts, and nobody gets what is not."""

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from orchestration.commands import tenants as commands
from orchestration.settings import Settings
from orchestration.warehouse.tenants import NewTenant, TenantRefused, create_tenant

# The accounts and the phone number of the sample of a batch.
FIRST, SECOND, PHONE = "102290129340398", "102290129340399", "106540352242922"
SECRET = "the app's own secret"


@pytest.fixture
def make(settings: Settings) -> Callable[..., NewTenant]:
    """Make a tenant of the shared app, with the accounts that it names."""
    shared = settings.model_copy(update={"whatsapp_app_secret": SecretStr(SECRET)})

    def make_one(name: str, *accounts: str) -> NewTenant:
        return create_tenant(shared, name, whatsapp_accounts=accounts)

    return make_one


def _stored(rows: Any) -> dict[str, dict[str, list[str]]]:
    """Entry ids of the stored events, and reasons of what was set aside, by tenant's name."""
    found = rows(
        "select t.name, coalesce(e.accounts, '{}'), coalesce(q.reasons, '{}') from ops.tenants t"
        " left join (select tenant_id, array_agg(distinct payload ->> 'entry_id') as accounts"
        "   from raw.events group by 1) e using (tenant_id)"
        " left join (select tenant_id, array_agg(reason order by reason) as reasons"
        "   from raw.quarantine group by 1) q using (tenant_id)"
    )
    return {name: {"events": accounts, "set_aside": reasons} for name, accounts, reasons in found}


def test_a_batch_is_split_between_its_tenants_in_one_transaction(
    sender: Any, make: Callable[..., NewTenant], rows: Any
) -> None:
    make("first", FIRST)
    make("second", SECOND)
    batch = sender.sample("whatsapp", "batch.json")

    answers = [sender.post_whatsapp(batch, secret=SECRET) for _ in range(2)]

    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [
        (200, "stored"),
        (200, "duplicate"),
    ]
    stored = _stored(rows)
    assert stored["first"] == {"events": [FIRST], "set_aside": []}
    assert stored["second"] == {"events": [SECOND], "set_aside": []}
    assert rows.count("raw.events") == 5
    assert rows("select count(distinct xmin::text) from raw.events") == [1]
    assert rows(
        "select count(*) from raw.events e join ops.intake_keys k using (tenant_id, key_id)"
    ) == [5]


def test_nothing_of_a_batch_is_stored_where_one_tenants_part_cannot_be(
    sender: Any, make: Callable[..., NewTenant], rows: Any, admin: psycopg.Connection
) -> None:
    make("first", FIRST)
    second = make("second", SECOND)
    admin.execute(
        "create function refuse() returns trigger language plpgsql as $$"
        " begin raise exception 'no' using errcode = '57014'; end $$"
    )
    admin.execute(
        "create trigger refuse before insert on raw.events for each row"
        f" when (new.tenant_id = '{second.tenant_id}') execute function refuse()"
    )

    answer = sender.post_whatsapp(sender.sample("whatsapp", "batch.json"), secret=SECRET)

    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert rows.count("raw.events") == 0


def test_a_phone_number_may_be_named_instead_of_its_account(
    sender: Any, make: Callable[..., NewTenant], rows: Any
) -> None:
    make("first", PHONE)
    make("second", "20")

    answer = sender.post_whatsapp(sender.sample("whatsapp", "batch.json"), secret=SECRET)

    assert answer.status_code == 200
    assert _stored(rows)["first"] == {"events": [FIRST, SECOND], "set_aside": []}


def test_an_account_that_nobody_names_waits_alone(
    sender: Any,
    make: Callable[..., NewTenant],
    rows: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make("first", FIRST)
    make("unnamed")
    batch = sender.sample("whatsapp", "batch.json")

    with caplog.at_level(logging.WARNING, "leadloop.intake"):
        answer = sender.post_whatsapp(batch, secret=SECRET)

    assert (answer.status_code, answer.json()["code"]) == (503, "ambiguous_key")
    assert answer.headers["retry-after"] == "1"
    assert _stored(rows)["first"] == {"events": [FIRST], "set_aside": []}
    assert _stored(rows)["unnamed"] == {"events": [], "set_aside": []}
    logged = [
        (record.msg, vars(record).get("account"), vars(record).get("code"))
        for record in caplog.records
    ]
    assert ("account_unclaimed", SECOND, None) in logged
    assert ("request", None, "ambiguous_key") in logged

    make("second", SECOND)

    assert sender.post_whatsapp(batch, secret=SECRET).status_code == 200
    assert _stored(rows)["second"] == {"events": [SECOND], "set_aside": []}
    assert rows.count("raw.events") == 5


def test_a_sole_holder_of_a_secret_keeps_strange_accounts_aside(
    sender: Any, make: Callable[..., NewTenant], rows: Any
) -> None:
    make("first", FIRST)
    strange = json.loads(sender.sample("whatsapp", "text.json"))
    strange["entry"][0]["id"] = "20"

    answer = sender.post_whatsapp(strange, secret=SECRET)

    assert (answer.status_code, answer.json()["status"]) == (200, "set_aside")
    assert answer.json()["code"] == "unknown_account"
    assert _stored(rows)["first"] == {"events": [], "set_aside": ["unknown_account"]}
    assert rows("select convert_from(body, 'utf8')::jsonb from raw.quarantine") == [strange]

    batch = sender.post_whatsapp(sender.sample("whatsapp", "batch.json"), secret=SECRET)

    assert (batch.status_code, batch.json()["status"]) == (200, "stored")
    assert _stored(rows)["first"] == {"events": [FIRST], "set_aside": ["unknown_account"] * 2}


def test_an_account_named_a_moment_ago_is_nobody_elses(
    sender: Any, make: Callable[..., NewTenant], rows: Any
) -> None:
    make("first", FIRST)
    text = json.loads(sender.sample("whatsapp", "text.json"))
    assert sender.post_whatsapp(text, secret=SECRET).status_code == 200
    make("second", SECOND)
    text["entry"][0]["id"] = SECOND

    assert sender.post_whatsapp(text, secret=SECRET).status_code == 200

    assert _stored(rows)["first"] == {"events": [FIRST], "set_aside": []}
    assert _stored(rows)["second"] == {"events": [SECOND], "set_aside": []}


def test_while_a_key_does_not_open_a_strange_account_may_be_its_tenants(
    sender: Any, make: Callable[..., NewTenant], rows: Any, admin: psycopg.Connection
) -> None:
    make("first", FIRST)
    second = make("second", SECOND)
    admin.execute(
        "update ops.intake_keys set secret = 'damaged' where kind = 'whatsapp' and tenant_id = %s",
        (second.tenant_id,),
    )

    answer = sender.post_whatsapp(sender.sample("whatsapp", "batch.json"), secret=SECRET)

    assert (answer.status_code, answer.json()["code"]) == (503, "keys_unavailable")
    assert rows.count("raw.events") == rows.count("raw.quarantine") == 0


def test_an_unreadable_message_of_one_tenant_does_not_hold_up_anothers(
    sender: Any, make: Callable[..., NewTenant], rows: Any
) -> None:
    make("first", FIRST)
    make("second", SECOND)
    body = sender.sample("whatsapp", "batch.json").replace("Kayıt oldum".encode(), b"\\u0000")

    answer = sender.post_whatsapp(body, secret=SECRET)

    assert (answer.status_code, answer.json()["code"]) == (200, "unstorable_text")
    assert _stored(rows)["first"] == {"events": [FIRST], "set_aside": []}
    assert _stored(rows)["second"] == {"events": [], "set_aside": ["unstorable_text"]}
    (kept,) = rows("select convert_from(body, 'utf8') from raw.quarantine")
    assert FIRST not in kept


def test_a_disabled_tenants_part_is_kept_aside_and_the_others_stored(
    serve: Callable[..., httpx.Client],
    sender: Any,
    make: Callable[..., NewTenant],
    rows: Any,
    admin: psycopg.Connection,
) -> None:
    make("first", FIRST)
    make("second", SECOND)
    admin.execute("update ops.tenants set is_active = false where name = 'second'")
    sender.client = serve()

    answer = sender.post_whatsapp(sender.sample("whatsapp", "batch.json"), secret=SECRET)

    assert (answer.status_code, answer.json()["code"]) == (200, "tenant_disabled")
    assert _stored(rows)["first"] == {"events": [FIRST], "set_aside": []}
    assert _stored(rows)["second"] == {"events": [], "set_aside": ["tenant_disabled"]}


def test_a_stranger_learns_nothing_of_the_accounts(
    sender: Any, make: Callable[..., NewTenant], rows: Any
) -> None:
    make("first", FIRST)

    answer = sender.post_whatsapp(sender.sample("whatsapp", "batch.json"), secret="guess")

    assert (answer.status_code, answer.json()["code"]) == (401, "not_proven")
    assert rows.count("raw.events") == rows.count("raw.quarantine") == 0


def test_the_accounts_are_named_on_the_command_line(
    settings: Settings, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "get_settings", lambda: settings)
    arguments = ["create", "Akademi", "--whatsapp-account", "20", "--whatsapp-account", "10"]

    result = CliRunner().invoke(commands.tenant_app, arguments)

    assert result.exit_code == 0
    assert rows("select kind, origins from ops.intake_keys order by kind") == [
        ("crm", []),
        ("form", []),
        ("whatsapp", ["10", "20"]),
        ("whatsapp_verify", []),
    ]


@pytest.mark.parametrize("account", ["", "+905321112233", "10 ", "Akademi", "1" * 33, "١٢"])
def test_what_is_no_account_is_refused(make: Callable[..., NewTenant], account: str) -> None:
    with pytest.raises(TenantRefused, match="digits"):
        make("first", account)


def test_an_account_is_named_once(make: Callable[..., NewTenant], rows: Any) -> None:
    make("first", FIRST)

    with pytest.raises(TenantRefused, match=f"{FIRST} already"):
        make("second", SECOND, FIRST)

    assert rows("select name from ops.tenants") == ["first"]
