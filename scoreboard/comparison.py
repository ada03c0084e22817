"""Runs beside each other: settings that differ, figures, paired differences over the updates or deals they share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sparring.scoreboard.critic_results import read_results
from sparring.scoreboard.names import play_words
from sparring.scoreboard.progress import PROBE, Figure, figures, short_name
from sparring.scoreboard.standings import is_store
from sparring.scoreboard.stats import Estimate, mcnemar, paired_difference, paired_share_difference
from sparring.store.location import Location, Server
from sparring.store.rows import DamagedEpisode
from sparring.store.run_files import EPISODES, metrics_of, read_config
from sparring.store.run_parts import MetricsRow
from sparring.store.store import Store
from sparring.types import Episode

Deal = tuple[str, str]
"""(environment id, task): the same deal, whoever played it."""
NOT_COMPARED = ("device",)
SUCCESSES = {"success": "success", "success_at_cap": "success within the cap"}
"""Metrics of an episode that are 1 or 0."""
AT_A_MOMENT = re.compile(r" \((before|update \d+)\)$")
"""How the name of a run's own player ends in games that measure it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What is compared of one run."""

    path: Location
    settings: Mapping[str, object]
    by_update: Mapping[str, Mapping[int, float]]
    """Name of a figure -> update -> value."""
    by_deal: Mapping[str, Sequence[tuple[Deal, float]]]
    """Name of a figure -> (deal, reward) of the last games against one agent."""
    best: Mapping[str, float]
    """Name of a probe's figure -> the best value of all updates."""
    at_end: Mapping[str, float]
    """Name of a figure -> its value, measured once when a run had ended."""
    seconds: float | None
    """Of all updates together; None of a store."""
    successes: Mapping[str, Sequence[tuple[Deal, bool]]] = field(default_factory=dict)
    """Name of a figure -> (task, whether it was done); of a store alone."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of every run, and how each differs from the first run."""

    name: str
    values: tuple[float | None, ...]
    """One a run; None where it was not measured."""
    differences: tuple[Estimate | None, ...]
    """One a run after the first: this run minus the first, paired. None where nothing is shared."""
    p_values: tuple[float | None, ...] = field(default=(), kw_only=True)
    """One a run after the first: McNemar's exact test. Empty for figures other than successes; None where a task was
    played more than once, or nothing is shared."""
    pairs: str
    """What a pair is: "updates", "deals" or "tasks"; "" for figures that are not paired."""


def load_measured(run: Location) -> Measured:
    """Read one run or store. Raises ValueError where the folder is neither or damaged, DamagedStore."""
    if isinstance(run, Server) or is_store(run):
        return load_measured_store(run)
    started = read_config(run)
    settings = started["config"]
    rows = metrics_of(run)
    exact, probes = _parted(figures(rows))
    by_update = {f"{figure.name} {figure.game}": dict(figure.values) for figure in exact}
    if shares := {row["update"]: row["illegal_share"] for row in rows if "illegal_share" in row}:
        by_update["illegal share"] = shares
    by_update |= _rewards_while_learning(rows)
    seconds = sum(row.get("seconds") or 0.0 for row in rows)
    last_games = {f"evaluation-{settings.get('steps')}/": "against uniform"}
    last_games |= {f"probe-{figure.values[-1][0]}/{figure.opponent}/": f"vs {figure.opponent}" for figure in probes}
    best = {f"{figure.game} {figure.name}": figure.best[1] for figure in probes}
    settings = {"method": started["method"], **settings}
    return Measured(run, settings, by_update, _games(run, last_games), best, _of_a_critic(run), seconds)


def load_measured_store(path: Location) -> Measured:
    """The successes of a store, of environments whose episodes say `success`; settings are those of all its episodes.

    Raises ValueError where no episode says it, DamagedStore.
    """
    counted: dict[str, list[tuple[Deal, bool]]] = {}
    settings: dict[str, set[str]] = {}
    with Store(path) as store:
        for _, episode in store.scan():
            if isinstance(episode, DamagedEpisode):
                raise episode
            for name, value in _settings_of(episode):
                settings.setdefault(name, set()).add(value)
            for name, done in _successes(episode):
                counted.setdefault(name, []).append(((episode.env_id, episode.task or str(episode.seed)), done))
    if not counted:
        raise ValueError(f"{path} is a store whose episodes say no success: compare takes run folders, or such stores")
    shown = {name: ", ".join(sorted(values)) for name, values in sorted(settings.items())}
    return Measured(path, shown, {}, {}, {}, {}, None, counted)


def _settings_of(episode: Episode) -> Iterator[tuple[str, str]]:
    yield from ((name, str(value)) for name, value in episode.env_kwargs.items())
    agents = dict.fromkeys(one.agent for one in episode.trajectories.values())
    yield "agents", " + ".join(agents)


def _successes(episode: Episode) -> Iterator[tuple[str, bool]]:
    for trajectory in episode.trajectories.values() if episode.sound else ():
        for key, words in SUCCESSES.items():
            if key in trajectory.metrics:
                yield f"{words} {short_name(episode.env_id)}", trajectory.metrics[key] == 1


def _rewards_while_learning(rows: Sequence[MetricsRow]) -> dict[str, dict[int, float]]:
    """The mean rewards of the updates' own games, where one seat plays: between several they add up to little."""
    rewards: dict[str, dict[str, dict[int, float]]] = {}
    for row in rows:
        for key, value in row.items():
            kind, _, rest = key.partition("/")
            if kind == "reward":
                env_id, _, seat = rest.rpartition("/")
                rewards.setdefault(env_id, {}).setdefault(seat, {})[row["update"]] = value
    alone = {id: next(iter(seats.values())) for id, seats in rewards.items() if len(seats) == 1}
    return {f"{short_name(id)} reward while learning": values for id, values in alone.items()}


def _of_a_critic(run: Path) -> dict[str, float]:
    """What stopping by the run's critic earns beside other rules, and its quality; nothing without a critic."""
    found = read_results(run)
    if found is None:
        return {}
    rewards = {f"reward, {rule.name}": rule.earned.reward.value for rule in found.rules}
    measured = found.quality
    return rewards | {"AUROC": measured.auroc, "Brier": measured.brier, "ECE": measured.calibration_error}


def _parted(found: Sequence[Figure]) -> tuple[list[Figure], list[Figure]]:
    """Exact figures, and probes."""
    probes = [figure for figure in found if figure.key.startswith(PROBE)]
    return [figure for figure in found if figure.is_exact], probes


def differing_settings(runs: Sequence[Measured]) -> dict[str, tuple[object, ...]]:
    """The settings in which runs differ, one value a run; None where a run has no such setting, or it is empty."""
    names = dict.fromkeys(name for run in runs for name in run.settings if name not in NOT_COMPARED)
    held = {name: tuple(_held(run.settings.get(name)) for run in runs) for name in names}
    return {name: values for name, values in held.items() if any(value != values[0] for value in values)}


def _held(value: object) -> object:
    """A list or text without anything in it is the same as no setting."""
    return None if value in ("", [], ()) else value


def compare_figures(runs: Sequence[Measured]) -> list[Compared]:
    """Every figure that some run has: last and best ones by update, results against uniform play by deal, duration."""
    compared = []
    for name in dict.fromkeys(name for run in runs for name in run.by_update):
        compared += _by_update(name, [run.by_update.get(name, {}) for run in runs])
    for name in dict.fromkeys(name for run in runs for name in run.by_deal):
        compared.append(_by_deal(name, [run.by_deal.get(name, ()) for run in runs]))
        if any(name in run.best for run in runs):
            best = tuple(run.best.get(name) for run in runs)
            compared.append(Compared(f"{name}, best", best, (None,) * (len(runs) - 1), ""))
    for name in dict.fromkeys(name for run in runs for name in run.at_end):
        compared.append(Compared(name, tuple(run.at_end.get(name) for run in runs), (None,) * (len(runs) - 1), ""))
    for name in dict.fromkeys(name for run in runs for name in run.successes):
        compared.append(_by_task(name, [run.successes.get(name, ()) for run in runs]))
    if any(run.seconds is not None for run in runs):
        compared.append(Compared("seconds", tuple(run.seconds for run in runs), (None,) * (len(runs) - 1), ""))
    return compared


def _by_update(name: str, curves: Sequence[Mapping[int, float]]) -> list[Compared]:
    """The last value; the mean over the updates that all runs share, with its difference; and the best NashConv."""
    nothing: tuple[None, ...] = (None,) * (len(curves) - 1)
    last = tuple(curve[max(curve)] if curve else None for curve in curves)
    shown = [Compared(f"{name}, last", last, nothing, "")]
    shared = set.intersection(*(set(curve) for curve in curves))
    first, *others = parts = [{update: curve[update] for update in sorted(shared)} for curve in curves]
    means = tuple(sum(part.values()) / len(part) if part else None for part in parts)
    differences = tuple(_paired(part.items(), first.items()) for part in others)
    shown.append(Compared(f"{name}, mean of updates", means, differences, "updates"))
    if name.startswith("NashConv"):
        best = tuple(min(curve.values()) if curve else None for curve in curves)
        shown.append(Compared(f"{name}, best", best, nothing, ""))
    return shown


def _by_deal(name: str, games: Sequence[Sequence[tuple[Deal, float]]]) -> Compared:
    means = tuple(sum(reward for _, reward in played) / len(played) if played else None for played in games)
    differences = tuple(_paired(played, games[0]) for played in games[1:])
    env_id = next(env_id for played in games for (env_id, _), _ in played)
    return Compared(name, means, differences, "deals" if play_words(env_id).contested else "tasks")


def _by_task(name: str, successes: Sequence[Sequence[tuple[Deal, bool]]]) -> Compared:
    shares = tuple(sum(done for _, done in played) / len(played) if played else None for played in successes)
    as_numbers = [[(task, float(done)) for task, done in played] for played in successes]
    paired = (paired_share_difference(played, as_numbers[0]) for played in as_numbers[1:])
    differences = tuple(one if one.n else None for one in paired)
    p_values = tuple(_mcnemar(played, successes[0]) for played in successes[1:])
    return Compared(name, shares, differences, "tasks", p_values=p_values)


def _mcnemar(ours: Sequence[tuple[Deal, bool]], theirs: Sequence[tuple[Deal, bool]]) -> float | None:
    mine, other = dict(ours), dict(theirs)
    shared = [task for task in mine if task in other]
    if not shared or len(mine) < len(ours) or len(other) < len(theirs):
        return None
    return mcnemar([mine[task] for task in shared], [other[task] for task in shared])


def _paired(ours: Iterable[tuple[object, float]], theirs: Iterable[tuple[object, float]]) -> Estimate | None:
    difference = paired_difference(ours, theirs)
    return difference if difference.n else None


def _games(run: Path, moments: Mapping[str, str]) -> dict[str, list[tuple[Deal, float]]]:
    """(deal, reward) of the run's own seat, by game and what `moments` calls an id's beginning."""
    if not (run / EPISODES).is_dir():
        return {}
    rewards: dict[str, list[tuple[Deal, float]]] = {}
    with Store(run / EPISODES) as store:
        for row in store.rows():
            what = next((what for prefix, what in moments.items() if row.id.startswith(prefix)), None)
            learner = next((seat for seat, agent in row.agents.items() if AT_A_MOMENT.search(agent)), None)
            if what and learner and row.sound and row.task:
                deals = rewards.setdefault(f"{short_name(row.env_id)} {what}", [])
                deals.append(((row.env_id, row.task), row.rewards[learner]))
    return rewards
