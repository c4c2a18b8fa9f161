"""Named SQL: statements live in ``queries.sql`` beside the module that runs them.

A block begins with ``-- name: verb_what`` and a comment sentence, and ends where the next begins. Values travel as
parameters (``:name``); Python never glues SQL together.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import TextClause, text

_HEADER = re.compile(r"^-- name: ([a-z_0-9]+)\s*$", re.MULTILINE)


class Queries(SimpleNamespace):
    """The statements of one file, each an attribute."""

    def __getattr__(self, name: str) -> TextClause:
        raise AttributeError(f"no statement named {name!r}")


@functools.cache
def load(module_file: str, name: str = "queries.sql") -> Any:
    """Read the statements that live beside a module.

    Args:
        module_file: The module's ``__file__``.
        name: The file of statements, in the same folder.

    Returns:
        An object with one ``TextClause`` per statement.

    Raises:
        ValueError: A name stands twice in the file.
    """
    parts = _HEADER.split(Path(module_file).with_name(name).read_text(encoding="utf-8"))
    statements: dict[str, TextClause] = {}
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        if title in statements:
            raise ValueError(f"{name} holds {title!r} twice")
        statements[title] = text(body.strip().rstrip(";"))
    return Queries(**statements)
