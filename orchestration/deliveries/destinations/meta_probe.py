"""What can be known of a Meta account before the first event: token, dataset, match quality, WhatsApp account.

A token that was made for events alone may read nothing. So only what is surely wrong counts as failed: a token that is
refused, a dataset that is not there, a WhatsApp account that reports to another dataset.

Belongs here: the questions. Lives elsewhere: events (``meta.py``), what a finding leads to (``capabilities.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestration.deliveries.accounts.findings import Finding
from orchestration.vendors import meta_codes, meta_conversions
from orchestration.vendors.errors import RouteBlocked, Unauthorized, VendorError

if TYPE_CHECKING:
    from orchestration.deliveries.conversion import Account
    from orchestration.vendors.answers import Answer

_TOKEN_TAKEN = Finding("token", "ok", None, "Meta takes the token.")
_NOT_THERE = frozenset({"100_33", "http_404"})


def probe(
    client: meta_conversions.MetaConversions, account: Account, actions: Sequence[str]
) -> list[Finding]:
    """Read what the account names; that events are taken is not asked, as every event counts.

    Args:
        client: Under the account's own token.
        account: Whose dataset and WhatsApp account.
        actions: The event names of its routes; any name may be sent.
    """
    dataset = account.config.get("dataset_id") or account.account_id
    findings = _probe_dataset(client, dataset)
    if any(finding.result == "failed" for finding in findings):
        return findings
    findings.append(_probe_quality(client, dataset))
    if whatsapp := account.config.get("whatsapp_business_account_id"):
        findings.append(_probe_messaging(client, whatsapp, dataset))
    findings.append(_unknown_events(account))
    return findings


def _probe_dataset(client: meta_conversions.MetaConversions, dataset: str) -> list[Finding]:
    answer = _ask(client, dataset, {"fields": "id,name"})
    match answer:
        case Unauthorized():
            sentence = f"Meta refuses the token. {_told(answer)}"
            return [Finding("token", "failed", answer.code, sentence)]
        case RouteBlocked() if answer.code in _NOT_THERE:
            sentence = f"Dataset {dataset} is not there for this token. {_told(answer)}"
            return [_TOKEN_TAKEN, Finding("dataset", "failed", answer.code, sentence)]
        case VendorError():
            sentence = f"Dataset {dataset} could not be read. {_told(answer)}"
            return [Finding("dataset", "unknown", answer.code, sentence)]
        case _:
            return [_TOKEN_TAKEN, Finding("dataset", "ok", None, f"Dataset {dataset} is there.")]


def _probe_quality(client: meta_conversions.MetaConversions, dataset: str) -> Finding:
    answer = _ask(client, "dataset_quality", {"dataset_id": dataset, "fields": "web{event_name}"})
    if isinstance(answer, VendorError):
        sentence = (
            f"Match quality cannot be read. {_told(answer)} Sending does not need it; reading wants the permissions "
            "ads_read and ads_management."
        )
        return Finding("match_quality", "unknown", answer.code, sentence)
    return Finding("match_quality", "ok", None, "The token reads the dataset's match quality.")


def _probe_messaging(
    client: meta_conversions.MetaConversions, whatsapp: str, dataset: str
) -> Finding:
    answer = _ask(client, f"{whatsapp}/dataset", {})
    if isinstance(answer, VendorError):
        sentence = (
            f"The dataset of WhatsApp account {whatsapp} could not be read. {_told(answer)} Messaging events want "
            "whatsapp_business_management and whatsapp_business_manage_events."
        )
        return Finding("messaging", "unknown", answer.code, sentence)
    found = _read_ids(answer)
    if not found:
        sentence = f"WhatsApp account {whatsapp} names no dataset."
        return Finding("messaging", "unknown", "no_dataset", sentence)
    if dataset not in found:
        sentence = (
            f"WhatsApp account {whatsapp} reports to dataset {', '.join(sorted(found))}, not to {dataset}: correct "
            "whatsapp_business_account_id or dataset_id."
        )
        return Finding("messaging", "failed", "dataset_differs", sentence)
    return Finding("messaging", "ok", None, f"WhatsApp account {whatsapp} reports to {dataset}.")


def _unknown_events(account: Account) -> Finding:
    sentence = "Whether the token may send events is known with the first one."
    if account.config.get("test_event_code"):
        sentence += (
            " A test event code is set: what is sent shows as a test and counts all the same."
        )
    return Finding("events", "unknown", "known_with_first_event", sentence)


def _ask(
    client: meta_conversions.MetaConversions, path: str, params: Mapping[str, str]
) -> Answer | VendorError:
    try:
        answer = client.read(path, params)
    except VendorError as error:
        return error
    return meta_conversions.read_error(answer) or answer


def _told(error: VendorError) -> str:
    row = meta_codes.find_row(error.code)
    return f"{error.code}: {row.meaning}" if row else f"The code is {error.code}."


def _read_ids(answer: Answer) -> set[str]:
    """The ids of an answer, whether it is one object or a list of them: which of the two is not documented."""
    data: Any = answer.body.get("data")
    rows: list[Any] = data if isinstance(data, list) else [answer.body]
    return {str(row["id"]) for row in rows if isinstance(row, dict) and row.get("id")}
