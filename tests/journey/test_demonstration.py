"""`leadloop demo`, as a newcomer runs it: twice, and then asking it questions."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.conftest import Run

pytestmark = pytest.mark.slow


def json_documents(text: str) -> Iterator[object]:
    """The JSON documents of a text, one after the other."""
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        yield document
        rest = rest[end:].strip()


@pytest.fixture(scope="module")
def first(leadloop: Run) -> subprocess.CompletedProcess[str]:
    return leadloop("demo")


@pytest.fixture(scope="module")
def second(
    first: subprocess.CompletedProcess[str], leadloop: Run
) -> subprocess.CompletedProcess[str]:
    return leadloop("demo")


def test_it_runs_to_the_end(first: subprocess.CompletedProcess[str]) -> None:
    assert first.returncode == 0, first.stdout[-3000:] + first.stderr[-3000:]


@pytest.mark.parametrize(
    "word",
    [
        "Leads by source and campaign",
        "campaign_map",
        "First touch",
        "Last touch",
        "Checks",
        "Deliveries",
        "accepted",
        "never",
        "What to open next",
    ],
)
def test_it_tells_what_happened(first: subprocess.CompletedProcess[str], word: str) -> None:
    assert word in first.stdout


def test_the_broken_day_is_alerted(first: subprocess.CompletedProcess[str]) -> None:
    assert re.search(r"Alert.*NUL\d", first.stdout), first.stdout[-3000:]


def test_the_second_time_adds_nothing(second: subprocess.CompletedProcess[str]) -> None:
    assert second.returncode == 0, second.stdout[-3000:] + second.stderr[-3000:]
    assert "Added: 0 events, 0 leads, 0 conversions, 0 deliveries" in second.stdout


def test_no_personal_data_is_printed_or_logged(
    first: subprocess.CompletedProcess[str],
    second: subprocess.CompletedProcess[str],
    home: Path,
) -> None:
    printed = first.stdout + first.stderr + second.stdout + second.stderr
    logs = "".join(path.read_text(errors="replace") for path in home.rglob("*.log"))
    logs += (home / "postgres" / "log").read_text(errors="replace")
    for what, pattern in {"e-mail": r"\S+@example\.com", "phone": r"\+?90532\d{7}"}.items():
        assert not re.search(pattern, printed), f"{what} printed"
        assert not re.search(pattern, logs), f"{what} logged"


def test_a_lead_can_be_asked_about(first: subprocess.CompletedProcess[str], leadloop: Run) -> None:
    asked = re.search(r"leadloop why (\S+)", first.stdout)
    assert asked
    answer = leadloop("why", asked[1], "--json")
    assert answer.returncode == 0, answer.stderr
    explanations = [json.loads(line) for line in answer.stdout.splitlines()]
    assert {"google", "meta", "tiktok"} <= {each["platform"] for each in explanations}
    assert all(each["decision"] in {"send", "hold", "never"} for each in explanations)
    assert all(each["reason"] for each in explanations)


def test_every_outcome_has_one_word_at_every_destination(
    second: subprocess.CompletedProcess[str], leadloop: Run
) -> None:
    audited = leadloop("why", "--audit", "--json")
    assert audited.returncode == 0, audited.stdout + audited.stderr
    balances = [b for line in audited.stdout.splitlines() for b in json.loads(line)["balances"]]
    assert all(balance["pairs"] for balance in balances)
    assert any(balance["sent"] for balance in balances)


def test_a_delivery_can_be_previewed_and_holds_hashes_only(
    first: subprocess.CompletedProcess[str], leadloop: Run
) -> None:
    shown = re.search(r"leadloop deliveries preview (\S+)", first.stdout)
    assert shown
    answer = leadloop("deliveries", "preview", shown[1])
    assert answer.returncode == 0, answer.stderr
    # Google's client writes its body over several lines; what is shown is what would be sent.
    bodies = list(json_documents(answer.stdout))
    assert bodies
    assert "@" not in answer.stdout
    assert "90532" not in answer.stdout


def test_an_unknown_lead_is_answered_plainly(
    first: subprocess.CompletedProcess[str], leadloop: Run
) -> None:
    answer = leadloop("why", "nobody")
    assert answer.returncode == 1
    assert "No decision about 'nobody': it is no lead" in answer.stderr
