"""House rules: each test says which convention broke and how to mend it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tracked_files() -> list[Path]:
    """Every file of the repository; in an export without git, every file that is not generated."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def text_files(*suffixes: str) -> list[tuple[Path, str]]:
    return [
        (path, path.read_text(encoding="utf-8"))
        for path in tracked_files()
        if not suffixes or path.suffix in suffixes
        if path.suffix not in {".png", ".ico", ".jpg"}
    ]


def test_every_python_module_opens_with_its_charter() -> None:
    bare = [
        str(path.relative_to(ROOT))
        for path, text in text_files(".py")
        if text.strip() and not text.lstrip().startswith(('"""', "'''", "#!"))
    ]
    assert bare == [], "begin the module with a docstring that says what it is about"


def test_no_file_names_an_index_or_a_machine() -> None:
    pattern = re.compile(
        r"(?:index-url|registry|resolved)[\"']?\s*[=:]\s*[\"']?https?://|(?:^|[^\w.])/(?:work|farm|root)/",
        re.MULTILINE,
    )
    found = [
        str(path.relative_to(ROOT))
        for path, text in text_files()
        if path.name != "test_house_rules.py" and pattern.search(text)
    ]
    assert found == [], "name no package index and no absolute path of a machine"


def test_python_never_glues_sql_together() -> None:
    pattern = re.compile(r"(?:\bexecute|(?<!_)\btext)\(\s*f[\"']")
    found = [
        str(path.relative_to(ROOT))
        for path, text in text_files(".py")
        if path.is_relative_to(ROOT / "orchestration") and pattern.search(text)
    ]
    assert found == [], (
        "give the statement a name in queries.sql and let values travel as parameters"
    )


def test_only_settings_reads_the_environment() -> None:
    pattern = re.compile(r"os\.getenv|os\.environ\.get\(\"|os\.environ\[\"[A-Z_]+\"\](?! =)")
    found = [
        str(path.relative_to(ROOT))
        for path, text in text_files(".py")
        if path.is_relative_to(ROOT / "orchestration")
        if path != ROOT / "orchestration" / "settings.py"
        if pattern.search(text)
    ]
    assert found == [], "add the value to orchestration/settings.py"


def test_every_setting_is_documented() -> None:
    from orchestration.settings import Settings

    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    missing = [
        f"LEADLOOP_{name.upper()}"
        for name in Settings.model_fields
        if f"`LEADLOOP_{name.upper()}`" not in page
    ]
    assert missing == [], "describe the setting in docs/settings.md"


def test_modules_are_small_enough_to_have_one_subject() -> None:
    long = {
        str(path.relative_to(ROOT)): text.count("\n")
        for path, text in text_files(".py")
        if path.is_relative_to(ROOT / "orchestration") and text.count("\n") > 450
    }
    assert long == {}, "ask what the module's second subject is, and give it a module"


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "DECISIONS.md", "LICENSE"])
def test_the_papers_are_there(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").strip()
