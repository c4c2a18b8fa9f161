"""What is kept of an error: its class."""

from __future__ import annotations

import pytest

from orchestration.quality.evaluation import name_error


@pytest.mark.parametrize(
    ("message", "name"),
    [
        pytest.param(
            '(psycopg.errors.InvalidTextRepresentation) invalid input: "kanarya@example.com"',
            "InvalidTextRepresentation",
            id="of the server",
        ),
        pytest.param(
            "(psycopg.OperationalError) no such host", "OperationalError", id="of the driver"
        ),
        pytest.param("kanarya@example.com", "ValueError", id="of something else"),
        pytest.param("", "ValueError", id="without a message"),
    ],
)
def test_an_error_is_named_by_its_class_and_nothing_else(message: str, name: str) -> None:
    assert name_error(message, "ValueError") == name
