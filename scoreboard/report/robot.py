"""A plan that a robot carried out, as a replay shows it: subgoals on a line of control steps, verdicts, faults, frames.

It is read out of what the environment said at every turn: a seat whose first turn knows `attempts` and `clauses`
(`hidden`) plans for a robot. The attempts that follow from an action stand in `hidden` of the seat's next turn, or of
its end. Nothing of it is trusted: what is not of its kind is left out, and every text is shown as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sparring.content import Blob, Content
from sparring.envs.robot.procedure import LIFT_STEPS
from sparring.types import Episode, Seen, Trajectory

KINDS = ("try", "repair", "look")
MOST_TEXT = 300
"""Characters."""
MOST_ATTEMPTS, MOST_CHECKS, MOST_CLAUSES = 200, 200, 40
"""Of an action, of an attempt, of a goal."""
MOST_STEPS = 1_000_000
"""Control steps."""
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A check: what the verifier said, and the truth."""

    step: int
    """Control step of the episode."""
    said: bool
    truth: bool
    turn: int
    """Position among the episode's turns: of the verifier's where it is a seat, else of the planner's."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One attempt at a subgoal."""

    kind: str
    """try, repair, or look: see `sparring.envs.robot.procedure.Attempt`."""
    subgoal: str
    number: int
    start: int
    """Control step of the episode."""
    steps: int
    checks: tuple[Verdict, ...]
    fault: str
    """"" for none."""
    fault_at: int
    """Control step of the episode."""
    accepted: bool
    reached: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What another seat said between two actions of the planner."""

    turn: int
    seat: str
    said: str
    right: bool | None
    """Of a verdict: whether it is true."""


@dataclass(frozen=True, slots=True)
class Action:
    """What the planner said, and what was carried out of it: a list of attempts for every subgoal."""

    turn: int
    said: str
    legal: bool
    start: int
    end: int
    """Control steps of the episode."""
    pursued: tuple[tuple[Bar, ...], ...]
    others: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """The pictures of one observation."""

    turn: int
    """Position among the episode's turns; their number for the end."""
    step: int
    shots: tuple[tuple[str, str], ...]
    """(camera, SHA-256 of the picture)."""
    about: str
    """What holds, or what the verifier is asked."""


@dataclass(frozen=True, slots=True)
class Film:
    """An episode of a robot."""

    instruction: str
    clauses: tuple[tuple[str, bool, bool], ...]
    """(clause of the goal, its truth at the start, at the end)."""
    steps: int
    """Control steps."""
    actions: tuple[Action, ...]
    frames: tuple[Frame, ...]


def film(episode: Episode) -> Film | None:
    """An episode as a film; None where no robot acts in it."""
    for trajectory in episode.trajectories.values():
        turns = trajectory.turns
        if turns and isinstance(turns[0].hidden.get("clauses"), Mapping) and "attempts" in turns[0].hidden:
            return _film(episode, trajectory)
    return None


def _film(episode: Episode, planner: Trajectory) -> Film:
    first = planner.turns[0]
    actions = tuple(_actions(episode, planner))
    before = _clauses(first.hidden)
    after = _clauses(planner.hidden or planner.turns[-1].hidden)
    told = first.observation.info
    return Film(
        instruction=_text(told.get("instruction")) or _text(told.get("task")),
        clauses=tuple((clause, truth, after.get(clause, truth)) for clause, truth in before.items()),
        steps=max((action.end for action in actions), default=0),
        actions=actions,
        frames=tuple(_frames(episode, planner, actions)),
    )


def _actions(episode: Episode, planner: Trajectory) -> Iterator[Action]:
    turns = planner.turns
    places = [place for place, (seat, _) in enumerate(episode.turns) if seat == planner.seat]
    knew = [*(turn.hidden for turn in turns), planner.hidden]
    end = 0
    for number, (place, turn) in enumerate(zip(places, turns, strict=True)):
        start = max(end, _count(knew[number].get("control_steps")))
        upto = places[number + 1] if number + 1 < len(places) else len(episode.turns)
        others = tuple(_others(episode, place + 1, upto))
        bars = _bars(knew[number + 1].get("attempts"), place, start)
        last = max((bar.start + bar.steps for bar in bars), default=start)
        end = max(last, _count(knew[number + 1].get("control_steps")))
        bars = _with_turns(_lifted(bars, end), [one.turn for one in others if one.right is not None])
        yield Action(place, turn.action[:MOST_TEXT], turn.legal, start, end, tuple(_by_subgoal(bars)), others)


def _others(episode: Episode, first: int, last: int) -> Iterator[Said]:
    for place in range(first, last):
        seat, turn = episode.turns[place]
        truth = turn.hidden.get("truth")
        right = (turn.action.strip().lower() == "yes") == truth if isinstance(truth, bool) else None
        yield Said(place, seat, turn.action[:MOST_TEXT], right)


def _bars(told: object, turn: int, start: int) -> list[Bar]:
    """The attempts of an action, one right after the other."""
    bars: list[Bar] = []
    for row in told[:MOST_ATTEMPTS] if isinstance(told, list | tuple) else ():
        if isinstance(row, Mapping) and row.get("kind") in KINDS:
            bars.append(_bar(row, turn, start))
            start += bars[-1].steps
    return bars


def _bar(row: Row, turn: int, start: int) -> Bar:
    return Bar(
        kind=_text(row.get("kind")),
        subgoal=_text(row.get("subgoal")),
        number=_count(row.get("number")),
        start=start,
        steps=_count(row.get("steps")),
        checks=tuple(_verdicts(row.get("checks"), turn, start)),
        fault=_text(row.get("fault")),
        fault_at=start + _count(row.get("fault_step")),
        accepted=row.get("accepted") is True,
        reached=row.get("reached") is True,
    )


def _verdicts(told: object, turn: int, start: int) -> Iterator[Verdict]:
    for row in told[:MOST_CHECKS] if isinstance(told, list | tuple) else ():
        if isinstance(row, list | tuple) and len(row) == 3 and all(isinstance(one, bool) for one in row[1:]):
            yield Verdict(start + _count(row[0]), row[1], row[2], turn)


def _lifted(bars: Sequence[Bar], end: int) -> list[Bar]:
    """Later by the steps that lifted the hand before each retry, which belong to no attempt."""
    spare = end - max((bar.start + bar.steps for bar in bars), default=end)
    moved, lifted, number = [], 0, 0
    for bar in bars:
        if bar.number not in (0, number):
            lifted += min(LIFT_STEPS, spare - lifted)
        number = bar.number
        moved.append(_later(bar, lifted))
    return moved


def _later(bar: Bar, by: int) -> Bar:
    checks = tuple(replace(check, step=check.step + by) for check in bar.checks)
    return replace(bar, start=bar.start + by, fault_at=bar.fault_at + by, checks=checks)


def _with_turns(bars: Sequence[Bar], turns: Sequence[int]) -> list[Bar]:
    """Every check with the turn of the verifier's seat that made it; `turns`: in order, none where it is no seat."""
    if sum(len(bar.checks) for bar in bars) != len(turns):
        return list(bars)
    waiting = iter(turns)
    return [replace(bar, checks=tuple(replace(check, turn=next(waiting)) for check in bar.checks)) for bar in bars]


def _by_subgoal(bars: Sequence[Bar]) -> Iterator[tuple[Bar, ...]]:
    """Attempts at one subgoal together; the first of each is a try with the number 0."""
    group: list[Bar] = []
    for bar in bars:
        if group and bar.kind == "try" and bar.number == 0:
            yield tuple(group)
            group = []
        group.append(bar)
    if group:
        yield tuple(group)


def _frames(episode: Episode, planner: Trajectory, actions: Sequence[Action]) -> Iterator[Frame]:
    steps = {
        check.turn: check.step for action in actions for bars in action.pursued for bar in bars for check in bar.checks
    }
    steps |= {action.turn: action.start for action in actions}
    for place, (_, turn) in enumerate(episode.turns):
        if shots := _shots(turn.observation.content):
            yield Frame(place, steps.get(place, 0), shots, _about(turn.observation))
    if planner.last is not None and (shots := _shots(planner.last.content)):
        yield Frame(len(episode.turns), max((action.end for action in actions), default=0), shots, _about(planner.last))


def _shots(content: Content) -> tuple[tuple[str, str], ...]:
    return tuple(
        (part.name[:MOST_TEXT], part.sha256) for part in content if isinstance(part, Blob) and is_picture(part)
    )


def is_picture(blob: Blob) -> bool:
    """Whether it is [height, width, 3] of bytes, of a size that a camera has."""
    return blob.dtype == "|u1" and len(blob.shape) == 3 and blob.shape[2] == 3 and 0 < max(blob.shape) <= 4096


def _about(seen: Seen) -> str:
    facts = seen.info.get("facts")
    if isinstance(facts, list | tuple):
        return "; ".join(_text(fact) for fact in facts[:MOST_CLAUSES])[:MOST_TEXT]
    return _text(seen.info.get("question"))


def _clauses(hidden: Row) -> dict[str, bool]:
    told = hidden.get("clauses")
    rows = list(told.items())[:MOST_CLAUSES] if isinstance(told, Mapping) else []
    return {_text(clause): truth for clause, truth in rows if isinstance(truth, bool)}


def _count(value: object) -> int:
    return min(max(0, value), MOST_STEPS) if isinstance(value, int) and not isinstance(value, bool) else 0


def _text(value: object) -> str:
    return value[:MOST_TEXT] if isinstance(value, str) else ""
