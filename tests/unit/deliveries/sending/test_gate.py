"""The gate: what keeps it closed."""

from __future__ import annotations

import pytest

from orchestration.deliveries.sending.gate import NO_VERDICT, Verdict, closing_rules

GOOD = Verdict("TCH1", "critical", passed=True, is_stale=False)


@pytest.mark.parametrize(
    ("verdicts", "closed_by"),
    [
        pytest.param([GOOD], (), id="all good"),
        pytest.param([], (NO_VERDICT,), id="never judged"),
        pytest.param([Verdict("NUL1", "warning", True, False)], (NO_VERDICT,), id="warnings only"),
        pytest.param([GOOD, Verdict("CNT1", "critical", False, False)], ("CNT1",), id="failed"),
        pytest.param(
            [GOOD, Verdict("CNT1", "critical", True, True)], ("CNT1:stale",), id="too long ago"
        ),
        pytest.param(
            [GOOD, Verdict("CNT1", "critical", False, True)], ("CNT1",), id="failed long ago"
        ),
        pytest.param([GOOD, Verdict("NUL1", "warning", False, False)], (), id="warning failed"),
    ],
)
def test_gate_is_closed_by(verdicts: list[Verdict], closed_by: tuple[str, ...]) -> None:
    assert closing_rules(verdicts) == closed_by
