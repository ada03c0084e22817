"""The report of runs that are under way, for a browser on this machine: new points and episodes come by themselves.

    GET /          the report, as `sparring report` writes it, with a line that says how the runs stand
    GET /version   {"version": ..., "said": ...}: the page asks now and then, and loads itself anew where it changed

Read-only, and bound to the loopback address unless asked otherwise. A request that names another host is refused, so
that a page on the web cannot read it through a name that it points here (DNS rebinding). The report's content security
policy holds: text that agents wrote is never markup.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path

from sparring.addresses import LOOPBACK
from sparring.scoreboard.evaluate import load_for_report
from sparring.scoreboard.live.local import HTML, JSON, TEXT, LocalHandler, LocalServer
from sparring.scoreboard.report.build import render
from sparring.scoreboard.run_summary import summarise
from sparring.store.run_files import is_run

WATCHED = ("config.json", "metrics.jsonl", "policies.json", "segments/*.zst", "episodes/segments/*.zst")
"""Files of a run or a store that change when there is something new to see; reading changes none of them."""


class LivePage:
    """The page of some runs or stores; it is made anew only where they have changed."""

    def __init__(self, runs: Sequence[Path]) -> None:
        self.runs = tuple(runs)
        self._making = threading.Lock()
        self._made = ("", b"")

    def version(self) -> str:
        """Changes when a run or a store does."""
        digest = hashlib.sha256()
        for run in self.runs:
            for file in (file for name in WATCHED for file in sorted(run.glob(name))):
                digest.update(f"{file} {_stamp(file)}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()[:16]

    def said(self) -> str:
        """How the runs stand, in words."""
        summaries = [summarise(run) for run in self.runs if is_run(run)]
        return "; ".join(f"{one.path.name}: {one.state}, update {one.done} of {one.steps}" for one in summaries)

    def html(self) -> bytes:
        """The report of now. Raises what reading runs raises."""
        version = self.version()
        with self._making:
            if self._made[0] != version:
                page = render([load_for_report(run) for run in self.runs], live=version)
                self._made = (version, page.encode())
            return self._made[1]


class _Server(LocalServer):
    def __init__(self, address: tuple[str, int], page: LivePage) -> None:
        self.page = page
        super().__init__(address, _Handler)


class _Handler(LocalHandler):
    server: _Server

    def do_GET(self) -> None:
        """The page, or its version."""
        page = self.server.page
        answers: dict[str, tuple[str, Callable[[], bytes]]] = {
            "/": (HTML, page.html),
            "/version": (JSON, partial(_version, page)),
        }
        kind, body = answers.get(self.path.partition("?")[0], ("", None))
        if not self.is_meant():
            self.refuse()
        elif body is None:
            self.send(HTTPStatus.NOT_FOUND, TEXT, b"there is / and /version\n")
        else:
            self._answer(kind, body)

    do_HEAD = do_GET

    def _answer(self, kind: str, body: Callable[[], bytes]) -> None:
        try:
            status, content = HTTPStatus.OK, body()
        except Exception as error:  # noqa: BLE001  (a run that is damaged now: the next look may find it whole)
            status, kind = HTTPStatus.SERVICE_UNAVAILABLE, TEXT
            content = f"{type(error).__name__}: {error}\n".encode("utf-8", "replace")
        self.send(status, kind, content)


def serve(runs: Sequence[Path], host: str = LOOPBACK, port: int = 0) -> LocalServer:
    """A server of the page of some runs, bound and not started: `serve_forever` starts it. Port 0: any that is free.

    Raises OSError where the address cannot be had.
    """
    return _Server((host, port), LivePage(runs))


def _version(page: LivePage) -> bytes:
    return json.dumps({"version": page.version(), "said": page.said()}).encode()


def _stamp(file: Path) -> str:
    try:
        found = file.stat()
    except OSError:
        return "-"
    return f"{found.st_mtime_ns} {found.st_size}"
