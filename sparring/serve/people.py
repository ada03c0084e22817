"""A page on which a person plays an environment in a browser: one more client of the server, by the same frames."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sparring.serve.hall import Hall
from sparring.serve.served import Served

HEADERS = {"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


def play_page(served: Served, hall: Hall) -> Route:
    """The page of one environment, at `/NAME/play`."""
    page = _page(served, hall)

    async def answer(request: Request) -> Response:
        return HTMLResponse(page, headers=HEADERS)

    return Route("/play", answer)


async def _to_the_page(request: Request) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"play{query}", 303)


TO_THE_PAGE = Route("/", _to_the_page)
"""Who opens an address in a browser sees the page."""


def _page(served: Served, hall: Hall) -> str:
    told = {
        "name": escape(served.name),
        "summary": escape(served.summary),
        "consent": escape(consent(hall.is_kept)),
        "seats": _options(served.seats),
        "opponents": _options(hall.opponents),
    }
    text = files("sparring.serve").joinpath("play.html").read_text()
    for name, value in told.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def consent(is_kept: bool) -> str:
    """The line that a person agrees to first."""
    if is_kept:
        return "What I see and do here is recorded, and may be replayed, shown and learnt from."
    return "What I do here is not kept."


def _options(names: Iterable[str]) -> str:
    return "".join(f"<option>{escape(name)}</option>" for name in names)
