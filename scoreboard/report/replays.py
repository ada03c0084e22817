"""The episodes of a report as plain data for its script: what was seen, written and chosen among, and how likely."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from sparring.content import Blob, Content
from sparring.scoreboard.names import play_words
from sparring.scoreboard.report.adventure import adventure
from sparring.scoreboard.report.code_tree import code_tree
from sparring.scoreboard.report.game_board import boards
from sparring.scoreboard.report.robot import film
from sparring.scoreboard.report.search_rounds import search_rounds
from sparring.types import Call, Episode, Message, Segment, Turn

DistributionKey = tuple[object, ...]
Distributions = Mapping[DistributionKey, Mapping[str, float]]
MOST_CHARACTERS = 20_000
"""Of one message."""
MOST_TOKENS = 2_000
"""Of one turn; what comes after is counted and not shown."""


def replays(label: str, episodes: Sequence[Episode]) -> list[dict[str, object]]:
    """One a episode."""
    distributions = known_distributions(episodes)
    return [_replay(label, episode, distributions) for episode in episodes]


def known_distributions(episodes: Sequence[Episode]) -> dict[DistributionKey, dict[str, float]]:
    """What the record tells of each distribution over legal actions: action -> probability, by weights and prompt.

    An agent that chooses among the legal actions records the exact probability of the one it took. Equal weights and an
    equal prompt have an equal distribution, so that other episodes may know the other actions. One that is left gets
    the rest.
    """
    distributions: dict[DistributionKey, dict[str, float]] = {}
    for episode in episodes:
        for trajectory in episode.trajectories.values():
            for turn in trajectory.turns:
                key, logprob = _distribution_key(turn), _action_logprob(turn)
                if key is not None and logprob is not None:
                    distributions.setdefault(key, {})[turn.action] = math.exp(logprob)
    for key, distribution in distributions.items():
        legal = key[-1]
        assert isinstance(legal, tuple)
        missing = [action for action in legal if action not in distribution]
        if len(missing) == 1:
            distribution[missing[0]] = max(0.0, 1.0 - math.fsum(distribution.values()))
    return distributions


def _distribution_key(turn: Turn) -> DistributionKey | None:
    """What decides a distribution over the legal actions; None where there is none, or it is not recorded."""
    legal = turn.observation.legal_actions
    if legal is None or turn.action not in legal or len(turn.calls) != 1:
        return None
    call = turn.calls[0]
    generated = [segment for segment in call.segments if segment.kind == "generated"]
    if not generated or any(segment.allowed is None for segment in generated):
        return None
    given = tuple(segment.token_ids for segment in call.segments if segment.kind != "generated")
    return call.policy, call.sampling, turn.observation.content, given, legal


def _action_logprob(turn: Turn) -> float | None:
    logprobs = [segment.logprobs for segment in turn.segments if segment.kind == "generated"]
    if not logprobs or any(one is None for one in logprobs):
        return None
    return math.fsum(logprob for one in logprobs for logprob in one or ())


def _replay(run: str, episode: Episode, distributions: Distributions) -> dict[str, object]:
    seats, tree = episode.trajectories, code_tree(episode)
    journey, rounds, words = adventure(episode), search_rounds(episode), play_words(episode.env_id)
    robot, table = film(episode), boards(episode)
    return {
        "run": run,
        "id": episode.id,
        "env": episode.env_id,
        "version": episode.env_version,
        "kwargs": episode.env_kwargs,
        "seed": str(episode.seed),
        "status": episode.status,
        "legal": words.legal,
        "illegal": words.illegal,
        "error": episode.error,
        "task": episode.task,
        "group": episode.group,
        "hash": episode.hash,
        "seats": {
            seat: {
                "agent": one.agent,
                "reward": one.reward,
                "parts": one.reward_parts,
                "model": " + ".join(dict.fromkeys(call.policy.model for _, call in one.calls)),
                "weights": ", ".join(dict.fromkeys(call.policy.weights_version for _, call in one.calls)),
                "learns": one.trainable,
            }
            for seat, one in seats.items()
        },
        "last": {seat: one.last.text for seat, one in seats.items() if one.last is not None},
        "last_blobs": {seat: _blobs_in_words(one.last.content) for seat, one in seats.items() if one.last is not None},
        "turns": [
            _replayed_turn(seat, turn, distributions.get(_distribution_key(turn) or ())) for seat, turn in episode.turns
        ],
        "tree": tree and asdict(tree),
        "adventure": journey and asdict(journey),
        "search": rounds and asdict(rounds),
        "film": robot and asdict(robot),
        "board": table and asdict(table),
    }


def _replayed_turn(seat: str, turn: Turn, distribution: Mapping[str, float] | None) -> dict[str, object]:
    generated = [segment for segment in turn.segments if segment.kind == "generated"]
    legal = turn.observation.legal_actions
    return {
        "seat": seat,
        "observation": turn.observation.text,
        "blobs": _blobs_in_words(turn.observation.content),
        "legal_actions": legal,
        "action": turn.action,
        "legal": turn.legal,
        "reward": turn.reward,
        "calls": [_replayed_call(call) for call in turn.calls],
        "prompt": sum(len(segment.token_ids) for segment in turn.segments if segment.kind != "generated"),
        "tokens": sum(len(segment.token_ids) for segment in generated),
        "written": _tokens(turn.action, generated)[:MOST_TOKENS],
        "distribution": distribution
        and {action: round(distribution[action], 5) for action in legal or () if action in distribution},
    }


def _replayed_call(call: Call) -> dict[str, object]:
    """What was said to a model and what it wrote, as text; `cut` counts the characters that are left out."""
    *asked, answer = call.messages or (Message("assistant", ""),)
    return {
        "purpose": call.purpose,
        "model": call.policy.model,
        "asked": [[message.role, message.content[:MOST_CHARACTERS], _cut(message)] for message in asked],
        "wrote": answer.content[:MOST_CHARACTERS],
        "cut": _cut(answer),
    }


def _cut(message: Message) -> int:
    return max(0, len(message.content) - MOST_CHARACTERS)


def _blobs_in_words(content: Content) -> list[str]:
    """The images and arrays, which are not shown themselves: "image camera/0: 84 × 84 × 3, uint8"."""
    return [_blob_in_words(part) for part in content if isinstance(part, Blob)]


def _blob_in_words(blob: Blob) -> str:
    type_name = np.dtype(blob.dtype).name
    kind = "image" if type_name == "uint8" and len(blob.shape) > 1 else "array"
    size = " \N{MULTIPLICATION SIGN} ".join(map(str, blob.shape))
    return f"{kind}{f' {blob.name}' if blob.name else ''}: {size}, {type_name}"


def _tokens(action: str, generated: Sequence[Segment]) -> list[list[object]]:
    """[text, log-probability or None, how many tokens it was chosen among or None] of every token.

    The record holds ids and not their text. Text is shown where it is certain: one token that is the action, or
    the bytes of an action; else the id.
    """
    ids = [token for segment in generated for token in segment.token_ids]
    chosen = len(generated) == 1 and generated[0].allowed is not None
    texts = [action] if chosen and len(ids) == 1 else _texts(action, ids)
    logprobs = [p for segment in generated for p in segment.logprobs or [None] * len(segment.token_ids)]
    among = [
        None if segment.allowed is None else len(segment.allowed[place])
        for segment in generated
        for place in range(len(segment.token_ids))
    ]
    rounded = [None if logprob is None else round(logprob, 5) for logprob in logprobs]
    return [list(entry) for entry in zip(texts, rounded, among, strict=True)]


def _texts(action: str, ids: Sequence[int]) -> list[str]:
    encoded = action.encode("utf-8", "replace")
    if encoded and action.isascii() and list(encoded) == list(ids[: len(encoded)]) and max(ids) < 128:
        return [chr(token) for token in ids]
    return [f"#{token}" for token in ids]
