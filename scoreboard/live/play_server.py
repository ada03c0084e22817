"""The server of the page on which one person plays.

    GET  /TOKEN/              the page
    GET  /TOKEN/state?known=N what it shows, as JSON: at once where it is not version N, else when it changes
    POST /TOKEN/do            {"do": "begin" | "answer" | "next" | "leave", "number": N, "action": TEXT}

The token is drawn anew for every server, so that neither other sites nor other users of this machine play here. What
agents and environments write reaches the page as JSON and is shown as text.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from importlib.resources import files
from threading import Event, Thread, current_thread
from urllib.parse import parse_qs

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sparring.addresses import LOOPBACK
from sparring.kinds import shown
from sparring.scoreboard.live.local import HTML, JSON, TEXT, LocalHandler, LocalServer
from sparring.scoreboard.live.player import PlayPage
from sparring.scoreboard.report.build import csp_hash, resource

MOST_BYTES = 1_000_000
"""Of what the page sends."""
LONGEST_WAIT = 20.0
"""Seconds after which a page is told that nothing has changed."""
LAST_WORDS = 0.5
"""Seconds that a page has to ask once more, and to hear that it has ended."""


class PlayServer(LocalServer):
    """One person's page, bound and not started."""

    def __init__(self, address: tuple[str, int], page: PlayPage, **words: str) -> None:
        """Raises OSError where the address cannot be had."""
        self.page, self.token = page, secrets.token_urlsafe(12)
        self.html = _html(**words)
        self.told_the_end, self._answering = Event(), set[Thread]()
        super().__init__(address, _Handler)

    @property
    def path(self) -> str:
        """Where the page is."""
        return f"/{self.token}/"

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While a request is answered."""
        self._answering.add(current_thread())
        try:
            yield
        finally:
            self._answering.discard(current_thread())

    def close_page(self) -> None:
        """Tell whoever looks at the page that it has ended."""
        self.page.close()
        self.told_the_end.wait(LAST_WORDS)
        for thread in [*self._answering]:
            thread.join(LAST_WORDS)


@contextmanager
def serving(
    page: PlayPage, title: str, who: str, consent: str, host: str = LOOPBACK, port: int = 0
) -> Iterator[PlayServer]:
    """Serve a page while the block lasts. Port 0: any that is free. Raises OSError where the address cannot be had.

    `title`, `who`: what is played, and between whom; `consent`: what the person agrees to first.
    """
    with PlayServer((host, port), page, title=title, who=who, consent=consent) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.close_page()
            server.shutdown()


class _Handler(LocalHandler):
    server: PlayServer

    def do_GET(self) -> None:
        """The page, or what it shows."""
        with self.server.answering():
            self._show()

    def do_POST(self) -> None:
        """What the person does."""
        with self.server.answering():
            self._do()

    def _show(self) -> None:
        path, _, query = self.path.partition("?")
        rest = self._rest(path)
        if rest == "":
            self.send(HTTPStatus.OK, HTML, self.server.html)
        elif rest == "state":
            self._send_state(parse_qs(query).get("known", ["-1"])[0])
        elif rest is not None:
            self.send(HTTPStatus.NOT_FOUND, TEXT, b"there is the page, its state, and what it does\n")

    def _do(self) -> None:
        rest = self._rest(self.path)
        if rest is None:
            return
        if rest != "do" or self.headers.get("Content-Type", "") != JSON:
            self.send(HTTPStatus.NOT_FOUND, TEXT, b"what is done is sent to do, as application/json\n")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or len(length) > 9 or int(length) > MOST_BYTES:
            self.close_connection = True
            self._drop(min(int(length), 16 * MOST_BYTES) if length.isdecimal() and len(length) < 10 else 0)
            self.send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TEXT, b"an answer may have 1,000,000 bytes\n")
            return
        try:
            do(self.server.page, self.rfile.read(int(length)))
        except ValueError as error:
            self.send(HTTPStatus.BAD_REQUEST, TEXT, str(error).encode("utf-8", "replace"))
            return
        self.send(HTTPStatus.NO_CONTENT, TEXT, b"")

    def _drop(self, length: int) -> None:
        """Read what nobody wants: a client that still sends hears no answer."""
        while length > 0 and (part := self.rfile.read(min(length, 65_536))):
            length -= len(part)

    def _rest(self, path: str) -> str | None:
        """What comes after the token; None where the request was refused."""
        _, token, rest = [*path.split("/", 2), "", ""][:3]
        if not self.is_meant():
            self.refuse()
        elif not hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode()):
            self.send(HTTPStatus.NOT_FOUND, TEXT, b"the page is at the whole address that the terminal shows\n")
        else:
            return rest
        return None

    def _send_state(self, known: str) -> None:
        version = int(known) if known.isdecimal() and len(known) < 10 else -1
        state = self.server.page.state(version, LONGEST_WAIT)
        self.send(HTTPStatus.OK, JSON, json.dumps(state).encode())
        if state["ended"]:
            self.server.told_the_end.set()


def do(page: PlayPage, body: bytes) -> None:
    """Do what the page asks for. Raises ValueError for what it may not ask for."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("the body must be JSON") from error
    deeds: dict[str, Callable[[], None]] = {"begin": page.begin, "next": page.go_on, "leave": page.leave}
    what = asked.get("do") if isinstance(asked, dict) else None
    if what == "answer":
        action = asked.get("action")
        if not isinstance(action, str):
            raise ValueError(f"action must be text, got {shown(action)}")
        page.answer(asked.get("number"), action)
    elif isinstance(what, str) and what in deeds:
        deeds[what]()
    else:
        raise ValueError(f"do must be answer, {', '.join(deeds)}, got {shown(what)}")


def _html(title: str, who: str, consent: str) -> bytes:
    style = "".join([resource("report.css"), resource("game_board.css"), _own("play.css")])
    script = '"use strict";\n' + "".join([resource("report.js"), resource("game_board.js"), _own("play.js")])
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(_own("play.html"))
    return page.render(
        title=title,
        who=who,
        consent=consent,
        style=Markup(style),
        script=Markup(script),
        style_hash=csp_hash(style),
        script_hash=csp_hash(script),
    ).encode("utf-8", "replace")


def _own(name: str) -> str:
    return files("sparring.scoreboard.live").joinpath(name).read_text(encoding="utf-8")
