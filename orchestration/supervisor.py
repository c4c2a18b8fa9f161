"""The supervisor: several long-running processes as one, as ``leadloop dev`` shows them.

It starts each with its own log file, waits until each answers, and stops all of them together: on Ctrl-C, on
SIGTERM, or when one of them ends by itself.

Belongs here: starting, watching, stopping. Lives elsewhere: which processes there are (``cli``).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

# A code server with a run in progress waits for the run; past this it is killed, and the next start-up sweeps.
_STOP_SECONDS = 20
_POLL_SECONDS = 0.2


class ServiceFailed(Exception):
    """A process ended or did not come up; the message names its log file."""


@dataclass
class Service:
    """One process to run.

    Attributes:
        name: Also the name of its log file.
        command: Program and arguments.
        port: Loopback port that is open once it serves; none means ready at once.
        needs: Names of the services that must answer before it is started.
        start_seconds: How long it may take until it serves.
    """

    name: str
    command: Sequence[str]
    port: int | None = None
    needs: tuple[str, ...] = ()
    start_seconds: float = 120
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)


def free_port() -> int:
    """A loopback port that nobody holds at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def require_free_ports(services: Sequence[Service]) -> None:
    """Refuse to start when another program holds a port.

    Raises:
        ServiceFailed: Names the port and the setting that moves it.
    """
    for service in services:
        if service.port is not None and _answers(service.port):
            raise ServiceFailed(
                f"port {service.port} for {service.name} is taken; stop what holds it, or choose another "
                "port (LEADLOOP_DAGSTER_PORT, LEADLOOP_INTAKE_PORT, LEADLOOP_PANEL_PORT)"
            )


@contextmanager
def running(
    services: Sequence[Service],
    environment: Mapping[str, str],
    logs: Path,
    on_ready: Callable[[Service], None] = lambda service: None,
) -> Generator[None]:
    """Run services from the first to the last; stop them from the last to the first.

    Args:
        services: In the order in which they need one another.
        environment: Whole environment of each.
        logs: Folder of their log files.
        on_ready: Told of each service once it answers.

    Raises:
        ServiceFailed: One did not come up.
    """
    logs.mkdir(parents=True, exist_ok=True)
    with _log_files(services, logs) as files:
        try:
            for service in services:
                for needed in services:
                    if needed.name in service.needs:
                        _await(needed, logs)
                service.process = _start(service, environment, files[service.name])
            for service in services:
                _await(service, logs)
                on_ready(service)
            yield
        finally:
            _stop_all(services)


def watch(services: Sequence[Service], logs: Path) -> None:
    """Wait until Ctrl-C or SIGTERM.

    Raises:
        ServiceFailed: One of the services ended by itself.
        KeyboardInterrupt: The user wants to stop.
    """
    while True:
        for service in services:
            if service.process is not None and service.process.poll() is not None:
                raise ServiceFailed(_obituary(service, logs))
        time.sleep(_POLL_SECONDS)


@contextmanager
def sigterm_as_interrupt() -> Generator[None]:
    """Make SIGTERM end the block as Ctrl-C does; a supervisor above us sends it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    # A shell that starts us with `&` has SIGINT ignored; we want to be stoppable all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _start(
    service: Service, environment: Mapping[str, str], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own programs, no shell
        list(service.command),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        # Its own group: Ctrl-C in the terminal reaches us alone, and we stop them in order.
        start_new_session=True,
    )


def _await(service: Service, logs: Path) -> None:
    deadline = time.monotonic() + service.start_seconds
    while service.port is not None and not _answers(service.port):
        if service.process is None or service.process.poll() is not None:
            raise ServiceFailed(_obituary(service, logs))
        if time.monotonic() > deadline:
            raise ServiceFailed(
                f"{service.name} did not answer within {service.start_seconds:.0f} s; "
                f"see {logs / service.name}.log"
            )
        time.sleep(_POLL_SECONDS)


def _stop_all(services: Sequence[Service]) -> None:
    for service in reversed(services):
        if service.process is not None and service.process.poll() is None:
            service.process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + _STOP_SECONDS
    for service in reversed(services):
        if service.process is None:
            continue
        try:
            service.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _kill_group(service.process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _obituary(service: Service, logs: Path) -> str:
    code = service.process.returncode if service.process else None
    return f"{service.name} ended with exit code {code}; see {logs / service.name}.log"


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _log_files(services: Sequence[Service], logs: Path) -> Generator[Mapping[str, IO[bytes]]]:
    files = {service.name: (logs / f"{service.name}.log").open("wb") for service in services}
    try:
        yield files
    finally:
        for file in files.values():
            file.close()
