"""Importing files: real Postgres, real files, counted to the row."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from orchestration.sources.csv_files import ImportReport, RefusedLine, import_csv
from orchestration.sources.csv_text import CsvRefused
from orchestration.warehouse import Warehouse
from orchestration.warehouse.tenants import NewTenant

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OLIST = Path(__file__).resolve().parents[4] / "shared" / "data" / "olist"
LEAD_MAPPING = {"lead_id": "mql_id", "created_at": "first_contact_date", "utm_source": "origin"}
DEAL_MAPPING = {
    "lead_id": "mql_id",
    "converted_at": "won_date",
    "value": "declared_monthly_revenue",
}


@pytest.fixture
def tenant(make_tenant: Callable[..., NewTenant]) -> NewTenant:
    return make_tenant()


@pytest.fixture
def load(warehouse: Warehouse, tenant: NewTenant, tmp_path: Path) -> Callable[..., ImportReport]:
    """Import a text as a file."""

    def load(text: str | bytes, kind: str = "lead", **options: object) -> ImportReport:
        path = tmp_path / "file.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        mapping = options.pop("mapping", {})
        return import_csv(
            warehouse, tenant.tenant_id, path, kind, mapping, **{"now": NOW, **options}
        )

    return load


def rows(admin: psycopg.Connection, statement: str) -> list[tuple]:
    return admin.execute(statement).fetchall()


def day_counts(admin: psycopg.Connection, source: str = "csv") -> dict[date, int]:
    statement = """
        select distinct on (payload ->> 'day') (payload ->> 'day')::date, (payload ->> 'count')::int
        from raw.events where source = 'sender_counts' and payload ->> 'source' = %s
        order by payload ->> 'day', received_at desc
    """
    return dict(admin.execute(statement, (source,)).fetchall())


@pytest.mark.skipif(not OLIST.is_dir(), reason="../shared/data/olist is not on this machine")
class TestTheMarketplaceFunnel:
    def test_every_lead_and_every_deal_is_stored_and_counted(
        self, warehouse: Warehouse, tenant: NewTenant, admin: psycopg.Connection
    ):
        leads = import_csv(
            warehouse,
            tenant.tenant_id,
            OLIST / "marketing_qualified_leads.csv",
            "lead",
            LEAD_MAPPING,
            timezone="America/Sao_Paulo",
        )
        deals = import_csv(
            warehouse,
            tenant.tenant_id,
            OLIST / "closed_deals.csv",
            "deal",
            DEAL_MAPPING,
            timezone="America/Sao_Paulo",
            conversion_kind="won",
        )
        assert (leads.read, leads.stored, leads.refused) == (8000, 8000, ())
        assert (deals.read, deals.stored, deals.refused) == (842, 842, ())
        assert rows(
            admin, "select object, count(*) from raw.records group by object order by 1"
        ) == [
            ("deal", 842),
            ("lead", 8000),
        ]
        assert sum(day_counts(admin).values()) == 8000
        assert sum(day_counts(admin, "csv_deals").values()) == 842

    def test_the_day_counts_agree_with_the_stored_records(
        self, warehouse: Warehouse, tenant: NewTenant, admin: psycopg.Connection
    ):
        path = OLIST / "marketing_qualified_leads.csv"
        import_csv(warehouse, tenant.tenant_id, path, "lead", LEAD_MAPPING)
        stored = rows(
            admin,
            """
            select ((payload ->> 'created_at')::timestamptz at time zone 'Europe/Istanbul')::date, count(*)
            from raw.records group by 1
            """,
        )
        assert day_counts(admin) == dict(stored)

    def test_a_second_import_stores_nothing(
        self, warehouse: Warehouse, tenant: NewTenant, admin: psycopg.Connection
    ):
        path = OLIST / "closed_deals.csv"
        for _ in range(2):
            report = import_csv(warehouse, tenant.tenant_id, path, "deal", DEAL_MAPPING)
        counted = rows(admin, "select count(*), count(distinct payload ->> 'day') from raw.events")
        assert (report.stored, report.unchanged) == (0, 842)
        assert rows(admin, "select max(version) from raw.records") == [(1,)]
        assert counted[0][0] == counted[0][1]


def test_a_column_without_a_field_is_kept_under_extra(load, admin):
    load("No;Tarih;E-posta;Şube\n7;20.11.2026 10:30;ayse@example.com;Kadıköy\n",
         mapping={"lead_id": "No", "created_at": "Tarih", "email": "E-posta"})  # fmt: skip
    assert rows(admin, "select record_id, payload from raw.records") == [
        (
            "7",
            {
                "lead_id": "7",
                "created_at": "2026-11-20T07:30:00+00:00",
                "email": "ayse@example.com",
                "extra": {"Şube": "Kadıköy"},
            },
        )
    ]


def test_a_time_without_a_zone_is_read_in_the_zone_that_was_given(load, admin):
    load("lead_id,created_at\n1,2026-03-01 23:30\n", timezone="America/New_York")
    assert rows(admin, "select payload ->> 'created_at' from raw.records") == [
        ("2026-03-02T04:30:00+00:00",)
    ]


def test_a_day_is_the_tenants_own_whatever_zone_the_file_is_in(load, admin):
    load("lead_id,created_at\n1,2026-03-01T22:30:00Z\n", timezone="America/New_York")
    assert day_counts(admin) == {date(2026, 3, 2): 1}


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("cp1254", b""),
    ],
    ids=["utf-8", "utf-8 with a mark", "utf-16-le", "utf-16-be", "Turkish Windows"],
)
@pytest.mark.parametrize(
    "delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"]
)
def test_encoding_and_delimiter_are_found(load, admin, encoding, mark, delimiter):
    text = "lead_id,created_at,Adı\r\n1,2026-11-01,Şule Iğdır\r\n".replace(",", delimiter)
    report = load(mark + text.encode(encoding), mapping={"name": "Adı"})
    assert report.delimiter == delimiter
    assert rows(admin, "select payload ->> 'name' from raw.records") == [("Şule Iğdır",)]


def test_a_bad_row_is_set_aside_and_never_sinks_the_file(load, admin):
    report = load(
        b"lead_id,created_at,note\n"
        b"1,2026-11-01,fine\n"
        b"2,yesterday,no time\n"
        b"3,2026-11-01,one,too many\n"
        b",2026-11-01,no id\n"
        b'4,2026-11-01,"a quote that nobody closed\n'
        b"5,2026-11-01,behind it\n"
        b"6,2026-11-01,broken \xff byte\n"
        b"7,2026-11-01,\xc3\xa7ok iyi\n"
        b"8,2099-01-01,from the future\n"
        b"9,2026-11-01,nul \x00 byte\n"
        b"10,2026-11-01,the last\n"
    )
    assert report.refused == (
        RefusedLine(3, "time_unreadable"),
        RefusedLine(4, "wrong_number_of_columns"),
        RefusedLine(5, "id_missing"),
        RefusedLine(6, "quote_not_closed"),
        RefusedLine(8, "wrong_encoding"),
        RefusedLine(10, "time_out_of_range"),
        RefusedLine(11, "nul_byte"),
    )
    stored = rows(admin, "select record_id from raw.records order by record_id::int")
    assert stored == [("1",), ("5",), ("7",), ("10",)]
    kept = rows(
        admin, "select source, reason, body from raw.quarantine where reason = 'wrong_encoding'"
    )
    assert kept == [("csv", "wrong_encoding", b"6,2026-11-01,broken \xff byte\n")]


def test_a_refused_row_is_quarantined_once_however_often_it_comes(load, admin):
    text = "lead_id,created_at\n1,\n"
    load(text)
    load(text)
    assert rows(admin, "select count(*) from raw.quarantine") == [(1,)]


def test_the_last_of_two_rows_with_one_id_counts(load, admin):
    text = "lead_id,created_at,name\n1,2026-11-01,Ali\n1,2026-11-01,Veli\n"
    first, second = load(text), load(text)
    assert (first.read, first.stored, first.repeated) == (2, 1, 1)
    assert (second.stored, second.unchanged) == (0, 1)
    assert rows(admin, "select payload ->> 'name' from raw.records") == [("Veli",)]
    assert day_counts(admin) == {date(2026, 11, 1): 1}


def test_a_changed_row_becomes_a_version(load, admin):
    load("lead_id,created_at,city\n1,2026-11-01,Ankara\n")
    report = load("lead_id,created_at,city\n1,2026-11-01,İzmir\n")
    assert report.stored == 1
    assert rows(admin, "select version, payload ->> 'city' from raw.records order by 1") == [
        (1, "Ankara"),
        (2, "İzmir"),
    ]


class TestTheSendersCount:
    DAY, NEXT = date(2026, 11, 1), date(2026, 11, 2)

    def test_a_file_of_other_leads_adds_to_the_day(self, load, admin):
        load("lead_id,created_at\n1,2026-11-01\n2,2026-11-01\n")
        load("lead_id,created_at\n3,2026-11-01\n", now=NOW + timedelta(hours=1))
        assert day_counts(admin) == {self.DAY: 3}

    def test_a_lead_that_moved_leaves_its_day(self, load, admin):
        load("lead_id,created_at\n1,2026-11-01\n2,2026-11-01\n")
        load("lead_id,created_at\n1,2026-11-02\n", now=NOW + timedelta(hours=1))
        assert day_counts(admin) == {self.DAY: 1, self.NEXT: 1}

    def test_a_refused_row_is_still_the_senders(self, load, admin):
        load("lead_id,created_at,gclid\n1,2026-11-01,\n2,2026-11-01," + "x" * 9000 + "\n")
        assert day_counts(admin) == {self.DAY: 2}
        assert rows(admin, "select count(*) from raw.records") == [(1,)]

    def test_a_refused_row_stays_owed_until_it_comes_in_good_shape(self, load, admin):
        bad = "lead_id,created_at,gclid\n2,2026-11-01," + "x" * 9000 + "\n"
        load(bad)
        load("lead_id,created_at\n3,2026-11-01\n", now=NOW + timedelta(hours=1))
        assert day_counts(admin) == {self.DAY: 2}
        load("lead_id,created_at,gclid\n2,2026-11-01,x\n", now=NOW + timedelta(hours=2))
        assert day_counts(admin) == {self.DAY: 2}
        assert rows(admin, "select count(*) from raw.records") == [(2,)]

    def test_a_stored_record_that_comes_in_bad_shape_counts_once(self, load, admin):
        load("lead_id,created_at\n1,2026-11-01\n")
        bad = "lead_id,created_at,gclid\n1,2026-11-01," + "x" * 9000 + "\n"
        load(bad, now=NOW + timedelta(hours=1))
        load("lead_id,created_at\n2,2026-11-01\n", now=NOW + timedelta(hours=2))
        assert day_counts(admin) == {self.DAY: 2}

    def test_the_same_file_again_writes_no_count(self, load, admin):
        for hour in range(2):
            load("lead_id,created_at\n1,2026-11-01\n", now=NOW + timedelta(hours=hour))
        assert rows(admin, "select count(*) from raw.events") == [(1,)]


def test_a_deal_has_the_leads_id_where_it_has_none_of_its_own(load, admin):
    load('lead_id,converted_at,value,currency\n7,2026-11-01,"1.250,50",try\n', "deal")
    assert rows(admin, "select record_id, object, payload from raw.records") == [
        (
            "7",
            "deal",
            {
                "lead_id": "7",
                "converted_at": "2026-10-31T21:00:00+00:00",
                "kind": "purchase",
                "value": "1250.50",
                "currency": "TRY",
                "extra": {},
            },
        )
    ]


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("", {}, "empty"),
        ("\0\0\0a\0", {}, "not text"),
        ("a,b\n", {}, "say which column holds lead_id, created_at"),
        ("a,b\n", {"mapping": {"lead_id": "c"}}, "no column c"),
        ("a,b,a\n", {"mapping": {"lead_id": "a", "created_at": "b"}}, "more than once"),
        ("a,b\n", {"mapping": {"mail": "a"}}, "a lead has no field mail"),
        ("a,b\n", {"kind": "order"}, "no kind of row"),
        ("lead_id,created_at\n", {"timezone": "Istanbul time"}, "no time zone"),
    ],
    ids=["empty", "binary", "needed", "missing", "doubled", "unknown", "kind", "zone"],
)  # fmt: skip
def test_a_file_that_cannot_be_imported_is_refused_in_words(load, admin, text, options, sentence):
    with pytest.raises(CsvRefused, match=sentence):
        load(text, **options)
    assert rows(admin, "select count(*) from raw.records") == [(0,)]


def test_a_file_with_a_header_alone_is_fine(load):
    report = load("lead_id,created_at\n")
    assert (report.read, report.stored, report.refused) == (0, 0, ())


def test_another_tenant_sees_nothing_of_it(load, warehouse, make_tenant):
    load("lead_id,created_at\n1,2026-11-01\n")
    from sqlalchemy import text

    with warehouse.tenant(make_tenant().tenant_id) as connection:
        assert connection.execute(text("select count(*) from raw.records")).scalar_one() == 0
