"""The pages about Meta and TikTok say what the code does: codes, fields, settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import orchestration
from orchestration.deliveries.accounts.config import NAMES
from orchestration.deliveries.destinations import meta, tiktok
from orchestration.vendors import meta_codes, tiktok_codes

PAGES = Path(orchestration.__file__).parent.parent / "docs" / "destinations"
CODES = {"meta": meta_codes.CODES, "tiktok": tiktok_codes.CODES}
FIELDS = {"meta": meta.FIELDS, "tiktok": tiktok.FIELDS}


def section(platform: str, heading: str) -> str:
    """The text under one heading."""
    page = (PAGES / f"{platform}.md").read_text("utf-8")
    return page.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """What stands in code marks in the first cell of each row of the tables."""
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


@pytest.mark.parametrize("platform", CODES)
def test_codes_of_the_page_are_those_of_the_table(platform: str) -> None:
    wanted = [
        f"| `{row.code}` | {row.action} | {row.meaning} | {row.source} |"
        for row in CODES[platform].values()
    ]
    found = [line for line in section(platform, "Codes").splitlines() if line.startswith("| `")]
    assert found == wanted, "\n".join(["put these rows into the page:", *wanted])


@pytest.mark.parametrize("platform", FIELDS)
def test_fields_of_the_page_are_those_that_may_leave(platform: str) -> None:
    assert sorted(first_cells(section(platform, "Fields"))) == sorted(FIELDS[platform])


@pytest.mark.parametrize("platform", FIELDS)
def test_settings_of_the_page_are_those_of_an_account(platform: str) -> None:
    named = first_cells(section(platform, "Settings of an account"))
    found = {
        name.replace("OUTCOME", kind)
        for name in named
        for kind in ("qualified_lead", "appointment", "enrollment", "purchase")
    }
    assert found == set(NAMES[platform])


@pytest.mark.parametrize(("platform", "stages"), [("meta", meta.STAGES), ("tiktok", tiktok.STAGES)])
def test_stages_of_the_page_are_the_usual_ones(platform: str, stages: dict[str, str]) -> None:
    text = section(platform, "Which door an event takes")
    assert all(f"`{stage}`" in text for stage in stages.values())
