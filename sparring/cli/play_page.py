"""`sparring play --page`: a person among the agents plays in a browser."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparring.addresses import url_of
from sparring.cli import person, terminal
from sparring.protocols import Agent
from sparring.store.location import Location
from sparring.types import Episode

if TYPE_CHECKING:
    from sparring.scoreboard.live.player import PlayPage


@dataclass(frozen=True, slots=True)
class Address:
    """Where a page is served, and its title."""

    title: str
    host: str
    port: int
    """0: any that is free."""

    def __post_init__(self) -> None:
        """Raises ValueError for what is no port."""
        if not 0 <= self.port < 2**16:
            raise ValueError(f"port must be in 0..65535, got {self.port}")

    @contextmanager
    def playing(
        self, players: Sequence[Agent], store: Location | None
    ) -> Iterator[tuple[Sequence[Agent], person.ShowEnd]]:
        """The players, the person among them at a page, and what shows that person the end of a game.

        Begins when the person agrees; when the block has ended well, the page stays until the person leaves it. Raises
        ValueError unless one person is among the players, PersonLeft.
        """
        from sparring.agents.people import PersonLeft
        from sparring.scoreboard.live.play_server import serving
        from sparring.scoreboard.live.player import YOU_LEFT, PagePlayer, PlayPage

        others = [player.name for player in players if player.name != person.PERSON]
        if len(others) != len(players) - 1:
            raise ValueError(f"--page is for one person: name {person.PERSON} once in --agents")
        page, who = PlayPage(), f"You against {', '.join(others)}" if others else "You alone"
        with serving(page, self.title, who, person.consent(store), self.host, self.port) as server:
            terminal.note(f"play at {url_of(self.host, server.server_port)}{server.path} (Ctrl-C ends the games)")
            page.begun.wait()
            if page.left.is_set():
                raise PersonLeft(YOU_LEFT)
            seated = [player if player.name in others else PagePlayer(page) for player in players]
            yield seated, lambda episode: _show_end(page, episode, store)
            page.finish()
            terminal.note("The page shows the last game until you leave it, there or by Ctrl-C.")
            with suppress(KeyboardInterrupt):
                page.left.wait()


def _show_end(page: PlayPage, episode: Episode, store: Location | None) -> None:
    seats = person.seats_of(episode)
    if not seats:
        return
    words = person.end_of_game(episode, seats) if episode.error is None else f"The game broke off: {episode.error}"
    replay = "" if store is None else f"sparring replay {shlex.quote(str(store))} {shlex.quote(episode.id)}"
    page.end_game(episode, seats, words.strip(), replay)
