"""The panel's place: its own process on its own port, with a page that says where things are for now.

It shows no data yet: without a login it may not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

if TYPE_CHECKING:
    from orchestration.settings import Settings

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Leadloop</title>
<style>
  body { font: 16px/1.6 system-ui, sans-serif; max-width: 40rem; margin: 12vh auto; padding: 0 1.5rem; color: #1c2430 }
  h1 { font-size: 1.6rem } a { color: #0b62c4 } li { margin: .4rem 0 }
  code { background: #eef1f5; padding: .1rem .3rem }
</style>
<h1>Leadloop</h1>
<p>The panel of the call centre and marketing will stand here: the day's WhatsApp leads, the campaign of each,
and what went where. It shows no data before it has a login.</p>
<ul>
  <li><a href="{dagster}">Dagster</a>: the asset graph, runs, checks</li>
  <li><a href="{intake}/openapi.json">Intake</a>: what can be sent to it, as OpenAPI</li>
  <li><code>leadloop why LEAD</code>: what became of one lead, destination by destination</li>
</ul>
</html>
"""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def create_app(settings: Settings) -> FastAPI:
    """The panel's ASGI application."""
    app = FastAPI(title="Leadloop panel", openapi_url=None)
    page = _PAGE.replace("{dagster}", settings.public_url).replace(
        "{intake}", f"http://{settings.intake_host}:{settings.intake_port}"
    )

    @app.get("/")
    def front() -> HTMLResponse:
        return HTMLResponse(page, headers=_HEADERS)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


def serve(settings: Settings) -> None:
    """Serve the panel until the process is told to stop."""
    import uvicorn

    uvicorn.run(create_app(settings), host="127.0.0.1", port=settings.panel_port, access_log=False)
