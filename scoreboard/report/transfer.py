"""The section of a report about a protocol: what pre-training is worth on each target, and the learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sparring.scoreboard.report.charts import PHONE, WIDE, Chart, Frame, Series, line_chart
from sparring.scoreboard.stats import Estimate
from sparring.scoreboard.transfer import Difference, Measured, Transfer

AGENTS = ("pre-trained", "from scratch", "random", "plan")
LEARNERS = AGENTS[:2]


@dataclass(frozen=True, slots=True)
class Row:
    """A target after so many episodes of practice; a score an agent."""

    target: str
    episodes: int
    scores: tuple[Estimate | None, ...]
    difference: Difference


@dataclass(frozen=True, slots=True)
class SkillRow:
    """A skill; a share an agent."""

    name: str
    games: int
    shares: tuple[Estimate | None, ...]


@dataclass(frozen=True, slots=True)
class TransferView:
    """Everything that the section shows."""

    found: Transfer
    agents: tuple[str, ...]
    rows: tuple[Row, ...]
    skills: tuple[SkillRow, ...]
    wide: tuple[Chart, ...]
    phone: tuple[Chart, ...]


def transfer_view(found: Transfer) -> TransferView:
    """What the template shows; agents that never practise stand in the rows without practice."""
    charts = [tuple(filter(None, (curve(found, target, frame) for target in found.targets))) for frame in (WIDE, PHONE)]
    return TransferView(found, AGENTS, _rows(found), _skills(found), *charts)


def curve(found: Transfer, target: str, frame: Frame) -> Chart | None:
    """Score by episodes of practice, both learners with intervals; random play and the plan as lines."""
    series = []
    for place, agent in enumerate(LEARNERS):
        points = sorted(_of(found, target, agent), key=lambda one: one.episodes)
        values = [(float(one.episodes), one.score.value) for one in points]
        intervals = [(float(one.episodes), one.score.low, one.score.high) for one in points]
        series.append(Series(agent, values, place, intervals=intervals))
    marks = {agent: one.score.value for agent in AGENTS[2:] for one in _of(found, target, agent)}
    chart = line_chart(f"Share of the highest score: {target}", series, marks, frame, zero_based=True, most=1.0)
    return chart and replace(chart, x_label="episodes of practice there")


def _of(found: Transfer, target: str, agent: str) -> Sequence[Measured]:
    return [one for one in found.measured if (one.target, one.agent) == (target, agent)]


def _rows(found: Transfer) -> tuple[Row, ...]:
    score = {(one.target, one.agent, one.episodes): one.score for one in found.measured}
    return tuple(
        Row(target, one.episodes, tuple(score.get((target, agent, one.episodes)) for agent in AGENTS), one)
        for target in found.targets
        for one in sorted(found.differences, key=lambda one: one.episodes)
        if one.target == target and (one.agent, one.against) == LEARNERS
    )


def _skills(found: Transfer) -> tuple[SkillRow, ...]:
    share = {(one.skill, one.agent): one for one in found.skills}
    games = {one.skill: one.games for one in found.skills}
    return tuple(
        SkillRow(skill, count, tuple(share[skill, a].share if (skill, a) in share else None for a in AGENTS))
        for skill, count in games.items()
    )
