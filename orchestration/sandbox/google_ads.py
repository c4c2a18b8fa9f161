"""The Google Ads API, as far as reading campaigns and ad groups goes: ``GoogleAdsService`` over gRPC and TLS.

The client library ships no servicer (RAN G1.3), so the methods are registered by name with the message classes as
codecs. A query's fields and resource are read; conditions are not, for the product asks for everything.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.sandbox.certificate import ensure_certificate
from orchestration.sandbox.faults import Fault
from orchestration.sandbox.google_oauth import is_good_bearer
from orchestration.sandbox.http_server import PortTaken
from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.world import Account, AdGroup

if TYPE_CHECKING:
    import grpc

SERVICE = "google.ads.googleads.v26.services.GoogleAdsService"
FAILURE_KEY = "google.ads.googleads.v26.errors.googleadsfailure-bin"
STOP_SECONDS = 2
QUERY = re.compile(r"\s*select\s+(?P<fields>.+?)\s+from\s+(?P<resource>\w+)", re.I | re.S)
FIELDS = {
    "campaign": ("campaign.id", "campaign.name", "campaign.status"),
    "ad_group": ("ad_group.id", "ad_group.name", "ad_group.status", "campaign.id"),
}


class AdsReads:
    """The two read methods."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def search(self, request: Any, context: grpc.ServicerContext) -> Any:
        """``Search``: one page, and the token of the next."""
        from google.ads.googleads.v26.services.types.google_ads_service import (
            SearchGoogleAdsResponse,
        )

        # LIB G6: the page size is fixed, and asking for one is an error.
        if request.page_size:
            self._abort(context, "INVALID_ARGUMENT", request_error="PAGE_SIZE_NOT_SUPPORTED")
        rows = self._rows(request, context)
        start = int(request.page_token or 0)
        end = start + self._around.ads_page_size
        return SearchGoogleAdsResponse(
            results=rows[start:end],
            next_page_token=str(end) if end < len(rows) else "",
            total_results_count=len(rows),
        )

    def search_stream(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """``SearchStream``: everything, in chunks. No row at all is one empty stream."""
        from google.ads.googleads.v26.services.types.google_ads_service import (
            SearchGoogleAdsStreamResponse,
        )

        rows = self._rows(request, context)
        size = self._around.ads_page_size
        for start in range(0, len(rows), size):
            yield SearchGoogleAdsStreamResponse(
                results=rows[start : start + size], request_id=self._around.new_id()
            )

    def _rows(self, request: Any, context: grpc.ServicerContext) -> list[Any]:
        fault = self._around.strike("google_ads", "search", request.query.encode())
        if fault:
            self._act_out(fault, context)
        metadata = {key: value for key, value in context.invocation_metadata()}
        authorization = str(metadata.get("authorization", ""))
        if not is_good_bearer(authorization):
            self._abort(context, "UNAUTHENTICATED", authentication_error="OAUTH_TOKEN_EXPIRED")
        account = self._around.world.find_account("google", request.customer_id)
        if account is None:
            self._abort(context, "PERMISSION_DENIED", authorization_error="USER_PERMISSION_DENIED")
            raise AssertionError  # abort raises; this tells the type checker
        query = QUERY.match(request.query)
        resource = query["resource"].lower() if query else ""
        fields = [f.strip().lower() for f in query["fields"].split(",")] if query else []
        if resource not in FIELDS or not set(fields) <= set(FIELDS[resource]):
            self._abort(context, "INVALID_ARGUMENT", query_error="UNRECOGNIZED_FIELD")
        return _read_rows(account, resource, fields)

    def _act_out(self, fault: Fault, context: grpc.ServicerContext) -> None:
        match fault.fault:
            case "429":
                # RAN G1.3: quota errors surface as ResourceExhausted, whatever the trailing metadata says.
                self._abort(
                    context,
                    "RESOURCE_EXHAUSTED",
                    quota_error="RESOURCE_TEMPORARILY_EXHAUSTED",
                    retry_after=fault.retry_after,
                )
            case "500":
                self._abort(context, "INTERNAL", internal_error="INTERNAL_ERROR")
            case "expired_token":
                self._abort(context, "UNAUTHENTICATED", authentication_error="OAUTH_TOKEN_EXPIRED")
            case _:
                self._abort(context, "UNAVAILABLE")

    def _abort(
        self,
        context: grpc.ServicerContext,
        status: str,
        retry_after: int | None = None,
        **codes: str,
    ) -> None:
        import grpc
        from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure

        if codes:
            error: dict[str, Any] = {"error_code": codes, "message": status}
            if retry_after is not None:
                quota = {"retry_delay": {"seconds": retry_after}}
                error["details"] = {"quota_error_details": quota}
            failure = GoogleAdsFailure(errors=[error], request_id=self._around.new_id())
            context.set_trailing_metadata(((FAILURE_KEY, GoogleAdsFailure.serialize(failure)),))
        context.abort(getattr(grpc.StatusCode, status), status)


def _read_rows(account: Account, resource: str, fields: list[str]) -> list[Any]:
    from google.ads.googleads.v26.services.types.google_ads_service import GoogleAdsRow

    rows: list[Any] = []
    # DOC G6: removed ones are listed like the others unless a condition leaves them out.
    things = account.campaigns if resource == "campaign" else account.groups
    for thing in things:
        values: dict[str, Any] = {
            f"{resource}.id": int(thing.id),
            f"{resource}.name": thing.name,
            f"{resource}.status": thing.status,
        }
        if isinstance(thing, AdGroup):
            values["campaign.id"] = int(thing.campaign_id)
        row: dict[str, dict[str, Any]] = {}
        for field in fields:
            message, _, attribute = field.partition(".")
            row.setdefault(message, {})[attribute] = values[field]
        rows.append(GoogleAdsRow(row))
    return rows


def _handlers(reads: AdsReads) -> dict[str, Any]:
    import grpc
    from google.ads.googleads.v26.services.types import google_ads_service as types

    return {
        "Search": grpc.unary_unary_rpc_method_handler(
            reads.search,
            request_deserializer=types.SearchGoogleAdsRequest.deserialize,
            response_serializer=types.SearchGoogleAdsResponse.serialize,
        ),
        "SearchStream": grpc.unary_stream_rpc_method_handler(
            reads.search_stream,
            request_deserializer=types.SearchGoogleAdsStreamRequest.deserialize,
            response_serializer=types.SearchGoogleAdsStreamResponse.serialize,
        ),
    }


@contextmanager
def serving_google_ads(
    around: Surroundings, state_folder: Path, port: int = 0
) -> Generator[tuple[str, Path]]:
    """Serve on localhost and yield the endpoint and the certificate to trust.

    Raises:
        PortTaken: Something listens there already.
    """
    import grpc

    certificate = ensure_certificate(state_folder)
    credentials = grpc.ssl_server_credentials(
        [(certificate.key_path.read_bytes(), certificate.certificate_path.read_bytes())]
    )
    pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="sandbox-google-ads")
    server = grpc.server(pool)
    handler = grpc.method_handlers_generic_handler(SERVICE, _handlers(AdsReads(around)))
    server.add_generic_rpc_handlers((handler,))
    try:
        bound = server.add_secure_port(f"localhost:{port}", credentials)
    except RuntimeError as error:
        raise PortTaken(f"port {port} of localhost is taken; stop what listens there") from error
    server.start()
    try:
        yield f"localhost:{bound}", certificate.certificate_path
    finally:
        server.stop(grace=0.5).wait(STOP_SECONDS)
        pool.shutdown(wait=True)
