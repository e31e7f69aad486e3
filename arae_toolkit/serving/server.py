"""The server: an application on a port of this machine, until a signal ends it."""

from __future__ import annotations

import errno
import socket

import uvicorn
from starlette.types import ASGIApp

from arae_toolkit.errors import ToolkitError

HOST = "127.0.0.1"
MOST_CONNECTIONS = 256
GRACE_SECONDS = 5
"""Requests that are being answered when the server is stopped have so long to end."""


def listening_socket(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone.

    Args:
        port: 0 takes a free one.

    Raises:
        ToolkitError: If the port is taken, or not to be had.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        taken = error.errno == errno.EADDRINUSE
        reason = "is in use by another program" if taken else f"cannot be used ({error.strerror})"
        raise ToolkitError(
            f"port {port} {reason}; name another with --port, or --port 0 for a free one"
        ) from error
    return listening


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Answer requests until SIGINT or SIGTERM, which then do what they did before.

    Args:
        app: The application.
        listening: Made by :func:`listening_socket`.
    """
    settings = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,  # it would hold tokens
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    uvicorn.Server(settings).run(sockets=[listening])
