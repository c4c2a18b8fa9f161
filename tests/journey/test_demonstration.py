"""`leadloop demo`, as a newcomer runs it: twice, and then asking it questions."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.warehouse import embedded
from tests.journey.conftest import Run

pytestmark = pytest.mark.slow


def json_documents(text: str) -> Iterator[object]:
    """The JSON documents of a text, one after the other."""
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        yield document
        rest = rest[end:].strip()


def as_superuser(home: Path, statement: str) -> None:
    """Do what nobody may: past every guard, as somebody with the disk in their hands could."""
    server = embedded.start(home / "postgres")
    with psycopg.connect(server.get_uri(database="leadloop"), autocommit=True) as connection:
        connection.execute(statement.encode())
    server.cleanup()


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
        "each with one reason",
        "0 that do not hold",
        "0 with other bytes than left",
        "0 without a ground that held",
        "rules of its optimizer",
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


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (("ledger", "verify"), "entries hold"),
        (("ledger", "replay", "--all"), "0 not as they left"),
        (("consent", "prove", "--from", "2026-01-01", "--to", "2099-01-01"), "0 violations"),
        (("doctor",), "an account of the sandbox"),
    ],
    ids=["verify", "replay", "prove", "doctor"],
)
def test_what_is_promised_holds_after_two_runs(
    second: subprocess.CompletedProcess[str],
    leadloop: Run,
    asked: tuple[str, ...],
    answer: str,
) -> None:
    told = leadloop(*asked)
    assert told.returncode == 0, told.stdout + told.stderr
    assert answer in told.stdout + told.stderr


def test_tables_keep_their_words_whole(
    second: subprocess.CompletedProcess[str], leadloop: Run
) -> None:
    for asked in ("status", "quality", "eligibility"):
        shown = leadloop("deliveries", asked)
        assert shown.returncode == 0, shown.stderr
        assert "…" not in shown.stdout
        assert "meta:880000000000001" in shown.stdout


def test_one_changed_byte_is_named_by_account_and_entry(
    second: subprocess.CompletedProcess[str], leadloop: Run, home: Path
) -> None:
    flip = (
        "update ops.delivery_requests set body = set_byte(body, 9, get_byte(body, 9) # 1) "
        "where platform = 'meta' and sequence = 1"
    )
    as_superuser(home, flip)
    verified, replayed = leadloop("ledger", "verify"), leadloop("ledger", "replay", "--all")
    as_superuser(home, flip)
    assert verified.returncode == 1
    assert "meta:880000000000001: entry 1: the request is not what left" in verified.stdout
    assert "google:1234567890: 12 entries hold" in verified.stdout
    assert replayed.returncode == 1


def test_a_no_after_sending_lists_what_has_left(
    first: subprocess.CompletedProcess[str], leadloop: Run
) -> None:
    shown = re.search(r"leadloop deliveries preview (\S+)", first.stdout)
    tenant = re.search(r'leadloop psql --tenant "([^"]+)"', first.stdout)
    assert shown
    assert tenant
    withdrawn = leadloop("consent", "withdraw", shown[1], "-t", tenant[1])
    assert withdrawn.returncode == 0, withdrawn.stderr
    assert "had left already" in withdrawn.stderr
    assert "What left stays with the platforms" in withdrawn.stderr
    assert shown[1] in withdrawn.stdout


@pytest.mark.parametrize(
    "asked",
    [
        ("why",),
        ("why", "x", "--audit"),
        ("why", "x", "--from", "2026-11-01"),
        ("why", "--audit", "--from", "2026-11-20", "--to", "2026-11-10"),
        ("why", "--audit", "--destination", "meta"),
        ("doctor", "--platform", "bing"),
        ("deliveries", "quality", "--platform", "bing"),
        ("deliveries", "expiring", "--within", "soon"),
        ("ledger", "replay"),
        ("ledger", "verify", "--head", "x"),
        ("consent", "policy", "set", "-t", "Akademi İstanbul"),
        ("consent", "prove", "--from", "2026-11-20", "--to", "2026-11-10"),
    ],
    ids=" ".join,
)
def test_what_is_asked_wrongly_is_told_before_anything_is_done(asked: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, list(asked))
    assert answer.exit_code == 2
    assert "Usage" in answer.stderr


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
