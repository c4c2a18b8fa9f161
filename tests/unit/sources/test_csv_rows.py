"""What the cells of a row mean: columns, times, money."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestration.sources.csv_rows import (
    FIELDS,
    REQUIRED,
    ReadRow,
    RowRefused,
    find_columns,
    read_row,
    read_time,
    read_value,
)
from orchestration.sources.csv_text import CsvRefused

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ISTANBUL = ZoneInfo("Europe/Istanbul")


def read(kind: str = "lead", **cells: str) -> ReadRow:
    columns = find_columns(list(cells), {}, kind)
    return read_row(
        list(cells.values()), columns, zone=ISTANBUL, now=NOW, conversion_kind="purchase"
    )


def refusal(kind: str = "lead", **cells: str) -> RowRefused:
    with pytest.raises(RowRefused) as found:
        read(kind, **cells)
    return found.value


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2018-02-26 19:58:54", "2018-02-26T16:58:54+00:00"),
        ("2018-02-26T19:58:54Z", "2018-02-26T19:58:54+00:00"),
        ("2018-02-26T19:58:54.250-03:00", "2018-02-26T22:58:54.250000+00:00"),
        ("2018-02-26", "2018-02-25T21:00:00+00:00"),
        ("26.02.2018", "2018-02-25T21:00:00+00:00"),
        ("6.2.2018 9:05", "2018-02-06T06:05:00+00:00"),
        ("26.02.2018 19:58:54", "2018-02-26T16:58:54+00:00"),
        ("1519675134", "2018-02-26T19:58:54+00:00"),
        ("1519675134000", "2018-02-26T19:58:54+00:00"),
    ],
)
def test_times_of_many_forms_become_utc(text, moment):
    assert read_time(text, ISTANBUL, NOW).isoformat() == moment


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "time_missing"),
        ("02/26/2018", "time_unreadable"),
        ("20180226", "time_unreadable"),
        ("43157.83", "time_unreadable"),
        ("31.02.2018", "time_unreadable"),
        ("26.02.2018 25:00", "time_unreadable"),
        ("1969-12-31", "time_out_of_range"),
        ("0001-01-01", "time_unreadable"),
        ("2026-11-21T12:00:01Z", "time_out_of_range"),
    ],
)
def test_a_time_is_never_guessed(text, reason):
    with pytest.raises(RowRefused, match=f"^{reason}$"):
        read_time(text, ISTANBUL, NOW)


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2026, 11, 20)),  # noqa: DTZ001
    st.sampled_from(["Europe/Istanbul", "America/Sao_Paulo", "UTC", "Asia/Kathmandu"]),
)
def test_a_local_time_comes_back_as_it_was_written(local, zone_name):
    zone = ZoneInfo(zone_name)
    aware = local.replace(tzinfo=zone)
    # An hour that the clock skipped has no moment of its own.
    assume(aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local)
    assert read_time(local.isoformat(), zone, NOW) == aware


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_a_reason(text):
    with contextlib.suppress(RowRefused):
        assert read_time(text, ISTANBUL, NOW).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.0", "0.0"),
        ("1250", "1250"),
        ("1250.5", "1250.5"),
        ("1250,5", "1250.5"),
        ("1.250,50", "1250.50"),
        ("1,250.50", "1250.50"),
        ("1.250.000", "1250000"),
        ("1 250 000,75", "1250000.75"),
        ("0.125", "0.125"),
    ],
)
def test_money_is_read_with_point_or_comma(text, value):
    assert read_value(text) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.250", "value_ambiguous"),
        ("12,500", "value_ambiguous"),
        ("-5", "value_out_of_range"),
        ("1000000000000", "value_out_of_range"),
        ("NaN", "value_unreadable"),
        ("1e5", "value_unreadable"),
        ("₺5", "value_unreadable"),
        ("1.2.3", "value_unreadable"),
        ("12.34,5", "value_unreadable"),
        (",5", "value_unreadable"),
        ("٣", "value_unreadable"),
    ],
)
def test_money_that_can_be_misread_is_refused(text, reason):
    with pytest.raises(RowRefused, match=f"^{reason}$"):
        read_value(text)


@given(st.decimals(min_value=0, max_value=999_999_999, places=2))
def test_money_written_the_english_and_the_turkish_way_is_the_same(value):
    english = f"{value:,.2f}"
    turkish = english.translate(str.maketrans(",.", ".,"))
    assert read_value(english) == read_value(turkish) == value


@given(st.text(max_size=30))
def test_any_text_is_money_or_a_reason(text):
    with contextlib.suppress(RowRefused):
        assert 0 <= read_value(text) < 10**12


class TestColumns:
    @given(st.data())
    def test_every_column_is_a_field_or_an_extra(self, data):
        """Whatever the names: no column is lost, none is taken for two things at once."""
        kind = data.draw(st.sampled_from(["lead", "deal"]))
        names = st.text(
            st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8
        )
        header = data.draw(st.lists(names, min_size=2, max_size=8, unique=True))
        fields = data.draw(
            st.lists(st.sampled_from(FIELDS[kind]), max_size=len(header), unique=True)
        )
        columns_of = data.draw(st.permutations(header))
        mapping = dict(zip(REQUIRED[kind], columns_of, strict=False))
        mapping |= dict(zip(fields, columns_of, strict=False))
        columns = find_columns(header, mapping, kind)
        assert {**columns.fields} == {
            **columns.fields,
            **{f: header.index(c) for f, c in mapping.items()},
        }
        taken, extra = set(columns.fields.values()), {place for _, place in columns.extras}
        assert taken | extra == set(range(len(header)))
        assert taken & extra == set()

    def test_one_column_may_be_two_fields(self):
        mapping = {"lead_id": "id", "deal_id": "id", "converted_at": "won"}
        columns = find_columns(["id", "won"], mapping, "deal")
        assert columns.fields == {"lead_id": 0, "deal_id": 0, "converted_at": 1}

    def test_a_column_that_a_mapping_took_is_no_field_by_its_name(self):
        columns = find_columns(["lead_id", "created_at", "name"], {"first_name": "name"}, "lead")
        assert "name" not in columns.fields

    def test_nameless_and_doubled_columns_keep_apart(self):
        header = ["lead_id", "created_at", "", "note", "note"]
        assert find_columns(header, {}, "lead").extras == (
            ("column_3", 2),
            ("note", 3),
            ("note_5", 4),
        )

    def test_a_missing_column_is_told_without_quoting_the_file(self):
        with pytest.raises(CsvRefused) as refused:
            find_columns(["ayse@example.com", "7"], {"lead_id": "No"}, "lead")
        assert str(refused.value) == "the file has no column No"


class TestRows:
    def test_what_is_empty_is_left_out(self):
        row = read(lead_id="7", created_at="2026-11-01", email="  ", note="")
        assert row.payload == {
            "lead_id": "7",
            "created_at": "2026-10-31T21:00:00+00:00",
            "extra": {},
        }

    @pytest.mark.parametrize(
        ("cells", "reason"),
        [
            ({"lead_id": " ", "created_at": "2026-11-01"}, "id_missing"),
            ({"lead_id": "x" * 129, "created_at": "2026-11-01"}, "id_malformed"),
            ({"lead_id": "a\nb", "created_at": "2026-11-01"}, "id_malformed"),
            ({"lead_id": "1", "created_at": "soon"}, "time_unreadable"),
            ({"lead_id": "1", "created_at": "2026-11-01", "gclid": "x" * 8193}, "value_too_long"),
        ],
    )
    def test_a_bad_lead_is_refused_with_a_code(self, cells, reason):
        assert str(refusal(**cells)) == reason

    @pytest.mark.parametrize(
        ("cells", "reason"),
        [
            ({"value": "1.250"}, "value_ambiguous"),
            ({"currency": "lira"}, "currency_malformed"),
            ({"conversion_kind": "Satış!"}, "conversion_kind_malformed"),
        ],
    )
    def test_a_bad_deal_is_refused_and_keeps_its_id_and_day(self, cells, reason):
        found = refusal("deal", lead_id="7", converted_at="2026-11-01", **cells)
        assert (found.reason, found.record_id) == (reason, "7")
        assert found.happened_at == datetime(2026, 10, 31, 21, tzinfo=UTC)

    def test_a_deal_with_an_id_of_its_own_still_names_its_lead(self):
        row = read(
            "deal",
            deal_id="d-1",
            lead_id="7",
            converted_at="2026-11-01",
            conversion_kind="Enrollment",
        )
        assert (row.record_id, row.payload["lead_id"]) == ("d-1", "7")
        assert row.payload["kind"] == "enrollment"

    def test_a_refusal_never_quotes_the_row(self):
        found = refusal(lead_id="1", created_at="ayse@example.com")
        assert "ayse" not in repr(found) + str(found.__context__ and found.__suppress_context__)
