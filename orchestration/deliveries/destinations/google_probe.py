"""What can be known of a Google account before the first conversion: its settings, its actions, and a try of each.

The try is an upload that Google only validates: one event of nobody, of which nothing is recorded. It is the proof;
settings are read from the Google Ads API beside it because they say in words what a refusal would say in a code. A
credential may be good for uploads and not for reading: then nothing is known of the settings, and that is no failure.

Belongs here: the questions. Lives elsewhere: the upload itself (``google.py``, ``google_clicks.py``), what a finding
leads to (``capabilities.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from orchestration.deliveries.accounts.findings import Finding
from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Unauthorized,
    VendorError,
)
from orchestration.vendors.google_ads import GoogleAds

if TYPE_CHECKING:
    from orchestration.deliveries.conversion import Account
    from orchestration.settings import Settings
    from orchestration.vendors.codes import Code
    from orchestration.vendors.google_ads import AccountSettings, ConversionAction

NOBODY = hashlib.sha256(b"nobody@example.com").hexdigest()
"""A hash as an e-mail address has one."""

TryUpload = Callable[[str], object]
"""Validates one event of nobody for a conversion action. Raises ``VendorError``."""


def open_ads(settings: Settings, credentials: Mapping[str, str], account: Account) -> GoogleAds:
    """The client of the Google Ads API under an account's own credentials.

    Raises:
        Unauthorized: They are incomplete.
    """
    return GoogleAds(
        endpoint=settings.google_ads_endpoint,
        version=settings.google_ads_version,
        token_url=settings.google_oauth_token_url,
        credentials=credentials,
        login_account=account.config.get("login_account"),
    )


def probe(
    make_ads: Callable[[], GoogleAds],
    account: Account,
    actions: Sequence[str],
    try_upload: TryUpload,
    table: Mapping[str, Code],
) -> list[Finding]:
    """Ask for everything that an upload needs.

    Args:
        make_ads: Makes the client that reads settings; closed here.
        account: Which.
        actions: The numbers of the conversion actions of its routes.
        try_upload: The destination's upload.
        table: What its codes mean.
    """
    settings = list(_read_settings(make_ads, account, actions))
    hopeless = {f.capability for f in settings if f.result == "failed"}
    uploads: list[Finding] = []
    for action in actions:
        # One finding for one cause.
        if {f"action:{action}", "conversion_customer"} & hopeless:
            continue
        uploads.append(_try(action, try_upload, table))
        if uploads[-1].capability == "credential":
            return [uploads[-1]]
    if any(finding.result == "ok" for finding in uploads):
        settings.insert(0, Finding("credential", "ok", None, "Google takes the credential."))
    return settings + uploads


def _try(action: str, try_upload: TryUpload, table: Mapping[str, Code]) -> Finding:
    try:
        try_upload(action)
    except Unauthorized as error:
        sentence = f"Google refuses the credential. {_meaning(error, table)} Store a new one."
        return Finding("credential", "failed", error.code, sentence)
    except (RouteBlocked, RequestRefused) as error:
        sentence = f"Google refuses uploads for action {action}. {_meaning(error, table)}"
        return Finding(f"upload:{action}", "failed", error.code, sentence.strip())
    except VendorError as error:
        sentence = (
            f"It is not known whether action {action} takes uploads. {_meaning(error, table)}"
        )
        return Finding(f"upload:{action}", "unknown", error.code, sentence.strip())
    return Finding(f"upload:{action}", "ok", None, f"Google takes uploads for action {action}.")


def _read_settings(
    make_ads: Callable[[], GoogleAds], account: Account, actions: Sequence[str]
) -> Iterator[Finding]:
    try:
        ads = make_ads()
        try:
            settings = ads.account_settings(account.account_id)
            known = ads.conversion_actions(account.account_id)
        finally:
            ads.close()
    except VendorError as error:
        yield Finding(
            "settings",
            "unknown",
            error.code,
            "The account's settings cannot be read by the Google Ads API; uploads do not need it. Reading wants the"
            " scope adwords and a Cloud project with access.",
        )
        return
    yield _judge_customer(settings, account)
    yield _judge_terms(settings)
    yield _judge_tagging(settings)
    for action in actions:
        yield _judge_action(action, known.get(action))


def _judge_customer(settings: AccountSettings, account: Account) -> Finding:
    owner = settings.conversion_customer
    if owner == account.account_id:
        return Finding(
            "conversion_customer", "ok", None, "The account owns its conversion actions."
        )
    if not owner:
        return Finding(
            "conversion_customer",
            "failed",
            "no_conversion_tracking",
            "The account tracks no conversions: make the conversion actions in Google Ads first.",
        )
    return Finding(
        "conversion_customer",
        "failed",
        "other_conversion_customer",
        f"The conversion actions belong to account {owner}: add that one, with its actions' numbers, instead.",
    )


def _judge_terms(settings: AccountSettings) -> Finding:
    if settings.has_accepted_terms:
        return Finding("data_terms", "ok", None, "The customer data terms are accepted.")
    return Finding(
        "data_terms",
        "failed",
        "data_terms_not_accepted",
        "The customer data terms are not accepted: accept them in Google Ads under Goals, Settings.",
    )


def _judge_tagging(settings: AccountSettings) -> Finding:
    if settings.is_auto_tagged:
        return Finding("auto_tagging", "ok", None, "Auto-tagging is on.")
    return Finding(
        "auto_tagging",
        "failed",
        "auto_tagging_off",
        "Auto-tagging is off, so that clicks bring no gclid: turn it on in the account's settings. What carries an"
        " e-mail address or a telephone number is sent all the same.",
    )


def _judge_action(action: str, found: ConversionAction | None) -> Finding:
    name = f"action:{action}"
    if found is None:
        sentence = f"The account has no conversion action {action}: look at the account's routes."
        return Finding(name, "failed", "no_such_action", sentence)
    if found.kind != "UPLOAD_CLICKS":
        sentence = (
            f"Conversion action {action} is of the kind {found.kind}: make one for imports from clicks"
            " (UPLOAD_CLICKS) and give its number to the route."
        )
        return Finding(name, "failed", "wrong_kind_of_action", sentence)
    if found.status != "ENABLED":
        sentence = f"Conversion action {action} is {found.status}: enable it in Google Ads."
        return Finding(name, "failed", "action_not_enabled", sentence)
    if found.counting == "ONE_PER_CLICK":
        sentence = (
            f"Conversion action {action} is there. It counts one conversion per click, which refuses rows with gbraid"
            " or wbraid."
        )
        return Finding(name, "ok", None, sentence)
    return Finding(
        name, "ok", None, f"Conversion action {action} is there and counts every conversion."
    )


def _meaning(error: VendorError, table: Mapping[str, Code]) -> str:
    row = table.get(error.code)
    return row.meaning if row else f"It says {error.code}."
