"""A search as a replay shows it: rounds with query and passages, what these prove, the verdict, the answer.

It is read out of what the environment said at every turn: an episode whose first observation says a `question`, a
`style` and how many rounds are left (`info`) is a search. What the passages prove, whether they suffice and which
answers are right stand in `hidden`. Nothing of it is trusted: what is not of its kind is left out, and every text is
shown as text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sparring.answers.search_actions import STYLES, Style, parse
from sparring.types import Episode, Trajectory, Turn

VERDICTS = ("accept", "reject")
MOST_PASSAGES = 50
"""Of a round."""
MOST_FACTS = 30
"""Of a passage."""
MOST_TEXT, MOST_NAME = 1_000, 200
"""Characters."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage that a round showed."""

    title: str
    text: str
    proves: tuple[str, ...]
    """Its facts, in words."""


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of a search."""

    turn: int
    """Position among the episode's turns."""
    seat: str
    kind: str
    """search, answer, give_up, verdict or malformed."""
    said: str
    """The query, the answer or the verdict."""
    sufficient: bool | None
    """Whether what was found before this turn suffices; None where it is not known."""
    draft: str
    """The answer that the agent had in mind."""
    probability: float | None
    """That this answer may stand, as the agent's critic says."""
    passages: tuple[Shown, ...]
    gained: float


@dataclass(frozen=True, slots=True)
class SearchRounds:
    """An episode as a search."""

    question: str
    answers: tuple[str, ...]
    """Right ones; empty where the corpus has none, or they are not known."""
    kind: str
    hops: int
    first_sufficient: int
    """The turn at which what was found sufficed first; -1 for never."""
    steps: tuple[Step, ...]


def search_rounds(episode: Episode) -> SearchRounds | None:
    """An episode as a search; None where it is none."""
    for trajectory in episode.trajectories.values():
        turns = trajectory.turns
        if turns and _is_search(turns[0].observation.info):
            return _search_rounds(episode, turns[0])
    return None


def _search_rounds(episode: Episode, first: Turn) -> SearchRounds:
    steps = sorted(
        (step for trajectory in episode.trajectories.values() for step in _steps(episode, trajectory)),
        key=lambda step: step.turn,
    )
    hidden = first.hidden
    return SearchRounds(
        question=_text(first.observation.info.get("question"), MOST_TEXT),
        answers=_texts(hidden.get("answers"), MOST_NAME),
        kind=_text(hidden.get("kind"), MOST_NAME),
        hops=int(_number(hidden.get("hops")) or 0),
        first_sufficient=next((step.turn for step in steps if step.sufficient), -1),
        steps=tuple(steps),
    )


def _steps(episode: Episode, trajectory: Trajectory) -> list[Step]:
    """The turns of a seat, each with what it led to."""
    turns = trajectory.turns
    positions = [place for place, (seat, _) in enumerate(episode.turns) if seat == trajectory.seat]
    style = _style(turns)
    after = [*(turn.hidden for turn in turns[1:]), trajectory.hidden][: len(turns)]
    rows = zip(positions, turns, trajectory.outcomes, after, strict=True)
    return [_step(position, trajectory.seat, style, turn, told, known) for position, turn, told, known in rows]


def _step(
    position: int, seat: str, style: Style, turn: Turn, told: Mapping[str, object], known: Mapping[str, object]
) -> Step:
    understood = parse(style, turn.action)
    kind, said = understood.kind, understood.text
    if turn.observation.legal_actions and set(turn.observation.legal_actions) <= set(VERDICTS):
        return _made(position, seat, turn, "verdict", turn.action, ())
    passages = _passages(told.get("passages"), known.get("proves")) if kind == "search" else ()
    return _made(position, seat, turn, kind, said if kind != "malformed" else turn.action, passages)


def _made(position: int, seat: str, turn: Turn, kind: str, said: str, passages: tuple[Shown, ...]) -> Step:
    sufficient = turn.hidden.get("sufficient")
    return Step(
        turn=position,
        seat=seat,
        kind=kind,
        said=said[:MOST_TEXT],
        sufficient=sufficient if isinstance(sufficient, bool) else None,
        draft=_text(turn.notes.get("answer"), MOST_TEXT),
        probability=_number(turn.notes.get("verdict")),
        passages=passages,
        gained=turn.reward,
    )


def _passages(told: object, proves: object) -> tuple[Shown, ...]:
    """What a round showed, with the facts of each passage."""
    rows = [row for row in told if isinstance(row, Mapping)] if isinstance(told, list | tuple) else []
    facts = list(proves) if isinstance(proves, list | tuple) else []
    return tuple(
        Shown(
            _text(row.get("title"), MOST_NAME),
            _text(row.get("text"), MOST_TEXT),
            _facts(facts[place]) if place < len(facts) else (),
        )
        for place, row in enumerate(rows[:MOST_PASSAGES])
    )


def _facts(triples: object) -> tuple[str, ...]:
    rows = triples if isinstance(triples, list | tuple) else ()
    return tuple(" ".join(_texts(row, MOST_NAME)) for row in rows[:MOST_FACTS])


def _is_search(info: Mapping[str, object]) -> bool:
    return isinstance(info.get("question"), str) and info.get("style") in STYLES and "rounds_left" in info


def _style(turns: Sequence[Turn]) -> Style:
    style = turns[0].observation.info.get("style") if turns else None
    return cast("Style", style) if style in STYLES else "tags"


def _number(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and math.isfinite(value) else None  # type: ignore[arg-type]


def _text(value: object, most: int) -> str:
    return value[:most] if isinstance(value, str) else ""


def _texts(value: object, most: int) -> tuple[str, ...]:
    return tuple(_text(one, most) for one in value) if isinstance(value, list | tuple) else ()
