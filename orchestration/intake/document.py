"""Document: the intake as OpenAPI, so that a sender can be written, and tested, from ``/openapi.json`` alone.

The routes take raw requests, so bodies, headers and answers are described here and not deduced from signatures.

Belongs here: descriptions. Lives elsewhere: the schemas of our own events (``payloads``).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import Response

from orchestration.intake.limits import EVENTS_PER_BODY
from orchestration.intake.payloads.consent import ConsentChange
from orchestration.intake.payloads.counts import SenderCount
from orchestration.intake.payloads.crm import Conversion
from orchestration.intake.payloads.forms import FORM_TYPE, HONEYPOT_FIELD
from orchestration.intake.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from fastapi import FastAPI

DESCRIPTION = """
Takes web forms, WhatsApp notifications, CRM conversions, changes of consent and senders' own counts.

An answer in the 200s is given after the event is committed. A repeat is stored once and acknowledged again: after a
503, a time-out or a lost connection, send the same again.
"""

_COMPONENT = "#/components/schemas/{model}"
_REQUEST_ID = {
    "X-Request-Id": {
        "description": "Ours; the same as in our log and beside whatever was set aside.",
        "schema": {"type": "string"},
    }
}
_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds.", "schema": {"type": "string", "pattern": "^[0-9]+$"}}
}
_SIGNATURE_HEADERS = [
    {
        "name": "webhook-id",
        "in": "header",
        "required": True,
        "description": "Unique per message; signed.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,256}$"},
    },
    {
        "name": "webhook-timestamp",
        "in": "header",
        "required": True,
        "description": "UTC seconds, within five minutes of our clock; signed.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,12}$"},
    },
    {
        "name": "webhook-signature",
        "in": "header",
        "required": True,
        "description": (
            "`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body` under the tenant's `whsec_` secret; several, "
            "separated by spaces, while secrets rotate (Standard Webhooks)."
        ),
        "schema": {"type": "string", "pattern": "^[!-~]+( [!-~]+)*$"},
    },
]
_FORM_KEY = {
    "name": "key",
    "in": "path",
    "required": True,
    "description": "The tenant's form key.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{16,128}$"},
}
_OUTCOME = {"type": "string", "enum": ["stored", "duplicate", "conflict", "set_aside"]}
_SCHEMAS: dict[str, Any] = {
    "Receipt": {
        "type": "object",
        "required": ["status", "request_id"],
        "properties": {
            "status": {**_OUTCOME, "description": "`stored` when at least one event was new."},
            "results": {
                "type": "array",
                "items": _OUTCOME,
                "description": "What became of each event, where the body was an array.",
            },
            "code": {"type": "string", "description": "Why something was set aside."},
            "request_id": {"type": "string"},
        },
    },
    "Problem": {
        "type": "object",
        "description": "RFC 9457. Never holds a value that was sent.",
        "required": ["title", "status", "code", "detail", "request_id"],
        "properties": {
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string"},
            "detail": {"type": "string"},
            "request_id": {"type": "string"},
            "results": {"type": "array", "items": _OUTCOME},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["pointer", "code", "reason"],
                    "properties": {
                        "pointer": {"type": "string", "description": "JSON pointer."},
                        "code": {"type": "string"},
                        "reason": {"type": "string"},
                    },
                },
            },
        },
    },
    "Submission": {
        "type": "object",
        "minProperties": 1,
        "description": (
            "Any fields. Known ones: `dataW.url`, `url` or `landing_url`; `name`, `first_name`, `last_name`, `email`, "
            "`phone`, `country`, `consent`, `submission_id`, `submitted_at`, `form_id`, and of instant forms "
            "`meta_lead_id` or `leadgen_id`, `tiktok_lead_id`; anything else is kept. "
            f"`{HONEYPOT_FIELD}` is for robots: leave it empty."
        ),
    },
    "WhatsAppNotification": {
        "type": "object",
        "description": "As Meta documents it: `object`, `entry[].changes[].value`.",
        "required": ["object", "entry"],
        "properties": {
            "object": {"const": "whatsapp_business_account"},
            "entry": {"type": "array", "minItems": 1, "items": {"type": "object"}},
        },
    },
}
_SENTENCES = {
    400: "Not strict JSON, or an ambiguous request. A proven body is kept in quarantine.",
    401: "The signature is missing, malformed, stale or wrong.",
    403: "The key is not for this tenant, origin or purpose.",
    404: "No such form, or no such address.",
    405: "No such method here.",
    408: "The body did not arrive in time.",
    409: "An event with this key is stored with another body; the first stands, this one is in quarantine.",
    413: "The body is too large, or holds too many events.",
    415: "Send application/json without a content encoding. A proven body is kept in quarantine.",
    422: "Not what the schema asks for; `errors` points at each place. The body is kept in quarantine.",
    429: "The tenant sends too often.",
    431: "The head is too large.",
    503: (
        "Not all of it was decided: the database, the keys, the queue, or a WhatsApp account that no tenant names. "
        "Send the same again."
    ),
}
_ALWAYS = (400, 405, 431)
_WITH_BODY = (408, 413, 503)


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {
        status: {
            "description": _SENTENCES[status],
            "headers": _REQUEST_ID | (_RETRY_AFTER if status in (429, 503) else {}),
            "content": {MEDIA_TYPE: {"schema": {"$ref": _COMPONENT.format(model="Problem")}}},
        }
        for status in sorted(statuses)
    }


def _receipt(description: str) -> dict[str, Any]:
    schema = {"$ref": _COMPONENT.format(model="Receipt")}
    return {
        "description": description,
        "headers": _REQUEST_ID,
        "content": {"application/json": {"schema": schema}},
    }


def _answer(media: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "description": description,
        "headers": _REQUEST_ID,
        "content": {media: {"schema": schema}},
    }


def _one_or_many(model: str) -> dict[str, Any]:
    one = {"$ref": _COMPONENT.format(model=model)}
    many = {"type": "array", "minItems": 1, "maxItems": EVENTS_PER_BODY, "items": one}
    return {"required": True, "content": {"application/json": {"schema": {"anyOf": [one, many]}}}}


def _signed(summary: str, model: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "status_code": int(HTTPStatus.ACCEPTED),
        "response_class": Response,
        "responses": {
            202: _receipt("Stored; at least one event is new."),
            200: _receipt("Stored before; nothing is new."),
            **_problems(*_ALWAYS, *_WITH_BODY, 401, 403, 409, 415, 422, 429),
        },
        "openapi_extra": {"parameters": _SIGNATURE_HEADERS, "requestBody": _one_or_many(model)},
    }


CONVERSIONS = _signed("Report a business outcome", Conversion.__name__)
CONSENT = _signed("Report a yes or a no of a person", ConsentChange.__name__)
COUNTS = _signed("Report how many events were sent", SenderCount.__name__)
FORM: dict[str, Any] = {
    "summary": "Submit a web form",
    "response_class": Response,
    "responses": {
        200: _receipt("Kept: stored, a repeat, or set aside for a person."),
        **_problems(*_ALWAYS, *_WITH_BODY, 403, 404, 429),
    },
    "openapi_extra": {
        "parameters": [_FORM_KEY],
        "requestBody": {
            "required": True,
            "content": {
                media: {"schema": {"$ref": _COMPONENT.format(model="Submission")}}
                for media in ("application/json", FORM_TYPE)
            },
        },
    },
}
FORM_PREFLIGHT: dict[str, Any] = {
    "summary": "Ask whether a page may submit the form (CORS)",
    "status_code": int(HTTPStatus.NO_CONTENT),
    "response_class": Response,
    "responses": {
        204: {"description": "It may.", "headers": _REQUEST_ID},
        **_problems(*_ALWAYS, 403, 404, 503),
    },
    "openapi_extra": {"parameters": [_FORM_KEY]},
}
WHATSAPP_HANDSHAKE: dict[str, Any] = {
    "summary": "Confirm the callback address to Meta",
    "response_class": Response,
    "responses": {
        200: _answer("text/plain", {"type": "string", "pattern": "^[0-9]+$"}, "The challenge."),
        **_problems(*_ALWAYS, 403, 503),
    },
    "openapi_extra": {
        "parameters": [
            {
                "name": f"hub.{name}",
                "in": "query",
                "required": True,
                "schema": {"type": "string", "pattern": pattern},
            }
            for name, pattern in (
                ("mode", "^subscribe$"),
                ("verify_token", "^.{1,256}$"),
                ("challenge", "^[0-9]{1,64}$"),
            )
        ]
    },
}
WHATSAPP: dict[str, Any] = {
    "summary": "Take a notification of the WhatsApp Cloud API",
    "response_class": Response,
    "responses": {
        200: _receipt("Kept: each message and status stored, a repeat, or set aside for a person."),
        **_problems(*_ALWAYS, *_WITH_BODY, 401),
    },
    "openapi_extra": {
        "parameters": [
            {
                "name": "x-hub-signature-256",
                "in": "header",
                "required": True,
                "description": "`sha256=` and the hex HMAC-SHA256 of the raw body under the app secret.",
                "schema": {"type": "string", "pattern": "^sha256=[0-9a-fA-F]{64}$"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": _COMPONENT.format(model="WhatsAppNotification")}
                }
            },
        },
    },
}
HEALTH: dict[str, Any] = {
    "summary": "Whether the process is alive",
    "response_class": Response,
    "responses": {
        200: _answer("application/json", {"type": "object", "required": ["status"]}, "It is."),
        **_problems(*_ALWAYS),
    },
}
READY: dict[str, Any] = {
    "summary": "Whether it can store: database, role, durability, keys, queue",
    "response_class": Response,
    "responses": {
        200: _answer("application/json", {"type": "object", "required": ["status"]}, "It can."),
        **_problems(*_ALWAYS, 503),
    },
}


def install(app: FastAPI) -> None:
    """Add the schemas that the routes refer to."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        specification = generate()
        schemas = specification.setdefault("components", {}).setdefault("schemas", {})
        schemas |= _SCHEMAS
        for model in (Conversion, ConsentChange, SenderCount):
            schema = model.model_json_schema(ref_template=_COMPONENT)
            schemas |= schema.pop("$defs", {})
            schemas[model.__name__] = schema
        return specification

    # FastAPI documents this assignment as the way to extend its document.
    app.openapi = openapi
