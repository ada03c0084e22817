"""What a report needs of a run folder or a store: configuration, metrics, standings and a sample of its episodes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sparring.plurals import number_of
from sparring.scoreboard import critic_results, methods
from sparring.scoreboard.critic_results import CriticResults
from sparring.scoreboard.cross_table import CrossTable, cross_tables, mean_reward
from sparring.scoreboard.methods import Comparison
from sparring.scoreboard.stats import Estimate, Outcomes, count_outcomes, rate
from sparring.scoreboard.transfer import Transfer, read_results
from sparring.store.location import Location, Server
from sparring.store.rows import DamagedEpisode, EpisodeRow
from sparring.store.run_files import BEST, CHECKPOINTS, CONFIG, EPISODES, METRICS, metrics_of, read_config
from sparring.store.run_parts import MetricsRow, lost_parts, lost_updates
from sparring.store.runs import is_live
from sparring.store.store import Store
from sparring.types import Episode

__all__ = ["RunData", "Standing", "faults_of", "load_run", "standing", "standings"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one agent did against another in one environment, both seats together."""

    env_id: str
    agent: str
    opponent: str | None
    """None in environments with one seat."""
    episodes: int
    broken_off: int
    outcomes: Outcomes
    win_rate: Estimate
    """Wins of every kind among the games against somebody."""
    illegal_rate: Estimate
    """Games against somebody that the agent lost by an illegal action."""
    reward: Estimate
    """Per episode: what an agent is worth, also in games of chips, where a share of wins does not say it."""
    itself: bool = False
    """An agent met itself: what is counted is the first seat against the second."""


Policy = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class RunData:
    """A run or a store, ready to be shown. Whoever has the agents adds `references`, `policies` and `states`."""

    label: str
    path: Location
    config: Mapping[str, Any]
    metrics: Sequence[MetricsRow]
    standings: Sequence[Standing] = ()
    tables: Sequence[CrossTable] = ()
    """Agent by agent, one an environment; only of a store without a run, where the agents do not learn."""
    replays: Sequence[Episode] = ()
    damaged: Sequence[str] = ()
    """What could not be read, is missing, or cannot be worked out here, in words."""
    lost_metrics: str = ""
    """Why `metrics` are not those of the whole run; "" where nothing says so."""
    episodes: int = 0
    turns: int = 0
    illegal_turns: int = 0
    root: str = ""
    references: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """NashConv by environment and name: uniform, every constant policy, equilibrium."""
    policies: Mapping[str, Mapping[str, Policy]] = field(default_factory=dict)
    """By environment: label (first, last, equilibrium) -> state key -> action -> probability."""
    states: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By environment: state key -> what the seat knows, in words, in the order of play."""
    transfer: Transfer | None = None
    """What pre-training was worth elsewhere; of a protocol's folder."""
    methods: Comparison | None = None
    """Methods held against each other; of a comparison's folder."""
    critic: CriticResults | None = None
    """What a critic is worth; of a run that trained one."""
    has_checkpoint: bool = False
    """Whether a best checkpoint is there to be measured."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the run was started with; empty for a store."""
        settings = self.config.get("config", {})
        return settings if isinstance(settings, Mapping) else {}


def load_run(path: Location, replays: int = 200) -> RunData:
    """Read a run folder or a bare store; `replays` episodes are taken at equal distances over it.

    Raises FileNotFoundError if there is neither a metrics file nor a store, ValueError for a broken metrics line.
    """
    if isinstance(path, Server):
        return _with_episodes(RunData(str(path), path, {}, ()), path, replays)
    path = Path(path)
    config: Mapping[str, Any] = read_config(path) if (path / CONFIG).exists() else {}
    metrics = metrics_of(path)
    measurable = (path / CHECKPOINTS / BEST).is_dir()
    run = RunData(path.name or path.resolve().name, path, config, metrics, has_checkpoint=measurable)
    if not is_live(path):
        lost = lost_updates(path, metrics)
        found = [*filter(None, [lost]), *lost_parts(path, metrics, run.settings)]
        run = replace(run, damaged=found, lost_metrics=lost)
    episodes = store_of(path)
    if episodes is None and not metrics:
        what = f"it has no {METRICS} and no {EPISODES}" if path.exists() else "nothing is there"
        raise FileNotFoundError(f"{path} is not a run folder and not a store: {what}")
    run = replace(
        run,
        transfer=read_results(path),
        methods=methods.read_results(path),
        critic=critic_results.read_results(path),
    )
    return run if episodes is None else _with_episodes(run, episodes, replays)


def _with_episodes(run: RunData, episodes: Location, replays: int) -> RunData:
    with Store(episodes) as store:
        rows = list(store.rows())
        shown, damaged = _sample(store, rows, replays)
        bare = not run.config and not run.metrics
        tables = cross_tables(rows) if bare else []
        return replace(
            run,
            standings=() if any(table.variant for table in tables) else standings(rows),
            tables=tables,
            replays=shown,
            damaged=[*run.damaged, *damaged],
            episodes=len(rows),
            turns=sum(sum(row.turns.values()) for row in rows),
            illegal_turns=sum(sum(row.illegal.values()) for row in rows),
            root=store.root(),
        )


def store_of(path: Location) -> Location | None:
    """The store of a run folder, or the store itself, whole or not: whoever opens it says what is wrong with it."""
    if isinstance(path, Server):
        return path
    if (path / EPISODES).exists():
        return path / EPISODES
    return path if (path / "store.json").exists() or (path / "segments").is_dir() else None


def is_store(path: Location) -> bool:
    """Whether a store by itself is there, and no run that holds one."""
    return isinstance(path, Server) or (store_of(path) == path and not (path / CONFIG).exists())


def standings(rows: Iterable[EpisodeRow]) -> list[Standing]:
    """One standing per environment and pair of agents, told by the one that learns, or is a model, or played more.

    Against the same opponent whoever earned more stands first; agents against themselves stand last.
    """
    games: dict[tuple[str, str, str | None], list[tuple[EpisodeRow, str]]] = {}
    rows = list(rows)
    played = _episodes_by_agent(rows)
    for row in rows:
        for seat, agent, opponent in _sides(row, played):
            games.setdefault((row.env_id, agent, opponent), []).append((row, seat))
    found = [replace(standing(*key, sides), itself=key[1] == key[2]) for key, sides in games.items()]
    return sorted(found, key=_rank)


def _rank(one: Standing) -> tuple[str, bool, str, bool, float, str]:
    unknown = math.isnan(one.reward.value)
    return one.env_id, one.itself, one.opponent or "", unknown, 0.0 if unknown else -one.reward.value, one.agent


def faults_of(episodes: Iterable[Episode]) -> list[str]:
    """Every episode that broke off, as "id: status: error"."""
    return [f"{episode.id}: {episode.status}: {episode.error}" for episode in episodes if episode.error]


def _sides(row: EpisodeRow, played: Mapping[str, int]) -> Iterator[tuple[str, str, str | None]]:
    """(seat, agent, opponent): one side of a pair, the first seat where an agent meets itself."""
    seats = list(row.agents)
    if len(seats) == 1:
        yield seats[0], row.agents[seats[0]], None
    elif len(seats) == 2 and len(set(row.agents.values())) == 1:
        yield seats[0], row.agents[seats[0]], row.agents[seats[1]]
    elif len(seats) == 2:
        ranks = {
            seat: (not row.trainable[seat], row.tokens[seat] == 0, -played[row.agents[seat]], row.agents[seat], seat)
            for seat in seats
        }
        seat, other = sorted(seats, key=ranks.__getitem__)
        yield seat, row.agents[seat], row.agents[other]
    else:
        for seat in seats:
            yield seat, row.agents[seat], number_of(len(seats) - 1, "other")


def standing(env_id: str, agent: str, opponent: str | None, sides: Sequence[tuple[EpisodeRow, str]]) -> Standing:
    """What an agent got out of its sides: pairs of an episode's row and the agent's seat in it."""
    counted = [(row, seat) for row, seat in sides if row.sound]
    results = [_counted(row, seat) for row, seat in counted if len(row.agents) > 1]
    tasks = [row.task or row.id for row, _ in counted]
    contested = tasks if results else []
    return Standing(
        env_id=env_id,
        agent=agent,
        opponent=opponent,
        episodes=len(sides),
        broken_off=len(sides) - len(counted),
        outcomes=_total(results),
        win_rate=rate([one.wins + one.illegal_wins > 0 for one in results], contested),
        illegal_rate=rate([one.illegal_losses > 0 for one in results], contested),
        reward=mean_reward(
            env_id, [row.rewards[seat] for row, seat in counted], tasks, (row.env_kwargs for row, _ in counted)
        ),
    )


def _counted(row: EpisodeRow, seat: str) -> Outcomes:
    return count_outcomes([row], seat)


def _total(results: Sequence[Outcomes]) -> Outcomes:
    return Outcomes(
        wins=sum(one.wins for one in results),
        draws=sum(one.draws for one in results),
        losses=sum(one.losses for one in results),
        illegal_wins=sum(one.illegal_wins for one in results),
        illegal_losses=sum(one.illegal_losses for one in results),
    )


def _episodes_by_agent(rows: Iterable[EpisodeRow]) -> dict[str, int]:
    played: dict[str, int] = {}
    for row in rows:
        for agent in set(row.agents.values()):
            played[agent] = played.get(agent, 0) + 1
    return played


def _sample(store: Store, rows: Sequence[EpisodeRow], most: int) -> tuple[list[Episode], list[str]]:
    count = min(most, len(rows))
    picks = [rows[index * (len(rows) - 1) // max(1, count - 1)].id for index in range(count)]
    shown, damaged = [], []
    for id in dict.fromkeys(picks):
        try:
            shown.append(store.get(id))
        except DamagedEpisode as error:
            damaged.append(str(error))
    return shown, damaged
