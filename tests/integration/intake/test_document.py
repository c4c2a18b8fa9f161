"""The OpenAPI document says what the intake does: schemathesis reads one and asks the other."""

import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest
import requests
import schemathesis

# The loader would import it in the middle of a test; parsing it there now and then fails in CPython 3.11
# ("AST constructor recursion depth mismatch"), as another thread has run meanwhile.
import schemathesis.specs.openapi.schemas
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks as library
from schemathesis.core.transport import Response
from schemathesis.specs.openapi import checks as openapi

# Hypothesis imports what is behind this one when it is first used: for the same reason, here.
st.randoms().validate()

CHECKS = [
    library.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
]
OPERATIONS = [
    ("POST", "/integrations/crm/conversions"),
    ("POST", "/integrations/consent"),
    ("POST", "/integrations/counts"),
    ("POST", "/webhooks/forms/{key}"),
    ("OPTIONS", "/webhooks/forms/{key}"),
    ("GET", "/webhooks/whatsapp"),
    ("POST", "/webhooks/whatsapp"),
    ("GET", "/health"),
]


def _sign(request: requests.PreparedRequest, sender: Any) -> None:
    """What a sender that holds the keys would add."""
    raw = request.body or b""
    body = raw.encode() if isinstance(raw, str) else raw
    path = str(request.path_url)
    if path.startswith("/integrations/"):
        request.headers.update(sender.signature(body))
    elif path.startswith("/webhooks/whatsapp"):
        secret = sender.tenant.whatsapp_app_secret.encode()
        digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
        request.headers["x-hub-signature-256"] = f"sha256={digest}"


def test_every_route_is_in_the_document(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    documented = {(method.upper(), path) for path, methods in paths.items() for method in methods}

    assert documented == {*OPERATIONS, ("GET", "/ready")}


def test_every_answer_is_documented_with_a_body_and_an_id(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]

    for methods in paths.values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                assert "X-Request-Id" in answer["headers"]
                assert status == "204" or answer["content"]


def test_what_is_documented_is_what_happens(sender: Any, subtests: pytest.Subtests) -> None:
    document = schemathesis.openapi.from_dict(sender.client.get("/openapi.json").json())

    with requests.Session() as session:
        for method, path in OPERATIONS:
            with subtests.test(f"{method} {path}"):
                _ask(session, sender, document[path][method])


def _ask(session: requests.Session, sender: Any, operation: Any) -> None:
    """Send what the document allows, signed, and hold the answers against it."""
    base_url = str(sender.client.base_url).rstrip("/")

    @given(case=operation.as_strategy())
    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        if "key" in case.path_parameters:
            case.path_parameters["key"] = sender.tenant.form_key
        prepared = session.prepare_request(
            requests.Request(**case.as_transport_kwargs(base_url=base_url))
        )
        _sign(prepared, sender)
        answer = session.send(prepared, timeout=5)
        case.validate_response(Response.from_requests(answer, verify=True), checks=CHECKS)

    ask()


def test_the_documents_own_event_is_taken(sender: Any, rows: Any) -> None:
    """A sender written from the document alone is understood."""
    schemas = sender.client.get("/openapi.json").json()["components"]["schemas"]
    required = schemas["Conversion"]["required"]
    whole = sender.conversion()

    answer = sender.post_signed({name: whole[name] for name in required})

    assert answer.status_code == 202
    assert json.dumps(schemas).count("currency") > 0
    assert rows.count("raw.events") == 1


def test_no_bytes_and_no_headers_bring_it_down(sender: Any) -> None:
    documented = {200, 202, 400, 401, 403, 413, 415, 422}

    @given(
        body=st.binary(max_size=200)
        | st.text(max_size=100).map(lambda text: json.dumps(text).encode()),
        media_type=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "x"]),
        encoding=st.sampled_from(["identity", "gzip", ""]),
    )
    @settings(max_examples=60, deadline=None, database=None)
    def ask(body: bytes, media_type: str, encoding: str) -> None:
        headers = {"content-type": media_type, "content-encoding": encoding}
        answers = [
            sender.post_signed(body, headers=headers),
            sender.post_form(content=body, headers=headers),
            sender.post_whatsapp(body),
            sender.client.post("/integrations/crm/conversions", content=body, headers=headers),
        ]
        assert {answer.status_code for answer in answers} <= documented

    ask()
