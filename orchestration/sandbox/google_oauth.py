"""Google's OAuth, as far as a refresh token goes: ``POST /token``, and judging the bearer of a request.

Any token is good here unless it says otherwise: a bearer that begins with ``expired`` is refused as expired, and a
refresh token that begins with ``revoked`` gets no access token.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestration.sandbox.faults import Fault
from orchestration.sandbox.plumbing import Operation, Surroundings, route

LIFETIME_SECONDS = 3_599


def is_good_bearer(authorization: str) -> bool:
    """Judge an ``Authorization`` header or the gRPC metadata of that name."""
    scheme, _, token = authorization.partition(" ")
    return scheme.lower() == "bearer" and token != "" and not token.startswith("expired")


def is_authorized(request: Request) -> bool:
    """Judge a request by its bearer token (LIB Ldm: the bearer is all that the Data Manager API needs)."""
    return is_good_bearer(request.headers.get("authorization", ""))


def token_route(around: Surroundings) -> Route:
    """Serve ``POST /token`` (RFC 6749, section 6)."""

    def answer(_request: Request, body: bytes) -> Response:
        form = {
            name: values[0] for name, values in parse_qs(body.decode("ascii", "replace")).items()
        }
        needed = ("client_id", "client_secret", "refresh_token")
        if form.get("grant_type") != "refresh_token" or not all(form.get(n) for n in needed):
            return JSONResponse({"error": "invalid_request"}, 400)
        if form["refresh_token"].startswith("revoked"):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(
            {
                "access_token": f"sandbox-{around.new_id()}",
                "expires_in": LIFETIME_SECONDS,
                "token_type": "Bearer",
            }
        )

    def refuse(_request: Request, fault: Fault, _body: bytes) -> Response:
        status = int(fault.fault) if fault.fault.isdigit() else 400
        error = "invalid_grant" if status == 400 else "temporarily_unavailable"
        return JSONResponse({"error": error}, status)

    return route("/token", "POST", Operation("google_oauth", "token", answer, refuse), around)
