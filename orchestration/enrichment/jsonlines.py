"""JSON lines for the command line: values in, what the rules make of them out.

Pure streams: one line out per line in, blank lines aside, nothing held back. A line that cannot be
used gives ``{"error": …, "line": number}`` and the stream goes on; no other output begins with
``{"error"``, so the caller can tell. The text of a line is never repeated in its error.

Belongs here: the shape of the lines. Lives elsewhere: the rules (``landing``, ``identifiers``).
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from orchestration.enrichment.identifiers import RULES_VERSION, Platform, normalize
from orchestration.enrichment.landing import parse_text, parse_url, resolved_fields


class LineUnusable(ValueError):
    """The line is not what the command reads; the message says what it should be."""


def parse_lines(lines: Iterable[str]) -> Iterator[str]:
    """Read ``{"url": …}`` or ``{"text": …}``, write the fields of ``resolved_fields``.

    A null is read as an empty value.
    """
    return _transform(lines, _parse)


def normalize_lines(
    lines: Iterable[str], platform: Platform, version: int | None = None
) -> Iterator[str]:
    """Read ``{"kind", "value", "region"}``, write ``normalized``, ``sha256``, ``rules_version``.

    By the current version of the platform's rules, or the one that is named.

    A value that the rules refuse gives ``reason`` and ``rules_version`` instead; so does an
    unknown kind. A missing or null value is empty; a whole number is read as its digits.
    """
    version = RULES_VERSION[platform] if version is None else version
    return _transform(lines, lambda entry: _normalize(entry, platform, version))


def _transform(
    lines: Iterable[str], read: Callable[[dict[str, Any]], dict[str, Any]]
) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        stripped = line.strip().removeprefix("\ufeff")
        if not stripped:
            continue
        try:
            result = read(_load(stripped))
        except LineUnusable as error:
            result = {"error": str(error), "line": number}
        yield json.dumps(result, ensure_ascii=False)


def _load(line: str) -> dict[str, Any]:
    try:
        entry: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise LineUnusable("not valid JSON") from None
    if not isinstance(entry, dict):
        raise LineUnusable("not a JSON object")
    return cast("dict[str, Any]", entry)


def _parse(entry: dict[str, Any]) -> dict[str, Any]:
    given = [name for name in ("url", "text") if entry.get(name) is not None]
    if len(given) > 1:
        raise LineUnusable('give "url" or "text", not both')
    if not given and not entry.keys() & {"url", "text"}:
        raise LineUnusable('"url" or "text" is missing')
    name = given[0] if given else "url"
    value = entry.get(name) or ""
    if not isinstance(value, str):
        raise LineUnusable(f'"{name}" is not a string')
    return resolved_fields(parse_url(value) if name == "url" else parse_text(value))


def _normalize(entry: dict[str, Any], platform: Platform, rules_version: int) -> dict[str, Any]:
    kind, region = entry.get("kind"), entry.get("region")
    if not isinstance(kind, str):
        raise LineUnusable('"kind" is not a string')
    if region is not None and not isinstance(region, str):
        raise LineUnusable('"region" is not a string')
    value = _text_of(entry.get("value"))
    if value is None:
        return {"reason": "not_text", "rules_version": rules_version}
    identifier = normalize(kind, value, platform, region, rules_version)
    version = {"rules_version": identifier.rules_version}
    if identifier.reason:
        return {"reason": identifier.reason} | version
    return {"normalized": identifier.normalized, "sha256": identifier.sha256} | version


def _text_of(value: object) -> str | None:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    # A phone number that lost its quotes is still one; a boolean is an int to Python only.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
