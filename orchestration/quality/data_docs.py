"""Data Docs: Great Expectations' pages about the rules and what became of them, with counts and no values.

The pages are made from ``ops.check_results``, which holds nothing else, by Great Expectations' own renderers. Every
suite and tenant has one page at an address that stays, so a link in an old check still leads to the present state. The
first page is ours: Great Expectations' own builds its table by scripts from the network.

Lives elsewhere: the rules' sentences (``expectations``), the verdicts (``verdicts``).
"""

from __future__ import annotations

import functools
import shutil
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from expectations.suites import SUITES
from orchestration.quality.suites import build_expectation
from orchestration.warehouse import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from expectations.rule import Rule
    from expectations.suite import Suite
    from orchestration.settings import Settings
    from orchestration.warehouse import Tenant, Warehouse

_QUERIES = sql.load(__file__)
_INDEX = Template(Path(__file__).with_name("data_docs.html").read_text(encoding="utf-8"))
_ROW = Template(
    '<tr class="$state"><td>$tenant</td><td><a href="$href">$suite</a></td>'
    "<td>$passed of $rules</td><td>$checked_at</td></tr>"
)


@dataclass(frozen=True)
class _Page:
    """One suite's newest verdicts for one tenant, by rule code; each a row of ``ops.check_results``."""

    tenant: Tenant
    suite: Suite
    rows: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """Where it lies under the first page; as deep as Great Expectations' links expect."""
        return Path(
            "validations", self.suite.name, str(self.tenant.tenant_id), "latest", "index.html"
        )

    @property
    def checked_at(self) -> datetime:
        """When the newest of the verdicts was found."""
        return max(row.checked_at for row in self.rows.values())


def index_path(settings: Settings) -> Path:
    """The first page."""
    return settings.home / "data_docs" / "index.html"


def build(settings: Settings, warehouse: Warehouse, suites: Sequence[Suite] = SUITES) -> Path:
    """Build the pages of some suites, for all tenants, and the first page.

    Args:
        settings: The state folder; pages go to ``data_docs`` in it.
        warehouse: A pool of the role ``worker``.
        suites: Whose pages to build; the first page links all that were ever built.

    Returns:
        The first page.
    """
    index = index_path(settings)
    folder = index.parent
    _copy_static_files(folder)
    pages = _read_pages(warehouse)
    for suite in suites:
        _write(folder / "expectations" / f"{suite.name}.html", _render_suite(suite))
    for page in pages:
        if page.suite in suites:
            _write(folder / page.path, _render_page(page))
    _write(index, _render_index(pages))
    return index


def _read_pages(warehouse: Warehouse) -> list[_Page]:
    pages: list[_Page] = []
    for tenant in warehouse.tenants():
        with warehouse.tenant(tenant.tenant_id) as connection:
            values = {"tenant_id": tenant.tenant_id}
            rows = {
                row.rule: row for row in connection.execute(_QUERIES.list_latest_verdicts, values)
            }
        for suite in SUITES:
            own = {rule.code: rows[rule.code] for rule in suite.rules if rule.code in rows}
            if own:
                pages.append(_Page(tenant, suite, own))
    return pages


def _render_suite(suite: Suite) -> str:
    import great_expectations as gx
    from great_expectations.render.renderer import ExpectationSuitePageRenderer

    expectations = gx.ExpectationSuite(
        suite.name, expectations=[build_expectation(rule) for rule in suite.rules]
    )
    return _to_html(ExpectationSuitePageRenderer().render(expectations))


def _render_page(page: _Page) -> str:
    from great_expectations.core import ExpectationSuiteValidationResult, RunIdentifier
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    passed = sum(row.passed for row in page.rows.values())
    results = [
        _result(rule, page.rows[rule.code]) for rule in page.suite.rules if rule.code in page.rows
    ]
    validation = ExpectationSuiteValidationResult(
        success=passed == len(results),
        results=results,
        suite_name=page.suite.name,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / len(results),
        },
        meta={
            "run_id": RunIdentifier(
                run_name=escape(page.tenant.name),
                run_time=page.checked_at,
            ),
            "batch_spec": {"data_asset_name": f"{page.suite.schema}.{page.suite.table}"},
        },
    )
    return _to_html(ValidationResultsPageRenderer().render(validation))


def _result(rule: Rule, row: Any) -> Any:
    """One verdict as Great Expectations' own result, made of counts."""
    from great_expectations.core import ExpectationValidationResult

    row_count = row.detail.get("row_count") or 0
    if rule.query is None:
        percent = 100 * row.failed_count / row_count if row_count else 0.0
        counts: dict[str, float] = {
            "element_count": row_count,
            "unexpected_count": row.failed_count,
            "unexpected_percent": percent,
        }
    else:
        counts = {"observed_value": row.failed_count}
    error = row.detail.get("error") if row.reason else None
    return ExpectationValidationResult(
        success=row.passed,
        expectation_config=build_expectation(rule).configuration,
        result=counts,
        exception_info={
            "raised_exception": error is not None,
            "exception_message": error,
            "exception_traceback": "" if error else None,
        },
    )


def _to_html(document: Any) -> str:
    return _view().render(document, show_how_to_buttons=False)


@functools.cache
def _view() -> Any:
    """The process's view: each one compiles all templates anew, which takes longer than a page."""
    from great_expectations.render.view import DefaultJinjaPageView

    return DefaultJinjaPageView()


def _render_index(pages: Sequence[_Page]) -> str:
    rows: list[str] = []
    for page in pages:
        passed = sum(row.passed for row in page.rows.values())
        rows.append(
            _ROW.substitute(
                state="passed" if passed == len(page.rows) else "failed",
                tenant=escape(page.tenant.name),
                href=page.path.as_posix(),
                suite=page.suite.name,
                passed=passed,
                rules=len(page.rows),
                checked_at=f"{page.checked_at:%Y-%m-%d %H:%M}",
            )
        )
    return _INDEX.substitute(rows="\n".join(rows))


def _copy_static_files(folder: Path) -> None:
    import great_expectations.render.view as view

    target = folder / "static"
    if not target.exists():
        shutil.copytree(Path(view.__file__).with_name("static"), target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
