"""What is said about a rule, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from expectations.rules import find_rule
from orchestration.quality.alerts import Said, check_url, compose, occasion_of
from orchestration.quality.verdicts import Verdict
from orchestration.warehouse import Tenant

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TENANT = Tenant(
    tenant_id=UUID("00000000-0000-0000-0000-000000000001"),
    name="Dil Okulu Ankara",
    region="TR",
    timezone="Europe/Istanbul",
    currency="TRY",
)
DAY = timedelta(hours=24)


def verdict(*, passed: bool, **facts) -> Verdict:
    return Verdict(TENANT, find_rule("NUL2"), NOW, passed=passed, **facts)


@pytest.mark.parametrize(
    ("passed", "said", "occasion"),
    [
        pytest.param(True, None, None, id="never failed"),
        pytest.param(True, Said(False, NOW - DAY), None, id="holds since it was closed"),
        pytest.param(True, Said(True, NOW - DAY), "closed", id="holds again"),
        pytest.param(False, None, "opened", id="fails for the first time"),
        pytest.param(False, Said(False, NOW), "opened", id="fails again"),
        pytest.param(False, Said(True, NOW - timedelta(hours=23)), None, id="said today"),
        pytest.param(False, Said(True, NOW - DAY), "reminder", id="said yesterday"),
    ],
)
def test_a_rule_is_spoken_of_when_it_changes_and_once_a_day(passed, said, occasion) -> None:
    assert occasion_of(verdict(passed=passed), said, NOW) == occasion


def test_a_message_tells_what_failed_for_whom_and_where_to_look() -> None:
    message = compose(
        verdict(passed=False, failed_count=1, row_count=1234), "opened", "https://dagster.example/"
    )
    assert message.title == "NUL2 failed for Dil Okulu Ankara"
    assert message.is_failure
    assert message.body.splitlines() == [
        "Leads carry campaign_id, over the last week and on each of its days.",
        "Rule: NUL2 (warning) on marts.fct_leads",
        "Tenant: Dil Okulu Ankara (00000000-0000-0000-0000-000000000001)",
        "Outcome: 1 failed, over 1,234 rows",
        "Threshold: missing at most: form 65%, whatsapp 95%, csv 100%; judged from 20 leads on",
        "Check: https://dagster.example/assets/marts/fct_leads?view=checks&checkDetail=NUL2",
        "Runbook: docs/runbooks/nul.md",
    ]


def test_a_rule_that_could_not_be_computed_says_so_instead_of_a_count() -> None:
    told = compose(
        verdict(passed=False, reason="cannot_compute", error="UndefinedTable"), "opened", ""
    )
    assert "Outcome: cannot_compute (UndefinedTable)" in told.body


def test_a_closing_message_is_no_failure() -> None:
    message = compose(verdict(passed=True), "closed", "")
    assert message.title == "NUL2 holds again for Dil Okulu Ankara"
    assert not message.is_failure


def test_a_link_leads_to_the_check_of_the_asset() -> None:
    assert check_url(find_rule("REC3"), "http://127.0.0.1:3000") == (
        "http://127.0.0.1:3000/assets/marts/fct_touches?view=checks&checkDetail=REC3"
    )
