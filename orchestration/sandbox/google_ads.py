"""The Google Ads API over gRPC and TLS: what can be queried, beside the classic upload (``google_clicks.py``).

The client library ships no servicer (RAN G1.3), so the methods are registered by name with the message classes as
codecs.

Belongs here: serving and paging. Lives elsewhere: the rows (``google_ads_rows.py``), who may call
(``google_rpc.py``).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.sandbox.certificate import ensure_certificate
from orchestration.sandbox.google_ads_rows import UnknownField, read_rows
from orchestration.sandbox.google_clicks import click_handlers
from orchestration.sandbox.google_rpc import Door
from orchestration.sandbox.http_server import PortTaken
from orchestration.sandbox.plumbing import Surroundings

if TYPE_CHECKING:
    import grpc

SERVICE = "google.ads.googleads.v26.services.GoogleAdsService"
STOP_SECONDS = 2


class AdsReads:
    """The two read methods."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._door = Door(around, "google_ads")

    def search(self, request: Any, context: grpc.ServicerContext) -> Any:
        """``Search``: one page, and the token of the next."""
        from google.ads.googleads.v26.services.types.google_ads_service import (
            SearchGoogleAdsResponse,
        )

        # LIB G6: the page size is fixed, and asking for one is an error.
        if request.page_size:
            self._door.refuse(context, "INVALID_ARGUMENT", request_error="PAGE_SIZE_NOT_SUPPORTED")
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
        account, _ = self._door.admit(
            context, "search", request.customer_id, request.query.encode()
        )
        try:
            return read_rows(request.query, account, self._around)
        except UnknownField:
            self._door.refuse(context, "INVALID_ARGUMENT", query_error="UNRECOGNIZED_FIELD")


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
    services = {SERVICE: _handlers(AdsReads(around)), **click_handlers(around)}
    server.add_generic_rpc_handlers(
        tuple(grpc.method_handlers_generic_handler(*service) for service in services.items())
    )
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
