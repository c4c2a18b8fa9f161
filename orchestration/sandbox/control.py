"""The routes under ``/_sandbox`` at every stand-in: arm faults, read what happened, start over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestration.sandbox.faults import Fault
from orchestration.sandbox.plumbing import ELSEWHERE, Surroundings
from orchestration.sandbox.tally import PLATFORMS


class Control:
    """What the routes do."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    async def arm_fault(self, request: Request) -> Response:
        """``POST /_sandbox/faults``: a ``Fault`` as JSON."""
        try:
            fault = Fault.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"errors": error.errors(include_input=False)}, 422)
        if fault.platform not in PLATFORMS:
            return JSONResponse({"errors": [f"platform is one of {', '.join(PLATFORMS)}"]}, 422)
        self._around.faults.arm(fault)
        return JSONResponse(fault.model_dump(), 201)

    def faults(self, _request: Request) -> Response:
        """``GET /_sandbox/faults``: each with how often it struck and which events it picked."""
        return JSONResponse(
            [
                {**armed.fault.model_dump(), "strikes": armed.strikes, "picked": armed.picked}
                for armed in self._around.faults.states()
            ]
        )

    def counts(self, _request: Request) -> Response:
        """``GET /_sandbox/counts``: sums by platform."""
        return JSONResponse(self._around.tally.counts())

    def events(self, _request: Request) -> Response:
        """``GET /_sandbox/events``: every conversion as the platform holds it."""
        return JSONResponse(self._around.tally.events())

    def moments(self, _request: Request) -> Response:
        """``GET /_sandbox/moments``: every request's time, door and fault, by platform."""
        return JSONResponse(self._around.tally.moments())

    def condemned(self, _request: Request) -> Response:
        """``GET /_sandbox/condemned``: ids of events that a fault refuses for good, by platform."""
        return JSONResponse(self._around.tally.condemned())

    def scenarios(self, _request: Request) -> Response:
        """``GET /_sandbox/scenarios``: the ones that are played."""
        return JSONResponse(self._around.scenarios)

    def elsewhere(self, request: Request) -> Response:
        """Where redirects lead: no exporter should ever come here."""
        platform = request.path_params["platform"]
        if platform in PLATFORMS:
            self._around.tally.note_request(platform, "elsewhere", self._around.now())
        return JSONResponse({})

    def reset(self, _request: Request) -> Response:
        """``POST /_sandbox/reset``: nothing received, nothing armed."""
        self._around.tally.reset()
        self._around.faults.clear()
        for forget in self._around.on_reset:
            forget()
        return Response(status_code=204)


def build_app(
    around: Surroundings,
    routes: list[Route],
    unknown_path: Callable[[Request, Exception], Awaitable[Response]],
) -> Starlette:
    """Put a platform's routes and the control routes together."""
    app = Starlette(
        # Ours come first: Meta's paths begin with any word.
        routes=[*_control_routes(around), *routes],
        exception_handlers={404: unknown_path, 405: unknown_path},
    )
    # TikTok's trailing slash matters (DOC Ttrack), so no path is bent to fit.
    app.router.redirect_slashes = False
    return app


def _control_routes(around: Surroundings) -> list[Route]:
    control = Control(around)
    return [
        Route("/_sandbox/faults", control.arm_fault, methods=["POST"]),
        Route("/_sandbox/faults", control.faults, methods=["GET"]),
        Route("/_sandbox/counts", control.counts, methods=["GET"]),
        Route("/_sandbox/events", control.events, methods=["GET"]),
        Route("/_sandbox/moments", control.moments, methods=["GET"]),
        Route("/_sandbox/condemned", control.condemned, methods=["GET"]),
        Route("/_sandbox/scenarios", control.scenarios, methods=["GET"]),
        Route("/_sandbox/reset", control.reset, methods=["POST"]),
        Route(ELSEWHERE + "/{platform}", control.elsewhere, methods=["GET", "POST"]),
    ]
