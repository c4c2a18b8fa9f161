"""The product as its user has it: the command line in processes of its own, with a state folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

LEADLOOP = Path(sys.executable).with_name("leadloop")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A state folder; short, as the database's socket lives in it."""
    folder = Path(tempfile.mkdtemp(prefix="ll"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    """The environment of a newcomer, with ports that are free here."""
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("LEADLOOP_", "DAGSTER_"))
    }
    ports = {
        f"LEADLOOP_{name}_PORT": str(port)
        for name, port in zip(("INTAKE", "PANEL", "DAGSTER"), free_ports(3), strict=True)
    }
    return {**clean, "LEADLOOP_HOME": str(home), "COLUMNS": "200", **ports}


@pytest.fixture(scope="module")
def leadloop(environment: Mapping[str, str]) -> Run:
    """Run one command to its end."""

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603
            [str(LEADLOOP), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=dict(environment),
            timeout=300,
            check=False,
        )

    return run


def free_ports(count: int) -> list[int]:
    """Ports that nobody holds at the moment, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for probe in sockets:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in sockets]
    for probe in sockets:
        probe.close()
    return ports
