"""Attempts as a question about them quotes them: no longer than the model that is asked can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sparring.agents.talking.prompts import fit
from sparring.envs.reflection.words import shown

if TYPE_CHECKING:
    from sparring.trainers.run import Run


def quoted(run: Run[Any], texts: Sequence[str]) -> list[str]:
    """The texts whole where together they take at most half of the context of the run's model.

    Else each has an equal share of that half, and a longer one is cut in its middle, where the cut is marked.
    """
    config, model = run.config, run.model
    half = (model.context - (config.max_new_tokens if config.decoding == "free" else 0)) // 2

    def count(text: str) -> int:
        return len(model.encode(text))

    texts = [shown(text) for text in texts]
    if sum(map(count, texts)) <= half:
        return texts
    return [fit(text, half // len(texts), count) for text in texts]
