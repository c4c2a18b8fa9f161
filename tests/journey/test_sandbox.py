"""The sandbox as a stranger meets it: the command line, and the example of its page as it is printed there."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sandbox.md"
PROGRAM = Path(sys.executable).with_name("leadloop")
NOBODY = "http://127.0.0.1:9"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sandbox", *arguments])


def free_base() -> int:
    """A port from which on four are free, as far as one can know."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            base: int = probe.getsockname()[1]
        if base < 65_000 and all(_is_free(base + step) for step in range(4)):
            return base


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="the example is written with curl")
def test_the_example_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(example.replace("\\\n", "").splitlines()) <= 16
    base = free_base()
    script = example.replace("8721", str(base)).replace("8722", str(base + 1))
    environment = os.environ | {
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "LEADLOOP_HOME": str(tmp_path / "home"),
    }
    finished = subprocess.run(  # noqa: S603 - our own page
        ["bash", "-c", script],  # noqa: S607
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert '"events_received":1' in finished.stdout
    assert re.search(r"(\d+) of \1 assertions hold", finished.stderr)


def test_the_list_names_each_scenario_with_its_sources() -> None:
    listed = run("scenarios")
    assert listed.exit_code == 0
    assert "meta-throttled: Meta has had enough calls [DOC]" in listed.stdout
    assert "    https://developers.facebook.com/docs/marketing-api" in listed.stdout
    assert len(json.loads(run("scenarios", "--json").stdout)) >= 35


@pytest.mark.parametrize(
    "arguments",
    [
        ("assert", "no-such", "--url", NOBODY),
        ("assert", "meta-throttled", "--url", NOBODY),
        ("assert", "--url", NOBODY),
        ("assert", "meta-throttled", "--expected", "no-such-file"),
        ("up", "--faults", "no-such"),
    ],
    ids=["no scenario", "no sandbox", "neither", "no file", "up without scenario"],
)
def test_a_question_that_makes_no_sense_is_told_so(arguments: tuple[str, ...]) -> None:
    asked = run(*arguments)
    assert asked.exit_code == 2
    assert "leadloop:" in asked.stderr
