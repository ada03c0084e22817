"""Does pre-training help elsewhere? What the plays of a protocol say, with intervals over games, and the verdict.

A figure of one agent is a mean within 0..1 whose clusters are games (`stats.bounded_mean`). Two agents met the same
games; their difference is taken within each game, Student's t over games (`stats.paired_difference`). The seeds of a
protocol are repetitions of the training: three are too few for an interval of their own, so the signs of their
differences are counted beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sparring.plurals import number_of
from sparring.scoreboard.figures_json import estimate, finite, read_figures
from sparring.scoreboard.stats import Estimate, bounded_mean, paired_difference

RESULTS = "results.json"
WORDS = {"better": "it helps", "worse": "it hurts", "open": "no clear difference"}
"""What the verdict on a difference means."""
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Play:
    """One agent in one game."""

    target: str
    agent: str
    seed: int
    """Of the protocol's repetitions."""
    episodes: int
    """In which the agent practised on the target before."""
    game: int
    score: float
    """A share of the highest."""
    won: bool
    skills: frozenset[str] = frozenset()
    """Of what it did."""
    needed: frozenset[str] = frozenset()
    """Of the game's shortest plan, where one is known."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One agent at one point of its curve."""

    target: str
    agent: str
    episodes: int
    score: Estimate
    won: Estimate
    by_seed: tuple[float, ...]
    """Mean scores."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two agents at one point of their curves, in mean score."""

    target: str
    agent: str
    against: str
    episodes: int
    score: Estimate
    seeds_above: int
    """In how many repetitions the first agent's mean is above the other's."""
    seeds: int

    @property
    def verdict(self) -> str:
        """better, worse, or open: the interval holds 0, or nothing is known of the spread."""
        return "better" if self.score.low > 0 else "worse" if self.score.high < 0 else "open"

    @property
    def sentence(self) -> str:
        """`+0.44 (+0.32 to +0.55; 25 games), above in 3 of 3 seeds`."""
        if self.score.lacks:
            spread = (
                f"no interval: {number_of(self.score.clusters, 'game')} gave the same"
                if self.score.n
                else "nothing was played"
            )
        else:
            spread = f"{self.score.low:+.2f} to {self.score.high:+.2f}; {number_of(self.score.clusters, 'game')}"
        return f"{self.score.value:+.2f} ({spread}), above in {self.seeds_above} of {number_of(self.seeds, 'seed')}"


@dataclass(frozen=True, slots=True)
class SkillShare:
    """How often an agent used a skill in the games whose plan needs it, before any practice there."""

    skill: str
    agent: str
    games: int
    share: Estimate


@dataclass(frozen=True, slots=True)
class Transfer:
    """Everything that a protocol measured."""

    measured: Sequence[Measured]
    differences: Sequence[Difference]
    skills: Sequence[SkillShare] = ()
    notes: Sequence[str] = ()
    """How the agent was pre-trained, what was left out, what broke off."""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def targets(self) -> list[str]:
        """In order."""
        return list(dict.fromkeys(one.target for one in self.measured))

    @property
    def verdict(self) -> str:
        """One sentence over all targets: where pre-training helps, hurts, or nothing is shown."""
        return self._said(lambda one: f"{WORDS[one.verdict]} {_when(one)}, {one.sentence}", "; ")

    @property
    def headline(self) -> str:
        """The same without intervals."""
        return self._said(lambda one: f"{WORDS[one.verdict]} {_when(one)} ({one.score.value:+.2f})", ", ")

    def _said(self, of: Callable[[Difference], str], between: str) -> str:
        parts = [f"{name}: {between.join(map(of, self.ends(name))) or 'nothing was measured'}" for name in self.targets]
        return f"Does pre-training help? {'. '.join(parts)}."

    def ends(self, target: str) -> list[Difference]:
        """Pre-trained against from scratch, before any practice there and after the last."""
        found = [one for one in self.differences if one.target == target and one.against == "from scratch"]
        return found[:1] + found[1:][-1:]


def transfer(
    plays: Sequence[Play], pairs: Sequence[tuple[str, str]], notes: Sequence[str], settings: Mapping[str, Any]
) -> Transfer:
    """What the plays say. `pairs`: whose difference is asked for; an agent that never practises stays as it was."""
    cells: dict[tuple[str, str, int], list[Play]] = {}
    for play in plays:
        cells.setdefault((play.target, play.agent, play.episodes), []).append(play)
    measured = [_measured(*key, cell) for key, cell in cells.items()]
    differences = []
    for (target, agent, episodes), ours in sorted(cells.items(), key=lambda item: item[0][2]):
        for against in [other for one, other in pairs if one == agent]:
            theirs = cells.get((target, against, episodes)) or cells.get((target, against, 0), [])
            differences += [_difference(target, agent, against, episodes, ours, theirs)] if theirs else []
    return Transfer(measured, differences, _skills(plays), tuple(notes), settings)


def _when(difference: Difference) -> str:
    return f"after {number_of(difference.episodes, 'episode')} there" if difference.episodes else "at once"


def _measured(target: str, agent: str, episodes: int, plays: Sequence[Play]) -> Measured:
    games = [play.game for play in plays]
    score = bounded_mean([play.score for play in plays], games, 0.0, 1.0)
    won = bounded_mean([float(play.won) for play in plays], games, 0.0, 1.0)
    return Measured(target, agent, episodes, score, won, tuple(_by_seed(plays).values()))


def _difference(
    target: str, agent: str, against: str, episodes: int, ours: Sequence[Play], theirs: Sequence[Play]
) -> Difference:
    score = paired_difference([(one.game, one.score) for one in ours], [(one.game, one.score) for one in theirs])
    mine, other = _by_seed(ours), _by_seed(theirs)
    shared = [seed for seed in mine if seed in other]
    above = sum(mine[seed] > other[seed] for seed in shared)
    return Difference(target, agent, against, episodes, score, above, len(shared))


def _by_seed(plays: Sequence[Play]) -> dict[int, float]:
    scores: dict[int, list[float]] = {}
    for play in plays:
        scores.setdefault(play.seed, []).append(play.score)
    return {seed: math.fsum(found) / len(found) for seed, found in sorted(scores.items())}


def _skills(plays: Sequence[Play]) -> list[SkillShare]:
    """By skill and agent, before practice; what many games need comes first."""
    fresh = [play for play in plays if not play.episodes and play.needed]
    found = []
    for skill in sorted({skill for play in fresh for skill in play.needed}):
        asked = [play for play in fresh if skill in play.needed]
        for agent in dict.fromkeys(play.agent for play in asked):
            own = [play for play in asked if play.agent == agent]
            games = [play.game for play in own]
            share = bounded_mean([float(skill in play.skills) for play in own], games, 0.0, 1.0)
            found.append(SkillShare(skill, agent, len(set(games)), share))
    return sorted(found, key=lambda one: (-one.games, one.skill))


def to_json(found: Transfer) -> dict[str, object]:
    """Plain data; numbers that JSON does not have are null."""
    told = asdict(found)
    told["differences"] = [asdict(one) | {"verdict": one.verdict} for one in found.differences]
    return {"format": FORMAT, "verdict": found.verdict, **finite(told)}


def read_results(folder: Path) -> Transfer | None:
    """The results in a protocol's folder; None where there are none. Raises RunError where the file is damaged."""
    return read_figures(folder / RESULTS, FORMAT, _read, "the results of a protocol")


def _read(written: Mapping[str, Any]) -> Transfer:
    return Transfer(
        [_measured_again(one) for one in written["measured"]],
        [
            Difference(
                **{name: value for name, value in one.items() if name not in ("score", "verdict")},
                score=estimate(one["score"]),
            )
            for one in written["differences"]
        ],
        [SkillShare(**{**one, "share": estimate(one["share"])}) for one in written["skills"]],
        tuple(map(str, written["notes"])),
        dict(written["settings"]),
    )


def _measured_again(written: Mapping[str, Any]) -> Measured:
    estimates = {name: estimate(written[name]) for name in ("score", "won")}
    return Measured(**{**written, **estimates, "by_seed": tuple(written["by_seed"])})
