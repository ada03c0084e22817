"""ATIF-v1.7, Harbor's Agent Trajectory Interchange Format: a line a trajectory, what is ours under `extra`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from sparring.content import canonical_json, readable
from sparring.exports.selection import Selection
from sparring.exports.tokens import Asked, asked
from sparring.exports.writing import Row
from sparring.types import Call, Episode, Trajectory, Turn, call_id

VERSION = "ATIF-v1.7"
SOURCES = {"system": "system", "assistant": "agent"}
Step = dict[str, object]


def rows(selection: Selection) -> Iterator[Row]:
    """A trajectory each, of all seats; those that took no turn are counted, as a trajectory has a step at least."""
    for episode in selection.episodes():
        for trajectory in episode.trajectories.values():
            if trajectory.turns:
                yield _line(episode, trajectory)
            else:
                selection.leave_out("without a turn")


def _line(episode: Episode, trajectory: Trajectory) -> Row:
    steps = _steps(trajectory)
    if trajectory.last is not None:
        steps[-1]["observation"] = {"results": [{"content": readable(trajectory.last.text)}]}
    return {
        "schema_version": VERSION,
        "session_id": readable(episode.id),
        "trajectory_id": readable(trajectory.id),
        "agent": {"name": readable(trajectory.agent), "version": _version(trajectory)},
        "steps": [{"step_id": number, **step} for number, step in enumerate(steps, start=1)],
        "final_metrics": {"total_steps": len(steps), "extra": {"reward": trajectory.reward}},
        "extra": {
            "env_id": readable(episode.env_id),
            "env_version": readable(episode.env_version),
            "env_kwargs": canonical_json(episode.env_kwargs),
            "task": None if episode.task is None else readable(episode.task),
            "seed": str(episode.seed),
            "sample": episode.sample,
            "group": None if episode.group is None else readable(episode.group),
            "status": episode.status,
            "seat": readable(trajectory.seat),
            "trainable": trajectory.trainable,
            "reward": trajectory.reward,
            "reward_parts": _numbers(trajectory.reward_parts),
            "metrics": _numbers(trajectory.metrics),
            "stop_reason": readable(trajectory.stop_reason),
        },
    }


def _version(trajectory: Trajectory) -> str:
    """The weights of its last call; what is no model has none."""
    versions = [call.policy.weights_version for _, call in trajectory.calls]
    return readable(versions[-1]) if versions else "0"


def _steps(trajectory: Trajectory) -> list[Step]:
    tokens = {one.id: one for one in asked(trajectory)}
    steps: list[Step] = []
    for number, turn in enumerate(trajectory.turns):
        if turn.calls:
            for place, call in enumerate(turn.calls):
                id = call_id(number, place)
                steps += _of_call(id, call, tokens.get(id))
        else:
            steps.append({"source": "user", "message": readable(turn.observation.text)})
            steps.append({"source": "agent", "message": readable(turn.action), "llm_call_count": 0, "extra": {}})
        steps[-1]["extra"] = {**_mapping(steps[-1]["extra"]), **_of_turn(turn)}
    return steps


def _of_call(id: str, call: Call, tokens: Asked | None) -> Iterator[Step]:
    """What was said to the model, and its answer."""
    has_answer = bool(call.messages) and call.messages[-1].role == "assistant"
    for one in call.messages[: len(call.messages) - has_answer]:
        source = SOURCES.get(one.role, "user")
        copied = {"llm_call_count": 0} if source == "agent" else {}
        yield {"source": source, "message": readable(one.content), **copied}
    yield {
        "source": "agent",
        "model_name": readable(call.policy.model),
        "message": readable(call.messages[-1].content) if has_answer else "",
        "llm_call_count": 1,
        **({} if tokens is None else {"metrics": _metrics(tokens)}),
        "extra": {
            "call": id,
            "continues": call.continues,
            "purpose": readable(call.purpose),
            "policy": canonical_json(call.policy),
            "sampling": None if call.sampling is None else canonical_json(call.sampling),
            "stop_reason": readable(call.stop_reason),
        },
    }


def _metrics(one: Asked) -> Row:
    prompt, completion = one.before + one.own.ids[: one.shown], one.own.ids[one.shown :]
    return {
        "prompt_tokens": len(prompt),
        "completion_tokens": len(completion),
        "prompt_token_ids": prompt,
        "completion_token_ids": completion,
        "logprobs": one.own.logprobs[one.shown :],
        "extra": {"loss_mask": one.own.mask[one.shown :]},
    }


def _of_turn(turn: Turn) -> Row:
    return {
        "turn": turn.index,
        "action": readable(turn.action),
        "legal": turn.legal,
        "reward": turn.reward,
        "reward_parts": _numbers(turn.reward_parts),
    }


def _numbers(values: Mapping[str, float]) -> dict[str, float | None]:
    return {readable(name): value if math.isfinite(value) else None for name, value in values.items()}


def _mapping(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value
