"""Conformance: any implementation of the rules held against a file of vectors.

A vector says what a value must come out as under one platform's rules at one version. The file and the protocol, JSON
lines in and JSON lines out, are described in ``tests/data/conformance/README.md``.

Belongs here: reading vectors, asking an implementation, comparing. Lives elsewhere: the rules (``rules``).
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from orchestration.enrichment.identifiers import Platform, normalize

_COLUMNS = ("id", "platform", "rules_version", "kind", "value", "region")
_EXPECTED = ("normalized", "sha256", "reason")

Answer = Mapping[str, Any]


class VectorsUnusable(ValueError):
    """A file is no conformance file; the message names the line."""

    is_refusal = True


class ImplementationFailed(RuntimeError):
    """The command did not answer by the protocol; the message says how."""

    is_refusal = True


@dataclass(frozen=True, slots=True)
class Vector:
    """What one value must come out as. ``question`` is what an implementation is asked."""

    id: str
    question: Mapping[str, Any]
    expected: Mapping[str, Any]


@dataclass
class Verdict:
    """How an implementation did: ids only, no value of a vector.

    Attributes:
        agreed: How many vectors came out as they must.
        skipped: How many it said that it does not know the rules of.
        differences: Id and what differs: ``normalized``, ``sha256``, ``reason``, ``refused``, ``accepted`` or
            ``unanswered``.
    """

    agreed: int = 0
    skipped: int = 0
    differences: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def read_vectors(lines: Iterable[str]) -> list[Vector]:
    """Read a conformance file.

    Raises:
        VectorsUnusable: A line is no vector, or an id comes twice.
    """
    vectors = [_read(line, number) for number, line in enumerate(lines, start=1) if line.strip()]
    for identity, count in Counter(vector.id for vector in vectors).items():
        if count > 1:
            raise VectorsUnusable(f"the id {identity} comes {count} times")
    return vectors


def _read(line: str, number: int) -> Vector:
    try:
        entry: Any = json.loads(line)
    except ValueError:
        raise VectorsUnusable(f"line {number} is not valid JSON") from None
    columns = {*_COLUMNS, *_EXPECTED}
    if not isinstance(entry, dict) or not columns <= cast("dict[str, Any]", entry).keys():
        raise VectorsUnusable(f"line {number} lacks one of {', '.join((*_COLUMNS, *_EXPECTED))}")
    return Vector(
        id=str(entry["id"]),
        question={name: entry[name] for name in _COLUMNS},
        expected={name: entry[name] for name in _EXPECTED},
    )


def ask_ours(vectors: Sequence[Vector]) -> Iterator[Answer]:
    """Answer as an implementation does, with the rules that are here.

    Raises:
        UnknownRules: A vector is of a version that there is not.
    """
    for vector in vectors:
        asked = vector.question
        platform = cast("Platform", asked["platform"])
        found = normalize(
            asked["kind"], asked["value"], platform, asked["region"], asked["rules_version"]
        )
        yield {
            "id": vector.id,
            "normalized": found.normalized,
            "sha256": found.sha256,
            "reason": found.reason,
        }


def ask_command(command: Sequence[str], vectors: Sequence[Vector]) -> list[Answer]:
    """Ask another implementation: its standard input gets the questions, its standard output has the answers.

    Raises:
        ImplementationFailed: It could not be started, ended with an error, or wrote what is no answer.
    """
    questions = "".join(json.dumps(vector.question) + "\n" for vector in vectors)
    try:
        done = subprocess.run(  # noqa: S603 (the command is the user's own, and no shell reads it)
            command, input=questions, stdout=subprocess.PIPE, encoding="utf-8", check=False
        )
    except (OSError, UnicodeDecodeError) as error:
        raise ImplementationFailed(f"{command[0]}: {type(error).__name__}") from None
    if done.returncode:
        raise ImplementationFailed(f"{command[0]} ended with {done.returncode}")
    return [_answer(line, number) for number, line in enumerate(done.stdout.splitlines(), 1)]


def _answer(line: str, number: int) -> Answer:
    try:
        answer: Any = json.loads(line)
    except ValueError:
        raise ImplementationFailed(f"line {number} of the answers is not valid JSON") from None
    if not isinstance(answer, dict) or "id" not in cast("dict[str, Any]", answer):
        raise ImplementationFailed(f"line {number} of the answers has no id")
    return cast("dict[str, Any]", answer)


def judge(
    vectors: Iterable[Vector], answers: Iterable[Answer], *, with_reasons: bool = True
) -> Verdict:
    """Compare answers with what they must be.

    Args:
        vectors: What was asked.
        answers: One per vector, in any order.
        with_reasons: Whether a refusal must have our reason too; another's codes may be others.
    """
    found = {str(answer["id"]): answer for answer in answers}
    verdict = Verdict()
    for vector in vectors:
        answer = found.get(vector.id)
        if answer is not None and answer.get("skipped"):
            verdict.skipped += 1
        elif difference := _difference(vector.expected, answer, with_reasons=with_reasons):
            verdict.differences.append((vector.id, difference))
        else:
            verdict.agreed += 1
    return verdict


def _difference(
    expected: Mapping[str, Any], answer: Answer | None, *, with_reasons: bool
) -> str | None:
    if answer is None:
        return "unanswered"
    reason, told = expected["reason"], answer.get("reason")
    if bool(reason) != bool(told):
        return "accepted" if reason else "refused"
    if reason:
        return "reason" if with_reasons and told != reason else None
    if answer.get("sha256") != expected["sha256"]:
        return "sha256"
    # Who gives the hash need not show what was hashed.
    is_shown = answer.get("normalized") is not None or expected["sha256"] is None
    return "normalized" if is_shown and answer.get("normalized") != expected["normalized"] else None
