"""The formats of other trainers: what each is for, what it has no place for, how it is written and read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sparring.encoding import Record
from sparring.exports import (
    agentgym,
    atif,
    hf_dataset,
    openai,
    sharegpt,
    training_trace,
    trl_dpo,
    trl_grpo,
    trl_sft,
    turns,
    verifiers,
    verl,
)
from sparring.exports.selection import Selection
from sparring.exports.writing import Row, Writer, write_array, write_dataset, write_lines, write_table
from sparring.registry import UnknownName, unknown
from sparring.types import Episode


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    name: str
    what: str
    """One line: what it is, and who reads it."""
    lost: str
    """One line: what it has no place for."""
    rows: Callable[[Selection], Iterator[Row]]
    writer: Writer = write_lines
    read: Callable[[Record], Episode] | None = None
    """The episode of a line; None where an export cannot be read back."""


TEXT_LOST = "token ids, log-probabilities and rewards; the attempts without a reward above 0"
FORMATS = {
    one.name: one
    for one in (
        Format(
            "training-trace",
            "OpenEnv's TrainingTrace, a line a trajectory with its reward: prompt and completion of every call",
            "the bytes of images; what other seats did where they are not to be trained on",
            training_trace.rows,
            read=training_trace.read,
        ),
        Format(
            "verifiers",
            "Episodes of verifiers, as its traces.jsonl: every seat, with tokens, masks and log-probabilities",
            "the bytes of images",
            verifiers.rows,
            read=verifiers.read,
        ),
        Format(
            "atif",
            f"{atif.VERSION} of Harbor, a line a trajectory of every seat",
            "the bytes of images, hidden data, the ids that the sampler chose among",
            atif.rows,
        ),
        Format(
            "trl-sft",
            "prompt and completion for TRL's SFTTrainer, a line an answer",
            "token ids and log-probabilities (hf-dataset has them); the attempts without a reward above 0",
            trl_sft.rows,
        ),
        Format(
            "trl-grpo",
            "prompts for TRL's GRPOTrainer, a line for each seat of each task",
            "all answers: GRPO plays anew",
            trl_grpo.rows,
        ),
        Format(
            "trl-dpo",
            "prompt, chosen and rejected for TRL's DPOTrainer, a line for each task and seat",
            "token ids and log-probabilities; all but the first answers in which the best and worst attempt differ",
            trl_dpo.rows,
        ),
        Format(
            "verl",
            "prompts for verl's RLHFDataset, a Parquet row for each seat of each task",
            "all answers: verl plays anew",
            verl.rows,
            write_table(verl.schema),
        ),
        Format(
            "openai", "chats for OpenAI's fine-tuning, a line a conversation", TEXT_LOST, openai.rows, read=openai.read
        ),
        Format(
            "sharegpt",
            "conversations for LLaMA-Factory and Axolotl, a line each",
            f"{TEXT_LOST}; which answers were legal",
            sharegpt.rows,
            read=sharegpt.read,
        ),
        Format(
            "agentgym",
            "AgentTraj of AgentGym, one JSON array of conversations",
            TEXT_LOST,
            agentgym.rows,
            write_array,
            agentgym.read,
        ),
        Format(
            "parquet",
            "one flat table, a row a turn, in one file",
            "token ids, log-probabilities and messages (hf-dataset has them), hidden data, the bytes of images",
            turns.rows,
            write_table(turns.schema),
        ),
        Format(
            "hf-dataset",
            "a folder for datasets.load_dataset, a row a sample: token ids, mask, log-probabilities, messages, reward",
            "observations and actions beside the messages, the ids that the sampler chose among",
            hf_dataset.rows,
            write_dataset(hf_dataset.schema, hf_dataset.CARD),
        ),
    )
}


def format_of(name: str, to_import: bool = False) -> Format:
    """The format of that name. Raises UnknownName, ValueError for one that cannot be imported."""
    if name not in FORMATS:
        raise UnknownName(unknown("format", name, FORMATS))
    found = FORMATS[name]
    if to_import and found.read is None:
        known = ", ".join(one.name for one in FORMATS.values() if one.read)
        raise ValueError(f"{name} can only be exported; what can be imported: {known}")
    return found
