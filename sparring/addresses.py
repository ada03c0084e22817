"""The addresses of servers: what names this machine, and where the token that a server asks for is set."""

from __future__ import annotations

import ipaddress

LOOPBACK = "127.0.0.1"
LOCAL = (LOOPBACK, "localhost", "[::1]")
"""This machine, as the `Host` of a request names it."""
TOKEN = "SPARRING_TOKEN"
"""The environment variable that holds the token of a server of environments, for the server and for its clients."""


def names_this_machine(host: str) -> bool:
    """Whether the `Host` of a request, with or without a port, is a local name.

    No page on the web has such a name, also where its own name was pointed at this machine (DNS rebinding).
    """
    return host in LOCAL or host.rpartition(":")[0] in LOCAL


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_of(host: str, port: int) -> str:
    """http://127.0.0.1:8000"""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
