"""How many events per second each event door of the sandbox takes, in a process of its own on one core.

The sandbox has to be faster than what is measured against it. Bodies are made beforehand and have fresh ids; batches
are as large as the platform allows. Two figures: per second of the sandbox's own processor time, which is what one
core to itself would give and what the target is held against, and per second of the clock, sender and neighbours
included.

    python benchmarks/sandbox.py [--events N]
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console

from orchestration.sandbox.server import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TARGET_PER_SECOND = 15_000
ROUNDS = 3
_AT = datetime.now(UTC) - timedelta(days=1)


class Pipe(Protocol):
    """One end of a connection between the two processes."""

    def send(self, obj: Any, /) -> None:
        """Tell the other end."""
        ...

    def recv(self) -> Any:
        """Wait for the other end."""
        ...


def main() -> None:
    """Measure each door and print the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    events = parser.parse_args().events
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,))
    process.start()
    console = Console()
    try:
        urls: dict[str, str] = ours.recv()
        for door, (batch, make) in DOORS.items():
            rounds: list[tuple[float, float]] = []
            for number in range(ROUNDS):
                bodies = _bodies(door, make, batch, events, number)
                before = _processor_seconds(ours)
                seconds = _measure(urls[door], door, bodies)
                rounds.append((events / (_processor_seconds(ours) - before), events / seconds))
            core, clock = (statistics.median(figures) for figures in zip(*rounds, strict=True))
            verdict = "reached" if core >= TARGET_PER_SECOND else "missed"
            console.print(
                f"{door}: {core:,.0f} events per core second in batches of {batch:,} "
                f"(target {TARGET_PER_SECOND:,}: {verdict}); {clock:,.0f} per second of the clock",
                soft_wrap=True,
            )
    finally:
        ours.send(None)
        process.join(30)


def _serve(pipe: Pipe) -> None:
    # One core, the last one that we may use; the sender keeps the others.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder, running_sandbox(Path(folder)) as sandbox:
        pipe.send(
            {"google": sandbox.google_url, "meta": sandbox.meta_url, "tiktok": sandbox.tiktok_url}
        )
        while pipe.recv() is not None:
            pipe.send(time.process_time())


def _processor_seconds(pipe: Pipe) -> float:
    pipe.send("how much")
    return pipe.recv()


def _measure(url: str, door: str, bodies: Sequence[bytes]) -> float:
    host, _, port = url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port))
    started = time.perf_counter()
    for body in bodies:
        connection.request("POST", _PATHS[door], body, _HEADERS)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200 or b'"code":4' in content:
            raise SystemExit(f"{door} refused the benchmark's own events")
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def _bodies(
    door: str,
    make: Callable[[Sequence[str]], dict[str, Any]],
    batch: int,
    events: int,
    number: int,
) -> list[bytes]:
    ids = [_hash(f"{door} {number} {event}") for event in range(events)]
    batches = [ids[start : start + batch] for start in range(0, events, batch)]
    return [json.dumps(make(part), separators=(",", ":")).encode() for part in batches]


def _google(ids: Sequence[str]) -> dict[str, Any]:
    happened = _AT.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "destinations": [
            {
                "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": "1234567890"},
                "productDestinationId": "900000002",
            }
        ],
        "encoding": "HEX",
        "events": [
            {
                "transactionId": event_id,
                "eventTimestamp": happened,
                "eventSource": "WEB",
                "adIdentifiers": {"gclid": f"Cj0KCQ_{event_id[:50]}"},
                "userData": {
                    "userIdentifiers": [
                        {"emailAddress": _hash(event_id)},
                        {"phoneNumber": _hash(event_id + "p")},
                    ]
                },
                "conversionValue": 1499.9,
                "currency": "TRY",
                "consent": {
                    "adUserData": "CONSENT_GRANTED",
                    "adPersonalization": "CONSENT_GRANTED",
                },
            }
            for event_id in ids
        ],
    }


def _meta(ids: Sequence[str]) -> dict[str, Any]:
    keys = ("em", "ph", "fn", "ln", "ct", "country", "external_id")
    return {
        "data": [
            {
                "event_name": "Purchase",
                "event_time": int(_AT.timestamp()),
                "event_id": event_id,
                "action_source": "system_generated",
                "user_data": {
                    **{key: [_hash(event_id + key)] for key in keys},
                    "fbc": f"fb.1.{int(_AT.timestamp())}000.{event_id[:40]}",
                },
                "custom_data": {"value": 1499.9, "currency": "TRY"},
            }
            for event_id in ids
        ]
    }


def _tiktok(ids: Sequence[str]) -> dict[str, Any]:
    return {
        "event_source": "web",
        "event_source_id": "CPIXEL0001",
        "data": [
            {
                "event": "Purchase",
                "event_time": int(_AT.timestamp()),
                "event_id": event_id,
                "user": {
                    **{key: _hash(event_id + key) for key in ("email", "phone", "external_id")},
                    "ttclid": f"E.C.P.{event_id[:40]}",
                },
                "properties": {"value": 1499.9, "currency": "TRY"},
                "page": {"url": "https://okul.example/"},
            }
            for event_id in ids
        ],
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


DOORS: dict[str, tuple[int, Callable[[Sequence[str]], dict[str, Any]]]] = {
    "google": (2_000, _google),
    "meta": (1_000, _meta),
    "tiktok": (1_000, _tiktok),
}
_PATHS = {
    "google": "/v1/events:ingest",
    "meta": "/v26.0/880000000000001/events",
    "tiktok": "/open_api/v1.3/event/track/",
}
_HEADERS = {
    "Authorization": "Bearer benchmark",
    "Access-Token": "benchmark",
    "Content-Type": "application/json",
}


if __name__ == "__main__":
    main()
