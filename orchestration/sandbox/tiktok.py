"""TikTok's Business API: the Events API, and the lists of campaigns and ad groups.

Every answer is HTTP 200 with the outcome in ``code`` (DOC Tcodes): a client that looks at the status alone takes
each refusal for a success.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from orchestration.sandbox.control import build_app
from orchestration.sandbox.counting import Arrival
from orchestration.sandbox.faults import Fault
from orchestration.sandbox.personal_data import count_personal_data, may_hold_personal_data
from orchestration.sandbox.plumbing import Operation, Surroundings, route
from orchestration.sandbox.tiktok_checks import (
    Refusal,
    check_envelope,
    check_events,
    judge_account,
)
from orchestration.sandbox.tiktok_reads import READINGS, Reading, find_advertiser
from orchestration.sandbox.world import Account, AdGroup

DEFAULT_PAGE = 10  # DOC T6
MAX_PAGE = 1_000  # DOC T6
OK, PARTIAL, THROTTLED, SYSTEM_ERROR = 0, 20001, 40100, 50000
MODIFIED_AT = "2026-11-01 06:00:00"


class BusinessApi:
    """The operations."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def track(self, request: Request, body: bytes, spared: Fault | None = None) -> Response:
        """``POST /open_api/v1.3/event/track/``.

        One bad event refuses the call (3RD). Under the fault ``partial`` the good ones are taken instead: both are
        told of the real service (UNSURE), so a sender has to live with either.
        """
        text = body.decode("utf-8", "replace")
        call = _read_json(text)
        count = _count(call)
        world = self._around.world
        if refusal := judge_token(request) or check_envelope(call, world):
            return self._refused(refusal, count)
        events: list[Any] = call["data"]
        source, source_id = call["event_source"], call["event_source_id"]
        if refusal := judge_account(source, source_id, world):
            return self._refused(refusal, count)
        refusals = self._refusals(events, source, text, spared)
        if refusals and spared is None:
            return self._refused(refusals[min(refusals)], count)
        self._take(
            f"{source}:{source_id}", [e for place, e in enumerate(events) if place not in refusals]
        )
        if not refusals:
            return self._answer(OK, "OK", {})
        for refusal in refusals.values():
            self._note_refused(str(refusal.code), 1)
        # UNSURE: the shape of the list of failed events is not documented for this call.
        failed = [
            {"order_in_batch": place, "event_id": _id_of(events[place]), "code": refusal.code}
            for place, refusal in sorted(refusals.items())
        ]
        return self._answer(PARTIAL, "Partial success", {"failed_events": failed})

    def refuse_track(self, request: Request, fault: Fault, body: bytes) -> Response:
        """Act out a fault of the Events API."""
        if fault.fault == "partial":
            return self.track(request, body, spared=fault)
        return self._refuse(fault, _count(_read_json(body)))

    def list_campaigns(self, request: Request, _body: bytes) -> Response:
        """``GET /open_api/v1.3/campaign/get/``."""
        return self._list(request, "campaign")

    def list_adgroups(self, request: Request, _body: bytes) -> Response:
        """``GET /open_api/v1.3/adgroup/get/``."""
        return self._list(request, "adgroup")

    def reading(self, read: Reading) -> Callable[[Request, bytes], Response]:
        """A door that only tells: see ``tiktok_reads.py``."""

        def answer(request: Request, _body: bytes) -> Response:
            told = judge_token(request) or read(request, self._around)
            return (
                self._refused(told, 0)
                if isinstance(told, Refusal)
                else self._answer(OK, "OK", told)
            )

        return answer

    def refuse_list(self, _request: Request, fault: Fault, _body: bytes) -> Response:
        """Act out a fault of a list."""
        return self._refuse(fault, 0)

    def _refusals(
        self, events: list[Any], source: str, text: str, spared: Fault | None
    ) -> dict[int, Refusal]:
        refusals = check_events(events, source, self._around.now())
        if may_hold_personal_data(text):
            found = [count_personal_data(event) for event in events]
            if any(found):
                self._around.tally.note_personal_data("tiktok", sum(found))
            for place, strings in enumerate(found):
                if strings:
                    refusals.setdefault(place, Refusal(40062, "raw personal data"))
        if spared is None:
            return refusals
        named = [p for p, event in enumerate(events) if _id_of(event) in spared.event_ids]
        if not spared.event_ids:
            named = [len(events) - 1]
        return refusals | {place: Refusal(40002, "as asked for") for place in named}

    def _take(self, destination: str, events: list[dict[str, Any]]) -> None:
        # DOC Tdedup: an event is known by source, name and id.
        arrivals = [_arrival(event) for event in events]
        self._around.tally.note_accepted(
            "tiktok", destination, arrivals, self._around.now(), "within_48h"
        )

    def _list(self, request: Request, kind: str) -> Response:
        if refusal := judge_token(request):
            return self._refused(refusal, 0)
        query = request.query_params
        account = find_advertiser(request, self._around)
        if isinstance(account, Refusal):
            return self._refused(account, 0)
        try:
            # RAN T6: parameters that are no scalars are JSON strings inside the query.
            fields = json.loads(query.get("fields", "null"))
            filtering = json.loads(query.get("filtering", "{}"))
            page, size = int(query.get("page", 1)), int(query.get("page_size", DEFAULT_PAGE))
        except ValueError:
            return self._refused(Refusal(40002, "a parameter is not JSON or not a number"), 0)
        if page < 1 or not 1 <= size <= MAX_PAGE:
            return self._refused(Refusal(40002, "page or page_size is out of range"), 0)
        rows = _rows_of(account, kind, filtering.get("primary_status", "STATUS_NOT_DELETE"))
        shown = rows[(page - 1) * size : page * size]
        data = {
            "list": [
                {k: v for k, v in row.items() if fields is None or k in fields} for row in shown
            ],
            "page_info": {
                "page": page,
                "page_size": size,
                "total_number": len(rows),
                "total_page": -(-len(rows) // size),
            },
        }
        return self._answer(OK, "OK", data)

    def _refuse(self, fault: Fault, events: int) -> Response:
        match fault.fault:
            case "429":
                # DOC T4: throttling has neither a status nor a Retry-After, only the code.
                return self._refused(Refusal(THROTTLED, "too many requests"), events)
            case "500" | "503":
                self._note_refused(fault.fault, events)
                return JSONResponse({"code": SYSTEM_ERROR}, int(fault.fault))
            case "502_html":
                self._note_refused("502", events)
                return HTMLResponse("<html><body>502 Bad Gateway</body></html>", 502)
            case "expired_token":
                return self._refused(Refusal(40102, "the token has expired"), events)
            case "whole_request_refusal":
                return self._refused(Refusal(40002, "an event is invalid"), events)
            case _:
                code = re.search(r"\d+", fault.fault)
                return self._refused(
                    Refusal(int(code[0]) if code else SYSTEM_ERROR, "as asked for"), events
                )

    def _refused(self, refusal: Refusal, events: int) -> Response:
        self._note_refused(str(refusal.code), events)
        return self._answer(refusal.code, refusal.words, {})

    def _note_refused(self, reason: str, events: int) -> None:
        if events:
            self._around.tally.note_refused("tiktok", reason, events)

    def _answer(self, code: int, message: str, data: dict[str, Any]) -> Response:
        request_id = self._around.new_id()
        return JSONResponse(
            {"code": code, "message": message, "request_id": request_id, "data": data}
        )


def tiktok_app(around: Surroundings) -> Starlette:
    """The ASGI app of ``business-api.tiktok.com``. The trailing slashes matter (DOC Ttrack): 404 without."""
    api = BusinessApi(around)
    events = Operation("tiktok", "events", api.track, api.refuse_track, read_ids)
    campaigns = Operation("tiktok", "campaigns", api.list_campaigns, api.refuse_list)
    adgroups = Operation("tiktok", "adgroups", api.list_adgroups, api.refuse_list)
    routes = [
        route("/open_api/v1.3/event/track/", "POST", events, around),
        route("/open_api/v1.3/campaign/get/", "GET", campaigns, around),
        route("/open_api/v1.3/adgroup/get/", "GET", adgroups, around),
        *(
            route(
                f"/open_api/v1.3/{path}",
                "GET",
                Operation("tiktok", name, api.reading(read), api.refuse_list),
                around,
            )
            for name, (path, read) in READINGS.items()
        ),
    ]

    async def unknown_path(_request: Request, _error: Exception) -> Response:
        return HTMLResponse("404 page not found", 404)

    return build_app(around, routes, unknown_path)


def judge_token(request: Request) -> Refusal | None:
    """Judge the ``Access-Token`` header (DOC Ttrack, Tcodes)."""
    token = request.headers.get("access-token", "")
    if not token:
        return Refusal(40104, "the token is empty")
    if token.startswith("expired"):
        return Refusal(40102, "the token has expired")
    if token.startswith("revoked"):
        return Refusal(40105, "the token is invalid")
    return None


def read_ids(_request: Request, body: bytes) -> list[str]:
    """The event ids of a call, empty where an event has none."""
    events = _read_json(body).get("data")
    return [_id_of(event) for event in events] if isinstance(events, list) else []


def _count(call: dict[str, Any]) -> int:
    events = call.get("data")
    return len(events) if isinstance(events, list) else 0


def _read_json(body: str | bytes) -> dict[str, Any]:
    try:
        decoded = json.loads(body)
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _id_of(event: Any) -> str:
    event_id = event.get("event_id") if isinstance(event, dict) else None
    return event_id if isinstance(event_id, str) else ""


def _arrival(event: dict[str, Any]) -> Arrival:
    properties = event.get("properties")
    if type(properties) is not dict:
        return Arrival(event["event"], event.get("event_id", ""))
    value = properties.get("value")
    currency = properties.get("currency") if value is not None else ""
    return Arrival(event["event"], event.get("event_id", ""), value, currency or "")


def _rows_of(account: Account, kind: str, primary_status: str) -> list[dict[str, str]]:
    things = account.campaigns if kind == "campaign" else account.groups
    # DOC T6: deleted objects are left out unless all are asked for.
    return [
        {
            # DOC T6: ids are strings in JSON.
            f"{kind}_id": thing.id,
            f"{kind}_name": thing.name,
            "operation_status": "DISABLE" if thing.status == "DELETE" else thing.status,
            "secondary_status": f"{kind.upper()}_STATUS_{thing.status}",
            "advertiser_id": account.account_id,
            "modify_time": MODIFIED_AT,
            **({"campaign_id": thing.campaign_id} if isinstance(thing, AdGroup) else {}),
        }
        for thing in things
        if primary_status == "STATUS_ALL" or thing.status != "DELETE"
    ]
