"""The dbt project's place, its manifest, and one way to run dbt in this process.

A ``dbt`` command costs four seconds of imports each time; inside a process that has them already, a whole build takes
less than one. dbt is not safe to run twice at once in a process, so callers hold the pool ``dbt``.

Source of the flags and figures: dbt-core 1.11, "Programmatic invocations", and measurements with it.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.settings import PROJECT_FOLDER
from orchestration.warehouse import Warehouse, addresses, sql

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from dbt.cli.main import dbtRunnerResult

    from orchestration.settings import Settings

_QUERIES = sql.load(__file__)

DBT_FOLDER = PROJECT_FOLDER / "dbt_project"
MANIFEST_PATH = DBT_FOLDER / "target" / "manifest.json"

_SOURCE_SUFFIXES = frozenset({".sql", ".yml", ".csv"})
_NEVER_SPEAK = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}
# dbt keeps its flags, its adapter and its log in globals.
_ONE_AT_A_TIME = threading.Lock()


class DbtFailed(Exception):
    """dbt could not run, or nodes of it failed; the message names the nodes, never their rows.

    What Postgres said is shown by running ``dbt build --select NODE`` by hand, in ``dbt_project/``.
    """


def manifest() -> dict[str, Any]:
    """The parsed project; parsed again when a file of the project is newer.

    Raises:
        DbtFailed: The project does not parse.
    """
    if not MANIFEST_PATH.exists() or MANIFEST_PATH.stat().st_mtime < _newest_change():
        invoke(["parse"], MANIFEST_PATH.parent, {})
        MANIFEST_PATH.touch()
    return json.loads(MANIFEST_PATH.read_text("utf-8"))


def run_as_dbt(settings: Settings, arguments: Sequence[str]) -> dbtRunnerResult:
    """Run a dbt command against the warehouse, as the role ``dbt``.

    Args:
        settings: Where the warehouse is; dbt's own files go to its state folder.
        arguments: The command and its flags, such as ``["build", "--select", "path:models/staging"]``.

    Returns:
        The result; failures of single nodes are in it.

    Raises:
        DbtFailed: dbt did not run at all.
    """
    environment = addresses.libpq_environment(addresses.role_url(settings, "dbt"))
    # Models follow what dbt wrote before by its time, so no other run may be writing (macro last_written).
    with Warehouse(settings, "dbt") as warehouse, warehouse.shared() as connection:
        connection.execute(_QUERIES.lock_models)
        # Nobody reads the artifacts of a run, and writing them costs as much as several models.
        flags = ["--no-write-json"]
        if arguments[0] == "build" and _is_first_load(warehouse):
            flags.append("--full-refresh")
        return invoke([*arguments, *flags], settings.home / "dbt", environment)


def _is_first_load(warehouse: Warehouse) -> bool:
    """Whether no event has reached the marts yet.

    Then tables are made anew: merging a first load of many rows into empty, indexed tables takes three times as long.
    """
    # A transaction of its own: one that stays open would keep its lock on the tables that dbt is about to swap.
    with warehouse.shared() as connection:
        if not connection.execute(_QUERIES.has_marts).scalar_one():
            return False
        return not connection.execute(_QUERIES.has_events).scalar_one()


def invoke(arguments: Sequence[str], workdir: Path, environment: dict[str, str]) -> dbtRunnerResult:
    """Run dbt in this process, with its environment set around the call alone.

    Args:
        arguments: The command and its flags.
        workdir: Target and log folder; the loaded manifest's own folder is only for parsing.
        environment: Variables for the profile.

    Raises:
        DbtFailed: dbt raised.
    """
    from dbt.cli.main import dbtRunner

    workdir.mkdir(parents=True, exist_ok=True)
    command, *flags = arguments
    with _ONE_AT_A_TIME, _environment({**_NEVER_SPEAK, **environment}):
        result = dbtRunner().invoke(
            [
                command,
                *flags,
                "--project-dir",
                str(DBT_FOLDER),
                "--profiles-dir",
                str(DBT_FOLDER),
                "--target-path",
                str(workdir),
                "--log-path",
                str(workdir),
                # Postgres quotes the offending value in its errors, and dbt would print and keep them.
                "--log-level",
                "none",
                "--log-level-file",
                "none",
            ]
        )
    if result.exception is not None:
        raise DbtFailed(f"dbt {command} did not run: {type(result.exception).__name__}") from (
            result.exception
        )
    return result


def failures(result: dbtRunnerResult) -> list[str]:
    """The nodes that did not succeed, as ``unique id: status``; a test that only warns is none of them."""
    return [
        f"{node.node.unique_id}: {node.status}"
        for node in _node_results(result)
        if str(node.status) not in ("success", "pass", "warn")
    ]


def _node_results(result: dbtRunnerResult) -> list[Any]:
    outcome: Any = result.result
    return list(getattr(outcome, "results", []))


def _newest_change() -> float:
    return max(
        path.stat().st_mtime
        for path in DBT_FOLDER.rglob("*")
        if path.suffix in _SOURCE_SUFFIXES and "target" not in path.parts
    )


@contextmanager
def _environment(values: dict[str, str]) -> Generator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
