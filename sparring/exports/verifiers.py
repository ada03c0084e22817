"""Episodes of verifiers, as its `traces.jsonl` has them: a line an episode, a trace a seat, a node a message.

A path from a root to a leaf of a trace's nodes is a sample. The tokens that a call was shown stand on the last message
before its answer, those that followed on the answer; `mask` is true on what the model sampled, and `logprobs` has a
value for each of these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import compress

from sparring.content import readable
from sparring.encoding import Record
from sparring.exports.chats import message
from sparring.exports.outline import FIELD, outline, read_outline, restore
from sparring.exports.selection import Selection
from sparring.exports.tokens import Tokens, earlier, learns, shown, tokens_of
from sparring.exports.writing import Row
from sparring.types import Call, Episode, Trajectory, Turn

ROLES = ("system", "user", "assistant")
Node = dict[str, object]


def rows(selection: Selection) -> Iterator[Row]:
    """An episode each, with all its seats."""
    return map(_line, selection.episodes())


def read(line: Record) -> Episode:
    """The episode of a line. Raises KeyError, TypeError, ValueError."""
    told = read_outline({FIELD: line["traces"][0]["info"].get(FIELD)} if line["traces"] else {})
    written = {}
    for trace in line["traces"]:
        seat = trace["agent"]["name"]
        exported, found = told["trajectories"][seat]["reward"], trace["rewards"]["reward"]["score"]
        if exported != found:
            raise ValueError(f"the reward of {seat} is {found}, and {exported} was exported")
        written[seat] = _tokens_by_call(trace)
    return restore(told, written)


def _line(episode: Episode) -> Row:
    task = _task(episode)
    traces = [_trace(one, task) for one in episode.trajectories.values()]
    if traces:
        traces[0]["info"] = {FIELD: outline(episode, *episode.trajectories.values())}
    return {
        "id": readable(episode.id),
        "env": {"id": readable(episode.env_id)},
        "task": task,
        **({"group": {"id": readable(episode.group)}} if episode.group is not None else {}),
        "ok": True,
        "errors": [],
        "traces": traces,
    }


def _task(episode: Episode) -> Row:
    name = readable(episode.task) if episode.task is not None else str(episode.seed)
    data = {"id": name, "env_id": readable(episode.env_id), "seed": str(episode.seed), "sample": episode.sample}
    return {"type": "SparringTask", "data": data, "key": name}


def _trace(trajectory: Trajectory, task: Row) -> Node:
    nodes, calls = _graph(trajectory)
    return {
        "version": 1,
        "id": readable(trajectory.id),
        "task": task,
        "agent": {
            "name": readable(trajectory.seat),
            "trainable": trajectory.trainable,
            "config": {"model": readable(trajectory.agent)},
        },
        "nodes": nodes,
        "calls": calls,
        "rewards": {"reward": {"score": trajectory.reward, "weight": 1.0}},
        "metrics": {**_numbers(trajectory.metrics), **_numbers(trajectory.reward_parts, "reward/")},
        "is_completed": True,
        "ok": True,
        "stop_condition": readable(trajectory.stop_reason),
        "timing": {"start": 0.0},
    }


def _numbers(values: Mapping[str, float], prefix: str = "") -> dict[str, float | None]:
    """JSON has no NaN and no infinities."""
    return {f"{prefix}{readable(name)}": value if math.isfinite(value) else None for name, value in values.items()}


def _graph(trajectory: Trajectory) -> tuple[list[Node], list[Row]]:
    """The nodes, and what verifiers keeps of every call."""
    nodes: list[Node] = []
    calls: list[Row] = []
    last: dict[str, int] = {}
    lengths: dict[str, int] = {}
    somebody_learns = trajectory.trainable
    for number, turn in enumerate(trajectory.turns):
        if not turn.calls:
            nodes += _exchange(turn, len(nodes))
        for place, call in enumerate(turn.calls):
            id = f"{number}.{place}"
            tokens = tokens_of(call, learns(call, somebody_learns))
            before = earlier(id, call, lengths, trajectory) or 0
            nodes += _nodes(call, tokens, earlier(id, call, last, trajectory), len(nodes))
            last[id], lengths[id] = len(nodes) - 1, before + len(tokens.ids)
            calls.append(_call(id, call, last[id], before + shown(call), lengths[id]))
    return nodes, calls


def _nodes(call: Call, tokens: Tokens, parent: int | None, first: int) -> Iterator[Node]:
    """The messages of a call, the last of them its answer."""
    messages = [message(one.role if one.role in ROLES else "user", one.content) for one in call.messages]
    if not messages or messages[-1]["role"] != "assistant":
        messages.append(message("assistant", ""))
    split = shown(call) if len(messages) > 1 else 0
    spans = [(0, 0)] * (len(messages) - 2) + [(0, split)] * (len(messages) > 1) + [(split, len(tokens.ids))]
    for place, (one, (start, end)) in enumerate(zip(messages, spans, strict=True)):
        mask = [bool(value) for value in tokens.mask[start:end]]
        yield {
            "parent": parent,
            "message": one,
            "sampled": place == len(messages) - 1,
            "timestamp": 0.0,
            "token_ids": tokens.ids[start:end],
            "mask": mask,
            "logprobs": list(compress(tokens.logprobs[start:end], mask)),
        }
        parent = first + place


def _exchange(turn: Turn, first: int) -> list[Node]:
    """What an agent that is no model saw and did."""
    pairs = (("user", turn.observation.text, first - 1), ("assistant", turn.action, first))
    return [
        {"parent": None if parent < 0 else parent, "message": message(role, text), "timestamp": 0.0}
        for role, text, parent in pairs
    ]


def _call(id: str, call: Call, node: int, prompt: int, length: int) -> Row:
    sampling = call.sampling
    return {
        "node": node,
        "model": readable(call.policy.model),
        "sampling": sampling
        and {"temperature": sampling.temperature, "top_p": sampling.top_p, "max_tokens": sampling.max_new_tokens},
        "finish_reason": "length" if call.stop_reason == "length" else "stop",
        "usage": {"prompt_tokens": prompt, "completion_tokens": length - prompt},
        "call": id,
        "purpose": readable(call.purpose),
        "weights_version": readable(call.policy.weights_version),
    }


def _tokens_by_call(trace: Record) -> dict[str, tuple[list[int], list[float]]]:
    """Call id -> its tokens and log-probabilities, out of the nodes since the call before."""
    found = {}
    start = 0
    for call in trace["calls"]:
        ids: list[int] = []
        logprobs: list[float] = []
        for node in trace["nodes"][start : call["node"] + 1]:
            values = iter(node.get("logprobs", ()))
            ids += node.get("token_ids", ())
            logprobs += [next(values) if chosen else 0.0 for chosen in node.get("mask", ())]
        found[call["call"]] = (ids, logprobs)
        start = call["node"] + 1
    return found
