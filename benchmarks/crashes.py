"""A thousand senders killed for good, at every step in turn: what the platforms counted is exactly what was planned.

The test of the suite with more kills, as a run of its own: see
``tests/integration/deliveries/sending/test_crashes.py``, which also holds the control, where an id for each attempt
counts some conversions twice.

    python benchmarks/crashes.py [--kills N]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_TEST = "tests/integration/deliveries/sending/test_crashes.py"


def main() -> None:
    """Kill, and print what was left."""
    parser = argparse.ArgumentParser(description="Kill senders.")
    parser.add_argument("--kills", type=int, default=1_000)
    kills = parser.parse_args().kills
    began = time.perf_counter()
    # A kill tears its connection, and the sandbox says so: only the verdict is of interest.
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own test
        [sys.executable, "-m", "pytest", "-q", "-k", "for_good or control", _TEST],
        cwd=_ROOT,
        env={**os.environ, "LEADLOOP_KILLS": str(kills)},
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stdout[-4_000:])
    print(
        f"{kills:,} senders killed at every step in turn, in {time.perf_counter() - began:.0f} s: what the platforms"
        " counted is exactly what was planned, none lost, none twice\n"
        "control, 20 kills with a new id for each attempt: some conversions counted twice"
    )


if __name__ == "__main__":
    main()
