"""`leadloop dev`: everything runs, a lead is in the marts within two minutes, Ctrl-C stops all of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from tests.journey.conftest import LEADLOOP, Run

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium")
# Where the pictures of the documents go when they are taken anew (`make pictures`).
PICTURES = os.environ.get("LEADLOOP_PICTURES")
COUNT_LEADS = "select count(*) from marts.fct_leads"


def eventually(ask: Callable[[], bool], seconds: float) -> float:
    """Ask until the answer is yes; returns how long it took."""
    started = time.monotonic()
    Retrying(
        retry=retry_if_result(lambda answer: not answer),
        stop=stop_after_delay(seconds),
        wait=wait_fixed(0.5),
    )(ask)
    return time.monotonic() - started


@pytest.fixture(scope="module")
def running(
    environment: Mapping[str, str], leadloop: Run, home: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """The development set-up over the demonstration's warehouse, up and answering."""
    assert leadloop("demo").returncode == 0
    process = subprocess.Popen(  # noqa: S603
        [str(LEADLOOP), "dev"],
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        eventually(lambda: process.poll() is not None or answers(environment), 120)
        assert process.poll() is None, process.stdout and process.stdout.read().decode()
        yield process
        interrupt_and_check(process, home)
    finally:
        if process.poll() is None:
            process.kill()
        if process.stdout:
            process.stdout.close()


def interrupt_and_check(process: subprocess.Popen[bytes], home: Path) -> None:
    """Ctrl-C ends it well, and nothing that it started is left, the embedded server included."""
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    left = [
        other.pid
        for other in psutil.process_iter(["cmdline"])
        if str(home) in " ".join(other.info["cmdline"] or [])
    ]
    assert left == []


def answers(environment: Mapping[str, str]) -> bool:
    try:
        for name in ("INTAKE", "PANEL", "DAGSTER"):
            port = environment[f"LEADLOOP_{name}_PORT"]
            httpx.get(f"http://127.0.0.1:{port}/", timeout=5)
    except httpx.HTTPError:
        return False
    return True


@pytest.fixture
def page(running: subprocess.Popen[bytes]):
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed; the browser tests need it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1440, "height": 760})
        yield page
        browser.close()


def keep(page, name: str, tmp_path: Path) -> None:
    folder = Path(PICTURES) if PICTURES else tmp_path
    page.screenshot(path=folder / f"{name}.png")


@pytest.mark.browser
def test_the_dagster_ui_shows_the_asset_graph(
    page, environment: Mapping[str, str], tmp_path: Path
) -> None:
    page.goto(f"http://127.0.0.1:{environment['LEADLOOP_DAGSTER_PORT']}/asset-groups")
    for group in ("intake", "sources", "staging", "enrichment", "marts", "deliveries"):
        # The list at the side comes first, the graph last.
        page.get_by_text(group, exact=True).last.wait_for(timeout=60_000)
    page.wait_for_load_state("networkidle")
    keep(page, "asset-graph", tmp_path)


@pytest.mark.browser
def test_a_failed_rule_shows_on_its_table(
    page, environment: Mapping[str, str], tmp_path: Path
) -> None:
    page.goto(
        f"http://127.0.0.1:{environment['LEADLOOP_DAGSTER_PORT']}"
        "/assets/marts/fct_leads?view=checks&checkDetail=NUL2"
    )
    page.get_by_text("Execution history").first.wait_for(timeout=60_000)
    page.get_by_text("Execution history").first.click()
    page.get_by_text("failed for 1, 1 failed over").first.wait_for(timeout=60_000)
    keep(page, "failed-check", tmp_path)


@pytest.mark.browser
def test_the_run_of_the_demonstration_is_in_the_dagster_ui(
    page, environment: Mapping[str, str], tmp_path: Path
) -> None:
    page.goto(f"http://127.0.0.1:{environment['LEADLOOP_DAGSTER_PORT']}/runs")
    page.get_by_text("Success").first.wait_for(timeout=60_000)
    page.screenshot(path=tmp_path / "runs.png")


@pytest.mark.browser
def test_the_panel_says_where_things_are(
    page, environment: Mapping[str, str], tmp_path: Path
) -> None:
    page.goto(f"http://127.0.0.1:{environment['LEADLOOP_PANEL_PORT']}/")
    assert page.get_by_role("heading", name="Leadloop").is_visible()
    page.screenshot(path=tmp_path / "panel.png")


def test_a_lead_is_in_the_marts_within_two_minutes(
    running: subprocess.Popen[bytes], environment: Mapping[str, str], leadloop: Run
) -> None:
    tenant = json.loads(leadloop("tenant", "create", "Hızlı Akademi", "--json").stdout)
    intake = f"http://127.0.0.1:{environment['LEADLOOP_INTAKE_PORT']}"
    url = leadloop("url", "analyst").stdout.strip()
    with psycopg.connect(url, autocommit=True) as analyst:
        analyst.execute("select set_config('app.tenant_id', %s, false)", [tenant["tenant_id"]])
        sent = httpx.post(
            f"{intake}/webhooks/forms/{tenant['form_key']}",
            json={"url": "https://a.example/?campaign_id=1&campaign_name=Hızlı", "name": "Ayşe"},
        )
        assert sent.status_code in (200, 202), sent.text

        def arrived() -> bool:
            row = analyst.execute(COUNT_LEADS).fetchone()
            return row is not None and row[0] == 1

        assert eventually(arrived, 120) < 120
