"""Google's Data Manager API, as far as conversions go: ``events:ingest`` and ``requestStatus:retrieve``.

A structural fault rejects the whole request and names the events; everything else comes back later, as counts per
reason. Enums are read as numbers and as names, and unknown fields are refused. The OAuth token endpoint
(``google_oauth.py``) is served beside it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from orchestration.sandbox import google_oauth
from orchestration.sandbox.control import build_app
from orchestration.sandbox.faults import Fault
from orchestration.sandbox.google_checks import FORBIDDEN, Violation, check_request
from orchestration.sandbox.google_requests import (
    Later,
    RequestBook,
    Sent,
    StoredRequest,
    judge_events,
)
from orchestration.sandbox.google_wire import Unreadable, read_request
from orchestration.sandbox.personal_data import count_personal_data, may_hold_personal_data
from orchestration.sandbox.plumbing import Operation, Surroundings, route
from orchestration.sandbox.tally import Place

STATUS_KEPT = timedelta(days=50)  # LIB Ldm: afterwards REQUEST_TOO_OLD
REASON_PREFIX = "PROCESSING_ERROR_REASON_"
CANONICAL = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class DataManager:
    """The two operations.

    Args:
        around: What all stand-ins share.
        state_folder: Where requests are remembered over a restart.
        processing_polls: How many status reads answer PROCESSING before the outcome shows. The real service takes
            about half an hour (DOC, diagnostics guide).
    """

    def __init__(
        self, around: Surroundings, state_folder: Path | None, processing_polls: int = 1
    ) -> None:
        self._around = around
        self._processing_polls = processing_polls
        self._book = RequestBook(state_folder)

    def forget(self) -> None:
        """Forget all requests."""
        self._book.clear()

    def close(self) -> None:
        """Let go of the file."""
        self._book.close()

    def ingest(self, request: Request, body: bytes, later: Later | None = None) -> Response:
        """Take a request whole or refuse it whole (DOC Gerr: there is no partial failure)."""
        if not google_oauth.is_authorized(request):
            return self._refused(401, "UNAUTHENTICATED", len(_events_of(body)))
        try:
            text = body.decode("utf-8")
            message = read_request(text)
        except (Unreadable, UnicodeDecodeError):
            return self._refused(400, "INVALID_ARGUMENT", len(_events_of(body)))
        events = _with_consent(message)
        is_suspicious = may_hold_personal_data(text)
        found = count_personal_data(message) if is_suspicious else 0
        if found:
            self._around.tally.note_personal_data("google", found)
        violations = check_request(
            message, self._around.world, self._around.now(), is_suspicious=is_suspicious
        )
        if violations or found:
            reason = violations[0].reason if violations else "INVALID_FORMAT"
            return self._refused(_status_of(reason), reason, len(events), violations=violations)
        request_id = self._around.new_id()
        # LIB Ldm: validate_only checks and records nothing.
        if not message.get("validateOnly"):
            self._take(request_id, message["destinations"], events, later or Later())
        return JSONResponse({"requestId": request_id})

    def status(self, request: Request, _body: bytes) -> Response:
        """Tell what became of a request, per destination and in counts (LIB Ldm)."""
        if not google_oauth.is_authorized(request):
            return self._refused(401, "UNAUTHENTICATED", 0)
        stored = self._book.find(request.query_params.get("requestId", ""))
        if stored is None:
            return self._refused(400, "INVALID_REQUEST_ID", 0)
        if self._around.now() - stored.received_at > STATUS_KEPT:
            return self._refused(400, "REQUEST_TOO_OLD", 0)
        stored.polls += 1
        return _word_status(request, stored, is_done=stored.polls > self._processing_polls)

    def refuse_ingest(self, request: Request, fault: Fault, body: bytes) -> Response:
        """Act out a fault of ``events:ingest``."""
        if fault.fault.startswith("later_"):
            reasons = fault.fault.removeprefix("later_").split("+")
            later = Later(tuple(reasons), fault.event_ids)
            return self.ingest(request, body, later)
        if fault.fault == "whole_request_refusal":
            return self._refuse_rows(fault, "EVENT_TIME_INVALID", body)
        if fault.fault.startswith("reason_") and fault.event_ids:
            return self._refuse_rows(fault, fault.fault.removeprefix("reason_"), body)
        return self._refuse(fault, len(_events_of(body)))

    def _refuse_rows(self, fault: Fault, reason: str, body: bytes) -> Response:
        """Refuse a request and name the rows that are to blame."""
        ids = [event.get("transactionId") for event in _events_of(body)]
        places = [place for place, one in enumerate(ids) if one in fault.event_ids] or [0]
        violations = [
            Violation(f"events.events[{place}].event_timestamp", reason, "As asked for.")
            for place in places
        ]
        return self._refused(400, reason, len(ids), violations=violations)

    def refuse_status(self, request: Request, fault: Fault, _body: bytes) -> Response:
        """Act out a fault of ``requestStatus:retrieve``."""
        stored = self._book.find(request.query_params.get("requestId", ""))
        if fault.fault == "processing" and stored is not None:
            return _word_status(request, stored, is_done=False)
        return self._refuse(fault, 0)

    def _refuse(self, fault: Fault, events: int) -> Response:
        match fault.fault:
            case "429":
                return self._refused(429, "RESOURCE_EXHAUSTED", events, fault.retry_after)
            case "500" | "503":
                return self._refused(int(fault.fault), "INTERNAL_ERROR", events, fault.retry_after)
            case "502_html":
                self._note_refused("502", events)
                return HTMLResponse("<html><body>502 Bad Gateway</body></html>", 502)
            case "expired_token":
                return self._refused(401, "UNAUTHENTICATED", events)
            case _:
                reason = fault.fault.removeprefix("reason_")
                return self._refused(_status_of(reason), reason, events, fault.retry_after)

    def _refused(
        self,
        status: int,
        reason: str,
        events: int,
        retry_after: int | None = None,
        *,
        violations: list[Violation] | None = None,
    ) -> Response:
        self._note_refused(reason, events)
        return word_error(status, reason, self._around.new_id(), retry_after, violations or [])

    def _note_refused(self, reason: str, events: int) -> None:
        if events:
            self._around.tally.note_refused("google", reason, events)

    def _take(
        self,
        request_id: str,
        destinations: list[dict[str, Any]],
        events: list[dict[str, Any]],
        later: Later,
    ) -> None:
        tally, now = self._around.tally, self._around.now()
        sent: list[Sent] = []
        # An event with two destinations is two conversions owed, so it counts for each.
        for destination in destinations:
            number = destination["operatingAccount"]["accountId"]
            action_id = destination["productDestinationId"]
            account = self._around.world.find_account("google", number)
            repeats = account.transaction_repeats if account else "restated"
            held = tally.held("google", Place(number, action_id))
            arrivals, errors = judge_events(events, action_id, held, repeats, later)
            tally.note_accepted("google", number, arrivals, now, repeats)
            for reason, count in errors.items():
                tally.note_failed_later("google", reason, count)
            sent.append(Sent(destination, len(events), dict(errors)))
        self._book.add(request_id, now, sent)


def google_app(
    around: Surroundings, state_folder: Path | None = None, processing_polls: int = 1
) -> Starlette:
    """The ASGI app of ``datamanager.googleapis.com``, with Google's token endpoint at ``/token``."""
    manager = DataManager(around, state_folder, processing_polls)
    ingest = Operation("google", "ingest", manager.ingest, manager.refuse_ingest, read_ids)
    status = Operation("google", "status", manager.status, manager.refuse_status)
    around.on_reset.append(manager.forget)
    around.on_stop.append(manager.close)
    routes = [
        route("/v1/events:ingest", "POST", ingest, around),
        route("/v1/requestStatus:retrieve", "GET", status, around),
        google_oauth.token_route(around),
    ]

    async def unknown_path(_request: Request, _error: Exception) -> Response:
        return word_error(404, "NOT_FOUND", around.new_id(), None, [])

    return build_app(around, routes, unknown_path)


def word_error(
    status: int,
    reason: str,
    request_id: str,
    retry_after: int | None,
    violations: list[Violation],
) -> Response:
    """The standard error body of a Google API (DOC Gerr): ErrorInfo, BadRequest where fields are named, RequestInfo."""
    types = "type.googleapis.com/google.rpc."
    details: list[dict[str, Any]] = [
        {"@type": f"{types}ErrorInfo", "reason": reason, "domain": "datamanager.googleapis.com"}
    ]
    if violations:
        named = [asdict(violation) for violation in violations]
        details.append({"@type": f"{types}BadRequest", "fieldViolations": named})
    details.append({"@type": f"{types}RequestInfo", "requestId": request_id})
    error = {
        "code": status,
        "message": HTTPStatus(status).phrase,
        "status": CANONICAL[status],
        "details": details,
    }
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return JSONResponse({"error": error}, status, headers)


def _status_of(reason: str) -> int:
    if reason in FORBIDDEN:
        return 403
    return {"RESOURCE_EXHAUSTED": 429, "INTERNAL_ERROR": 500, "DEADLINE_EXCEEDED": 500}.get(
        reason, 400
    )


def read_ids(_request: Request, body: bytes) -> list[str]:
    """The transaction ids of a body, empty where an event has none."""
    return [str(event.get("transactionId") or "") for event in _events_of(body)]


def _events_of(body: bytes) -> list[dict[str, Any]]:
    try:
        events = json.loads(body)["events"]
    except (ValueError, TypeError, KeyError):
        return []
    return [e for e in events if isinstance(e, dict)] if isinstance(events, list) else []


def _with_consent(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The events, each with the request's consent where it has none of its own (LIB Ldm)."""
    events: list[dict[str, Any]] = message.get("events", [])
    if consent := message.get("consent"):
        return [{"consent": consent, **event} for event in events]
    return events


def _word_status(request: Request, stored: StoredRequest, *, is_done: bool) -> Response:
    from google.ads.datamanager_v1 import RetrieveRequestStatusResponse

    answer = RetrieveRequestStatusResponse(
        request_status_per_destination=[
            _word_destination(sent, is_done=is_done) for sent in stored.sent
        ]
    )
    # RAN G1.4: the client asks for enums as integers by this query parameter.
    as_integers = "enum-encoding=int" in request.url.query
    text = RetrieveRequestStatusResponse.to_json(
        answer, use_integers_for_enums=as_integers, including_default_value_fields=False
    )
    return Response(text, media_type="application/json")


def _word_destination(sent: Sent, *, is_done: bool) -> dict[str, Any]:
    from google.ads.datamanager_v1 import Destination

    failed = sum(sent.errors.values())
    if not is_done:
        outcome = "PROCESSING"
    elif not failed:
        outcome = "SUCCESS"
    else:
        outcome = "FAILED" if failed == sent.records else "PARTIAL_SUCCESS"
    worded: dict[str, Any] = {
        "destination": Destination.from_json(json.dumps(sent.destination)),
        "request_status": outcome,
        "events_ingestion_status": {"record_count": sent.records},
    }
    # LIB Ldm: error_info is filled only when processing has ended in FAILED or PARTIAL_SUCCESS.
    if is_done and failed:
        worded["error_info"] = {
            "error_counts": [
                {"reason": f"{REASON_PREFIX}{reason}", "record_count": count}
                for reason, count in sent.errors.items()
            ]
        }
    return worded
