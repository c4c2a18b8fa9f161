"""Meta's Graph API: the Conversions API, and the lists of campaigns and ad sets.

Errors are HTTP 400 with a code and a subcode (DOC Merr); a call is taken whole or refused whole (DOC Msrv).

Belongs here: what changes something or pages. Lives elsewhere: what is read about datasets (``meta_reads.py``).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from orchestration.sandbox.control import build_app
from orchestration.sandbox.counting import Arrival
from orchestration.sandbox.faults import Fault
from orchestration.sandbox.meta_checks import Refusal, check_events
from orchestration.sandbox.meta_reads import READ_PERMISSION, READINGS, Reading
from orchestration.sandbox.personal_data import count_personal_data, may_hold_personal_data
from orchestration.sandbox.plumbing import Operation, Surroundings, route
from orchestration.sandbox.world import Account, AdGroup

OLDEST_VERSION = 21  # DOC Mver: v20.0 ended on 24 September 2026
DEFAULT_PAGE = 25
FIELDS = {
    "campaigns": ("id", "name", "status", "effective_status", "objective", "updated_time"),
    "adsets": ("id", "name", "status", "effective_status", "campaign_id", "updated_time"),
}
TRANSIENT_CODES = frozenset({1, 2, 4, 17, 613})
UPDATED_TIME = "2026-11-01T09:00:00+0300"
RATED_SOURCES = ("website", "physical_store")  # DOC Mdq: no score for CRM and messaging
MANAGE_EVENTS = "ads_management"
MESSAGING_PERMISSION = "whatsapp_business_manage_events"  # DOC Mbiz


class GraphApi:
    """The operations."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def take_events(self, request: Request, body: bytes, lost: int = 0) -> Response:
        """``POST /{version}/{dataset}/events``.

        Args:
            request: With the token in the query, the form, the body or the header.
            body: A form or JSON.
            lost: How many of the last events get lost on the way in, for the fault ``fewer_received``.
        """
        form, text = read_call(request, body)
        events = read_events(form.get("data"))
        count = len(events)
        if refusal := _judge_caller(request, form):
            return self._refused(refusal, count)
        dataset_id = request.path_params["dataset"]
        account = next(
            (a for a in self._around.world.accounts["meta"] if a.dataset_id == dataset_id), None
        )
        if account is None:
            return self._refused(Refusal(100, 33, "no such object"), count)
        found = count_personal_data(events) if may_hold_personal_data(text) else 0
        if found:
            self._around.tally.note_personal_data("meta", found)
        now = self._around.now()
        refusal = check_events(events, now)
        if refusal is None and found:
            refusal = Refusal(100, 0, "raw personal data")
        arrivals = [] if refusal else [_arrival(event) for event in events]
        if refusal := refusal or _judge_permissions(account, arrivals):
            return self._refused(refusal, count)
        # DOC Msup: events with a test_event_code still count live, so there is no special case for them.
        taken = arrivals[: count - lost]
        self._around.tally.note_accepted("meta", dataset_id, taken, now, "within_48h")
        for (kind, name), keys in _cover(events).items():
            self._around.tally.note_coverage("meta", dataset_id, kind, name, keys)
        # RAN: this is the whole success body.
        trace = self._around.new_id()
        return JSONResponse({"events_received": len(taken), "messages": [], "fbtrace_id": trace})

    def refuse_events(self, request: Request, fault: Fault, body: bytes) -> Response:
        """Act out a fault of the Conversions API."""
        if fault.fault == "fewer_received":
            return self.take_events(request, body, lost=1)
        return self._refuse(fault, len(read_ids(request, body)))

    def reading(self, read: Reading) -> Callable[[Request, bytes], Response]:
        """A door that only tells: see ``meta_reads.py``."""

        def answer(request: Request, _body: bytes) -> Response:
            refusal = _judge_caller(request, dict(request.query_params))
            told = refusal or read(request, self._around)
            return self._refused(told, 0) if isinstance(told, Refusal) else JSONResponse(told)

        return answer

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
        if READ_PERMISSION in account.missing_permissions:
            return self._refused(Refusal(200, 0, f"{READ_PERMISSION} is missing"), 0)
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
            case "usage":
                return self._refused(Refusal(80004, 2446079, "too many calls"), events, fault)
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
    events = Operation("meta", "events", api.take_events, api.refuse_events, read_ids)
    campaigns = Operation("meta", "campaigns", api.list_campaigns, api.refuse_list)
    adsets = Operation("meta", "adsets", api.list_adsets, api.refuse_list)
    routes = [
        route(f"{version}/{{dataset}}/events", "POST", events, around),
        route(f"{version}/{{account}}/campaigns", "GET", campaigns, around),
        route(f"{version}/{{account}}/adsets", "GET", adsets, around),
        *(
            route(
                f"{version}/{path}",
                "GET",
                Operation("meta", name, api.reading(read), api.refuse_list),
                around,
            )
            for name, (path, read) in READINGS.items()
        ),
    ]

    async def unknown_path(_request: Request, _error: Exception) -> Response:
        error = {"message": "(#2500) Unknown path", "type": "OAuthException", "code": 2500}
        return JSONResponse({"error": {**error, "fbtrace_id": around.new_id()}}, 400)

    return build_app(around, routes, unknown_path)


def read_call(request: Request, body: bytes) -> tuple[dict[str, Any], str]:
    """The request's parameters (query, then form or JSON body), and the text that holds its events."""
    params: dict[str, Any] = dict(request.query_params)
    text = body.decode("utf-8", "replace")
    if request.headers.get("content-type", "").startswith("application/json"):
        decoded = _decode(text)
        return params | (decoded if isinstance(decoded, dict) else {}), text
    form = {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}
    return params | form, form.get("data", "")


def read_ids(request: Request, body: bytes) -> list[str]:
    """The event ids of a call, empty where an event has none."""
    form, _ = read_call(request, body)
    return [
        str(event.get("event_id") or "") if isinstance(event, dict) else ""
        for event in read_events(form.get("data"))
    ]


def read_events(data: object) -> list[Any]:
    """The events of ``data``: a list, or its JSON; of objects, or of their JSON (RAN M1: the SDK encodes twice)."""
    events = _decode(data) if isinstance(data, str) else data
    if not isinstance(events, list):
        return []
    return [_decode(event) if isinstance(event, str) else event for event in events]


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _arrival(event: dict[str, Any]) -> Arrival:
    custom_data = event.get("custom_data")
    value, currency = None, ""
    if type(custom_data) is dict:
        value, currency = custom_data.get("value"), custom_data.get("currency") or ""
    name, event_id = event["event_name"], event.get("event_id") or ""
    if event["action_source"] == "business_messaging":
        note = "returned" if name == "OrderReturned" else "each"
        order_id = custom_data.get("order_id") if type(custom_data) is dict else ""
        return Arrival(name, event_id, value, currency, note, str(order_id or ""))
    return Arrival(name, event_id, value, currency)


def _cover(events: list[dict[str, Any]]) -> dict[tuple[str, str], Counter[str]]:
    """How many events of each rated kind and name carried which key."""
    covered: dict[tuple[str, str], Counter[str]] = {}
    for event in events:
        if event["action_source"] in RATED_SOURCES:
            keys = covered.setdefault((event["action_source"], event["event_name"]), Counter())
            keys["events"] += 1
            keys.update(key for key, value in event["user_data"].items() if value)
    return covered


def _judge_permissions(account: Account, arrivals: list[Arrival]) -> Refusal | None:
    if MANAGE_EVENTS in account.missing_permissions:
        return Refusal(200, 0, f"{MANAGE_EVENTS} is missing")
    is_messaging = any(arrival.note for arrival in arrivals)
    if is_messaging and MESSAGING_PERMISSION in account.missing_permissions:
        return Refusal(200, 0, f"{MESSAGING_PERMISSION} is missing")
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
    headers = {"X-Business-Use-Case-Usage": json.dumps(usage)}
    if fault.fault != "usage":
        headers["Retry-After"] = str(fault.retry_after)
    return headers
