"""The sandbox as a whole: faults below HTTP, control routes, memory over a restart, a clean stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestration.sandbox.certificate import ensure_certificate
from orchestration.sandbox.http_server import PortTaken
from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.server import Ports, Sandbox, running_sandbox
from orchestration.sandbox.tally import Tally

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def call(event_id: str = "e-1") -> dict[str, Any]:
    event = {
        "event": "Lead",
        "event_time": int(NOW.timestamp()),
        "event_id": event_id,
        "user": {"email": "a" * 64},
        "page": {"url": "https://okul.example/"},
    }
    return {"event_source": "web", "event_source_id": "CPIXEL0001", "data": [event]}


def send(sandbox: Sandbox, event_id: str = "e-1", timeout: float = 5) -> dict[str, Any]:
    answer = httpx.post(
        f"{sandbox.tiktok_url}/open_api/v1.3/event/track/",
        json=call(event_id),
        headers={"Access-Token": "token"},
        timeout=timeout,
    )
    return answer.json()


@pytest.mark.parametrize(("fault", "taken"), [("reset", 0), ("reset_after", 1)])
def test_a_torn_connection_strikes_before_or_after_the_work(sandbox, fault, taken):
    sandbox.arm("tiktok", fault)
    with pytest.raises(httpx.ReadError):
        send(sandbox)
    assert sandbox.counts()["tiktok"]["events_accepted"] == taken
    assert send(sandbox)["code"] == 0


@pytest.mark.parametrize(("fault", "taken"), [("timeout", 0), ("timeout_after", 1)])
def test_silence_strikes_before_or_after_the_work(sandbox, fault, taken):
    sandbox.arm("tiktok", fault)
    with pytest.raises(httpx.ReadTimeout):
        send(sandbox, timeout=0.2)
    assert sandbox.counts()["tiktok"]["events_accepted"] == taken


def test_a_fault_is_used_up_and_waits_for_its_own_request(sandbox):
    sandbox.arm("meta", "503")
    sandbox.arm("tiktok", "code_40100", operation="campaigns")
    sandbox.arm("tiktok", "code_50000", event_id="e-2", times=2)
    codes = [send(sandbox, event_id)["code"] for event_id in ("e-1", "e-2", "e-2", "e-2")]
    assert codes == [0, 50000, 50000, 0]


class TestControlRoutes:
    def test_faults_are_armed_over_http(self, sandbox):
        fault = {"platform": "tiktok", "fault": "code_40100", "times": 1}
        answer = httpx.post(f"{sandbox.control_url}/_sandbox/faults", json=fault)
        assert answer.status_code == 201
        assert send(sandbox)["code"] == 40100

    @pytest.mark.parametrize(
        "fault",
        [
            {"platform": "bing", "fault": "429"},
            {"platform": "meta"},
            {"platform": "meta", "fault": "429", "times": 0},
            {"platform": "meta", "fault": "429", "tmies": 1},
        ],
        ids=["platform", "no fault", "no times", "misspelled"],
    )
    def test_a_fault_that_makes_no_sense_is_refused(self, sandbox, fault):
        answer = httpx.post(f"{sandbox.control_url}/_sandbox/faults", json=fault)
        assert answer.status_code == 422

    def test_every_stand_in_answers_for_all(self, sandbox):
        send(sandbox)
        for url in (sandbox.google_url, sandbox.meta_url, sandbox.tiktok_url):
            counts = httpx.get(f"{url}/_sandbox/counts").json()
            assert counts["tiktok"]["events_accepted"] == 1

    def test_events_are_ids_with_what_the_platform_holds(self, sandbox):
        send(sandbox)
        send(sandbox)
        assert httpx.get(f"{sandbox.control_url}/_sandbox/events").json() == [
            {
                "platform": "tiktok",
                "destination": "web:CPIXEL0001",
                "name": "Lead",
                "event_id": "e-1",
                "times": 2,
                "counted": 1,
                "value": None,
                "currency": None,
                "retracted": False,
                "first_at": NOW.timestamp(),
                "last_at": NOW.timestamp(),
            }
        ]


def run_once(folder: Path, event_id: str) -> dict[str, Any]:
    around = Surroundings(tally=Tally(folder), now=lambda: NOW)
    with running_sandbox(folder, around=around) as sandbox:
        send(sandbox, event_id)
        return sandbox.counts()["tiktok"]


def test_a_repeat_is_seen_over_a_restart(tmp_path):
    run_once(tmp_path, "e-1")
    counts = run_once(tmp_path, "e-1")
    assert (counts["events_accepted"], counts["distinct_ids"], counts["seen_twice"]) == (2, 1, 1)


def test_a_torn_last_line_costs_itself_only(tmp_path):
    run_once(tmp_path, "e-1")
    with (tmp_path / "received.jsonl").open("a", encoding="utf-8") as journal:
        journal.write('{"what": "acc')
    assert Tally(tmp_path).counts()["tiktok"]["events_accepted"] == 1


def test_a_status_is_known_over_a_restart(tmp_path):
    event = {
        "transactionId": "t-1",
        "eventTimestamp": NOW.isoformat(),
        "eventSource": "WEB",
        "adIdentifiers": {"gclid": "abc"},
    }
    destination = {
        "operatingAccount": {"accountId": "1234567890"},
        "productDestinationId": "900000001",
    }
    around = Surroundings(now=lambda: NOW)
    headers = {"Authorization": "Bearer token"}
    with running_sandbox(tmp_path, around=around) as sandbox:
        request = {"destinations": [destination], "events": [event]}
        answer = httpx.post(f"{sandbox.google_url}/v1/events:ingest", json=request, headers=headers)
    with running_sandbox(tmp_path, around=Surroundings(now=lambda: NOW)) as sandbox:
        status = httpx.get(
            f"{sandbox.google_url}/v1/requestStatus:retrieve",
            params={"requestId": answer.json()["requestId"]},
            headers=headers,
        )
    assert len(status.json()["requestStatusPerDestination"]) == 1


def test_nothing_stays_behind_after_a_stop(tmp_path):
    before = set(threading.enumerate())
    with running_sandbox(tmp_path) as sandbox:
        url = sandbox.meta_url
    left = [t for t in threading.enumerate() if t not in before and t.name.startswith("sandbox")]
    assert left == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/_sandbox/counts")


def test_a_taken_port_is_told(tmp_path, sandbox):
    taken = int(sandbox.meta_url.rpartition(":")[2])
    with (
        pytest.raises(PortTaken, match=str(taken)),
        running_sandbox(tmp_path, Ports(meta=taken)),
    ):
        pass


def test_one_process_makes_one_certificate(tmp_path):
    first, second = (ensure_certificate(_folder(tmp_path / name)) for name in ("a", "b"))
    assert first.certificate_path.read_bytes() == second.certificate_path.read_bytes()
    assert first.key_path.stat().st_mode & 0o077 == 0


def test_the_terminal_version_says_where_it_is_and_stops_on_a_signal(tmp_path):
    program = (
        "import sys, pathlib; from orchestration.sandbox.server import Ports, serve_sandbox;"
        "serve_sandbox(pathlib.Path(sys.argv[1]), Ports())"
    )
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        counts = httpx.get(f"{addresses['tiktok_api_url']}/_sandbox/counts")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert counts.status_code == 200
    assert Path(addresses["grpc_roots_path"]).exists()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
