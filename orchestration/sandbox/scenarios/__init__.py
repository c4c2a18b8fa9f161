"""Named misbehaviours of the platforms: what happens on the wire, who tells of it, and what a right exporter does.

A scenario is a YAML file beside this module, or anyone's own file of the same shape. Played, it changes facts about
the sandbox's accounts and arms faults; asserted, it holds what an exporter did against what is right.

Belongs here: the shape, finding, playing. Lives elsewhere: judging (``assertions.py``), what a fault looks like on the
wire (``faults.py`` and each platform's module).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestration.sandbox.faults import Fault
from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.world import Platform

_FOLDER = Path(__file__).parent
# Where an exporter's events arrive when these are in trouble.
_OWNERS: dict[str, Platform] = {"google_oauth": "google", "google_ads": "google"}


class ScenarioInvalid(Exception):
    """No such scenario, or its file says something that makes no sense; the message names what and where."""

    is_refusal = True


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Change(_Strict):
    """Something else about every account of a platform; ``facts`` are the fields of ``world.Account``."""

    platform: Platform
    facts: dict[str, Any]


class Stop(_Strict):
    """After an answer that a fault gave, at most so many requests to that door within so many seconds."""

    requests: int = Field(ge=0)
    within_seconds: int = Field(ge=1)


class Right(_Strict):
    """What a right exporter does; None where a scenario does not care.

    Attributes:
        lost: At most so many expected conversions that the platform does not count and did not refuse for good.
        counted_twice: At most so many conversions that it counts more than once.
        unexpected: At most so many that it counts and nobody expected: new ids for old conversions.
        raw_personal_data: At most so many strings with an address or a telephone number in the clear.
        elsewhere: At most so many requests that followed a redirect.
        max_requests: At most so many requests to the doors that the faults are at.
        backs_off: After an answer with ``Retry-After`` nothing comes to that door before the time is over.
        stops: What may still come after a refusal that only a person can mend.
        is_struck: Every fault struck at least once; a run that met none proves nothing.
    """

    lost: int | None = 0
    counted_twice: int | None = 0
    unexpected: int | None = 0
    raw_personal_data: int = 0
    elsewhere: int = 0
    max_requests: int | None = None
    backs_off: bool = False
    stops: Stop | None = None
    is_struck: bool = True


class Scenario(_Strict):
    """One misbehaviour.

    Attributes:
        title: A sentence.
        happens: What an exporter sees on the wire.
        sources: Pages, libraries, issues or pull requests that tell of it.
        evidence: How sure it is: RAN, LIB, DOC, 3RD or UNSURE, as in the sandbox's own comments.
        world: What is wrong with accounts from the start.
        faults: What is armed, in order; the first that fits a request strikes.
        right: What is asserted.
    """

    title: str = Field(min_length=10)
    happens: str = Field(min_length=20)
    sources: tuple[str, ...] = Field(min_length=1)
    evidence: Literal["RAN", "LIB", "DOC", "3RD", "UNSURE"]
    world: tuple[Change, ...] = ()
    faults: tuple[Fault, ...] = ()
    right: Right = Right()

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms that it is about."""
        named = [*(c.platform for c in self.world), *(f.platform for f in self.faults)]
        return tuple(dict.fromkeys(_OWNERS.get(name, name) for name in named))


def list_scenarios() -> dict[str, Scenario]:
    """All that are shipped, by name.

    Raises:
        ScenarioInvalid: One of the files makes no sense.
    """
    return {path.stem: _read(path) for path in sorted(_FOLDER.glob("*.yaml"))}


def find_scenario(name: str) -> tuple[str, Scenario]:
    """One that is shipped by its name, or anyone's own by its path; with the name.

    Raises:
        ScenarioInvalid: There is none, or it makes no sense.
    """
    shipped = _FOLDER / f"{name}.yaml"
    if "/" not in name and shipped.exists():
        return name, _read(shipped)
    path = Path(name)
    if path.is_file():
        return path.stem, _read(path)
    raise ScenarioInvalid(
        f"there is no scenario and no file {name}; 'leadloop sandbox scenarios' lists the shipped ones"
    )


def play(name: str, scenario: Scenario, around: Surroundings) -> None:
    """Change the world and arm the faults.

    Raises:
        ScenarioInvalid: It names a fact that accounts do not have.
    """
    for change in scenario.world:
        try:
            around.world = around.world.changed(change.platform, change.facts)
        except TypeError:
            raise ScenarioInvalid(
                f"{name}: world: accounts have no such fact as {', '.join(change.facts)}"
            ) from None
    for fault in scenario.faults:
        around.faults.arm(fault)
    around.scenarios.append(name)


def _read(path: Path) -> Scenario:
    try:
        content: Any = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScenarioInvalid(f"{path.name} is not YAML: {_place(error)}") from None
    if not isinstance(content, Mapping):
        raise ScenarioInvalid(f"{path.name} must be a mapping with a title")
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        raise ScenarioInvalid(f"{path.name}: {_word(error)}") from None


def _word(error: ValidationError) -> str:
    problems = error.errors(include_input=False, include_url=False)
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg'].lower()}"
        for problem in problems
    )


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return "it cannot be read" if mark is None else f"line {mark.line + 1}"
