"""What an account is configured with: each name, what it may be, and what goes together.

Belongs here: the names and their checks, per platform. Lives elsewhere: storing them (``routes.py``), what they do
(``destinations/<vendor>.py``; the pages under ``docs/destinations`` tell people).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from orchestration.deliveries.conversion import Account
from orchestration.deliveries.destinations import meta, tiktok
from orchestration.deliveries.guard import Shape


class AccountRefused(Exception):
    """The account cannot be installed as asked; the message says which value to change."""

    is_refusal = True


@dataclass(frozen=True, slots=True)
class Name:
    """One name of an account's configuration.

    Attributes:
        pattern: What its whole value must match.
        wanted: The same in words, for who gave another.
    """

    pattern: str
    wanted: str


KINDS = ("qualified_lead", "appointment", "enrollment", "purchase")

_NUMBER = Name(r"[0-9]{1,32}", "a number")
_SHARE = Name(r"0(\.[0-9]+)?|1(\.0+)?", "a share from 0 to 1, such as 0.7")
_SCORE = Name(r"[0-9](\.[0-9]+)?|10(\.0+)?", "a score from 0 to 10, such as 6")
_TEST_CODE = Name(r"[A-Za-z0-9_-]{1,64}", "the code that the platform's test page shows")
_WORDS = Name(
    Shape.NAME.value.pattern,
    "at most 100 letters of the English alphabet, digits and spaces, a letter first",
)
_STAGES = {f"stage_{kind}": _WORDS for kind in KINDS}
_ACTION_SOURCE = Name(
    "|".join(sorted(meta.ACTION_SOURCES)), f"one of {', '.join(sorted(meta.ACTION_SOURCES))}"
)

NAMES: dict[str, dict[str, Name]] = {
    "google": {
        "login_account": _NUMBER,
        "ads_customer_id": _NUMBER,
        "api": Name("data_manager|click_upload", "data_manager or click_upload"),
        "match_rate_threshold": _SHARE,
    },
    "meta": {
        "dataset_id": _NUMBER,
        "ad_account_id": Name(r"act_[0-9]{1,32}", "a number behind act_"),
        "whatsapp_business_account_id": _NUMBER,
        "action_source": _ACTION_SOURCE,
        **{f"action_source_{kind}": _ACTION_SOURCE for kind in KINDS},
        "physical_store_days": Name("[7-9]|[1-5][0-9]|6[0-2]", "a number of days from 7 to 62"),
        "crm_name": _WORDS,
        **_STAGES,
        "test_event_code": _TEST_CODE,
        "data_processing_country": Name(
            "[01]", "0, which lets Meta find out, or 1 for the United States"
        ),
        "data_processing_state": Name(
            "0|1000", "0, which lets Meta find out, or 1000 for California"
        ),
        "match_rate_threshold": _SHARE,
        "emq_threshold": _SCORE,
    },
    "tiktok": {
        "pixel_code": Name(r"[A-Za-z0-9_.-]{1,64}", "the pixel's code"),
        "offline_event_set_id": _NUMBER,
        "crm_event_set_id": _NUMBER,
        "advertiser_id": _NUMBER,
        "site_url": Name(
            Shape.PAGE.value.pattern, "an address without a query, such as https://example.com/"
        ),
        "event_source": Name("web|offline", "web or offline"),
        "crm_name": _WORDS,
        **_STAGES,
        "test_event_code": _TEST_CODE,
        "match_rate_threshold": _SHARE,
    },
}


def check_config(account: Account) -> None:
    """Check every value by itself, and what goes together.

    Raises:
        AccountRefused: With a sentence that says what to change.
    """
    names = NAMES[account.platform]
    unknown = sorted(account.config.keys() - names)
    if unknown:
        raise AccountRefused(
            f"{account.platform} accounts have no {', '.join(unknown)}; there are: {', '.join(sorted(names))}"
        )
    for name, value in account.config.items():
        if name.startswith("action_source"):
            _refuse_website(name, value)
        if not re.fullmatch(names[name].pattern, value):
            raise AccountRefused(f"{name} is {names[name].wanted}")
    match account.platform:
        case "meta":
            _check_meta(account.config)
        case "tiktok":
            _check_tiktok(account.config)
        case _:
            pass


def _refuse_website(name: str, value: str) -> None:
    if value == "website":
        raise AccountRefused(
            f"{name}=website needs the browser of each person in the clear, and only hashes leave: choose "
            f"{', '.join(sorted(meta.ACTION_SOURCES))}"
        )


def _check_meta(config: Mapping[str, str]) -> None:
    if not config.get("dataset_id"):
        raise AccountRefused("name the dataset that takes the events: --set dataset_id=…")
    place = tuple(config.get(f"data_processing_{part}", "0") for part in ("country", "state"))
    if place not in {("0", "0"), ("1", "1000")}:
        raise AccountRefused(
            "data_processing_country and data_processing_state are 0 and 0, which lets Meta find out, or 1 and 1000"
        )


def _check_tiktok(config: Mapping[str, str]) -> None:
    if not (config.get("offline_event_set_id") or config.get("site_url")):
        raise AccountRefused(
            "name the offline event set (--set offline_event_set_id=…), or the site that clicks lead to "
            "(--set site_url=https://…), or both"
        )
    needed = {"web": "site_url", "offline": "offline_event_set_id"}.get(
        config.get("event_source", "")
    )
    if needed and not config.get(needed):
        raise AccountRefused(f"event_source={config['event_source']} needs {needed} too")
    for kind in KINDS:
        stage = config.get(f"stage_{kind}")
        if stage in tiktok.STANDARD_NAMES:
            raise AccountRefused(
                f"stage_{kind}={stage} is one of TikTok's own names, and CRM events take only others"
            )
