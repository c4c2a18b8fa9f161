"""Who may send, and what a stranger learns: nothing."""

import base64
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from orchestration.intake.limits import Limits
from orchestration.settings import Settings
from orchestration.warehouse.secrets import Vault
from orchestration.warehouse.tenants import NewTenant, key_place


def _add_key(settings: Settings, admin: psycopg.Connection, tenant: NewTenant, secret: str) -> None:
    key_id = f"crm-{uuid4().hex[:8]}"
    sealed = Vault.of(settings).encrypt(secret.encode(), key_place(tenant.tenant_id, "crm", key_id))
    admin.execute(
        "insert into ops.intake_keys (tenant_id, key_id, kind, secret) values (%s, %s, 'crm', %s)",
        (tenant.tenant_id, key_id, sealed),
    )


def _secret(byte: bytes) -> str:
    return "whsec_" + base64.b64encode(byte * 32).decode()


def test_an_unsigned_conversion_is_refused_and_not_kept(sender: Any, rows: Any) -> None:
    answer = sender.client.post("/integrations/crm/conversions", json=sender.conversion())

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert rows.count("raw.events") == rows.count("raw.quarantine") == 0


def test_a_proof_that_does_not_hold_is_refused(sender: Any) -> None:
    malformed = [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v1," + "A" * 43 + "="},
        {"webhook-signature": "garbage"},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "now"},
        {"webhook-id": "other"},
        {"webhook-id": "ş".encode()},
    ]

    answers = [sender.post_signed(sender.conversion(), headers=headers) for headers in malformed]

    assert [answer.status_code for answer in answers] == [401] * len(malformed)


def test_a_body_changed_on_the_way_is_refused(sender: Any) -> None:
    body = sender.sample("crm", "enrollment.json")
    headers = sender.signature(body) | {"content-type": "application/json"}

    changed = body.replace(b"24500", b"94500")
    answer = sender.client.post("/integrations/crm/conversions", content=changed, headers=headers)

    assert answer.status_code == 401


def test_a_key_of_one_tenant_cannot_send_for_another(sender: Any, other: Any, rows: Any) -> None:
    answer = sender.post_signed(other.conversion())

    assert (answer.status_code, answer.json()["code"]) == (403, "tenant_mismatch")
    assert rows.count("raw.events") == rows.count("raw.quarantine") == 0
    ((tenant_id, actor, target, result, reason, request_id),) = rows(
        "select tenant_id, actor, object, result, reason, request_id from ops.audit_log"
    )
    assert tenant_id == sender.tenant.tenant_id
    assert actor.startswith("intake_key:crm-")
    assert target == f"tenant:{other.tenant.tenant_id}"
    assert (result, reason) == ("refused", "tenant_mismatch")
    assert request_id == answer.json()["request_id"]


def test_one_strange_event_refuses_the_whole_array(sender: Any, other: Any, rows: Any) -> None:
    answer = sender.post_signed([sender.conversion(), other.conversion()])

    assert answer.status_code == 403
    assert rows.count("raw.events") == 0


def test_while_secrets_rotate_both_sign(
    sender: Any, settings: Settings, admin: psycopg.Connection
) -> None:
    assert sender.post_signed(sender.conversion(), secret=_secret(b"n")).status_code == 401
    _add_key(settings, admin, sender.tenant, _secret(b"n"))

    for secret in (None, _secret(b"n")):
        assert sender.post_signed(sender.conversion(), secret=secret).status_code == 202


def test_a_retired_secret_signs_no_more(
    serve: Callable[..., httpx.Client], sender: Any, settings: Settings, admin: psycopg.Connection
) -> None:
    admin.execute("update ops.intake_keys set not_after = clock_timestamp() where kind = 'crm'")
    _add_key(settings, admin, sender.tenant, _secret(b"n"))
    sender.client = serve()

    assert sender.post_signed(sender.conversion()).status_code == 401
    assert sender.post_signed(sender.conversion(), secret=_secret(b"n")).status_code == 202


def test_a_key_that_does_not_open_means_later_and_never_no(
    serve: Callable[..., httpx.Client], sender: Any, admin: psycopg.Connection
) -> None:
    admin.execute("update ops.intake_keys set secret = 'damaged' where kind = 'crm'")
    sender.client = serve()

    answer = sender.post_signed(sender.conversion())

    assert (answer.status_code, answer.json()["code"]) == (503, "keys_unavailable")
    assert sender.post_form(json={"name": "x"}).status_code == 200


def test_a_disabled_tenants_crm_is_refused_and_its_visitors_are_kept_aside(
    serve: Callable[..., httpx.Client], sender: Any, rows: Any, admin: psycopg.Connection
) -> None:
    admin.execute("update ops.tenants set is_active = false")
    sender.client = serve()

    assert sender.post_signed(sender.conversion()).status_code == 403
    assert sender.post_form(json={"name": "x"}).status_code == 200
    assert sender.post_whatsapp(sender.sample("whatsapp", "text.json")).status_code == 200
    assert rows.count("raw.events") == 0
    assert rows(
        "select source from raw.quarantine where reason = 'tenant_disabled' order by 1"
    ) == [
        "form",
        "whatsapp",
    ]


def test_a_notification_belongs_to_whose_secret_signed_it(
    sender: Any, other: Any, rows: Any
) -> None:
    body = sender.sample("whatsapp", "text_with_referral.json")

    assert other.post_whatsapp(body).status_code == 200
    assert other.post_whatsapp(body, secret="stranger").status_code == 401
    assert rows("select tenant_id from raw.events") == [other.tenant.tenant_id]


def test_a_secret_that_two_tenants_share_says_later(
    serve: Callable[..., httpx.Client],
    settings: Settings,
    make_tenant: Callable[..., NewTenant],
    sender: Any,
    admin: psycopg.Connection,
) -> None:
    second = make_tenant()
    (key_id,) = admin.execute(
        "select key_id from ops.intake_keys where tenant_id = %s and kind = 'whatsapp'",
        (second.tenant_id,),
    ).fetchone() or ("",)
    shared = Vault.of(settings).encrypt(
        sender.tenant.whatsapp_app_secret.encode(),
        key_place(second.tenant_id, "whatsapp", key_id),
    )
    admin.execute("update ops.intake_keys set secret = %s where key_id = %s", (shared, key_id))
    sender.client = serve()

    answer = sender.post_whatsapp(sender.sample("whatsapp", "text.json"))

    assert (answer.status_code, answer.json()["code"]) == (503, "ambiguous_key")


def test_meta_gets_its_challenge_back(sender: Any) -> None:
    query = {
        "hub.mode": "subscribe",
        "hub.verify_token": sender.tenant.whatsapp_verify_token,
        "hub.challenge": "1158201444",
    }

    answer = sender.client.get("/webhooks/whatsapp", params=query)

    assert answer.status_code == 200
    assert answer.text == "1158201444"
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_handshake_that_is_not_metas_is_refused(sender: Any) -> None:
    right = {
        "hub.mode": "subscribe",
        "hub.verify_token": sender.tenant.whatsapp_verify_token,
        "hub.challenge": "1158201444",
    }
    wrong = {
        ("hub.verify_token", "guess"): 403,
        ("hub.verify_token", ""): 403,
        ("hub.mode", "unsubscribe"): 400,
        ("hub.challenge", "<script>"): 400,
        ("hub.challenge", "1" * 65): 400,
        ("hub.challenge", "١٢"): 400,
    }

    statuses = {
        (name, value): sender.client.get(
            "/webhooks/whatsapp", params=right | {name: value}
        ).status_code
        for name, value in wrong
    }

    assert statuses == wrong


def test_an_unknown_form_is_not_there(sender: Any) -> None:
    assert sender.client.post("/webhooks/forms/unknown-key", json={"a": 1}).status_code == 404
    assert sender.client.options("/webhooks/forms/unknown-key").status_code == 404


def test_a_new_tenant_can_send_at_once(sender: Any, make_tenant: Callable[..., NewTenant]) -> None:
    sender.post_form(json={"name": "x"})
    sender.tenant = make_tenant()

    assert sender.post_form(json={"name": "x"}).status_code == 200
    assert sender.post_signed(sender.conversion()).status_code == 202


def test_a_form_listens_to_the_pages_on_its_list(
    serve: Callable[..., httpx.Client], sender: Any, rows: Any, admin: psycopg.Connection
) -> None:
    admin.execute(
        "update ops.intake_keys set origins = '{https://akademi.example/}' where kind = 'form'"
    )
    sender.client = serve()
    own, foreign = {"origin": "https://AKADEMI.example"}, {"origin": "https://evil.example"}

    assert sender.post_form(json={"n": 1}, headers=foreign).status_code == 403
    assert sender.post_form(json={"n": 1}).status_code == 403
    answer = sender.post_form(json={"n": 1}, headers=own)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://AKADEMI.example"
    assert rows.count("raw.events") == 1


def test_a_browser_may_ask_before_it_sends(sender: Any) -> None:
    answer = sender.client.options(
        f"/webhooks/forms/{sender.tenant.form_key}",
        headers={"origin": "https://akademi.example", "access-control-request-method": "POST"},
    )

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "content-type" in answer.headers["access-control-allow-headers"]


def test_a_hasty_form_waits_and_its_tenants_crm_does_not(
    serve: Callable[..., httpx.Client], sender: Any
) -> None:
    sender.client = serve(Limits(quota_per_second=0.001, quota_burst=2))

    statuses = [sender.post_form(json={"n": index}).status_code for index in range(3)]
    answer = sender.post_form(json={"n": 4})

    assert statuses == [200, 200, 429]
    assert answer.headers["retry-after"] == "1"
    assert sender.post_signed(sender.conversion()).status_code == 202
    batch = sender.sample("whatsapp", "batch.json")
    assert [sender.post_whatsapp(batch).status_code for _ in range(4)] == [200] * 4
