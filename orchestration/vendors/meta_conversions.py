"""Meta's Conversions API over httpx: where it is, how one proves oneself, reading its answers.

Why not ``facebook-business``: its transport takes an HTTP 502 with an HTML body for success, and the text of its
errors holds the request with the hashed user data (both seen with 26.0.3).

Belongs here: address, authentication, which error an answer holds. Lives elsewhere: the table of codes
(``meta_codes.py``), what is sent (``deliveries/destinations/meta.py``).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from orchestration.vendors.answers import MAX_RETRY_AFTER, error_of_status, get, post
from orchestration.vendors.codes import ERRORS
from orchestration.vendors.errors import RequestRefused, Unclear, VendorError
from orchestration.vendors.meta_codes import find_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from orchestration.vendors.answers import Answer

# The header's waits are whole minutes.
_USAGE = "x-business-use-case-usage"


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
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    name = f"{code}_{subcode}" if subcode else f"{code}"
    request_id = _text(error.get("fbtrace_id"))
    row = find_row(name)
    family = (
        ERRORS[row.action]
        if row
        else _family_of_unknown(answer, is_transient=error.get("is_transient"))
    )
    if family is RequestRefused:
        return RequestRefused(name, request_id=request_id)
    return family(name, request_id=request_id, retry_after=_read_wait(answer))


def _family_of_unknown(answer: Answer, *, is_transient: object) -> type[VendorError]:
    """What the rest of an answer says about a code that no table has."""
    return Unclear if is_transient is True else type(error_of_status(answer.status))


def _read_wait(answer: Answer) -> timedelta | None:
    """The longest wait that an answer names, capped: the usage header's minutes, or ``Retry-After``."""
    waits = [answer.retry_after] if answer.retry_after else []
    try:
        usage: Any = json.loads(answer.headers.get(_USAGE, "{}"))
        waits += [
            timedelta(minutes=int(use["estimated_time_to_regain_access"]))
            for uses in usage.values()
            for use in uses
        ]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        # A header that cannot be read names no wait; the error itself is told all the same.
        return answer.retry_after
    longest = max(waits, default=timedelta(0))
    return min(longest, MAX_RETRY_AFTER) if longest > timedelta(0) else None


def _proof(access_token: str, app_secret: str | None) -> dict[str, str]:
    if app_secret is None:
        return {}
    proof = hmac.new(app_secret.encode(), access_token.encode(), hashlib.sha256)
    return {"appsecret_proof": proof.hexdigest()}


def _number(value: object) -> int:
    """A code as Meta has them; 0 for anything else, which could hold what was sent."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
