"""Who is in play in which environment: a match waits where a server has room for fewer than we want to play at once."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable

from sparring.types import Episode

TRIES = 20
"""How often a match tries again where nobody of ours is in play: a server frees the room of a broken episode late."""
PAUSE = 0.25
"""Seconds between two tries."""


class Crowds:
    """The episodes of one run of matches, by environment."""

    def __init__(self) -> None:
        self._playing: Counter[str] = Counter()
        self._waiting: defaultdict[str, deque[asyncio.Future[None]]] = defaultdict(deque)

    async def played(self, env: str, play: Callable[[], Awaitable[Episode]]) -> Episode:
        """An episode of an environment. Where it has no room, it is played when another one of ours is over."""
        try:
            return await self._patiently(env, play)
        finally:
            self._wake(env)

    async def _patiently(self, env: str, play: Callable[[], Awaitable[Episode]]) -> Episode:
        tries = TRIES
        while True:
            self._playing[env] += 1
            try:
                episode = await play()
            finally:
                self._playing[env] -= 1
            if not _found_no_room(episode):
                return episode
            if self._playing[env]:
                turn = asyncio.get_running_loop().create_future()
                self._waiting[env].append(turn)
                await turn
            elif tries:
                tries -= 1
                await asyncio.sleep(PAUSE)
            else:
                return episode

    def _wake(self, env: str) -> None:
        """It is the next one's turn."""
        waiting = self._waiting[env]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


def _found_no_room(episode: Episode) -> bool:
    return episode.status == "env_error" and episode.fault == "capacity" and not episode.turns
