"""Plays environments with agents and records every episode, token for token.

    Match (environment, names of agents by seat, seed) ─► run_matches ─► Episode

Many matches run at once on one event loop, so that the turns of all of them meet in one batch of the language model.
`hosts` says where an environment runs. A crashed or hung environment, or agent, costs its own episode: the error
becomes the episode's status and everything played until then is kept.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, nullcontext, suppress
from functools import partial
from typing import Any, TypeVar

from sparring.kinds import require_each, require_kind, shown
from sparring.protocols import Agent, Player
from sparring.rollout.adapters import Game
from sparring.rollout.blame import Fault, blamed
from sparring.rollout.crowds import Crowds
from sparring.rollout.hosts import PROCESSES, Host, Hosts, StepTimeout
from sparring.rollout.match import Event, Match, agents_by_seat, require_agents, require_reply
from sparring.rollout.pool import EnvPool, Lent, Pool, Workers, close_env
from sparring.rollout.recording import Answered, Recording
from sparring.types import Episode, Observation, Reply

__all__ = [
    "EnvPool",
    "Event",
    "Match",
    "act_now",
    "play",
    "play_one",
    "rollout",
    "run_batches",
    "run_coroutine",
    "run_matches",
]

T = TypeVar("T")
Listener = Callable[[Event], None]
FAULTS = (Exception, SystemExit)
"""What an environment or an agent may raise at the cost of its own episode; interrupts pass through."""
PATIENCE = 0.1
"""Seconds after which a finished episode is handed over before another game begins."""


async def rollout(
    env_id: str,
    agents: Mapping[str, Agent],
    seeds: Iterable[int],
    concurrency: int = 256,
    env_kwargs: Mapping[str, object] | None = None,
) -> AsyncIterator[Episode]:
    """Stream the finished episodes of one environment and fixed seats, one episode a seed."""
    kwargs = dict(env_kwargs or {})
    names = {seat: seat for seat in agents}
    matches = (Match(f"{env_id}/{seed}", env_id, names, seed, kwargs, task=f"{env_id}/{seed}") for seed in seeds)
    async for episode in run_matches(matches, agents, concurrency):
        yield episode


async def run_matches(
    matches: Iterable[Match],
    agents: Mapping[str, Agent] | None = None,
    concurrency: int = 256,
    on_event: Listener | None = None,
    pool: Pool | None = None,
) -> AsyncIterator[Episode]:
    """Stream episodes as they finish, at most `concurrency` in play. A `pool` keeps its environments for the next,
    or plays elsewhere: then in order, and as many at a time as it likes.

    `agents`: by the names that the matches use; other names are specs. Raises UnknownName, ValueError for these.
    """
    async for batch in run_batches(matches, agents, concurrency, on_event, pool):
        for episode in batch:
            yield episode


async def run_batches(
    matches: Iterable[Match],
    agents: Mapping[str, Agent] | None = None,
    concurrency: int = 256,
    on_event: Listener | None = None,
    pool: Pool | None = None,
) -> AsyncIterator[list[Episode]]:
    """Like `run_matches`, everything that has finished since the last time at once: what is worth one write to disk."""
    require_kind("concurrency", concurrency, int, "a whole number")
    require_agents(agents)
    if on_event is not None and not callable(on_event):
        raise TypeError(f"on_event must be a function or None, got {shown(on_event)}")
    if concurrency < 1:
        raise ValueError(f"concurrency must be >= 1, got {concurrency}")
    waiting, known = require_each("matches", matches, Match, "a Match"), dict(agents or {})
    if isinstance(pool, Workers):
        async with aclosing(pool.played(waiting, known)) as elsewhere:
            async for done in elsewhere:
                yield [episode for _, episode in done]
                _tell(on_event, done)
        return
    envs, hosts, crowds = pool or EnvPool(), Hosts(), Crowds()
    processes = asyncio.Semaphore(PROCESSES)
    finished: asyncio.Queue[tuple[Match, Episode] | BaseException | None] = asyncio.Queue(2 * concurrency)
    asked_at = math.inf  # since when somebody waits for what has finished

    async def work() -> None:
        try:
            for match in waiting:
                while finished.qsize() and time.perf_counter() - asked_at > PATIENCE:
                    await asyncio.sleep(0)  # when all workers do so, it is the consumer's turn
                players = agents_by_seat(match, known)
                async with processes if _has_process(match, players, envs) else nullcontext():
                    begin = partial(_begun, match, players, envs, hosts, on_event)
                    episode = await crowds.played(envs.key(match), begin)
                await finished.put((match, episode))  # waits where nobody takes them
                await asyncio.sleep(0)  # let the consumer have it, even if no agent ever waits
            await finished.put(None)
        except Exception as error:  # noqa: BLE001  (handed to the consumer, who raises it)
            await finished.put(error)

    workers = [asyncio.create_task(work()) for _ in range(concurrency)]
    try:
        busy = concurrency
        while busy:
            asked_at = time.perf_counter()
            items = [await finished.get(), *(finished.get_nowait() for _ in range(finished.qsize()))]
            asked_at = math.inf
            if played := [item for item in items if isinstance(item, tuple)]:
                yield [episode for _, episode in played]
                _tell(on_event, played)
            for item in items:
                if isinstance(item, BaseException):
                    raise item
            busy -= items.count(None)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        if pool is None:
            await envs.close(hosts)
        hosts.close()


def _has_process(match: Match, players: Mapping[str, Agent], envs: EnvPool) -> bool:
    """Whether the environment or an agent has a process of its own while they play."""
    return envs.has_process(match) or any(getattr(player, "has_process", False) for player in players.values())


def _tell(on_event: Listener | None, played: Iterable[tuple[Match, Episode]]) -> None:
    if on_event is not None:
        for match, episode in played:
            on_event(Event("done", match, episode=episode))


def play(
    matches: Iterable[Match],
    agents: Mapping[str, Agent] | None = None,
    concurrency: int = 256,
    on_event: Listener | None = None,
    pool: Pool | None = None,
) -> list[Episode]:
    """Play all matches from synchronous code; episodes come back in the order of the matches.

    `agents`: by the names that the matches use; other names are specs. Raises UnknownName, ValueError for these.
    """
    matches = list(require_each("matches", matches, Match, "a Match"))
    require_kind("concurrency", concurrency, int, "a whole number")

    async def collect() -> list[Episode]:
        episodes: list[Episode] = []
        async for batch in run_batches(matches, agents, max(1, min(concurrency, len(matches))), on_event, pool):
            episodes += batch
        return episodes

    order = {match.id: position for position, match in enumerate(matches)}
    return sorted(run_coroutine(collect()), key=lambda episode: order[episode.id])


def act_now(player: Player, observation: Observation) -> Reply:
    """A player's reply from synchronous code; it is asked once. Those that never wait need no event loop."""
    asked = player.act(observation)
    if getattr(player, "waits", True):
        return run_coroutine(asked)
    try:
        asked.send(None)
    except StopIteration as done:
        reply: Reply = done.value
        return reply
    asked.close()
    raise RuntimeError(f"{type(player).__name__} says that it never waits (waits = False), and it does")


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, also where an event loop is already running (a notebook): then in a thread of its own.

    Ctrl-C here ends the coroutine in that thread too.
    """
    if _running_loop() is None:
        return asyncio.run(coroutine)
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = Future()

    async def run() -> T:
        task = asyncio.ensure_future(coroutine)
        started.set_result((asyncio.get_running_loop(), task))
        return await task

    with ThreadPoolExecutor(max_workers=1) as thread:
        answer = thread.submit(asyncio.run, run())
        try:
            return answer.result()
        except KeyboardInterrupt:
            loop, task = started.result()
            with suppress(RuntimeError):  # it has just ended, and its loop is closed
                loop.call_soon_threadsafe(task.cancel)
            raise


def _running_loop() -> asyncio.AbstractEventLoop | None:
    return asyncio._get_running_loop()


async def _begun(
    match: Match, players: Mapping[str, Agent], pool: EnvPool, hosts: Hosts, on_event: Listener | None
) -> Episode:
    return await play_one(Recording(match, players), pool, hosts, on_event)


async def play_one(recording: Recording, pool: EnvPool, hosts: Hosts, on_event: Listener | None = None) -> Episode:
    """Play one match to its end, for whoever plays matches as they come.

    Never raises for what an environment or an agent does.
    """
    match = recording.match
    lent: Lent | None = None
    if on_event is not None:
        on_event(Event("begun", match))
    try:
        try:
            lent = hosts.build(pool.borrow, match)
            game = lent.game
        except FAULTS as error:
            raise blamed("env_error", error) from error
        await _play(game, recording, hosts.of(lent.env), on_event)
        pool.give_back(match, lent)
    except Fault as fault:
        recording.status, recording.fault, recording.error = fault.status, fault.kind, fault.text
        hangs = isinstance(fault.__cause__, StepTimeout)  # its thread closes the environment, if it comes back
        if lent is not None and not hangs:
            await close_env(lent.env, hosts)
    return recording.episode()


async def _play(game: Game, recording: Recording, call: Host, on_event: Listener | None) -> None:
    """Play a game to its end: all who are to move answer, then it steps."""
    match, taken, players = recording.match, 0, dict[str, Player]()
    try:
        try:
            recording.require_seats(game.seats)
            observations = recording.observe(await call(game.reset, match.seed))
        except FAULTS as error:
            raise blamed("env_error", error) from error
        try:
            for seat, agent in recording.agents.items():
                players[seat] = agent.open(match.seat(seat))
        except FAULTS as error:
            raise blamed("agent_error", error) from error
        while observations and recording.may_step(taken):
            taken += 1
            answered = await _replies(players, observations)
            if on_event is not None:
                for seat, seen, reply, _ in answered:
                    on_event(Event("turn", match, seat, seen, reply))
            try:
                started = time.perf_counter()
                step = await call(game.step, {seat: reply.action for seat, _, reply, _ in answered})
                recording.stepped(answered, step, time.perf_counter() - started)
                observations = recording.observe(step)
            except FAULTS as error:
                raise blamed("env_error", error) from error
    finally:
        for seat, player in players.items():
            with suppress(Exception):  # the episode is over, and its record stands
                player.close(recording.last(seat))


async def _replies(players: Mapping[str, Player], observations: list[tuple[str, Observation]]) -> list[Answered]:
    """What everybody who is to move answers, and how long it took."""
    if len(observations) == 1:
        ((seat, seen),) = observations
        return [await _reply(seat, players[seat], seen)]
    return list(await asyncio.gather(*(_reply(seat, players[seat], seen) for seat, seen in observations)))


async def _reply(seat: str, player: Player, observation: Observation) -> Answered:
    started = time.perf_counter()
    try:
        reply = await player.act(observation)
        require_reply(reply)
    except FAULTS as error:
        raise blamed("agent_error", error) from error
    return seat, observation, reply, time.perf_counter() - started
