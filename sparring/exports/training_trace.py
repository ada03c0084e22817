"""OpenEnv's TrainingTrace: a line a trajectory, its reward beside the trace, which never holds it.

A turn of a trace is a call: the whole prompt, the completion, its log-probabilities, and a mask over both.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparring.content import readable
from sparring.encoding import Record
from sparring.exports.chats import messages_of
from sparring.exports.outline import FIELD, outline, read_outline, restore
from sparring.exports.selection import Selection
from sparring.exports.sources import task_of
from sparring.exports.tokens import Asked, asked
from sparring.exports.writing import Row
from sparring.types import Call, Episode, Message, Trajectory

NO_TOKENS = "without recorded tokens"
NO_PROMPT = "with an answer to an empty prompt, which OpenEnv refuses"


def rows(selection: Selection) -> Iterator[Row]:
    """A trajectory each, of those that may be trained on."""
    for episode, trajectory in selection.attempts():
        calls = list(asked(trajectory))
        if not calls:
            selection.leave_out(NO_TOKENS)
        elif not all(one.before or one.shown for one in calls):
            selection.leave_out(NO_PROMPT)
        else:
            yield _line(episode, trajectory, calls)


def read(line: Record) -> Episode:
    """The episode of a line, with the one seat that it holds. Raises KeyError, TypeError, ValueError."""
    told = read_outline(line)
    (trajectory,) = told["trajectories"].values()
    if trajectory["reward"] != line["reward"]:
        raise ValueError(f"its reward is {line['reward']}, and {trajectory['reward']} was exported")
    written = {}
    for turn in line["trace"]["turns"]:
        prompt, completion = turn["prompt_token_ids"], turn["completion_token_ids"]
        start = turn["metadata"]["context_tokens"]
        zeros = [0.0] * (len(prompt) - start)
        written[turn["node_id"]] = (prompt[start:] + completion, zeros + turn["per_token_logps"])
    return restore(told, {trajectory["seat"]: written})


def _line(episode: Episode, trajectory: Trajectory, calls: list[Asked]) -> Row:
    said = _said(trajectory)
    return {
        "trace": {"schema_version": 1, "turns": [_turn(one, trajectory, said[one.id]) for one in calls]},
        "reward": trajectory.reward,
        "env_id": readable(episode.env_id),
        "task": task_of(episode),
        "seat": readable(trajectory.seat),
        "agent": readable(trajectory.agent),
        FIELD: outline(episode, trajectory),
    }


def _turn(one: Asked, trajectory: Trajectory, before: tuple[Message, ...]) -> Row:
    prompt = one.before + one.own.ids[: one.shown]
    logprobs = one.own.logprobs[one.shown :]
    return {
        "node_id": one.id,
        "prompt_token_ids": prompt,
        "completion_token_ids": one.own.ids[one.shown :],
        "per_token_logps": logprobs if max(logprobs, default=0.0) <= 0 else [min(each, 0.0) for each in logprobs],
        "loss_mask": [0] * len(prompt) + one.own.mask[one.shown :],
        "request": {"messages": messages_of(before)},
        "response": {"choices": [_choice(one.call)]},
        "metadata": _metadata(one, trajectory),
    }


def _choice(call: Call) -> Row:
    answer = call.messages[-1:] if call.messages and call.messages[-1].role == "assistant" else ()
    content = messages_of(answer)[0] if answer else {"role": "assistant", "content": ""}
    return {"message": content, "finish_reason": "length" if call.stop_reason == "length" else "stop"}


def _metadata(one: Asked, trajectory: Trajectory) -> Row:
    policy, sampling = one.call.policy, one.call.sampling
    turn = trajectory.turns[int(one.id.partition(".")[0])]
    return {
        "context_tokens": len(one.before),
        "continues": one.call.continues,
        "purpose": readable(one.call.purpose),
        "model": readable(policy.model),
        "weights_version": readable(policy.weights_version),
        "trainable": policy.trainable,
        "temperature": sampling.temperature if sampling else None,
        "top_p": sampling.top_p if sampling else None,
        "legal": turn.legal,
        "reward": turn.reward,
    }


def _said(trajectory: Trajectory) -> dict[str, tuple[Message, ...]]:
    """Call id -> all messages before its answer."""
    prompts: dict[str, tuple[Message, ...]] = {}
    whole: dict[str, tuple[Message, ...]] = {}
    for id, call in trajectory.calls:
        whole[id] = (whole[call.continues] if call.continues else ()) + call.messages
        has_answer = bool(call.messages) and call.messages[-1].role == "assistant"
        prompts[id] = whole[id][:-1] if has_answer else whole[id]
    return prompts
