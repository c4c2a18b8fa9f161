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


def mentions() -> list[tuple[str, list[str]]]:
    """Every command that stands in the running text, between backticks or indented: page and arguments."""
    found = []
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        spans = re.findall(r"`(leadloop [^`]+)`", text)
        spans += re.findall(r"^ {4}(leadloop [^\n#]+)", text, re.MULTILINE)
        found += [(page.name, re.findall(r"[^\s\[\]]+", span)[1:]) for span in spans]
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


def test_the_documents_name_only_options_that_exist() -> None:
    for page, words in [*commands("leadloop"), *mentions()]:
        told = f"{page}: leadloop {' '.join(words)}"
        command, rest = get_command(app), list(words)
        while rest and rest[0] in getattr(command, "commands", {}):
            command = command.commands[rest.pop(0)]
        if getattr(command, "commands", {}) and rest:
            assert rest[0].startswith(("-", "…")), told
        options = {
            name for option in command.params for name in [*option.opts, *option.secondary_opts]
        }
        unknown = {word for word in rest if re.fullmatch(r"--?[a-z-]+", word)} - options
        assert not unknown, f"{told}: {unknown}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in sorted((ROOT / "docs").glob("**/*.md")):
        name = page.relative_to(ROOT / "docs").as_posix()
        if name != "README.md" and not name.startswith("runbooks/"):
            assert f"({name})" in index, f"docs/README.md does not name {name}"


def test_every_family_of_rules_has_a_runbook_in_the_index() -> None:
    from expectations.rules import RULES

    index = (ROOT / "docs" / "runbooks" / "README.md").read_text()
    for family in sorted({rule.code[:3].lower() for rule in RULES}):
        assert f"({family}.md)" in index, f"docs/runbooks/README.md does not name {family}.md"


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
