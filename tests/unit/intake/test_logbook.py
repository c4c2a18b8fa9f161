"""A log line holds what is allowed and nothing else."""

import json
import logging

import pytest

from orchestration.intake.logbook import JsonLines


def _line(message: str, *args: object, **extra: object) -> dict[str, object]:
    record = logging.getLogger("t").makeRecord(
        "t", logging.INFO, "f.py", 1, message, args, None, extra=extra
    )
    return json.loads(JsonLines().format(record))


def test_a_field_that_is_not_allowed_does_not_get_in() -> None:
    line = _line("request", request_id="r1", status=202, email="ayse@example.com", body=b"{}")

    assert line["event"] == "request"
    assert line["request_id"] == "r1"
    assert line["status"] == 202
    assert "ayse" not in json.dumps(line)
    assert "body" not in line


def test_what_is_put_into_a_message_stays_out() -> None:
    assert _line("refused %s", "ayse@example.com")["event"] == "refused %s"


def test_a_line_is_one_line() -> None:
    record = logging.getLogger("t").makeRecord("t", 20, "f.py", 1, "a\r\nb", (), None)

    assert "\n" not in JsonLines().format(record)


def test_an_exception_is_its_type_and_place() -> None:
    with pytest.raises(ValueError, match="ayse") as raised:
        int("ayse@example.com")
    caught = (raised.type, raised.value, raised.tb)
    record = logging.getLogger("t").makeRecord("t", 40, "f.py", 1, "bug", (), caught)

    line = JsonLines().format(record)

    assert "ayse" not in line
    assert json.loads(line)["exception"] == "ValueError"
    assert json.loads(line)["place"].startswith("test_logbook.py:")
