"""Plays environments with agents and records every episode, token for token.

    Match (environment, agents by seat, seed) ─► run_matches ─► Episode

Many matches run at once on one event loop, so that the turns of all of them meet in one batch of the language model.
`hosts` says where an environment runs. A crashed or hung environment, or agent, costs its own episode: the error
becomes the episode's status and everything played until then is kept.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Literal, TypeVar

from sparring import registry
from sparring.hosts import EnvPool, Host, Hosts, StepTimeout, close_env
from sparring.recording import Match, Recording
from sparring.types import Agent, Episode, Observation, Reply

__all__ = [
    "EnvPool",
    "Match",
    "act_now",
    "play",
    "play_match",
    "rollout",
    "run_batches",
    "run_coroutine",
    "run_matches",
]

T = TypeVar("T")
ONLY_SEAT = "player_0"


async def rollout(
    env_id: str,
    agents: Mapping[str, Agent],
    seeds: Iterable[int],
    concurrency: int = 256,
    env_kwargs: Mapping[str, Any] | None = None,
) -> AsyncIterator[Episode]:
    """Stream the finished episodes of one environment and fixed seats, one episode a seed."""
    kwargs = dict(env_kwargs or {})
    matches = (Match(f"{env_id}/{seed}", env_id, agents, seed, kwargs, task=f"{env_id}/{seed}") for seed in seeds)
    async for episode in run_matches(matches, concurrency):
        yield episode


async def run_matches(
    matches: Iterable[Match], concurrency: int = 256, pool: EnvPool | None = None
) -> AsyncIterator[Episode]:
    """Stream episodes as they finish, at most `concurrency` in play. A `pool` keeps its environments for the next."""
    async for batch in run_batches(matches, concurrency, pool):
        for episode in batch:
            yield episode


async def run_batches(
    matches: Iterable[Match], concurrency: int = 256, pool: EnvPool | None = None
) -> AsyncIterator[list[Episode]]:
    """Like `run_matches`, everything that has finished since the last time at once: what is worth one write to disk."""
    if concurrency < 1:
        raise ValueError(f"concurrency must be >= 1, got {concurrency}")
    waiting, lent, hosts = iter(matches), pool or EnvPool(), Hosts()
    finished: asyncio.Queue[Episode | BaseException | None] = asyncio.Queue()

    async def work() -> None:
        try:
            for match in waiting:
                finished.put_nowait(await play_match(match, lent, hosts))
                await asyncio.sleep(0)  # let the consumer have it, even if no agent ever waits
            finished.put_nowait(None)
        except Exception as error:  # noqa: BLE001  (handed to the consumer, who raises it)
            finished.put_nowait(error)

    workers = [asyncio.create_task(work()) for _ in range(concurrency)]
    try:
        busy = concurrency
        while busy:
            items = [await finished.get(), *(finished.get_nowait() for _ in range(finished.qsize()))]
            if batch := [item for item in items if isinstance(item, Episode)]:
                yield batch
            for item in items:
                if isinstance(item, BaseException):
                    raise item
            busy -= items.count(None)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        if pool is None:
            await lent.close(hosts)
        hosts.close()


def play(
    matches: Iterable[Match],
    concurrency: int = 256,
    on_episode: Callable[[Episode], None] | None = None,
    pool: EnvPool | None = None,
) -> list[Episode]:
    """Play all matches from synchronous code; episodes come back in the order of the matches."""
    matches = list(matches)

    async def collect() -> list[Episode]:
        episodes = []
        async for episode in run_matches(matches, max(1, min(concurrency, len(matches))), pool):
            episodes.append(episode)
            if on_episode is not None:
                on_episode(episode)
        return episodes

    order = {match.id: position for position, match in enumerate(matches)}
    return sorted(run_coroutine(collect()), key=lambda episode: order[episode.id])


def act_now(agent: Agent, observation: Observation) -> Reply:
    """An agent's reply from synchronous code. Agents that never wait are driven without an event loop."""
    coroutine = agent.act(observation)
    try:
        with _no_running_loop():  # a loop that we are called from stands still, and could answer nothing
            coroutine.send(None)
    except StopIteration as done:
        reply: Reply = done.value
        return reply
    except RuntimeError as error:
        if "no running event loop" not in str(error):
            raise
    coroutine.close()
    return run_coroutine(agent.act(observation))


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


@contextmanager
def _no_running_loop() -> Iterator[None]:
    """What asks for the running event loop is told that there is none."""
    before = _running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(before)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    return asyncio._get_running_loop()


async def play_match(match: Match, pool: EnvPool | None = None, hosts: Hosts | None = None) -> Episode:
    """Play one match to its end. Never raises for what an environment or an agent does."""
    lent, host = pool or EnvPool(), hosts or Hosts()
    game = Recording(match)
    env: Any = None
    try:
        with _Fault.of("env_error"):
            env = host.build(lent.borrow, match)
        playing = _play_aec if hasattr(env, "agent_iter") else _play_gymnasium
        await playing(env, game, host.of(env))
        lent.give_back(match, env)
    except _Fault as fault:
        game.status, game.error = fault.status, fault.text
        if env is not None and not isinstance(fault.__cause__, StepTimeout):  # whose thread closes it, if it comes back
            await close_env(env, host)
    finally:
        if pool is None:
            await lent.close(host)
        if hosts is None:
            host.close()
    return game.episode()


async def _play_aec(env: Any, game: Recording, call: Host) -> None:
    """A PettingZoo environment: whoever `agent_selection` names acts next."""
    with _Fault.of("env_error"):
        game.require_seats(env.possible_agents)
        await call(env.reset, seed=game.match.seed)
    steps = 0
    while env.agents and game.may_step(steps):
        steps += 1
        seat = env.agent_selection
        with _Fault.of("env_error"):
            if env.terminations[seat] or env.truncations[seat]:
                await call(env.step, None)
                continue
            observation = game.observe(seat, await call(env.observe, seat), env.infos[seat])
        reply, acted, seconds = await _reply(game.match.agents[seat], observation)
        with _Fault.of("env_error"):
            await call(env.step, _action_for(env.action_space(seat), reply.action))
            game.record(observation, reply, env.infos[seat], seconds, time.perf_counter() - acted)
            for other, reward in env.rewards.items():
                game.reward(other, float(reward))
            game.note_end(env)


async def _play_gymnasium(env: Any, game: Recording, call: Host) -> None:
    """A Gymnasium environment: one seat, `player_0`."""
    seat, steps, over = ONLY_SEAT, 0, False
    with _Fault.of("env_error"):
        seen, info = await call(env.reset, seed=game.match.seed)
    while not over and game.may_step(steps):
        steps += 1
        with _Fault.of("env_error"):
            observation = game.observe(seat, seen, info)
        reply, acted, seconds = await _reply(game.match.agents[seat], observation)
        with _Fault.of("env_error"):
            seen, reward, terminated, truncated, info = await call(
                env.step, _action_for(env.action_space, reply.action)
            )
            game.record(observation, reply, info, seconds, time.perf_counter() - acted)
            game.reward(seat, float(reward))
            game.note_parts(seat, info.get("reward_parts", {}))
        if truncated and not terminated:
            game.status = "truncated"
        over = terminated or truncated


async def _reply(agent: Agent, observation: Observation) -> tuple[Reply, float, float]:
    """An agent's reply, when it came, and how many seconds it took."""
    started = time.perf_counter()
    with _Fault.of("agent_error"):
        reply = await agent.act(observation)
        if not isinstance(reply.action, str):
            raise TypeError(f"an action must be text, got {type(reply.action).__name__}")
    acted = time.perf_counter()
    return reply, acted, acted - started


class _Fault(Exception):
    """Whose fault it was that an episode broke off: the one place where errors become data."""

    def __init__(self, status: Literal["env_error", "agent_error"], text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text

    @staticmethod
    def of(status: Literal["env_error", "agent_error"]) -> _Boundary:
        return _Boundary(status)


class _Boundary:
    """Turns any error inside it into a `_Fault`, `sys.exit` included; interrupts pass through."""

    __slots__ = ("status",)

    def __init__(self, status: Literal["env_error", "agent_error"]) -> None:
        self.status = status

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception | SystemExit) and not isinstance(
            error, (_Fault, registry.MissingExtra, registry.UnknownName)
        ):
            text = "".join(traceback.format_exception_only(error)).strip() or type(error).__name__
            raise _Fault(self.status, text) from error


def _action_for(space: Any, text: str) -> Any:
    """The action in the environment's own type: text as it is, a discrete action as its index."""
    if not hasattr(space, "n"):
        return text
    if not text.strip().isdecimal() or not int(text) < int(space.n):
        raise ValueError(f"action {text[:80]!r} is not an index below {space.n}")
    return int(text)
