"""Settings: the only reader of the environment.

Every value has a default that works on one machine with nothing installed. Secrets are secret types: printing
the settings shows asterisks. Names in the environment carry the prefix ``LEADLOOP_``.

Belongs here: what an operator may choose. Lives elsewhere: the platforms' own limits, which are facts and stand
beside the code that obeys them; what a tenant may choose, which is data (``ops.tenants``, ``ops.accounts``).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROJECT_FOLDER = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """What an operator may choose.

    Raises:
        pydantic.ValidationError: A value cannot be read; the message names the variable.
    """

    model_config = SettingsConfigDict(env_prefix="LEADLOOP_", extra="ignore", frozen=True)

    home: Path = Field(
        default=PROJECT_FOLDER / ".leadloop",
        description="State folder: embedded database, Dagster home, master key, Data Docs.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="A Postgres 15 or newer of your own. Unset: the embedded server in the state folder.",
    )
    master_key: SecretStr | None = Field(
        default=None,
        description="32 random bytes, base64. Unset: made once and kept in the state folder.",
    )

    intake_host: str = "127.0.0.1"
    intake_port: int = 8700
    panel_port: int = 8702
    dagster_port: int = 3000
    public_url: str = Field(
        default="http://127.0.0.1:3000",
        description="Where people open the Dagster UI; links in alerts begin with it.",
    )
    alert_urls: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="Apprise addresses, separated by spaces, that get the alerts."
    )

    ledger_keep_days: int = Field(
        default=400,
        ge=180,
        description="Days for which the ledger keeps what is settled.",
    )

    whatsapp_app_secret: SecretStr | None = Field(
        default=None,
        description="The Meta app's secret, read once when a tenant is made.",
    )

    google_datamanager_url: str = "https://datamanager.googleapis.com"
    google_ads_endpoint: str = "googleads.googleapis.com"
    google_ads_version: str = "v26"
    google_oauth_token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105
    meta_graph_url: str = "https://graph.facebook.com"
    meta_graph_version: str = "v26.0"
    tiktok_api_url: str = "https://business-api.tiktok.com"

    def may_reach(self, account_config: Mapping[str, object]) -> bool:
        """Whether an account may be talked to with these addresses.

        An account of the sandbox exists nowhere else: what belongs to it must not go to a real platform.

        Args:
            account_config: The account's ``ops.accounts.config``; the sandbox marks its own.
        """
        return account_config.get("sandbox") != "true" or self._is_on_this_machine

    @property
    def _is_on_this_machine(self) -> bool:
        platforms = (self.google_datamanager_url, self.meta_graph_url, self.tiktok_api_url)
        return all(urlsplit(url).hostname in ("127.0.0.1", "localhost") for url in platforms)

    @field_validator("home")
    @classmethod
    def _home_is_absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("alert_urls", mode="before")
    @classmethod
    def _split_alert_urls(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value


@functools.cache
def get_settings() -> Settings:
    """Read the environment once per process."""
    return Settings()
