"""Training data out of stored episodes with programs: what to imitate, and what to learn from a repair.

    programs  one row per generated text of an episode that was solved: its programs that ran, and its answer
    repairs   (failed program, feedback, repaired program), one per step of a tree's ancestry or of CodeAct's turns

Token truth: a row's prompt and completion are the recorded tokens, prompt + completion is what the model saw and wrote,
and nothing is tokenised again. Lineage: each row names its trajectory, its turns and its nodes, so that whatever was
trained on can be found in the store. What `guards` does not let pass is left out. In a tree, only programs that voted
for the answer are imitated: the others ran too, and were wrong.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, Literal

from sparring.exports.guards import Guard
from sparring.notes import ProgramNote, VoteNote
from sparring.plurals import number_of
from sparring.scoreboard.output import require_output, write_parts
from sparring.store.location import Location, location_of
from sparring.store.run_files import episodes_of
from sparring.store.store import Store
from sparring.trainers.data.export import are_rows, require_same_beginning
from sparring.types import Episode, Policy, Segment, Trajectory, Turn, call_id

Kind = Literal["programs", "repairs"]
_Nodes = Mapping[Any, "tuple[_Step, Written]"]
"""By node id."""
SOLVED = 1.0


@dataclass(frozen=True, slots=True)
class Written:
    """One generated text, with the tokens that it followed."""

    turn: int
    """`Turn.index` in the episode."""
    node: int | None
    prompt_ids: tuple[int, ...]
    """Every token before it in its sample."""
    completion_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    """[len(completion_ids)], nats, under the policy that sampled it."""
    model: str
    weights_version: str


@dataclass(frozen=True, slots=True)
class _Step:
    """A turn, and what the environment said after it."""

    turn: Turn
    outcome: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ProgramRow:
    """A text to imitate."""

    trajectory_id: str
    env_id: str
    task: str | None
    kind: Literal["program", "answer"]
    reward: float
    """Of the whole trajectory."""
    written: Written


@dataclass(frozen=True, slots=True)
class RepairRow:
    """A program that failed, what the environment said of it, and the next program, which ran."""

    trajectory_id: str
    env_id: str
    task: str | None
    reward: float
    failed: Written
    feedback: str
    """The observation after the failed program."""
    repaired: Written
    ancestors: tuple[int, ...]
    """The nodes above the failed one, oldest first."""


def program_rows(episodes: Iterable[Episode]) -> Iterator[ProgramRow]:
    """What solved episodes offer for imitation, in the order in which it was written."""
    for trajectory, episode in _solved(episodes):
        voters = _voters(trajectory)
        for step, written in _written(trajectory):
            kind = _kind(step)
            if kind == "answer" or (kind == "program" and _ran(step) and _counts(written.node, voters)):
                yield ProgramRow(trajectory.id, episode.env_id, episode.task, kind, trajectory.reward, written)


def repair_rows(episodes: Iterable[Episode]) -> Iterator[RepairRow]:
    """Every step from a failing program to one that ran, in episodes that were solved."""
    for trajectory, episode in _solved(episodes):
        voters, feedback = _voters(trajectory), _feedback(trajectory)
        nodes = {written.node: (step, written) for step, written in _written(trajectory) if written.node is not None}
        for step, repaired in nodes.values():
            failed = _failed_parent(step.turn, nodes)
            if failed is not None and _ran(step) and _counts(repaired.node, voters):
                yield RepairRow(
                    trajectory_id=trajectory.id,
                    env_id=episode.env_id,
                    task=episode.task,
                    reward=trajectory.reward,
                    failed=failed,
                    feedback=feedback[failed.turn],
                    repaired=repaired,
                    ancestors=_ancestors(failed, nodes),
                )


def to_json_rows(rows: Iterable[ProgramRow | RepairRow]) -> Iterator[str]:
    """One line of JSON a row, its fields as they are named above."""
    for row in rows:
        yield json.dumps(asdict(row), separators=(",", ":"))


ROWS: Mapping[str, Callable[[Iterable[Episode]], Iterator[ProgramRow | RepairRow]]] = {
    "programs": program_rows,
    "repairs": repair_rows,
}


def write_rows(run: Location, kind: Kind, output: Path) -> int:
    """Write the rows of a run folder or a store as JSON lines; returns how many.

    The file appears whole or not at all, and not at all without rows. Raises ValueError for an unknown kind, OSError
    where a file that is no rows of ours is in the way, and what `Store` raises.
    """
    if kind not in ROWS:
        raise ValueError(f"kind must be one of {', '.join(ROWS)}, got {kind!r}")
    require_output(output, "file of rows of ours", are_rows)
    with Store(episodes_of(location_of(run))) as store:
        lines = (line + "\n" for line in to_json_rows(ROWS[kind](store)))
        first = list(islice(lines, 1))
        if first:
            require_same_beginning(output, first[0])
        return write_parts(output, chain(first, lines))


def why_no_rows(run: Location, kind: Kind) -> str:
    """What the episodes of a store lack for rows of that kind, in words."""
    with Store(run) as store:
        rows, guard = list(store.rows()), Guard()
        deque(guard.choose(store), maxlen=0)
    broken_off = sum(not row.sound for row in rows)
    solved = sum(row.status == "ok" and SOLVED in row.rewards.values() for row in rows)
    wanted = "has a failed program that was mended" if kind == "repairs" else "has a program that ran or an answer"
    lack = f"none of these {wanted}" if solved else "a row needs one"
    found = f"{number_of(len(rows), 'episode')}, {broken_off} broke off, {solved} ended with a reward of 1"
    return "; ".join(filter(None, (f"no rows of kind {kind}: {found}", lack, guard.in_words())))


def _solved(episodes: Iterable[Episode]) -> Iterator[tuple[Trajectory, Episode]]:
    for episode, trajectory in Guard().choose(episodes):
        if episode.status == "ok" and trajectory.reward == SOLVED:
            yield trajectory, episode


def _written(trajectory: Trajectory) -> Iterator[tuple[_Step, Written]]:
    """Every generated segment, after all tokens of its sample that came before."""
    tokens: dict[str, tuple[int, ...]] = {}
    """Call id -> its sample up to and with it."""
    for number, (turn, outcome) in enumerate(zip(trajectory.turns, trajectory.outcomes, strict=True)):
        for place, call in enumerate(turn.calls):
            before = tokens.get(call.continues or "", ())
            for segment in call.segments:
                if segment.kind == "generated":
                    yield _Step(turn, outcome), _of(segment, before, turn, call.policy)
                before += segment.token_ids
            tokens[call_id(number, place)] = before


def _of(segment: Segment, before: tuple[int, ...], turn: Turn, policy: Policy) -> Written:
    note = ProgramNote.from_notes(turn.notes)
    return Written(
        turn=turn.index,
        node=note.node if note else None,
        prompt_ids=before,
        completion_ids=segment.token_ids,
        logprobs=segment.logprobs,
        model=policy.model,
        weights_version=policy.weights_version,
    )


def _kind(step: _Step) -> Literal["program", "answer", "neither"]:
    """What the environment took a turn for."""
    if "execution" in step.outcome:
        return "program"
    return "answer" if step.turn.legal and step.turn.action.startswith("<answer>") else "neither"


def _ran(step: _Step) -> bool:
    execution: Any = step.outcome.get("execution")
    return isinstance(execution, Mapping) and execution.get("status") == "ok"


def _voters(trajectory: Trajectory) -> tuple[int, ...] | None:
    """The nodes that voted for the answer; None where nothing was put to the vote."""
    held = filter(None, (VoteNote.from_notes(turn.notes) for turn in trajectory.turns))
    return next((vote.winners for vote in held), None)


def _counts(node: int | None, voters: tuple[int, ...] | None) -> bool:
    return voters is None or node in voters


def _feedback(trajectory: Trajectory) -> dict[int, str]:
    """By `Turn.index`, the seat's next observation."""
    return {turn.index: after.observation.text for turn, after in pairwise(trajectory.turns)}


def _failed_parent(turn: Turn, nodes: _Nodes) -> Written | None:
    """The program before a node, if it was one and did not run."""
    note = ProgramNote.from_notes(turn.notes)
    parent, written = nodes.get(note.parent, (None, None)) if note else (None, None)
    return written if parent is not None and _kind(parent) == "program" and not _ran(parent) else None


def _ancestors(written: Written, nodes: _Nodes) -> tuple[int, ...]:
    chain: list[int] = []
    note = ProgramNote.from_notes(nodes[written.node][0].turn.notes)
    while note is not None and note.parent is not None and note.parent in nodes:
        chain.append(note.parent)
        note = ProgramNote.from_notes(nodes[note.parent][0].turn.notes)
    return tuple(reversed(chain))
