"""dbt's own unit tests, on built tables."""

from __future__ import annotations

from orchestration.settings import Settings
from orchestration.transform.project import failures, run_as_dbt

NAMES = {
    "the_first_rule_that_stands_decides",
    "the_latest_word_counts_and_of_two_at_once_the_no",
    "the_policy_of_the_region_that_holds_now_decides",
    "a_persons_name_wins_while_it_lasts",
    "a_reversal_takes_back_what_came_before_it",
    "credit_goes_to_the_first_and_the_last_contact",
}


def test_unit_tests_of_the_models_hold(warm_settings: Settings) -> None:
    # `dbt build` runs a unit test only together with its model, and passes when it selected none.
    result = run_as_dbt(warm_settings, ["test", "--select", "test_type:unit"])
    assert failures(result) == []
    assert {node.node.name for node in result.result.results} == NAMES
