"""The README's commands, typed as they stand there, in their order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.journey.conftest import LEADLOOP

README = Path(__file__).resolve().parents[2] / "README.md"
# The ids in these examples stand for the reader's own.
WITH_AN_EXAMPLE_ID = re.compile(r"leadloop (why|deliveries preview|consent withdraw) 5f1c0d2e")
BUILD = (
    "from orchestration.settings import get_settings; "
    "from orchestration.transform.build import dbt_build_all; dbt_build_all(get_settings())"
)
FILES = {
    "leads.csv": "id,first_contact,origin\na1,2026-11-01 10:00:00,google\na2,2026-11-02,\n",
    "deals.csv": "id,won_date,revenue\na1,2026-11-05 12:00:00,1250.50\n",
    "t.csv": "touch_id,person_id,channel,touched_at\nt1,ada,social,2026-11-01T10:00:00Z\n",
    "c.csv": "conversion_id,person_id,converted_at,value\nk1,ada,2026-11-02T10:00:00Z,10\n",
    "google.json": '{"access_token": "t"}',
    "meta.json": '{"access_token": "t"}',
    "tiktok.json": '{"access_token": "t"}',
}


def commands() -> list[str]:
    """Every command line of the README that a shell runs, setting up the shell itself aside."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    lines = [
        line.strip() for language, block in blocks if not language for line in block.splitlines()
    ]
    return [line for line in lines if line and not line.startswith(("make ", "export ", "source "))]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


def test_they_do_what_the_readme_says(desk: Path, environment: Mapping[str, str]) -> None:
    # Its example tenant is the demonstration's.
    subprocess.run(  # noqa: S603
        [str(LEADLOOP), "tenant", "create", "Akademi İstanbul"], env=environment, check=True
    )
    path = f"{LEADLOOP.parent}{os.pathsep}{environment['PATH']}"
    typed = commands()
    assert len(typed) > 8
    # Between loading and asking the reader runs everything; the models alone stand for it, and no platform is asked.
    asking = next(place for place, each in enumerate(typed) if each.startswith("leadloop why"))
    typed.insert(asking, f"{shlex.quote(sys.executable)} -c '{BUILD}'")
    for command in typed:
        ran = subprocess.run(  # noqa: S603
            ["/bin/bash", "-o", "pipefail", "-c", command],
            cwd=desk,
            env={**environment, "PATH": path},
            input="",
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        expected = 1 if WITH_AN_EXAMPLE_ID.match(command) else 0
        assert ran.returncode == expected, f"{command}\n{ran.stdout}\n{ran.stderr}"
        assert "Traceback" not in ran.stderr
