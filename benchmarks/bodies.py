"""How many conversions per second become complete, hashed, serialized request bodies, in one process.

Four ways, alternating: all three platforms or Meta alone, each from stored hashes, as the product sends, and from raw
e-mail and telephone, normalized by each platform's rules and hashed first. Every value is fresh, so that no cache
helps. Beside each the limit: ``json.dumps`` of the same bodies. Then what normalization costs by itself, beside what
phonenumbers asks for. Seconds are of the processor, which others on the machine disturb least; medians of the rounds.

    python benchmarks/bodies.py [--conversions N] [--rounds N]
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import phonenumbers

from orchestration.deliveries.conversion import Account, Conversion, Request
from orchestration.deliveries.destinations import DESTINATIONS
from orchestration.enrichment.identifiers import (
    PLATFORMS,
    Platform,
    normalize,
    normalize_everywhere,
)

TARGET_ALL = 10_000
TARGET_META = 20_000
BATCH = 1_000
REGION = "TR"
_TENANT = UUID(int=1)
_BEGAN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
_ACCOUNTS = {
    "google": Account(_TENANT, "google", "1234567890", {"login_account": "1234567890"}),
    "meta": Account(_TENANT, "meta", "880000000000001"),
    "tiktok": Account(
        _TENANT,
        "tiktok",
        "CPIXEL0001",
        {
            "pixel_code": "CPIXEL0001",
            "offline_event_set_id": "7100000000001",
            "site_url": "https://example.com/",
        },
    ),
}
_ACTIONS = {"google": "purchase", "meta": "Purchase", "tiktok": "Purchase"}
_CLICKS = ({"gclid": "EAIaIQobChMI"}, {"fbclid": "IwAR0"}, {"ttclid": "E.C.P."})

Hashes = dict[str, dict[str, tuple[str, ...]]]


class Outcome(NamedTuple):
    """A conversion before anything is known of platforms, with what its person typed."""

    event_id: str
    converted_at: datetime
    value: Decimal
    click_ids: dict[str, str]
    click_at: datetime
    person_key: str
    email: str
    phone: str


class Figure(NamedTuple):
    """What one way did: conversions per second, and per second of ``json.dumps`` alone."""

    per_second: float
    limit: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the wording of conversions.")
    parser.add_argument("--conversions", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    # A chance of its own for every run of numbers: nothing comes twice.
    seeds = itertools.count(1)
    ways: dict[str, tuple[Sequence[Platform], bool]] = {
        "all three, from hashes": (PLATFORMS, False),
        "all three, from raw values": (PLATFORMS, True),
        "Meta alone, from hashes": (("meta",), False),
        "Meta alone, from raw values": (("meta",), True),
    }
    for platforms, is_raw in ways.values():
        measure(make_outcomes(200, next(seeds)), platforms, is_raw=is_raw)
    figures: dict[str, list[Figure]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, (platforms, is_raw) in ways.items():
            outcomes = make_outcomes(arguments.conversions, next(seeds))
            figures[name].append(measure(outcomes, platforms, is_raw=is_raw))
    print(f"{arguments.conversions:,} conversions a round, {arguments.rounds} rounds, one process")
    print(f"{'':<28} {'conversions/s':>13} {'target':>8} {'json.dumps alone':>17}")
    for name, (platforms, _) in ways.items():
        target = TARGET_ALL if len(platforms) > 1 else TARGET_META
        print(
            f"{name:<28} {_median(each.per_second for each in figures[name]):>13,.0f} {target:>8,}"
            f" {_median(each.limit for each in figures[name]):>17,.0f}"
        )
    print_normalization(arguments.conversions, arguments.rounds, seeds)


def measure(outcomes: Sequence[Outcome], platforms: Sequence[Platform], *, is_raw: bool) -> Figure:
    """Word conversions for some platforms, in batches, and write the same bodies with ``json.dumps`` alone."""
    stored = None if is_raw else [hash_all(outcome, platforms) for outcome in outcomes]

    def word() -> list[Request]:
        requests: list[Request] = []
        for start in range(0, len(outcomes), BATCH):
            batch = outcomes[start : start + BATCH]
            hashes = (
                [hash_all(outcome, platforms) for outcome in batch]
                if stored is None
                else stored[start : start + BATCH]
            )
            for platform in platforms:
                requests.extend(_word_batch(platform, batch, hashes))
        return requests

    seconds, requests = _time(word)
    bodies = [json.loads(request.body) for request in requests]
    assert sum(request.size for request in requests) == len(outcomes) * len(platforms)
    dumping, _ = _time(
        lambda: [json.dumps(body, ensure_ascii=False, separators=(",", ":")) for body in bodies]
    )
    return Figure(len(outcomes) / seconds, len(outcomes) / dumping)


def _word_batch(
    platform: Platform, batch: Sequence[Outcome], hashes: Sequence[Hashes]
) -> Iterator[Request]:
    destination, account, action = DESTINATIONS[platform], _ACCOUNTS[platform], _ACTIONS[platform]
    lanes: dict[str, list[Any]] = {}
    for outcome, known in zip(batch, hashes, strict=True):
        conversion = Conversion(
            event_id=outcome.event_id,
            kind="purchase",
            action=action,
            action_id="987654321",
            converted_at=outcome.converted_at,
            value=outcome.value,
            currency="TRY",
            consent="granted",
            click_ids=outcome.click_ids,
            click_at=outcome.click_at,
            person_key=outcome.person_key,
            hashes=known[platform],
            account=account,
        )
        lanes.setdefault(destination.lane(conversion), []).append(destination.event(conversion))
    for lane, events in lanes.items():
        yield destination.request(events, account, lane)


def hash_all(outcome: Outcome, platforms: Sequence[Platform]) -> Hashes:
    """Each platform's hashes of an e-mail and a telephone number, as plain strings, which is what the ledger gives."""
    if len(platforms) == 1:
        platform = platforms[0]
        email = normalize("email", outcome.email, platform, REGION)
        phone = normalize("phone", outcome.phone, platform, REGION)
        assert email.sha256 is not None
        assert phone.sha256 is not None
        return {platform: {"email": (str(email.sha256),), "phone": (str(phone.sha256),)}}
    emails = normalize_everywhere("email", outcome.email, REGION).platforms
    phones = normalize_everywhere("phone", outcome.phone, REGION).platforms
    known: Hashes = {}
    for platform in platforms:
        email_hash, phone_hash = emails[platform].sha256, phones[platform].sha256
        assert email_hash is not None
        assert phone_hash is not None
        known[platform] = {"email": (str(email_hash),), "phone": (str(phone_hash),)}
    return known


def make_outcomes(count: int, seed: int) -> list[Outcome]:
    """Conversions as a CRM has them, all different: every third clicked at each platform."""
    chance = Random(seed)  # noqa: S311 (numbers to measure by)
    outcomes = []
    for index in range(count):
        serial = f"{seed}.{index}.{chance.randrange(10**9)}"
        ((name, prefix),) = _CLICKS[index % len(_CLICKS)].items()
        converted_at = _BEGAN + timedelta(seconds=index)
        outcomes.append(
            Outcome(
                event_id=hashlib.sha256(serial.encode()).hexdigest(),
                converted_at=converted_at,
                value=Decimal(chance.randrange(100, 10**6)) / 100,
                click_ids={name: f"{prefix}{hashlib.md5(serial.encode()).hexdigest()}"},  # noqa: S324 (an id's look)
                click_at=converted_at - timedelta(days=2),
                person_key=f"CRM-{serial}",
                email=f"Ada.{serial}@{chance.choice(('gmail.com', 'ornek.com.tr', 'Example.com'))}",
                phone=_phone(chance),
            )
        )
    return outcomes


def _phone(chance: Random) -> str:
    """A Turkish mobile number as people type it."""
    network = chance.choice(("532", "533", "541", "542", "505", "555"))
    first, second = chance.randrange(200, 999), chance.randrange(1000, 9999)
    spelling = chance.choice(("0{} {} {}", "+90 {} {} {}", "90{}{}{}", "({}) {}-{}"))
    return spelling.format(network, first, second)


def print_normalization(count: int, rounds: int, seeds: Iterator[int]) -> None:
    """What normalizing and hashing cost for three platforms, and what phonenumbers asks for the number alone."""
    ways: dict[str, Callable[[Outcome], object]] = {
        "e-mail, three platforms": lambda each: normalize_everywhere("email", each.email, REGION),
        "telephone, three platforms": lambda each: normalize_everywhere(
            "phone", each.phone, REGION
        ),
        "telephone, by phonenumbers": lambda each: _plainly(each.phone),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            outcomes = make_outcomes(count, next(seeds))
            took, _ = _time(lambda way=way, outcomes=outcomes: [way(each) for each in outcomes])
            seconds[name].append(took / count)
    print()
    for name, taken in seconds.items():
        print(f"{name:<28} {_median(taken) * 1e6:>13,.1f} µs")


def _plainly(phone: str) -> str:
    number = phonenumbers.parse(phone, REGION)
    assert phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _time(work: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def _median(numbers: Iterable[float]) -> float:
    return statistics.median(numbers)


if __name__ == "__main__":
    main()
