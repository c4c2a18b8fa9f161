"""Google's OAuth: credentials from an account's stored fields, and access tokens under our limits.

Each Google client asks for its own scope. Google's own transport for token requests waits for two minutes and reads
answers of any length, so a small one of ours is used.

Belongs here: credentials and refreshing them. Lives elsewhere: the calls that they open (``datamanager.py``,
``google_ads.py``, ``google_clicks.py``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestration.vendors.answers import TOTAL_SECONDS, open_http, read_bounded
from orchestration.vendors.errors import Unauthorized, Unreachable, VendorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.oauth2.credentials import Credentials


def read_credentials(fields: Mapping[str, str], token_url: str, scope: str) -> Credentials:
    """Google credentials from an account's stored fields.

    Args:
        fields: ``access_token``, or ``client_id``, ``client_secret`` and ``refresh_token``.
        token_url: Where an access token is refreshed.
        scope: What a refreshed token may do.

    Raises:
        Unauthorized: Neither set is complete.
    """
    from google.oauth2.credentials import Credentials as OAuthCredentials

    if fields.get("refresh_token") and fields.get("client_id") and fields.get("client_secret"):
        return OAuthCredentials(
            None,
            refresh_token=fields["refresh_token"],
            client_id=fields["client_id"],
            client_secret=fields["client_secret"],
            token_uri=token_url,
            scopes=[scope],
        )
    if fields.get("access_token"):
        return OAuthCredentials(fields["access_token"])
    raise Unauthorized("credential_missing")


def refresh(credentials: Any) -> None:
    """Get an access token, where one is due.

    Raises:
        Unreachable: The token endpoint could not be asked.
        Unauthorized: It refuses the credential.
    """
    from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError

    if credentials.valid:
        return
    try:
        credentials.refresh(_ask)
    except TransportError:
        raise Unreachable("token_endpoint_unreachable") from None
    except RefreshError as error:
        if error.retryable:
            raise Unreachable("token_endpoint_unavailable") from None
        raise Unauthorized("credential_refused") from None
    except GoogleAuthError:
        raise Unauthorized("credential_refused") from None


@dataclass(frozen=True, slots=True)
class _TokenAnswer:
    """What Google's credentials read of an answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def _ask(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
    **_options: object,
) -> _TokenAnswer:
    """The transport that Google's credentials call; ``timeout`` and options are theirs, the limits are ours."""
    import httpx
    from google.auth.exceptions import TransportError

    ends_at = time.monotonic() + TOTAL_SECONDS
    try:
        with (
            open_http() as http,
            http.stream(method, url, content=body, headers=dict(headers or {})) as answer,
        ):
            content = read_bounded(answer.iter_bytes(), ends_at)
    except (httpx.TransportError, VendorError) as error:
        raise TransportError(type(error).__name__) from None
    return _TokenAnswer(answer.status_code, answer.headers, content)
