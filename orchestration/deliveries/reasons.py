"""Reason codes in words: why something was sent, waits, or never leaves.

Belongs here: each code and its sentence. Lives elsewhere: who gives which code: the plan (dbt's ``delivery_plan``),
the ledger, and a destination that cannot word a conversion.
"""

from __future__ import annotations

PLAN = {
    "eligible": "everything that the platform needs is there",
    "consent_unknown": "nobody said yes or no to ads, and the tenant's rule is to wait",
    "consent_denied": "the person said no",
    "no_route": "the tenant sends this outcome to this account as nothing",
    "route_inactive": "the tenant switched this route off",
    "reversed": "the outcome was taken back",
    "value_missing": "the route sends money, and the outcome has no value or no currency",
    "no_identifier": "neither a click of this platform nor a hashed e-mail address or phone number is known",
    "too_old": "the platform does not take outcomes of this age any more",
}
LEDGER = {
    "expired": "its time at the platform was over before it could leave",
    "route_changed": "the tenant changed the action of this route; the new one has its own entry",
    "budget_spent": "a day and at least five attempts did not get it through",
    "may_have_arrived": "it may have arrived, and sending it again now could count it twice",
    "refused_by_platform": "the platform refused it for good",
    "refused_before_sending": "it cannot be worded for this platform",
    "bug": "an error of ours stopped it three times",
}
DESTINATION = {
    "no_identifiers": "nothing that may go this way identifies the click or the person",
    "no_action_id": "the route names no conversion action of Google's",
    "no_click_time": "the time of the click is unknown, and nothing else identifies the person",
    "no_page": "TikTok wants the page of a click; set the account's site_url",
    "action_not_standard": "TikTok's offline events know standard names only",
    "purchase_without_value": "Meta takes no purchase without value and currency",
    "field_undeclared": "the body holds a field that nobody declared",
    "field_misshapen": "a value has not the shape that its field must have",
}
REASONS = PLAN | LEDGER | DESTINATION
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


def sentence_of(code: str) -> str:
    """A reason in words; a code of a platform's stands for itself."""
    return REASONS.get(code.partition(":")[0], code)
