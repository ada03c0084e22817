"""Probes: the weights under training play fixed agents now and then, a figure of progress where nothing can be solved.

Every probe plays the same deals, each from every seat. The games are stored, and never trained on: a run with probes
has the very weights of the run without them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sparring import registry
from sparring.agents import named
from sparring.protocols import Agent
from sparring.rollout.loop import Match, play
from sparring.rollout.pool import Pool
from sparring.scoreboard.cross_table import mean_reward
from sparring.scoreboard.matches import by_name, rotated_matches, seats_of
from sparring.scoreboard.progress import HELD_OUT, OTHER_TASKS, illegal_key, probe_keys
from sparring.specs import options_of
from sparring.store.store import Store
from sparring.trainers.collecting import collect
from sparring.trainers.config import RunConfig
from sparring.trainers.progress import Hear
from sparring.types import Episode, derive_seed

UNNAMED = "random"
"""Who plays where nobody is named."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One game against one agent."""

    game: str
    spec: str
    """The agent as the settings name it; in an environment of one seat, which tasks are played."""
    agent: Agent | None
    """None in an environment of one seat, and before it is made."""
    env_kwargs: Mapping[str, object]
    alone: bool = True
    """Whether the environment has one seat."""


class Probes:
    """The probes of a run, over all its games and all agents that its settings name."""

    def __init__(self, config: RunConfig, solvable: Collection[str]) -> None:
        """`solvable`: the games that are measured exactly anyway.

        Raises UnknownName, and ValueError where an agent cannot play one of the games.
        """
        self.config = config
        planned = planned_probes(config, solvable)
        agents = {probe.spec: named.make(probe.spec) for probe in planned if not probe.alone}
        self.all = [replace(probe, agent=None if probe.alone else agents[probe.spec]) for probe in planned]
        for probe in self.all if config.probe else []:
            if probe.agent is not None:
                require_playable("probe", probe.game, probe.spec, probe.agent, probe.env_kwargs)

    def play(self, update: int, player: Agent, store: Store, pool: Pool, hear: Hear | None = None) -> dict[str, float]:
        """The player's mean reward against every agent, with its interval; nothing where it is not the time for it."""
        if not self.is_due(update):
            return {}
        metrics: dict[str, float] = {}
        for probe in self.all:
            agents = self._agents(probe, player)
            episodes = collect(self._matches(probe, update, list(agents)), agents, store, pool, hear, "measuring")
            metrics |= _measured(probe, player.name, episodes)
        return metrics

    def is_due(self, update: int) -> bool:
        """Whether it is the time for probes: before the first update, now and then, and after the last."""
        return update == self.config.steps or (self.config.probe_every > 0 and update % self.config.probe_every == 0)

    def ids(self, update: int) -> Iterator[str]:
        """The ids of all episodes that the weights of an update may have played."""
        for probe in self.all:
            yield from (match.id for match in self._matches(probe, update, seats_of(probe.game)))

    def _agents(self, probe: Probe, player: Agent) -> dict[str, Agent]:
        return by_name([player, *([probe.agent] * (len(seats_of(probe.game)) - 1) if probe.agent else [])])

    def _matches(self, probe: Probe, update: int, agents: Sequence[str]) -> Sequence[Match]:
        seed, prefix = derive_seed(self.config.seed, "probe"), f"probe-{update}/{probe.spec}"
        count, group = self.config.probe_games, f"probe/update {update}"
        return rotated_matches(probe.game, agents, count, seed, prefix, group, dict(probe.env_kwargs))


def planned_probes(config: RunConfig, solvable: Collection[str]) -> list[Probe]:
    """What a run will play, its agents not made yet."""
    if not config.probe_every:
        return []
    shared = [game for game in config.games if len(seats_of(game)) > 1]
    games = shared if config.probe else [game for game in shared if game not in solvable]
    specs, kwargs = dict.fromkeys(config.probe or (UNNAMED,)), config.env_kwargs()
    played = [Probe(game, spec, None, kwargs, alone=False) for game in games for spec in specs]
    return played + [_alone(game, config) for game in config.games if game not in shared]


def _alone(game: str, config: RunConfig) -> Probe:
    """Tasks that are never trained on: those that an environment holds out, else other seeds than those of training."""
    if "split" in dict(options_of(registry.envs.row(game).build)):
        return Probe(game, HELD_OUT, None, {**config.env_kwargs(), "split": "held_out"})
    return Probe(game, OTHER_TASKS, None, config.env_kwargs())


def _measured(probe: Probe, player: str, episodes: Sequence[Episode]) -> dict[str, float]:
    """The player's mean reward and its interval over deals; nothing where no game came to its end."""
    sound = [episode for episode in episodes if episode.error is None]
    sides = [(e.task or e.id, t.reward) for e in sound for t in e.trajectories.values() if t.agent == player]
    if not sides:
        return {}
    settings = [episode.env_kwargs for episode in sound]
    mean = mean_reward(probe.game, [reward for _, reward in sides], [task for task, _ in sides], settings)
    turns = [turn for e in sound for t in e.trajectories.values() if t.agent == player for turn in t.turns]
    illegal = sum(not turn.legal for turn in turns) / max(1, len(turns))
    figures = zip(probe_keys(probe.game, probe.spec), (mean.value, mean.low, mean.high), strict=True)
    return {**dict(figures), illegal_key(probe.game, probe.spec): illegal}


def require_playable(what: str, game: str, spec: str, agent: Agent, env_kwargs: Mapping[str, object]) -> None:
    """Raises ValueError, naming the setting, where the agent breaks off a game that it plays against itself."""
    if agent.name == "human":
        raise ValueError(f"{what}: a person cannot be asked for games while a run goes on")
    match = Match(what, game, dict.fromkeys(seats_of(game), spec), 0, env_kwargs)
    (episode,) = play([match], {spec: agent})
    if episode.error is not None:
        raise ValueError(f"{what}: agent {spec!r} cannot play {game}: {episode.error}")
