"""Google's OAuth credentials from an account's stored fields; each Google client asks for its own scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.vendors.errors import Unauthorized

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
