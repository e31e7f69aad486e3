"""The page and its HTTP API as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from arae_toolkit.errors import ToolkitError
from arae_toolkit.serving.access import HOSTS, Access
from arae_toolkit.serving.operations import (
    MOST_BODY_BYTES,
    MOST_CHARACTERS,
    MOST_TEXTS,
    OPERATIONS,
    Fields,
    RefusedRequest,
    openapi,
)
from arae_toolkit.serving.request_queue import QueueFull, RequestQueue
from arae_toolkit.serving.runs import ServedRun
from arae_toolkit.storage.json_files import parsed_object, significant

PAGE = Path(__file__).with_name("page")
JSON = "application/json"


def application(
    runs: Mapping[str, ServedRun], queue: RequestQueue, *, token: str, port: int
) -> Starlette:
    """Return the application.

    Args:
        runs: By the name that requests give.
        queue: Every model is asked by its thread.
        token: Without it nothing is answered.
        port: Where it is served.
    """
    service = _Service(runs, queue)
    return Starlette(
        routes=[
            Route("/", partial(_file, "index.html")),
            Route("/docs", partial(_file, "docs.html")),
            Mount("/page", StaticFiles(directory=PAGE)),
            Route("/openapi.json", service.openapi),
            Route("/api/runs", service.described),
            Route("/api/{operation}", service.answer, methods=["POST"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False),
            Middleware(Access, token=token, port=port),
        ],
        exception_handlers={
            ToolkitError: _refused,
            HTTPException: _no_such_page,
            Exception: _failed,
        },
    )


async def _file(name: str, request: Request) -> Response:
    return FileResponse(PAGE / name)


class _Service:
    """The handlers of the API."""

    def __init__(self, runs: Mapping[str, ServedRun], queue: RequestQueue) -> None:
        self.runs, self.queue = runs, queue
        self.able = {
            operation: able
            for operation in OPERATIONS
            if (able := [name for name, run in runs.items() if operation in run.answers])
        }
        # Now, since models are asked here, and later by the queue's thread alone.
        self.description = {
            "runs": [
                {
                    "name": name,
                    "can": [operation for operation in OPERATIONS if operation in run.answers],
                    **run.described(),
                }
                for name, run in runs.items()
            ],
            "operations": {
                name: {"title": OPERATIONS[name].title, "summary": OPERATIONS[name].summary}
                for name in self.able
            },
            "limits": {
                "texts": MOST_TEXTS,
                "characters": MOST_CHARACTERS,
                "body_bytes": MOST_BODY_BYTES,
                "waiting_requests": queue.most_waiting,
            },
        }

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(openapi(self.able))

    async def described(self, request: Request) -> Response:
        return JSONResponse(self.description)

    async def answer(self, request: Request) -> Response:
        name = request.path_params["operation"]
        if name not in self.able:
            raise RefusedRequest(
                f"no run here can do {name!r:.80}; there are {', '.join(self.able)}", status=404
            )
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise RefusedRequest(f"the content type must be {JSON}", status=415)
        fields = OPERATIONS[name].checked(_parsed(await _body_of(request)))
        run = self.runs.get(fields["run"])
        if run is None or name not in run.answers:
            problem = "cannot do this" if run else f"is none of the runs {', '.join(self.runs)}"
            able = f"{name} can be asked of {', '.join(self.able[name])}"
            raise RefusedRequest(f"{fields['run']!r:.80} {problem}; {able}", status=404)
        run.check(name, fields)
        operation = OPERATIONS[name]
        answer = self.queue.submit(
            (name, operation.shared(fields)),
            run.answers[name],
            fields,
            size=operation.size(fields),
        )
        return JSONResponse(significant(await asyncio.wrap_future(answer)))


async def _body_of(request: Request) -> bytes:
    """Return the body of a request, of which no more is read than may be."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BODY_BYTES:
                problem = f"the request has more than {MOST_BODY_BYTES:,} bytes"
                raise RefusedRequest(problem, status=413)
    except ClientDisconnect as error:  # nobody reads the answer, and no fault of ours
        raise RefusedRequest("the request ended before its body did") from error
    return bytes(body)


def _parsed(body: bytes) -> Fields:
    try:
        return parsed_object(body.decode())
    except ValueError as error:
        raise RefusedRequest(f"the request is no JSON object ({error})") from error


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, QueueFull):
        return JSONResponse({"error": str(error)}, 429, headers={"retry-after": "1"})
    status = error.status if isinstance(error, RefusedRequest) else 400
    return JSONResponse({"error": str(error)}, status)


async def _no_such_page(request: Request, error: Any) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    """Answer a failure of ours, whose traceback is shown in the server's terminal."""
    return JSONResponse({"error": "the server failed; its terminal says how"}, 500)
