"""Whatever fails, what was acknowledged stays, and the rest is asked for again."""

import base64
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from orchestration.intake.limits import Limits
from orchestration.intake.server import serve as serve_intake
from orchestration.intake.startup import StartRefused
from orchestration.settings import Settings
from orchestration.warehouse import addresses

_SERVED = """
import sys
from orchestration.intake.limits import Limits
from orchestration.intake.server import running_intake, serve
from orchestration.settings import Settings

limits = Limits(quota_per_second=1e6, quota_burst=10**6)
if sys.argv[1] == "serve":
    serve(Settings(), "127.0.0.1", int(sys.argv[2]), limits=limits)
with running_intake(Settings(), int(sys.argv[2]), limits=limits) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def down(settings: Settings) -> Iterator[Callable[[bool], None]]:
    """Cut the database off, and let it come back."""
    url = addresses.admin_url(settings)
    name = sql.Identifier(str(url.database))
    with psycopg.connect(
        addresses.libpq_url(url.set(database="postgres")), autocommit=True
    ) as connection:

        def cut(is_down: bool) -> None:
            allowed = sql.SQL("false" if is_down else "true")
            connection.execute(
                sql.SQL("alter database {} allow_connections {}").format(name, allowed)
            )
            if is_down:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
                    (url.database,),
                )

        yield cut
        cut(False)


def test_without_a_database_the_answer_is_later_and_then_all_is_well(
    sender: Any, settings: Settings, down: Callable[[bool], None]
) -> None:
    conversion = sender.conversion()
    sender.post_form(json={"name": "x"})
    down(True)

    answers = [
        sender.post_signed(conversion),
        sender.post_form(json={"name": "y"}),
        sender.post_whatsapp(sender.sample("whatsapp", "text.json")),
        # A broken body of a proven sender could not be kept, so it is not refused either.
        sender.post_signed(b"{"),
        sender.post_form(content=b"{", headers={"content-type": "application/json"}),
        sender.client.get("/ready"),
    ]

    assert [answer.status_code for answer in answers] == [503] * 6
    assert all(answer.headers["retry-after"] == "1" for answer in answers)
    assert sender.client.get("/health").status_code == 200
    down(False)
    assert sender.post_signed(conversion).status_code == 202
    with psycopg.connect(addresses.libpq_url(addresses.admin_url(settings))) as connection:
        assert connection.execute("select count(*) from raw.events").fetchone() == (2,)


def test_strangers_are_not_turned_away_while_the_keys_cannot_be_read(
    sender: Any, down: Callable[[bool], None]
) -> None:
    sender.post_form(json={"name": "x"})
    down(True)

    answer = sender.post_whatsapp(b"{}", secret="perhaps a new one")

    assert (answer.status_code, answer.json()["code"]) == (503, "keys_unavailable")


def test_a_commit_that_takes_too_long_is_asked_for_again(
    serve: Callable[..., httpx.Client], sender: Any, rows: Any, blocked: Callable[[], None]
) -> None:
    sender.client = serve(Limits(ack_seconds=0.2))
    conversion = sender.conversion()

    answer = sender.post_signed(conversion)
    blocked()

    assert (answer.status_code, answer.json()["code"]) == (503, "commit_too_slow")
    # It was stored after all, which the repeat finds out.
    assert sender.post_signed(conversion).status_code == 200
    assert rows.count("raw.events") == 1


def test_a_full_queue_says_later(
    serve: Callable[..., httpx.Client], sender: Any, blocked: Callable[[], None]
) -> None:
    sender.client = serve(Limits(queued_rows=2))
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(sender.post_signed, sender.conversion()) for _ in range(2)]
        assert not wait(waiting, timeout=0.5).done

        answer = sender.post_signed(sender.conversion())

        assert (answer.status_code, answer.json()["code"]) == (503, "queue_full")
        assert sender.client.get("/ready").json()["code"] == "queue_full"
        blocked()
        assert [one.result(5).status_code for one in waiting] == [202, 202]


def test_ready_says_what_is_wrong(sender: Any) -> None:
    answer = sender.client.get("/ready")

    assert answer.status_code == 503
    assert "fsync is off" in answer.json()["detail"]


@pytest.mark.usefixtures("durable")
def test_ready_says_that_all_is_well(sender: Any) -> None:
    answer = sender.client.get("/ready")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "keys": 4, "waiting_rows": 0}


def test_a_server_that_could_lose_events_is_not_served_on(settings: Settings) -> None:
    with pytest.raises(StartRefused, match="fsync is off"):
        serve_intake(settings, "127.0.0.1", 0)


@pytest.mark.usefixtures("durable")
@pytest.mark.parametrize(
    ("statement", "undo", "finding"),
    [
        ("alter role intake bypassrls", "alter role intake nobypassrls", "BYPASSRLS"),
        ("grant owner to intake", "revoke owner from intake", "owns its tables"),
        (
            "alter role intake set synchronous_commit = off",
            "alter role intake reset synchronous_commit",
            "synchronous_commit is off",
        ),
    ],
    ids=["bypassrls", "owner", "synchronous_commit"],
)
def test_a_role_that_could_leak_or_lose_is_not_served_with(
    settings: Settings, admin: psycopg.Connection, statement: Any, undo: Any, finding: str
) -> None:
    admin.execute(statement)
    try:
        with pytest.raises(StartRefused, match=finding):
            serve_intake(settings, "127.0.0.1", 0)
    finally:
        admin.execute(undo)


@pytest.mark.usefixtures("durable", "sender")
def test_keys_that_another_master_key_sealed_are_not_served_with(settings: Settings) -> None:
    other = settings.model_copy(
        update={"master_key": SecretStr(base64.b64encode(b"o" * 32).decode())}
    )

    with pytest.raises(StartRefused, match="MASTER_KEY"):
        serve_intake(other, "127.0.0.1", 0)


def test_a_database_that_is_not_there_is_not_served_on(settings: Settings) -> None:
    nowhere = settings.model_copy(
        update={"database_url": SecretStr("postgresql://postgres@/x?host=/nonexistent")}
    )

    with pytest.raises(StartRefused, match="cannot be reached"):
        serve_intake(nowhere, "127.0.0.1", 0)


def _start(settings: Settings, mode: str, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", _SERVED, mode, str(port)],
        env=addresses.child_environment(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_a_killed_intake_has_lost_nothing_that_it_acknowledged(
    settings: Settings, sender: Any, rows: Any
) -> None:
    acknowledged: list[str] = []

    def send_until_it_dies(client: httpx.Client) -> None:
        own = type(sender)(client, sender.tenant)
        while True:
            conversion = own.conversion()
            try:
                answer = own.post_signed(conversion)
            except httpx.TransportError:
                return
            if answer.status_code == 202:
                acknowledged.append(conversion["event_id"])

    with _start(settings, "run", 0) as process, ThreadPoolExecutor(8) as threads:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with httpx.Client(base_url=url) as client:
            sending = [threads.submit(send_until_it_dies, client) for _ in range(8)]
            while len(acknowledged) < 300:
                assert not wait(sending, timeout=0.01).done
            process.kill()
            wait(sending)

    stored = set(rows("select dedupe_key from raw.events"))
    assert set(acknowledged) <= stored


@pytest.mark.usefixtures("durable")
def test_told_to_stop_it_answers_who_waits_and_goes(
    settings: Settings, sender: Any, rows: Any, unused_port: int, blocked: Callable[[], None]
) -> None:
    with _start(settings, "serve", unused_port) as process, ThreadPoolExecutor() as threads:
        url = f"http://127.0.0.1:{unused_port}"
        with httpx.Client(base_url=url, transport=httpx.HTTPTransport(retries=10)) as client:
            client.get("/health")
            own = type(sender)(client, sender.tenant)
            answer = threads.submit(own.post_signed, own.conversion())
            assert not wait([answer], timeout=0.5).done
            process.send_signal(signal.SIGTERM)
            assert not wait([answer], timeout=0.3).done
            blocked()
            assert answer.result(5).status_code == 202
        process.wait(10)

    assert rows.count("raw.events") == 1
