"""An append-only file of JSON lines, and what it adds up to.

The sandbox's memory is a fold over its journal, so a restart with the same state folder remembers everything, and a
repeat sent a day later is still seen as a repeat. Lines hold ids and outcomes, never personal data.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class Journal:
    """A list of entries, kept in a file when there is one.

    The file is opened by the first entry and stays open, and each entry is one unbuffered write: a process that is
    killed loses nothing that it has answered for.

    Args:
        path: The file, read at start and appended to afterwards. None keeps the entries in memory alone.
        apply: Takes one entry into the caller's state; called for old entries at start and for each new one.
    """

    def __init__(self, path: Path | None, apply: Callable[[Entry], None]) -> None:
        self._path = path
        self._apply = apply
        self._lock = threading.RLock()
        self._descriptor: int | None = None
        if path is not None and path.exists():
            for line in path.read_text("utf-8").splitlines():
                self._replay(line)

    @property
    def lock(self) -> threading.RLock:
        """Hold this to read the state and add to it as one step; the servers run in threads."""
        return self._lock

    def add(self, entry: Entry) -> None:
        """Take ``entry`` into the state and write it down."""
        with self._lock:
            self._apply(entry)
            if self._path is not None:
                if self._descriptor is None:
                    self._descriptor = _open(self._path)
                os.write(self._descriptor, _encode(entry))

    def clear(self) -> None:
        """Forget all entries; the caller empties its state."""
        with self._lock:
            self.close()
            if self._path is not None:
                self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; the next entry opens it again."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _replay(self, line: str) -> None:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            # A process killed while writing leaves a torn last line: that request was never answered.
            return
        self._apply(entry)


def _open(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        # A torn last line must not swallow the next one.
        os.write(descriptor, b"\n")
    return descriptor


def _encode(entry: Entry) -> bytes:
    return (json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
