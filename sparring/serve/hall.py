"""The games of one server: who may sit down where, how many at a time, and what is kept of them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence

from sparring.protocols import Agent
from sparring.registry import make_agent
from sparring.rollout.hosts import PROCESSES, Hosts
from sparring.rollout.loop import Match
from sparring.rollout.pool import EnvPool
from sparring.serve.served import Served
from sparring.serve.tables import Chair, Table
from sparring.serve.wishes import MOST, Wish
from sparring.types import Episode

Keep = Callable[[Sequence[Episode]], object]
WRITE_EVERY = 0.2
"""Seconds between two writes to the store: many short games are one write."""
MOST_PENDING = 1_000
"""Episodes that wait for a disk that refuses them; then no new game begins."""


class Full(RuntimeError):
    """No more games at the moment."""


class Hall:
    """The tables of one server, on one event loop."""

    def __init__(self, opponents: Sequence[str] = ("random",), keep: Keep | None = None) -> None:
        """`opponents`: the specs of agents that clients may play against, the usual one first; `keep` stores episodes.

        Raises UnknownName, ValueError for an agent that there is not.
        """
        self.opponents: dict[str, Agent] = {spec: make_agent(spec) for spec in opponents}
        self.usual = next(iter(self.opponents))
        self.trouble = ""
        """Why episodes cannot be stored at the moment."""
        self._keep, self._pending = keep, list[Episode]()
        self._pool, self._hosts = EnvPool(), Hosts()
        self._tables: dict[Table, asyncio.Task[None]] = {}
        self._shared: dict[tuple[str, str], Table] = {}
        self._writer: asyncio.Task[None] | None = None

    @property
    def is_kept(self) -> bool:
        """Whether episodes are stored."""
        return self._keep is not None

    @property
    def playing(self) -> int:
        """How many games are in play."""
        return len(self._tables)

    def sit(self, served: Served, wish: Wish) -> tuple[Table, str]:
        """A table in play, and the client's seat there. Raises ValueError for a wish that cannot be, Full."""
        seat = wish.seat or self._free(served, wish)
        named = [seat, *(wish.opponent if isinstance(wish.opponent, Mapping) else ())]
        for one in named:
            if one not in served.seats:
                raise ValueError(f"seat of {served.name} must be {' or '.join(served.seats)}, got {one!r:.80}")
        if seat in named[1:]:
            raise ValueError(f"seat {seat} is the client's own, so it has no opponent")
        if wish.agent in self.opponents:
            raise ValueError(f"agent is what records call you, and {wish.agent} plays here itself: take another name")
        table = self._begin(served, wish, [seat]) if wish.table is None else self._joined(served, wish, seat)
        table.chairs[seat].is_held = True
        return table, seat

    def _free(self, served: Served, wish: Wish) -> str:
        """The seat of a client who names none: the first that nobody has at its table."""
        table = None if wish.table is None else self._shared.get((served.name, wish.table))
        taken = {} if table is None or table.over.is_set() else table.chairs
        named = wish.opponent if isinstance(wish.opponent, Mapping) else ()
        free = [seat for seat in served.seats if seat not in named and not (seat in taken and taken[seat].is_held)]
        return free[0] if free else served.seats[0]

    def _joined(self, served: Served, wish: Wish, seat: str) -> Table:
        """The table of that name, which the first client opens."""
        assert wish.table is not None
        key = (served.name, wish.table)
        table = self._shared.get(key)
        if table is None or table.over.is_set():
            named = wish.opponent if isinstance(wish.opponent, Mapping) else {}
            table = self._shared[key] = self._begin(served, wish, [one for one in served.seats if one not in named])
            return table
        if seat not in table.chairs or table.chairs[seat].is_held:
            raise ValueError(f"seat {seat} of table {wish.table!r} is taken")
        asked = _task_of(served, wish)
        if (wish.seed is not None or wish.index is not None) and asked != _played(table.match):
            raise ValueError(f"table {wish.table!r} plays another task: name the same one, or leave seed and index out")
        table.chairs[seat].name = wish.agent
        return table

    def _begin(self, served: Served, wish: Wish, clients: Sequence[str]) -> Table:
        self._require_room(served)
        agents: dict[str, Agent] = {}
        for seat in served.seats:
            agents[seat] = Chair(wish.agent) if seat in clients else self._opponent(served, wish, seat)
        kwargs, seed, sample = _task_of(served, wish)
        id = f"{served.env_id}/{seed}/{sample}/{secrets.token_hex(8)}"
        names = {seat: agent.name for seat, agent in agents.items()}
        match = Match(id, served.env_id, names, seed, kwargs, sample, task=f"{served.env_id}/{seed}")
        table = Table(match, agents)
        self._tables[table] = asyncio.create_task(self._play(table))
        return table

    async def _play(self, table: Table) -> None:
        try:
            await table.play(self._pool, self._hosts, self._kept)
        finally:
            del self._tables[table]
            for key in [key for key, shared in self._shared.items() if shared is table]:
                del self._shared[key]

    def _require_room(self, served: Served) -> None:
        """Raises Full where there is no process for its environment, or nothing can be stored."""
        if self.trouble and len(self._pending) > MOST_PENDING:
            raise Full(f"no game begins while episodes cannot be stored: {self.trouble}")
        if EnvPool.has_process(Match("", served.env_id, {}, 0, served.kwargs)):
            busy = sum(EnvPool.has_process(table.match) for table in self._tables)
            if busy >= PROCESSES:
                raise Full(f"{served.name} has {PROCESSES} processes here, and all are in play: try again later")

    def _opponent(self, served: Served, wish: Wish, seat: str) -> Agent:
        spec = wish.opponent.get(seat) if isinstance(wish.opponent, Mapping) else wish.opponent
        spec = spec or self.usual
        if spec not in self.opponents:
            raise ValueError(f"opponent must be one of {', '.join(self.opponents)}, got {spec!r:.80}")
        return self.opponents[spec]

    def _kept(self, episode: Episode) -> None:
        """Remember an episode in which something was done, until it is written."""
        if self._keep is None or not episode.turns:
            return
        self._pending.append(episode)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_soon())

    async def _write_soon(self) -> None:
        while self._pending:
            await asyncio.sleep(WRITE_EVERY)
            self.write()

    def write(self) -> None:
        """Store what is waiting; where that is refused it waits on, and `trouble` says why."""
        batch = list(self._pending)
        if self._keep is None or not batch:
            return
        try:
            self._keep(batch)
        except Exception as error:  # noqa: BLE001  (the server lives on, and nothing that was played is lost)
            self.trouble = f"{error}"
            return
        self.trouble = ""
        del self._pending[: len(batch)]

    def break_up_lonely(self, seconds: float) -> None:
        """Break off the games that have waited so long for a client to take a seat."""
        for table in self._tables:
            for seat, chair in table.chairs.items():
                if not chair.is_held and time.monotonic() - table.since > seconds:
                    table.leave(f"nobody took seat {seat} within {seconds:g} s")

    async def close(self) -> None:
        """Break off what is in play, and store everything."""
        for table in self._tables:
            table.leave("the server is shutting down")
        if playing := list(self._tables.values()):
            await asyncio.wait(playing, timeout=5)
        if self._writer is not None:
            self._writer.cancel()
        self.write()
        await self._pool.close(self._hosts)
        self._hosts.close()


def _task_of(served: Served, wish: Wish) -> tuple[dict[str, object], int, int]:
    """The options, the seed and the sample that a wish means."""
    kwargs = served.kwargs_of(wish.split)
    if wish.index is not None:
        task = served.task(wish.split or served.splits[0], wish.index)
        return kwargs, int(task["seed"]), wish.sample or wish.seed or 0
    return kwargs, secrets.randbelow(MOST) if wish.seed is None else wish.seed, wish.sample


def _played(match: Match) -> tuple[dict[str, object], int, int]:
    return dict(match.env_kwargs), match.seed, match.sample
