"""Everything of the sandbox, started together and stopped together.

``running_sandbox`` is for tests and the demo (servers in threads of this process), ``serve_sandbox`` for a terminal.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.sandbox.faults import Fault
from orchestration.sandbox.google_ads import serving_google_ads
from orchestration.sandbox.google_datamanager import google_app
from orchestration.sandbox.http_server import serving
from orchestration.sandbox.meta import meta_app
from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.scenarios import Scenario, play
from orchestration.sandbox.tally import Tally
from orchestration.sandbox.tiktok import tiktok_app


@dataclass(frozen=True)
class Ports:
    """Where each stand-in listens on 127.0.0.1. Zero means any free port."""

    google: int = 0
    meta: int = 0
    tiktok: int = 0
    google_ads: int = 0

    @classmethod
    def beginning_at(cls, base: int) -> Ports:
        """Four in a row."""
        return cls(google=base, meta=base + 1, tiktok=base + 2, google_ads=base + 3)


PORT_BASE = 8711
FIXED_PORTS = Ports.beginning_at(PORT_BASE)


@dataclass(frozen=True)
class Sandbox:
    """The addresses of a running sandbox, and its insides for tests in the same process.

    ``grpc_roots_path`` is the certificate that Google's gRPC client must trust: put it into
    ``GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`` before the process opens its first TLS channel, for the roots are read once.
    """

    google_url: str
    meta_url: str
    tiktok_url: str
    google_ads_endpoint: str
    grpc_roots_path: Path
    around: Surroundings

    @property
    def control_url(self) -> str:
        """Where ``/_sandbox/…`` is served; every HTTP stand-in serves it, this is one of them."""
        return self.google_url

    def settings_overrides(self) -> dict[str, str]:
        """The settings that point the product at this sandbox."""
        return {
            "google_datamanager_url": self.google_url,
            "google_oauth_token_url": f"{self.google_url}/token",
            "google_ads_endpoint": self.google_ads_endpoint,
            "meta_graph_url": self.meta_url,
            "tiktok_api_url": self.tiktok_url,
        }

    def counts(self) -> dict[str, dict[str, Any]]:
        """What each platform received so far, as ``/_sandbox/counts`` answers it."""
        return self.around.tally.counts()

    def arm(self, platform: str, fault: str, **details: object) -> None:
        """Arm a fault; ``details`` are the other fields of ``Fault``."""
        self.around.faults.arm(
            Fault.model_validate({"platform": platform, "fault": fault, **details})
        )


@contextmanager
def running_sandbox(
    state_folder: Path,
    ports: Ports | None = None,
    around: Surroundings | None = None,
    processing_polls: int = 1,
) -> Generator[Sandbox]:
    """Run all stand-ins until the block ends.

    Args:
        state_folder: Holds the certificate and what was received; the same folder again means the same memory.
        ports: Where to listen; any free ports by default.
        around: Facts, clock and ids to use instead of the usual ones.
        processing_polls: How often Google answers PROCESSING before it tells the outcome.

    Raises:
        PortTaken: Something listens there already.
    """
    ports = ports or Ports()
    state_folder.mkdir(parents=True, exist_ok=True)
    around = around or Surroundings(tally=Tally(state_folder))
    with ExitStack() as stack:
        stack.callback(around.tally.close)
        stack.callback(lambda: [stop() for stop in around.on_stop])
        endpoint, roots = stack.enter_context(
            serving_google_ads(around, state_folder, ports.google_ads)
        )
        google = google_app(around, state_folder, processing_polls)
        yield Sandbox(
            google_url=stack.enter_context(serving(google, ports.google)),
            meta_url=stack.enter_context(serving(meta_app(around), ports.meta)),
            tiktok_url=stack.enter_context(serving(tiktok_app(around), ports.tiktok)),
            google_ads_endpoint=endpoint,
            grpc_roots_path=roots,
            around=around,
        )


def serve_sandbox(
    state_folder: Path, ports: Ports = FIXED_PORTS, scenarios: Mapping[str, Scenario] | None = None
) -> None:
    """Run all stand-ins until SIGINT or SIGTERM; print their addresses, as one line of JSON, when they are up.

    Must be called from the main thread, for it takes the signals.

    Args:
        state_folder: Holds the certificate and what was received; the same folder again means the same memory.
        ports: Where to listen.
        scenarios: To play, by name.

    Raises:
        PortTaken: Something listens there already.
        ScenarioInvalid: A scenario names a fact that accounts do not have.
    """
    around = Surroundings(tally=Tally(state_folder))
    for name, scenario in (scenarios or {}).items():
        play(name, scenario, around)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with running_sandbox(state_folder, ports, around) as sandbox:
        roots = {"grpc_roots_path": str(sandbox.grpc_roots_path)}
        sys.stdout.write(json.dumps({**sandbox.settings_overrides(), **roots}) + "\n")
        sys.stdout.flush()
        stop.wait()
