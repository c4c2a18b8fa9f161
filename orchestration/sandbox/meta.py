"""Meta's Graph API: the Conversions API, and the lists of campaigns and ad sets.

Errors are HTTP 400 with a code and a subcode (DOC Merr); a call is taken whole or refused whole (DOC Msrv).
"""

from __future__ import annotations

import json
import math
import re
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from orchestration.sandbox.faults import Fault
from orchestration.sandbox.meta_checks import Refusal, check_events
from orchestration.sandbox.personal_data import count_personal_data
from orchestration.sandbox.plumbing import Operation, Surroundings, build_app, route
from orchestration.sandbox.tally import SeenEvent
from orchestration.sandbox.world import Account, AdGroup

OLDEST_VERSION = 21  # DOC Mver: v20.0 ended on 24 September 2026
DEFAULT_PAGE = 25
FIELDS = {
    "campaigns": ("id", "name", "status", "effective_status", "objective", "updated_time"),
    "adsets": ("id", "name", "status", "effective_status", "campaign_id", "updated_time"),
}
TRANSIENT_CODES = frozenset({1, 2, 4, 17, 613})
UPDATED_TIME = "2026-11-01T09:00:00+0300"


class GraphApi:
    """The three operations."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def take_events(self, request: Request, body: bytes) -> Response:
        """``POST /{version}/{dataset}/events``."""
        form = read_form(request, body)
        events = read_events(form.get("data"))
        count = len(events)
        if refusal := _judge_caller(request, form):
            return self._refused(refusal, count)
        dataset_id = request.path_params["dataset"]
        known = [a.dataset_id for a in self._around.world.accounts["meta"]]
        if dataset_id not in known:
            return self._refused(Refusal(100, 33, "no such object"), count)
        if found := sum(count_personal_data(event) for event in events):
            self._around.tally.note_personal_data("meta", found)
        if refusal := next(check_events(events, self._around.now()), None):
            return self._refused(refusal, count)
        # DOC Msup: events with a test_event_code still count live, so there is no special case for them.
        seen = [SeenEvent(dataset_id, e["event_name"], e.get("event_id") or "") for e in events]
        self._around.tally.note_accepted("meta", seen)
        # RAN: this is the whole success body.
        trace = self._around.new_id()
        return JSONResponse({"events_received": count, "messages": [], "fbtrace_id": trace})

    def refuse_events(self, request: Request, fault: Fault, body: bytes) -> Response:
        """Act out a fault of the Conversions API."""
        return self._refuse(fault, len(read_events(read_form(request, body).get("data"))))

    def list_campaigns(self, request: Request, _body: bytes) -> Response:
        """``GET /{version}/act_X/campaigns``."""
        return self._list(request, "campaigns")

    def list_adsets(self, request: Request, _body: bytes) -> Response:
        """``GET /{version}/act_X/adsets``."""
        return self._list(request, "adsets")

    def refuse_list(self, _request: Request, fault: Fault, _body: bytes) -> Response:
        """Act out a fault of a list."""
        return self._refuse(fault, 0)

    def _list(self, request: Request, edge: str) -> Response:
        query = dict(request.query_params)
        if refusal := _judge_caller(request, query):
            return self._refused(refusal, 0)
        account = self._around.world.find_account("meta", request.path_params["account"])
        if account is None:
            return self._refused(Refusal(100, 33, "no such object"), 0)
        fields = [f for f in query.get("fields", "id").split(",") if f]
        if not set(fields) <= set(FIELDS[edge]):
            return self._refused(Refusal(100, 0, "unknown field"), 0)
        rows = _rows_of(account, edge, query.get("effective_status"))
        shaped = [{f: row[f] for f in dict.fromkeys(["id", *fields]) if f in row} for row in rows]
        return self._page(request, shaped, query)

    def _page(
        self, request: Request, rows: list[dict[str, Any]], query: dict[str, str]
    ) -> Response:
        # RAN M6: cursors; "next" is there only when there is more.
        try:
            start = int(query.get("after") or 0)
            limit = int(query.get("limit") or DEFAULT_PAGE)
        except ValueError:
            return self._refused(Refusal(100, 0, "invalid cursor or limit"), 0)
        end = start + limit
        page = rows[start:end]
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(end)}}
        if end < len(rows):
            # The real one repeats the token in "next"; ours must not put it into logs.
            rest = {k: v for k, v in query.items() if k != "access_token"} | {"after": str(end)}
            paging["next"] = str(request.url.replace(query=urlencode(rest)))
        return JSONResponse({"data": page, "paging": paging} if page else {"data": page})

    def _refuse(self, fault: Fault, events: int) -> Response:
        codes = [int(n) for n in re.findall(r"\d+", fault.fault)]
        match fault.fault:
            case "429":
                return self._refused(Refusal(4, 1504022, "too many calls"), events, fault, 429)
            case "500" | "503":
                return self._refused(Refusal(2, 0, "temporary"), events, fault, codes[0])
            case "502_html":
                # RAN M1: an edge failure with an HTML body, which the SDK takes for a success.
                self._note_refused("502", events)
                return HTMLResponse("<html><body>502 Bad Gateway</body></html>", 502)
            case "expired_token":
                return self._refused(Refusal(190, 463, "the token has expired"), events, fault)
            case "whole_request_refusal":
                return self._refused(Refusal(100, 2804003, "event_time is too old"), events, fault)
            case _:
                code, subcode = [*codes, 0, 0][:2]
                return self._refused(Refusal(code or 1, subcode, "as asked for"), events, fault)

    def _refused(
        self, refusal: Refusal, events: int, fault: Fault | None = None, status: int = 400
    ) -> Response:
        name = f"{refusal.code}/{refusal.subcode}" if refusal.subcode else str(refusal.code)
        self._note_refused(name, events)
        error: dict[str, object] = {
            "message": f"(#{refusal.code}) {refusal.words}",
            "type": "OAuthException",
            "code": refusal.code,
            "is_transient": refusal.code in TRANSIENT_CODES,
            "fbtrace_id": self._around.new_id(),
        }
        if refusal.subcode:
            error["error_subcode"] = refusal.subcode
        return JSONResponse({"error": error}, status, _headers(fault))

    def _note_refused(self, reason: str, events: int) -> None:
        if events:
            self._around.tally.note_refused("meta", reason, events)


def meta_app(around: Surroundings) -> Starlette:
    """The ASGI app of ``graph.facebook.com``."""
    api = GraphApi(around)
    version = r"/{version}"
    events = Operation("meta", "events", api.take_events, api.refuse_events)
    campaigns = Operation("meta", "campaigns", api.list_campaigns, api.refuse_list)
    adsets = Operation("meta", "adsets", api.list_adsets, api.refuse_list)
    routes = [
        route(f"{version}/{{dataset}}/events", "POST", events, around),
        route(f"{version}/{{account}}/campaigns", "GET", campaigns, around),
        route(f"{version}/{{account}}/adsets", "GET", adsets, around),
    ]

    async def unknown_path(_request: Request, _error: Exception) -> Response:
        error = {"message": "(#2500) Unknown path", "type": "OAuthException", "code": 2500}
        return JSONResponse({"error": {**error, "fbtrace_id": around.new_id()}}, 400)

    return build_app(around, routes, unknown_path)


def read_form(request: Request, body: bytes) -> dict[str, Any]:
    """The request's parameters: query, then form or JSON body."""
    params: dict[str, Any] = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        decoded = _decode(body)
        return params | (decoded if isinstance(decoded, dict) else {})
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return params | {name: values[-1] for name, values in form.items()}


def read_events(data: object) -> list[Any]:
    """The events of ``data``: a list, or its JSON; of objects, or of their JSON (RAN M1: the SDK encodes twice)."""
    events = _decode(data) if isinstance(data, str) else data
    if not isinstance(events, list):
        return []
    return [_decode(event) if isinstance(event, str) else event for event in events]


def _decode(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _judge_caller(request: Request, params: dict[str, Any]) -> Refusal | None:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    token = params.get("access_token") or bearer
    if not token:
        return Refusal(190, 0, "an access token is required")
    if str(token).startswith("expired"):
        return Refusal(190, 463, "the token has expired")
    version = re.fullmatch(r"v(\d+)\.\d+", request.path_params["version"])
    if version is None:
        return Refusal(2500, 0, "unknown path")
    if int(version[1]) < OLDEST_VERSION:
        return Refusal(2635, 0, "this version has ended")
    return None


def _rows_of(account: Account, edge: str, statuses: str | None) -> list[dict[str, str]]:
    things = account.campaigns if edge == "campaigns" else account.groups
    # Deleted objects are listed only when asked for by status.
    wanted = json.loads(statuses) if statuses else None
    return [
        {
            "id": thing.id,
            "name": thing.name,
            "status": thing.status,
            "effective_status": thing.status,
            "updated_time": UPDATED_TIME,
            **({"objective": "OUTCOME_LEADS"} if edge == "campaigns" else {}),
            **({"campaign_id": thing.campaign_id} if isinstance(thing, AdGroup) else {}),
        }
        for thing in things
        if (thing.status in wanted if wanted else thing.status != "DELETED")
    ]


def _headers(fault: Fault | None) -> dict[str, str]:
    if fault is None or fault.retry_after is None:
        return {}
    # DOC Mrate: the header tells minutes until calls are taken again.
    minutes = math.ceil(fault.retry_after / 60)
    usage = {"1": [{"type": "ads_management", "estimated_time_to_regain_access": minutes}]}
    return {"Retry-After": str(fault.retry_after), "X-Business-Use-Case-Usage": json.dumps(usage)}
