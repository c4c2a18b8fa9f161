"""What Meta tells about datasets: the dataset itself, a WhatsApp account's, its quality, and what it received.

Everything is computed from what really came in. A composite score exists for web events alone (DOC Mdq); how Meta
weighs the keys is not published, so the weights here are ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request

from orchestration.sandbox.meta_checks import Refusal
from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.world import Account

STATS_KEPT = timedelta(days=7)  # LIB: about seven days back
READ_PERMISSION = "ads_read"  # DOC Mdq
WHATSAPP_PERMISSION = "whatsapp_business_management"  # DOC Mbiz
_NO_OBJECT = Refusal(100, 33, "no such object")
# Out of 10; an event that carries all of them scores full marks.
_WEIGHTS = {"em": 4, "ph": 3, "external_id": 1, "fbc": 1, "fbp": 1}

Reading = Callable[[Request, Surroundings], dict[str, Any] | Refusal]


def read_dataset(request: Request, around: Surroundings) -> dict[str, Any] | Refusal:
    """``GET /{version}/{dataset}``."""
    account = _account_of(around, request.path_params["dataset"])
    if account is None:
        return _NO_OBJECT
    latest = max(
        (
            held.last_at
            for place, _, held in around.tally.each("meta")
            if place.destination == account.dataset_id
        ),
        default=None,
    )
    return {
        "id": account.dataset_id,
        "name": f"Dataset {account.dataset_id[-4:]}",
        **({} if latest is None else {"last_fired_time": _text(latest)}),
    }


def read_whatsapp_dataset(request: Request, around: Surroundings) -> dict[str, Any] | Refusal:
    """``GET /{version}/{whatsapp_business_account}/dataset`` (DOC Mbiz)."""
    number = request.path_params["account"]
    account = next((a for a in around.world.accounts["meta"] if a.whatsapp_id == number), None)
    if account is None:
        return _NO_OBJECT
    if WHATSAPP_PERMISSION in account.missing_permissions:
        return Refusal(200, 0, f"{WHATSAPP_PERMISSION} is missing")
    return {"id": account.dataset_id}


def read_quality(request: Request, around: Surroundings) -> dict[str, Any] | Refusal:
    """``GET /{version}/dataset_quality`` (DOC Mdq): web events, and offline ones where the beta is asked for."""
    account = _account_of(around, request.query_params.get("dataset_id", ""))
    if account is None:
        return Refusal(2044055, 0, "no such dataset")  # 3RD code
    if READ_PERMISSION in account.missing_permissions:
        return Refusal(200, 0, f"{READ_PERMISSION} is missing")
    fields = request.query_params.get("fields", "")
    coverage = around.tally.coverage("meta", account.dataset_id)
    answer: dict[str, Any] = {}
    if "web{" in fields:
        answer["web"] = [
            _word_web(name, keys) for (kind, name), keys in coverage.items() if kind == "website"
        ]
    if "offline{" in fields:
        answer["offline"] = [
            _word_offline(name, keys)
            for (kind, name), keys in coverage.items()
            if kind == "physical_store"
        ]
    return answer or Refusal(100, 0, "fields must name web or offline")


def read_stats(request: Request, around: Surroundings) -> dict[str, Any] | Refusal:
    """``GET /{version}/{pixel}/stats``: how many events came, by name."""
    account = _account_of(around, request.path_params["dataset"])
    if account is None:
        return _NO_OBJECT
    since = (around.now() - STATS_KEPT).timestamp()
    counts: Counter[str] = Counter()
    for place, _, held in around.tally.each("meta"):
        if place.destination == account.dataset_id and held.last_at >= since:
            counts[place.name] += held.times
    data = [{"value": name, "count": count} for name, count in counts.items()]
    return {"data": [{"start_time": _text(since), "aggregation": "event", "data": data}]}


READINGS: dict[str, tuple[str, Reading]] = {
    "dataset_quality": ("dataset_quality", read_quality),
    "whatsapp_dataset": ("{account}/dataset", read_whatsapp_dataset),
    "stats": ("{dataset}/stats", read_stats),
    "dataset": ("{dataset}", read_dataset),
}


def _account_of(around: Surroundings, dataset_id: str) -> Account | None:
    return next((a for a in around.world.accounts["meta"] if a.dataset_id == dataset_id), None)


def _word_web(name: str, keys: Counter[str]) -> dict[str, Any]:
    events = keys["events"]
    score = sum(weight * keys[key] / events for key, weight in _WEIGHTS.items())
    feedback = [
        {"identifier": key, "coverage": {"percentage": round(100 * count / events, 1)}}
        for key, count in sorted(keys.items())
        if key != "events"
    ]
    return {
        "event_name": name,
        "event_match_quality": {
            "composite_score": round(score, 1),
            "match_key_feedback": feedback,
            "diagnostics": [],
        },
        "event_coverage": {"percentage": 100.0, "goal_percentage": 75.0},
    }


def _word_offline(name: str, keys: Counter[str]) -> dict[str, Any]:
    events = keys["events"]
    score = sum(weight * keys[key] / events for key, weight in _WEIGHTS.items())
    return {
        "event_name": name,
        "composite": {"score": round(score, 1), "recommendation": ""},
        "match_key": sorted(key for key in keys if key != "events"),
    }


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
