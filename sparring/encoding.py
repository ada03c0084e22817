"""An episode as one line of JSON, and back."""

from __future__ import annotations

import json
from typing import Any

from sparring.content import Blob, canonical_json
from sparring.types import Call, Episode, Message, Policy, Sampling, Seen, Segment, Trajectory, Turn

Record = dict[str, Any]
"""A JSON object, as it is parsed."""


def episode_to_json(episode: Episode) -> str:
    """One line of canonical JSON, blobs by name; `episode_from_dict` of what it parses to is the inverse."""
    return canonical_json(episode)


def episode_to_dict(episode: Episode) -> Record:
    """Plain data, as JSON gives it back."""
    found: Record = json.loads(episode_to_json(episode))
    return found


def episode_from_dict(data: Record) -> Episode:
    """The episode that `episode_to_dict` wrote."""
    trajectories = {seat: _trajectory_from_dict(t) for seat, t in data["trajectories"].items()}
    return Episode(**{**data, "trajectories": trajectories})


def _trajectory_from_dict(data: Record) -> Trajectory:
    return Trajectory(
        **{
            **data,
            "turns": tuple(map(_turn_from_dict, data["turns"])),
            "last": None if data["last"] is None else _seen_from_dict(data["last"]),
            "parents": tuple((relation, other) for relation, other in data["parents"]),
        }
    )


def _turn_from_dict(data: Record) -> Turn:
    calls = tuple(map(_call_from_dict, data["calls"]))
    return Turn(**{**data, "observation": _seen_from_dict(data["observation"]), "calls": calls})


def _seen_from_dict(data: Record) -> Seen:
    legal = data["legal_actions"]
    content = tuple([part if isinstance(part, str) else _blob_from_dict(part) for part in data["content"]])
    return Seen(content, None if legal is None else tuple(legal), data["info"])


def _blob_from_dict(data: Record) -> Blob:
    return Blob(**{**data, "shape": tuple(data["shape"])})


def _call_from_dict(data: Record) -> Call:
    return Call(
        **{
            **data,
            "policy": Policy(**data["policy"]),
            "sampling": None if data["sampling"] is None else Sampling(**data["sampling"]),
            "segments": tuple(_segment_from_dict(segment) for segment in data["segments"]),
            "messages": tuple(Message(**message) for message in data["messages"]),
        }
    )


def _segment_from_dict(data: Record) -> Segment:
    allowed, logprobs = data["allowed"], data["logprobs"]
    return Segment(
        kind=data["kind"],
        token_ids=tuple(data["token_ids"]),
        logprobs=None if logprobs is None else tuple(logprobs),
        allowed=None if allowed is None else tuple(tuple(ids) for ids in allowed),
    )
