"""A trajectory without its tokens, as one JSON text: what lossless formats note beside what they have places for.

Each segment keeps how many tokens it has; these and their log-probabilities stand in the format's own fields. Of both
an import makes the very episode. As text within JSON, an outline may hold what others refuse: NaN, half characters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields

from sparring.content import canonical_json
from sparring.encoding import Record, episode_from_dict
from sparring.exports.tokens import learns
from sparring.types import Call, Episode, Segment, Trajectory, Turn, call_id

FIELD = "sparring"
"""What the field is called that holds an outline."""
Written = Mapping[str, tuple[list[int], list[float]]]
"""Call id -> its token ids [T] and their log-probabilities [T]."""


def outline(episode: Episode, *trajectories: Trajectory) -> str:
    """An episode with these of its trajectories."""
    seats = {one.seat: _trajectory(one) for one in trajectories}
    return canonical_json({**_fields(episode, "trajectories"), "trajectories": seats})


def read_outline(line: Record) -> Record:
    """What `outline` wrote. Raises ValueError for a line of another program."""
    if not isinstance(line.get(FIELD), str):
        raise ValueError(f"it has no {FIELD!r}: of this format only what `sparring export` wrote can be imported")
    found: Record = json.loads(line[FIELD])
    return found


def restore(told: Record, written: Mapping[str, Written]) -> Episode:
    """The episode of an outline and the tokens of its seats. Raises ValueError where they do not fit."""
    for seat, trajectory in told["trajectories"].items():
        for id, call in _calls(trajectory):
            _fill(id, call, written[seat])
    return episode_from_dict(told)


def _fill(id: str, call: Record, written: Written) -> None:
    if not call["segments"]:
        return
    ids, logprobs = written.get(id, ([], []))
    start = 0
    for segment in call["segments"]:
        end = start + segment.pop("tokens")
        segment["token_ids"] = ids[start:end]
        if segment["logprobs"] is True:
            segment["logprobs"] = logprobs[start:end]
        start = end
    if start != len(ids):
        raise ValueError(f"call {id} has {len(ids)} tokens, and {start} were exported")


def _calls(trajectory: Record) -> Iterator[tuple[str, Record]]:
    for number, turn in enumerate(trajectory["turns"]):
        for place, call in enumerate(turn["calls"]):
            yield call_id(number, place), call


def _trajectory(trajectory: Trajectory) -> Record:
    somebody_learns = trajectory.trainable
    return {**_fields(trajectory, "turns"), "turns": [_turn(turn, somebody_learns) for turn in trajectory.turns]}


def _turn(turn: Turn, somebody_learns: bool) -> Record:
    calls = [_call(call, learns(call, somebody_learns)) for call in turn.calls]
    return {**_fields(turn, "calls"), "calls": calls}


def _call(call: Call, is_learnt: bool) -> Record:
    return {**_fields(call, "segments"), "segments": [_segment(segment, is_learnt) for segment in call.segments]}


def _segment(segment: Segment, is_learnt: bool) -> Record:
    """Log-probabilities of calls that are not learnt from stay here: formats have places only for the others'."""
    logprobs = segment.logprobs
    return {
        "kind": segment.kind,
        "tokens": len(segment.token_ids),
        "logprobs": True if logprobs is not None and is_learnt else logprobs,
        "allowed": segment.allowed,
    }


def _fields(value: Episode | Trajectory | Turn | Call, without: str) -> Record:
    return {field.name: getattr(value, field.name) for field in fields(value) if field.name != without}
