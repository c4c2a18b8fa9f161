"""Documents stay true: what they tell a reader to type exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from orchestration.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(program: str) -> list[tuple[str, list[str]]]:
    """Every command of a program in the documents' code blocks: page and arguments."""
    found = []
    for page in PAGES:
        blocks = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        for language, block in blocks:
            if language not in ("", "bash", "sh", "console"):
                continue
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r"\||&&|\$\(|\)", line.split("  #")[0]):
                    try:
                        words = shlex.split(part.strip().removeprefix("$ "))
                    except ValueError:
                        continue
                    if words[:1] == [program]:
                        found.append((page.name, words[1:]))
    return found


def all_command_paths() -> list[list[str]]:
    paths: list[list[str]] = [[]]

    def walk(command, path: list[str]) -> None:
        for name, child in getattr(command, "commands", {}).items():
            paths.append([*path, name])
            walk(child, [*path, name])

    walk(get_command(app), [])
    return paths


@pytest.mark.parametrize("path", all_command_paths(), ids=" ".join)
def test_every_command_answers_help(path: list[str]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_the_documents_name_only_commands_that_exist() -> None:
    known = {tuple(path) for path in all_command_paths()}
    named = commands("leadloop")
    assert named, "the README tells nobody how to use the command line"
    for page, words in named:
        names = tuple(word for word in words[:2] if re.fullmatch(r"[a-z-]+", word))
        assert names in known or names[:1] in known, f"{page}: leadloop {' '.join(words)}"


def test_the_documents_name_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = commands("make")
    assert named
    for page, words in named:
        assert set(words) <= targets, f"{page}: make {' '.join(words)}"


def test_links_between_documents_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
