"""Rows for supervised fine-tuning: the recorded token sequences of attempts that earned something.

    input_ids        [T] what the model read and wrote, token for token; nothing is tokenised again
    assistant_masks  [T] 1 on tokens that it generated itself, in turns whose action was legal
    messages         the same as text, for trainers with a template and a tokenizer of their own
    weight           the reward: AgentEvol (arXiv 2406.04151) maximises Σ reward · log π; equal rewards are filtered SFT

A trajectory has a row for each of its samples (`sparring.samples`). Where two samples share calls, these are learnt in
the first one, and are context in the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sparring.exports.chats import messages_of
from sparring.samples import Sample, samples
from sparring.trainers.data.rows import Row, columns_of, masked
from sparring.types import Episode, Trajectory


def sft_rows(chosen: Iterable[tuple[Episode, Trajectory]]) -> Iterator[Row]:
    """Of trajectories with a reward above 0, in order."""
    for episode, trajectory in chosen:
        if trajectory.reward > 0:
            for sample in samples(trajectory):
                yield from _row(episode, trajectory, sample)


def _row(episode: Episode, trajectory: Trajectory, sample: Sample) -> Iterator[Row]:
    """Nothing where no token of the sample is to be learnt."""
    token_ids = [token for segment in sample.segments for token in segment.token_ids]
    mask = masked(token_ids, _learnt(trajectory, sample))
    if any(mask):
        yield {
            **columns_of("sft", "attempt", episode, attempt=(episode, trajectory)),
            "weight": trajectory.reward,
            "purposes": [call.purpose for call in sample.calls],
            "input_ids": token_ids,
            "assistant_masks": mask,
            "messages": messages_of(message for call in sample.calls for message in call.messages),
        }


def _learnt(trajectory: Trajectory, sample: Sample) -> Iterator[range]:
    """Where the sample's own generated tokens of legal turns stand."""
    start = 0
    for place, (id, call) in enumerate(zip(sample.ids, sample.calls, strict=True)):
        is_learnt = place >= sample.first and trajectory.turns[int(id.partition(".")[0])].legal
        for segment in call.segments:
            end = start + len(segment.token_ids)
            if is_learnt and segment.kind == "generated":
                yield range(start, end)
            start = end
