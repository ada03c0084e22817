"""A folder that `datasets.load_dataset` reads: a row a sample, with the tokens as they were recorded.

input_ids        [T] what the model read and wrote, token for token
assistant_masks  [T] 1 on tokens that it generated itself
logprobs         [T] nats, under the sampling policy; 0.0 on tokens that no model chose
messages         the same as text
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sparring.content import readable
from sparring.exports.chats import messages_of
from sparring.exports.selection import Selection
from sparring.exports.sources import attempt
from sparring.exports.tokens import sequence_of
from sparring.exports.writing import Row
from sparring.samples import Sample, samples
from sparring.types import Episode, Trajectory

if TYPE_CHECKING:
    import pyarrow

NO_TOKENS = "without recorded tokens to learn from"
CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---
Recorded attempts of language agents, written by `sparring export --to hf-dataset`. `input_ids`, `assistant_masks` and
`logprobs` have one value a token; nothing was tokenised again.
"""


def rows(selection: Selection) -> Iterator[Row]:
    """The samples of attempts that may be trained on, whatever they earned."""
    for episode, trajectory in selection.attempts():
        found = [row for sample in samples(trajectory) for row in _row(episode, trajectory, sample)]
        if not found:
            selection.leave_out(NO_TOKENS)
        yield from found


def schema() -> pyarrow.Schema:
    """The columns."""
    import pyarrow as pa

    text = pa.string()
    message = pa.struct([("role", text), ("content", text)])
    return pa.schema([
        ("input_ids", pa.list_(pa.int32())), ("assistant_masks", pa.list_(pa.int8())),
        ("logprobs", pa.list_(pa.float64())), ("messages", pa.list_(message)),
        *((name, text) for name in ("env_id", "env_kwargs", "task", "seed", "seat", "episode_id")),
        ("sample", pa.int64()), ("agent", text), ("reward", pa.float64()), ("trajectory_id", text), ("model", text),
        ("weights_version", text), ("temperature", pa.float64()),
    ])  # fmt: skip


def _row(episode: Episode, trajectory: Trajectory, sample: Sample) -> Iterator[Row]:
    """Nothing where no token of the sample is to be learnt."""
    tokens = sequence_of(sample, trajectory)
    if any(tokens.mask):
        sampling = sample.calls[-1].sampling
        yield {
            "input_ids": tokens.ids,
            "assistant_masks": tokens.mask,
            "logprobs": tokens.logprobs,
            "messages": messages_of(message for call in sample.calls for message in call.messages),
            **attempt(episode, trajectory),
            "trajectory_id": readable(trajectory.id),
            "model": readable(sample.policy.model),
            "weights_version": readable(sample.policy.weights_version),
            "temperature": sampling.temperature if sampling else None,
        }
