"""Prompts for verl, a row for each seat of each task, in a Parquet file.

`reward_model.ground_truth` is what the environment knew and did not show before the first action, as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sparring.content import canonical_json
from sparring.exports.selection import Selection
from sparring.exports.trl_grpo import questions
from sparring.exports.writing import Row

if TYPE_CHECKING:
    import pyarrow


def rows(selection: Selection) -> Iterator[Row]:
    """What was asked first, once for each task and seat."""
    for number, ((_, trajectory), row) in enumerate(questions(selection)):
        source = {name: value for name, value in row.items() if name != "prompt"}
        yield {
            "data_source": row["env_id"],
            "prompt": row["prompt"],
            "ability": "agent",
            "reward_model": {"style": "rule", "ground_truth": canonical_json(trajectory.turns[0].hidden)},
            "extra_info": {"index": number, "split": "train", **source},
        }


def schema() -> pyarrow.Schema:
    """The columns as verl's RLHFDataset reads them."""
    import pyarrow as pa

    text = pa.string()
    message = pa.struct([("role", text), ("content", text)])
    source = [(name, text) for name in ("env_id", "env_kwargs", "task", "seed", "seat")]
    return pa.schema([
        ("data_source", text),
        ("prompt", pa.list_(message)),
        ("ability", text),
        ("reward_model", pa.struct([("style", text), ("ground_truth", text)])),
        ("extra_info", pa.struct([("index", pa.int64()), ("split", text), *source])),
    ])  # fmt: skip
