"""The tree of programs that an agent grew in an episode, out of the notes in its turns, laid out to be drawn.

A turn whose notes are a `ProgramNote` is a program; the turn that answers may hold a `VoteNote`. Nothing else is asked
of an agent, so CodeAct's chain of programs is drawn too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sparring.notes import ProgramNote, VoteNote
from sparring.types import Episode, Turn

Mark = Literal["chosen", "ran", "rejected", "failed", "illegal"]
LEAF, LAYER, MARGIN = 28.0, 52.0, 16.0
"""Pixels between leaves, between layers, and around the drawing."""


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """A program: what came of it, and where it stands in the drawing."""

    id: int
    parent: int | None
    depth: int
    turn: int
    """Position among the episode's turns."""
    mark: Mark
    """chosen: it ran and voted for the answer; rejected: it ran and the critic objected; illegal: no program."""
    label: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class DrawnAnswer:
    """One answer that programs voted for."""

    text: str
    voters: tuple[int, ...]
    chosen: bool


@dataclass(frozen=True, slots=True)
class CodeTree:
    """A tree in a drawing of `width` by `height` pixels; the task stands at `root`."""

    nodes: tuple[DrawnNode, ...]
    answers: tuple[DrawnAnswer, ...]
    abstained: bool
    root: tuple[float, float]
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Program:
    """A turn that is a node."""

    note: ProgramNote
    position: int
    turn: Turn
    execution: Mapping[str, object]
    """What running it came to: `status` and `output`; empty where the environment does not say."""


def code_tree(episode: Episode) -> CodeTree | None:
    """The tree of an episode's first seat that grew one; None where no turn is a node."""
    programs = _programs(episode)
    if not programs:
        return None
    vote = _vote(episode)
    depths = _depths(programs)
    places, root = _places(programs, depths)
    nodes = tuple(
        DrawnNode(
            id=id,
            parent=one.note.parent,
            depth=depths[id],
            turn=one.position,
            mark=_mark(id, one, vote),
            label=_label(id, one, vote),
            x=places[id][0],
            y=places[id][1],
        )
        for id, one in programs.items()
    )
    width, height = (max(place[axis] for place in places.values()) + MARGIN for axis in (0, 1))
    return CodeTree(nodes, _answers(vote), vote.abstained, root, width, height)


def _programs(episode: Episode) -> dict[int, _Program]:
    """By node id, those whose parent came before them; others are left out."""
    found: dict[int, _Program] = {}
    noted = [(seat, turn, ProgramNote.from_notes(turn.notes)) for seat, turn in episode.turns]
    first = next((seat for seat, _, note in noted if note is not None), None)
    outcomes = {
        turn.index: outcome
        for trajectory in episode.trajectories.values()
        for turn, outcome in zip(trajectory.turns, trajectory.outcomes, strict=True)
    }
    for position, (seat, turn, note) in enumerate(noted):
        if seat != first or note is None or note.node in found or note.parent not in (None, *found):
            continue
        found[note.node] = _Program(note, position, turn, _execution(outcomes[turn.index]))
    return found


def _vote(episode: Episode) -> VoteNote:
    """The last one that was held."""
    held = filter(None, (VoteNote.from_notes(turn.notes) for _, turn in reversed(episode.turns)))
    return next(held, VoteNote({}, None, abstained=False))


def _answers(vote: VoteNote) -> tuple[DrawnAnswer, ...]:
    """Most votes first; of equals the one that was seen first."""
    found = [DrawnAnswer(text, voters, text == vote.chosen) for text, voters in vote.voters.items()]
    return tuple(sorted(found, key=lambda answer: (-len(answer.voters), answer.voters)))


def _places(
    programs: Mapping[int, _Program], depths: Mapping[int, int]
) -> tuple[dict[int, tuple[float, float]], tuple[float, float]]:
    """Where each node stands, and the task: from top to bottom, but a chain from left to right."""
    parents = {id: one.note.parent for id, one in programs.items()}
    ranks = _ranks(parents)
    first = [ranks[id] for id, parent in parents.items() if parent is None]
    places = {id: (MARGIN + rank * LEAF, MARGIN + depths[id] * LAYER) for id, rank in ranks.items()}
    root = (MARGIN + LEAF * sum(first) / len(first), MARGIN)
    if len(set(parents.values())) < len(parents):
        return places, root
    return {id: (y, x) for id, (x, y) in places.items()}, root


def _depths(programs: Mapping[int, _Program]) -> dict[int, int]:
    depths: dict[int, int] = {}
    for id, one in programs.items():
        depths[id] = 1 if one.note.parent is None else depths[one.note.parent] + 1
    return depths


def _ranks(parents: Mapping[int, int | None]) -> dict[int, float]:
    """Where each node stands across the tree: leaves at 0, 1, 2, ..., others in the middle of their children."""
    children: dict[int | None, list[int]] = {}
    for node, parent in parents.items():
        children.setdefault(parent, []).append(node)
    leaves = _leaves(children)
    ranks = {leaf: float(rank) for rank, leaf in enumerate(leaves)}
    for id in reversed(list(parents)):
        if id in children:
            ranks[id] = sum(ranks[child] for child in children[id]) / len(children[id])
    return ranks


def _leaves(children: Mapping[int | None, Sequence[int]]) -> list[int]:
    """The nodes without children, in the order of a walk in depth."""
    leaves, waiting = [], list(reversed(children[None]))
    while waiting:
        id = waiting.pop()
        waiting += reversed(children.get(id, ()))
        if id not in children:
            leaves.append(id)
    return leaves


def _mark(id: int, one: _Program, vote: VoteNote) -> Mark:
    status = one.execution.get("status")
    if status == "illegal" or not one.turn.legal:
        return "illegal"
    if status != "ok":
        return "failed"
    if id in vote.rejected:
        return "rejected"
    return "chosen" if id in vote.winners else "ran"


def _label(id: int, one: _Program, vote: VoteNote) -> str:
    """One line that says what the drawing shows, for those who point at it or cannot see it."""
    note, execution = one.note, one.execution
    status = str(execution.get("status", "not known to have run")) if one.turn.legal else "no program"
    parts = [f"program {id}" if note.parent is None else f"program {id} after {note.parent}", status]
    if execution.get("output"):
        parts.append(f"printed {str(execution['output'])[:80]}")
    if id in vote.rejected:
        parts.append(f"rejected: {vote.rejected[id]}")
    written_by = {"prompt": note.prompt, "model": note.model}
    return ", ".join(parts + [f"{name} {said}" for name, said in written_by.items() if said])


def _execution(outcome: Mapping[str, object]) -> Mapping[str, object]:
    execution = outcome.get("execution")
    return execution if isinstance(execution, Mapping) else {}
