"""What TikTok's event sources are: where an account names each, and which names offline events know.

Source of facts: the Events API's guide, and the help page on standard events.
"""

from __future__ import annotations

SOURCE_FIELDS = {
    "web": "pixel_code",
    "offline": "offline_event_set_id",
    "crm": "crm_event_set_id",
}
STANDARD_NAMES = frozenset(
    {
        "AddPaymentInfo",
        "AddToCart",
        "AddToWishlist",
        "ApplicationApproval",
        "CompleteRegistration",
        "Contact",
        "CustomizeProduct",
        "Download",
        "FindLocation",
        "InitiateCheckout",
        "Lead",
        "Purchase",
        "Schedule",
        "Search",
        "StartTrial",
        "SubmitApplication",
        "Subscribe",
        "ViewContent",
    }
)
