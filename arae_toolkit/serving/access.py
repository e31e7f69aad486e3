"""Who may ask: the token, the address that a browser believes to be at, and the headers of answers.

The service listens on this machine alone, where other users and any page that a browser shows can
reach it as well. The token keeps the first out; the host and the origin keep out pages of others,
whatever name they gave this address.
"""

from __future__ import annotations

import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(24)


class Access:
    """Lets through what brings the token: as ``?token=``, a bearer token, or a cookie.

    The first is answered by the cookie and the address without the token, which then stands neither
    in the browser's history nor on the screen.

    Args:
        app: What is asked then.
        token: The token.
        port: It tells the cookies of several services apart, which browsers do not.
    """

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self.app, self.token, self.cookie = app, token.encode(), f"arae-toolkit-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have the application answer it."""
        if scope["type"] != "http":  # there are no others: no web sockets, no lifespan
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = self._answer(scope) or self.app
        await answer(scope, receive, with_headers)

    def _answer(self, scope: Scope) -> Response | None:
        """Return what is answered in place of the application, if anything is."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            return _refusal(scope, "a page from elsewhere may not ask this service")
        in_address = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if self._is_token(in_address):
            if scope["method"] != "GET":
                return None
            # Two slashes would lead to another host.
            response = RedirectResponse("/" + scope["path"].lstrip("/"), 303)
            response.set_cookie(
                self.cookie, self.token.decode(), httponly=True, samesite="lax", path="/"
            )
            return response
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(bearer.strip()):
            return None
        if self._is_token(_cookie(headers, self.cookie)):
            return None
        return _refusal(
            scope, "the token is wrong or missing; open the address that arae-toolkit serve printed"
        )

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode("utf-8", "replace"), self.token)


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _refusal(scope: Scope, problem: str) -> Response:
    if scope["path"].startswith("/api/"):
        return JSONResponse({"error": problem}, 403)
    return PlainTextResponse(f"arae-toolkit: {problem}\n", 403)
