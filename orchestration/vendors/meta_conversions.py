"""Meta's Conversions API over httpx: where it is, how one proves oneself, what its codes mean.

Why not ``facebook-business``: its transport takes an HTTP 502 with an HTML body for success, and the text of its
errors holds the request with the hashed user data (both seen with 26.0.3).

Belongs here: address, authentication, the table of codes. Lives elsewhere: what is sent
(``deliveries/destinations/meta.py``).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from orchestration.vendors.answers import error_of_status, get, post
from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Throttled,
    Unauthorized,
    Unclear,
    VendorError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from orchestration.vendors.answers import Answer

# Codes of the Marketing API error reference. Code 100 is a bad parameter in some row unless its subcode says more.
_MEANING: dict[int, type[VendorError]] = {
    1: Unclear,
    2: Unclear,
    4: Throttled,
    10: RouteBlocked,
    17: Throttled,
    102: Unauthorized,
    104: Unauthorized,
    190: Unauthorized,
    200: RouteBlocked,
    294: RouteBlocked,
    368: RouteBlocked,
    613: Throttled,
    2635: RouteBlocked,
}
_BUSINESS_THROTTLES = range(80_000, 80_100)
_NO_SUCH_OBJECT = (100, 33)


class MetaConversions:
    """One credential's way to the Conversions API.

    Args:
        http: A client with our limits.
        graph_url: ``https://graph.facebook.com``, or a stand-in.
        version: Such as ``v26.0``.
        access_token: The dataset's or system user's token.
        app_secret: Adds ``appsecret_proof``, which apps may require.
    """

    def __init__(
        self,
        http: httpx.Client,
        graph_url: str,
        version: str,
        access_token: str,
        app_secret: str | None = None,
    ) -> None:
        self._http = http
        self._base = f"{graph_url.rstrip('/')}/{version}"
        # The header instead of the query: proxies and access logs keep queries.
        self._headers = {
            "Authorization": f"Bearer {access_token}",
            "Content-Type": "application/json",
        }
        self._params = _proof(access_token, app_secret)

    def send_events(self, dataset_id: str, body: bytes) -> Answer:
        """POST a JSON body with ``data`` to the dataset's events.

        Raises:
            VendorError: The transport failed, or the answer cannot be read.
        """
        return post(
            self._http,
            f"{self._base}/{dataset_id}/events",
            body=body,
            headers=self._headers,
            params=self._params,
        )

    def read(self, path: str, params: Mapping[str, str]) -> Answer:
        """GET an object of the graph: a dataset, its quality, a WhatsApp account's dataset.

        Args:
            path: Behind the version, such as ``dataset_quality``.
            params: The query; the token goes into the header.

        Raises:
            VendorError: The transport failed, or the answer cannot be read.
        """
        return get(
            self._http,
            f"{self._base}/{path}",
            headers=self._headers,
            params={**params, **self._params},
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()


def read_error(answer: Answer) -> VendorError | None:
    """The error that an answer holds, or None for a success."""
    error: Any = answer.body.get("error")
    if not isinstance(error, dict):
        return None if answer.status == 200 else error_of_status(answer.status, answer.retry_after)
    code, subcode = error.get("code"), error.get("error_subcode")
    name = f"{code}_{subcode}" if subcode else f"{code}"
    request_id = _text(error.get("fbtrace_id"))
    if (code, subcode) == _NO_SUCH_OBJECT:
        return RouteBlocked(name, request_id=request_id)
    meaning = _MEANING.get(code) if isinstance(code, int) else None
    if meaning is None and code in _BUSINESS_THROTTLES:
        meaning = Throttled
    if meaning is not None:
        return meaning(name, request_id=request_id, retry_after=answer.retry_after)
    if answer.status >= 500:
        return Unclear(name, request_id=request_id)
    return RequestRefused(name, request_id=request_id)


def _proof(access_token: str, app_secret: str | None) -> dict[str, str]:
    if app_secret is None:
        return {}
    proof = hmac.new(app_secret.encode(), access_token.encode(), hashlib.sha256)
    return {"appsecret_proof": proof.hexdigest()}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
