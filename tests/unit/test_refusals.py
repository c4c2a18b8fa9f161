"""Errors of the database, in words that say what to mend."""

from __future__ import annotations

import psycopg
import pytest

from orchestration.refusals import explain_refusal


def test_a_server_that_is_not_there_is_told_from_one_that_refuses() -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect("postgresql://admin:hunter2@127.0.0.1:1/leadloop")
    sentence = explain_refusal(refused.value)
    assert sentence is not None
    assert sentence.startswith("no database answers")
    assert "hunter2" not in sentence


def test_a_missing_privilege_names_those_that_are_needed() -> None:
    sentence = explain_refusal(psycopg.errors.InsufficientPrivilege("permission denied"))
    assert sentence is not None
    assert "CREATEDB and CREATEROLE" in sentence
