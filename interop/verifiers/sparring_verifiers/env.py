"""An episode of ours whose seats are agents of verifiers: `play_one` plays it, and traces are paid what it paid.

role ─► Interaction ─► Seated, an agent of ours ─► play_one ─► Episode ─► rewards, metrics and info of the traces
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack

import verifiers.v1 as vf

from sparring import registry
from sparring.protocols import Agent, Seat
from sparring.rollout.answers import read
from sparring.rollout.hosts import Hosts
from sparring.rollout.loop import Match, play_one
from sparring.rollout.pool import EnvPool
from sparring.rollout.recording import Recording
from sparring.store.store import Store
from sparring.types import Episode, Observation, Policy, Reply, Seen, mark_fault
from sparring_verifiers.taskset import ROLES, SparringData, SparringTask, seats_of

HERE = {"type": "subprocess"}
"""The runtime of a harness that starts nothing."""


class SparringEnvConfig(vf.EnvConfig):
    player_0: vf.AgentConfig = vf.AgentConfig(runtime=HERE)
    """Who has the first seat."""
    player_1: vf.AgentConfig = vf.AgentConfig(runtime=HERE)
    """Who has the second seat, where there is one and no opponent of Sparring has it."""
    store: str = ""
    """A store of Sparring that keeps the episodes too: a folder, or postgresql://...; none if this is empty."""


class Unfinished(RuntimeError):
    """An episode broke off, so nobody is paid; the message says why."""


class Seated:
    """A seat whose replies an agent of verifiers gives."""

    policies: tuple[Policy, ...] = ()
    sampling = None

    def __init__(self, interaction: vf.Interaction, name: str) -> None:
        self.interaction, self.name = interaction, name

    def open(self, seat: Seat) -> Seated:
        """Itself: it plays one episode."""
        return self

    async def act(self, observation: Observation) -> Reply:
        """What the model answers. Raises Unfinished where its run is over before the game is."""
        segment = await self.interaction.turn(observation.text)
        if segment.terminated:
            why = self.interaction.trace.stop_condition
            raise mark_fault(Unfinished(f"the run of {self.name} ended before the game: {why}"), "engine")
        return Reply(read(segment.last_reply, observation.legal_actions), notes={"reply": segment.last_reply})

    def close(self, last: Seen | None) -> None:
        """The episode is over; verifiers closes the run."""


class SparringEnv(vf.Env[SparringEnvConfig]):
    async def setup(self, agents: vf.Agents) -> None:
        """A role with a model or an endpoint of its own does not learn."""
        for role in ROLES:
            config: vf.AgentConfig = getattr(self.config, role)
            getattr(agents, role).trainable = config.model is None and config.client is None

    async def start(self) -> None:
        """Bring up what plays and what records."""
        self._pool, self._hosts, self._attempts = EnvPool(), Hosts(), Counter[str]()
        self._store = Store(self.config.store, "a") if self.config.store else None

    async def stop(self) -> None:
        """Close what was brought up."""
        if not hasattr(self, "_pool"):
            return
        await self._pool.close(self._hosts)
        self._hosts.close()
        if store := getattr(self, "_store", None):
            store.close()

    async def run(self, task: SparringTask, agents: vf.Agents) -> None:
        """Play one episode. Raises Unfinished where it breaks off: then no trace has a reward."""
        data = task.data
        seats = seats_of(data.env, data.options)
        roles = {seat: role for seat, role in zip(seats, ROLES, strict=False) if not data.opponent or role == data.seat}
        players: dict[str, Agent] = {seat: registry.make_agent(data.opponent) for seat in seats if seat not in roles}
        async with AsyncExitStack() as stack:
            for seat, role in roles.items():
                interaction = await stack.enter_async_context(getattr(agents, role).interaction(task))
                players[seat] = Seated(interaction, role)
            episode = await self._play(task.key, data, {seat: players[seat] for seat in seats})
            if not episode.sound:
                raise Unfinished(f"{episode.id} broke off ({episode.status}, {episode.fault}): {episode.error}")
        for seat, player in players.items():
            if isinstance(player, Seated):
                _pay(player.interaction.trace, episode, seat)

    async def _play(self, key: str, data: SparringData, players: Mapping[str, Agent]) -> Episode:
        """Another attempt at the task."""
        names = {seat: player.name for seat, player in players.items()}
        id = f"verifiers/{key}/{uuid.uuid4().hex}"
        sample = self._attempts[key]
        self._attempts[key] += 1
        match = Match(id, data.env, names, data.seed, data.options, sample=sample, task=key)
        episode = await play_one(Recording(match, players), self._pool, self._hosts)
        if self._store is not None:
            self._store.append([episode])
        return episode


def _pay(trace: vf.Trace, episode: Episode, seat: str) -> None:
    """Write down what an episode came to for a seat."""
    trajectory = episode.trajectories[seat]
    trace.record_reward("payoff", trajectory.reward)
    trace.record_metrics({f"part/{name}": part for name, part in trajectory.reward_parts.items()})
    trace.record_metrics(trajectory.metrics)
    illegal = sum(not turn.legal for turn in trajectory.turns)
    trace.record_metric("illegal", illegal)
    trace.info["sparring"] = {
        "episode": episode.id,
        "hash": episode.hash,
        "seat": seat,
        "legal": len(trajectory.turns) - illegal,
        "illegal": illegal,
        "truncated": episode.status == "truncated",
    }
