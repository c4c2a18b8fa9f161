"""The catalogue of reasons: why something was sent, waits, or never leaves; each with a sentence and what to do.

Belongs here: our own codes. Lives elsewhere: who gives which: the plan (dbt's ``delivery_plan``), the ledger, a
destination that cannot word a conversion, a client whose call failed; and the platforms' codes, with their meanings
and sources (``orchestration/vendors/*_codes.py``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One code of ours.

    Attributes:
        sentence: What it says, after "because".
        advice: What somebody can do about it.
    """

    sentence: str
    advice: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the plan that does not stand against sending.

    Attributes:
        passed: What holds then.
        facts: The names of the values that decide it, in ``delivery_plan.facts``.
    """

    passed: str
    facts: tuple[str, ...]


_NOTHING = "Nothing to do."
_ITSELF = "Nothing to do: it goes on by itself."

# The plan's rules, in the order in which it asks them; each sentence says what stands against sending.
PLAN = {
    "no_route": Reason(
        "the tenant sends this outcome to this account as nothing",
        "Name an action for it with `leadloop account add … --action`, if it should be sent.",
    ),
    "route_inactive": Reason(
        "the tenant switched this route off", "Switch the route on, if it should be sent."
    ),
    "reversed": Reason("the outcome was taken back", _NOTHING),
    "value_missing": Reason(
        "the route sends money, and the outcome has no value or no currency",
        "Send the value and the currency from the CRM; the next plan takes them up.",
    ),
    "consent_denied": Reason("the person said no", _NOTHING),
    "consent_unknown": Reason(
        "nobody said yes or no to ads, and the tenant's rule is to wait",
        "Send the consent from the form or the CRM; the row is released by itself.",
    ),
    "no_identifier": Reason(
        "neither a click of this platform nor a hashed e-mail address or phone number is known",
        "Look whether the form keeps the click id and asks for an e-mail address or a phone number.",
    ),
    "too_old": Reason(
        "the platform does not take outcomes of this age any more",
        "Let outcomes come sooner: the CRM told this one too late.",
    ),
    "eligible": Reason("everything that the platform needs is there", _NOTHING),
}
RULES = {
    "no_route": Rule(
        "the tenant sends this outcome to this account as an action", ("kind", "action")
    ),
    "route_inactive": Rule("the route is switched on", ("is_route_active",)),
    "reversed": Rule("the outcome stands", ("is_reversed",)),
    "value_missing": Rule(
        "the money that the route sends is known, or it sends none",
        ("needs_value", "has_value", "has_currency"),
    ),
    "consent_denied": Rule("the person has not said no", ("consent", "consent_at")),
    "consent_unknown": Rule(
        "the person said yes, or the tenant's policy sends without",
        ("region", "legal_basis", "unknown_consent", "policy_from", "limited_data_use"),
    ),
    "no_identifier": Rule(
        "a click of this platform or a hash of the person is known",
        ("click_kinds", "hash_kinds", "channel"),
    ),
    "too_old": Rule("the platform still takes outcomes of this age", ("age_hours", "expires_at")),
}
LEDGER = {
    "expired": Reason(
        "its time at the platform was over before it could leave",
        "Look at `leadloop deliveries expiring` and `status`: something held it up for days.",
    ),
    "route_changed": Reason(
        "the tenant changed the action of this route; the new one has its own entry", _NOTHING
    ),
    "budget_spent": Reason(
        "a day and at least five attempts did not get it through",
        "When the cause of its last code is gone: `leadloop deliveries retry --reason budget_spent`.",
    ),
    "may_have_arrived": Reason(
        "it may have arrived, and sending it again now could count it twice",
        "Look for it at the platform; `leadloop deliveries retry --reason may_have_arrived` sends what is still safe.",
    ),
    "refused_by_platform": Reason(
        "the platform refused it for good",
        "Mend what its code says, then `leadloop deliveries retry --reason refused_by_platform --code CODE`.",
    ),
    "refused_before_sending": Reason(
        "it cannot be worded for this platform",
        "Mend what its code says, then `leadloop deliveries retry --reason refused_before_sending --code CODE`.",
    ),
    "bug": Reason(
        "an error of ours stopped it three times",
        "Report the kind that its code names; after the fix `leadloop deliveries retry --reason bug`.",
    ),
}
DESTINATION = {
    "no_identifiers": Reason(
        "nothing that may go this way identifies the click or the person",
        "Look whether the form keeps the click id and asks for an e-mail address or a phone number.",
    ),
    "no_action_id": Reason(
        "the route names no conversion action of Google's",
        "Give the action's number: `leadloop account add google … --action OUTCOME=NUMBER`.",
    ),
    "no_click_time": Reason(
        "the time of the click is unknown, and nothing else identifies the person",
        "Send the form's events with the time at which they happened.",
    ),
    "no_page": Reason(
        "TikTok wants the page of a click",
        "Set the account's page: `leadloop account add tiktok … --set site_url=https://…`.",
    ),
    "action_not_standard": Reason(
        "TikTok's offline events know standard names only",
        "Choose a standard name for the route's action.",
    ),
    "purchase_without_value": Reason(
        "Meta takes no purchase without value and currency",
        "Send the value and the currency from the CRM.",
    ),
    "cannot_adjust": Reason(
        "the platform has no word for such a change of this event",
        "Keep it in mind when you compare the platform's numbers with the CRM's.",
    ),
    "no_change_time": Reason(
        "a change must say when it came about, and that is unknown",
        "Send the change from the CRM with its time.",
    ),
    "limit_cannot_be_told": Reason(
        "TikTok takes a limit on the use of data with web events only",
        "Set the account's page: `leadloop account add tiktok … --set site_url=https://…`.",
    ),
    "field_undeclared": Reason(
        "the body holds a field that nobody declared", "Report it: it is an error of ours."
    ),
    "field_misshapen": Reason(
        "a value has not the shape that its field must have",
        "Look at the field that the code names: the identifier was altered before it came to us.",
    ),
}
# Why an outcome is told anew, and why it is not.
CHANGES = {
    "value_changed": Reason("its value changed after the platform had it", _NOTHING),
    "won_again": Reason("it stands again after it was taken back", _NOTHING),
    "superseded": Reason(
        "what it would have told changed again before it left; a later entry tells it", _NOTHING
    ),
    "platform_cannot_adjust": Reason(
        "the platform has no way to be told of the change",
        "Keep it in mind when you compare the platform's numbers with the CRM's.",
    ),
    "too_late_to_adjust": Reason(
        "the change came after the platform's time for the outcome was over",
        "Keep it in mind when you compare the platform's numbers with the CRM's.",
    ),
}
# Where nothing left although nothing stands against it: the row's own state is the reason.
WAITS = {
    "held": Reason(
        "it was held, and nothing holds it any more", "The next `leadloop run` releases it."
    ),
    "pending": Reason(
        "it waits for its turn", "If it is long: `leadloop deliveries status` says what stops it."
    ),
    "leased": Reason("a sender has it in its hands", _ITSELF),
    "retry_wait": Reason("it did not get through, and will be tried again", _ITSELF),
    "not_enrolled": Reason(
        "it is planned, and not in the ledger yet", "The next `leadloop run` takes it up."
    ),
    "account_inactive": Reason(
        "the account was switched off before it left",
        "Switch the account on with `leadloop account add`, if it should be sent.",
    ),
    "pruned": Reason(
        "the ledger keeps rows for a time, and this one's is over", "Set a longer time beforehand."
    ),
}
# What a call met that says nothing of its own, or nothing that can be read.
CALLS = {
    "ok": Reason("the platform took the request", _NOTHING),
    "connect_timeout": Reason("no connection came about in time; nothing was sent", _ITSELF),
    "connect_error": Reason("no connection came about; nothing was sent", _ITSELF),
    "read_timeout": Reason("no answer came in time; it may have arrived", _ITSELF),
    "pool_timeout": Reason("too many calls were under way; nothing was sent", _ITSELF),
    "write_timeout": Reason(
        "the request could not be written in time; it may have arrived", _ITSELF
    ),
    "connection_lost": Reason("the connection broke; it may have arrived", _ITSELF),
    "read_error": Reason(
        "the connection broke while the answer came; it may have arrived", _ITSELF
    ),
    "write_error": Reason(
        "the connection broke while the request left; it may have arrived", _ITSELF
    ),
    "close_error": Reason("the connection broke at its end; it may have arrived", _ITSELF),
    "remote_protocol_error": Reason("the answer was no HTTP; it may have arrived", _ITSELF),
    "local_protocol_error": Reason("the request was no HTTP; it may have arrived", "Report it."),
    "proxy_error": Reason(
        "the proxy let nothing through; it may have arrived", "Look at the proxy."
    ),
    "unsupported_protocol": Reason(
        "the platform's address is none of HTTP's", "Look at the address in the settings."
    ),
    "answer_too_large": Reason("the answer was too long to be one", _ITSELF),
    "answer_too_slow": Reason("the answer took too long to read", _ITSELF),
    "unreadable_answer": Reason("the answer was no JSON of the platform's", _ITSELF),
    "count_differs": Reason(
        "the platform answered for another number of events than was sent", _ITSELF
    ),
    "no_request_id": Reason("the platform took the request and gave it no name", _ITSELF),
    "failure_without_errors": Reason("Google said that some rows failed, and not which", _ITSELF),
    "no_rows": Reason("the answer has none of the rows that were asked for", _ITSELF),
    "no_customer": Reason(
        "Google told of no customer under the account's number",
        "Look at the account's number, and at the login account.",
    ),
    "PARTIAL_SUCCESS": Reason(
        "some rows of its request failed, and the platform does not say which; this may be one",
        _NOTHING,
    ),
    "MIXED_REASONS": Reason(
        "rows of its request failed for several reasons, and the platform does not say which for which",
        _NOTHING,
    ),
    "FAILED_WITHOUT_REASON": Reason(
        "the platform says that its whole request failed, and not why",
        "Look at the conversion action's diagnostics in Google Ads.",
    ),
    "lease_expired": Reason("the sender was gone before it could say what became of it", _ITSELF),
    "split_budget": Reason(
        "its request was refused, and halving it to find the bad row took too many requests",
        _ITSELF,
    ),
    "http": Reason(
        "the platform answered with this HTTP status and said no more", "Look at its status page."
    ),
    "bug": LEDGER["bug"],
    "token_endpoint_unreachable": Reason("Google's token service did not answer", _ITSELF),
    "token_endpoint_unavailable": Reason("Google's token service was not available", _ITSELF),
    "credential_missing": Reason(
        "the account has no credential, or a part of it is missing",
        "Give it again with `leadloop account add`.",
    ),
    "credential_refused": Reason(
        "the credential is refused", "Give a new one with `leadloop account add`."
    ),
    "credential_unreadable": Reason(
        "the credential does not open under this LEADLOOP_MASTER_KEY",
        "Start with the key that sealed it, or give it again with `leadloop account add`.",
    ),
    "pixel_code_missing": Reason(
        "the account names no pixel", "Set pixel_code with `leadloop account add tiktok … --set`."
    ),
    "dataset_differs": Reason(
        "the WhatsApp account reports to another dataset of Meta's than the account's",
        "Correct whatsapp_business_account_id or dataset_id with `leadloop account add meta … --set`.",
    ),
    "crm_event_set_id_missing": Reason(
        "the account names no CRM event set",
        "Set crm_event_set_id with `leadloop account add tiktok … --set`.",
    ),
    "offline_event_set_id_missing": Reason(
        "the account names no offline event set",
        "Set offline_event_set_id with `leadloop account add tiktok … --set`.",
    ),
}
# Why a retry leaves a row where it is, beside what the plan says against it.
RETRIES = {
    "not_planned": Reason(
        "the plan does not know it any more, or sends it as another action", _NOTHING
    ),
    "outside_window": Reason(
        "it may have arrived, and the platform would no longer recognise a repeat",
        "Look for it at the platform; `--even-if-counted-twice` sends it all the same.",
    ),
    "never_recognised": Reason(
        "it may have arrived, and the platform recognises no repeat of such events",
        "Look for it at the platform; `--even-if-counted-twice` sends it all the same.",
    ),
}
REASONS = PLAN | LEDGER | DESTINATION | CHANGES | WAITS
# A plan's "never" for one of these ends a waiting row as expired; for any other, as cancelled.
AGE_REASONS = frozenset({"too_old"})

STATES = {
    "held": "waits for a yes",
    "pending": "waits for its turn",
    "leased": "is on its way",
    "submitted": "was taken; the platform tells later what became of it",
    "retry_wait": "did not get through; will be tried again",
    "in_doubt": "may have arrived; will be sent again under the same id",
    "accepted": "was accepted",
    "duplicate": "was there already",
    "rejected": "was refused for good",
    "dead": "was given up",
    "expired": "came too late",
    "cancelled": "was called off before it left",
    "noted": "is a change that the platform has no way to be told of",
}


def root_of(code: str) -> str:
    """A code without the detail after its colon; ``http_502`` and its like are ``http``."""
    root = code.partition(":")[0]
    status = root.removeprefix("http_")
    return "http" if status != root and status.isdigit() else root


def find_reason(code: str) -> Reason | None:
    """What the catalogue says of a code of ours; None for a code of a platform's."""
    root = root_of(code)
    return REASONS.get(root) or CALLS.get(root) or RETRIES.get(root)


def sentence_of(code: str) -> str:
    """A reason in words; a code of a platform's stands for itself."""
    found = find_reason(code)
    return found.sentence if found else code
