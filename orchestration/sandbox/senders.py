"""The senders of the simulated traffic: they sign and post as the real ones do, over HTTP.

A web site posts forms under its key, Meta signs WhatsApp notifications with the app's secret, the CRM signs by
Standard Webhooks; each of them also reports how many it sent per day.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from orchestration.sandbox.story import Parcel

# Enough to let the intake share commits among concurrent requests.
_CONNECTIONS = 8
_COME_AGAIN = (429, 503)
_ATTEMPTS = 10
_CRM_PATH = "/integrations/crm/conversions"
_COUNTS_PATH = "/integrations/counts"


class TrafficRefused(Exception):
    """The intake refused simulated traffic: sender and intake disagree, which is a bug of ours."""


@dataclass(frozen=True)
class Senders:
    """One tenant's senders.

    Attributes:
        base_url: Where the intake listens.
        keys: The tenant's opened keys, by kind (``form``, ``crm``, ``whatsapp``).
        now: The signature's time.
    """

    base_url: str
    keys: Mapping[str, str]
    now: datetime

    def send(
        self,
        parcels: Sequence[Parcel],
        counts: Sequence[dict[str, Any]],
        on_sent: Callable[[], None] = lambda: None,
    ) -> Counter[str]:
        """Send everything, then the counts.

        Returns:
            How many were answered ``new`` and ``repeated``.

        Raises:
            TrafficRefused: An answer was neither.
        """
        tally: Counter[str] = Counter()
        with (
            httpx.Client(base_url=self.base_url, timeout=10) as client,
            ThreadPoolExecutor(_CONNECTIONS) as threads,
        ):
            for answer in threads.map(lambda parcel: self._post(client, parcel), parcels):
                tally[_read(answer)] += 1
                on_sent()
            for count in counts:
                body = json.dumps(count).encode()
                answer = client.post(
                    _COUNTS_PATH, content=body, headers=self._crm_headers(_digest(body), body)
                )
                _read(answer)
        return tally

    def _post(self, client: httpx.Client, parcel: Parcel) -> httpx.Response:
        """Post a parcel, and again after the time that the intake asks for when it has too much to do."""
        return Retrying(
            retry=retry_if_result(lambda answer: answer.status_code in _COME_AGAIN),
            wait=_as_told,
            stop=stop_after_attempt(_ATTEMPTS),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )(self._post_once, client, parcel)

    def _post_once(self, client: httpx.Client, parcel: Parcel) -> httpx.Response:
        if parcel.source == "form":
            return self._post_form(client, parcel)
        body = json.dumps(parcel.payload, ensure_ascii=False).encode()
        if parcel.source == "whatsapp":
            mac = hmac.new(self.keys["whatsapp"].encode(), body, hashlib.sha256).hexdigest()
            headers = {
                "X-Hub-Signature-256": f"sha256={mac}",
                "Content-Type": "application/json",
            }
            return client.post("/webhooks/whatsapp", content=body, headers=headers)
        return client.post(
            _CRM_PATH, content=body, headers=self._crm_headers(f"msg_{_digest(body)}", body)
        )

    def _post_form(self, client: httpx.Client, parcel: Parcel) -> httpx.Response:
        path = f"/webhooks/forms/{self.keys['form']}"
        if parcel.is_form_encoded:
            return client.post(
                path,
                content=urlencode(parcel.payload).encode(),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
        return client.post(path, json=parcel.payload)

    def _crm_headers(self, message_id: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(self.now.timestamp()))
        secret = base64.b64decode(self.keys["crm"].removeprefix("whsec_"))
        signed = f"{message_id}.{timestamp}.".encode() + body
        mac = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{mac}",
            "Content-Type": "application/json",
        }


def _as_told(state: RetryCallState) -> float:
    answer = state.outcome.result() if state.outcome else None
    return float(answer.headers.get("Retry-After", "1")) if answer is not None else 1.0


def _read(answer: httpx.Response) -> str:
    if answer.status_code not in (200, 202):
        # The answer is problem+json without values; the path of a form holds its key.
        raise TrafficRefused(f"the intake answered {answer.status_code}: {answer.text[:200]}")
    return str(answer.json().get("status", "ok"))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:24]
