"""A server on a port, until it is told to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from sparring.addresses import url_of
from sparring.serve.guard import MOST_BYTES

GRACE_SECONDS = 5


async def running(app: ASGIApp, host: str, port: int, started: Callable[[str], object]) -> None:
    """Serve until SIGINT or SIGTERM; `started` is told the address. Raises OSError where the port is not free."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="on",
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    with bound(host, port) as listening:
        started(address_of(listening))
        await uvicorn.Server(config).serve(sockets=[listening])


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises OSError that says where."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise OSError(
            f"cannot listen at {host}:{port}: {error.strerror or error}; --port 0 takes a free one"
        ) from error
    return listening


def address_of(listening: socket.socket) -> str:
    """http://127.0.0.1:8000"""
    host, port, *_ = listening.getsockname()
    return url_of(host, port)
