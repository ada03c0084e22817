"""Answers of a small server that is for the browser of this machine, and for no page of another site."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sparring.addresses import LOCAL, names_this_machine

HTML, JSON, TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class LocalServer(ThreadingHTTPServer):
    """Ends without waiting for browsers."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[LocalHandler]) -> None:
        """Raises OSError that says where it cannot listen."""
        host, port = address
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__(address, handler)
        except OSError as error:
            raise OSError(f"cannot listen at {host}:{port}: {error.strerror or error}") from error

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is not worth a line."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class LocalHandler(BaseHTTPRequestHandler):
    """One connection of a browser."""

    server_version, sys_version, timeout = "sparring", "", 10

    def is_meant(self) -> bool:
        """Whether the request names this server, by a local name or the address that it was bound to, and comes from no
        page of another site.
        """
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != host:
            return False
        return self._bound_to() not in LOCAL or names_this_machine(host)

    def refuse(self) -> None:
        """Say that the request is not meant for this server."""
        self.send(HTTPStatus.FORBIDDEN, TEXT, b"this page is for this machine only\n")

    def send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        """Answer."""
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **HEADERS}.items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # the browser went away meanwhile
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    def _bound_to(self) -> str:
        address = self.server.server_address
        return str(address[0]) if isinstance(address, tuple) else ""

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not worth a line."""
