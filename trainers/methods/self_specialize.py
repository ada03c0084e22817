r"""Self-Specialization: a generalist becomes an expert by what it writes about a domain (arXiv 2310.00160).

What the paper does: of a few seeds of a domain the model writes new instructions and inputs, then responses, with
passages of the domain that a retriever finds as help. A QLoRA adapter is tuned on the responses, without the passages.
A second round may let the tuned model write the responses again.

What we do otherwise, and why:
1. All weights are tuned unless --lora-rank asks for an adapter.
2. Every round writes new instructions as well; a later one learns those of all rounds from the start.
3. Without --retriever the seeds alone are shown. With it what is shown is searched by the instruction and the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from sparring import registry
from sparring.envs.retrieval.named import open_retriever
from sparring.envs.retrieval.types import Retriever
from sparring.trainers.evolving.new_instructions import NewInstructions
from sparring.trainers.evolving.rows import Row
from sparring.trainers.evolving.synthesis import KEPT, Question
from sparring.trainers.methods.self_specialize_config import Config

__all__ = ["Config", "SelfSpecialize"]


@registry.trainers.register(
    "self-specialize",
    family="self-evolution",
    extra="train",
    config="sparring.trainers.methods.self_specialize_config:Config",
)
class SelfSpecialize(NewInstructions[Config]):
    """Tuning on instructions of a domain that the model wrote and answered with the domain's passages at hand."""

    name = "self-specialize"
    config_type = Config

    @classmethod
    def require_usable(cls, config: Config) -> None:
        """Raises ValueError for a retriever that is not there too."""
        super().require_usable(config)
        if config.retriever:
            open_retriever(config.retriever)

    @cached_property
    def retriever(self) -> Retriever:
        """Where the passages of the domain are."""
        return open_retriever(self.config.retriever)

    def help_for(self, question: Question) -> dict[str, object]:
        """The seeds, and what the retriever finds."""
        shown = super().help_for(question)
        if not self.config.retriever:
            return shown
        (hits,) = self.retriever.search([f"{question.instruction} {question.input}"], self.config.passages)
        return {**shown, "passages": [hit.passage.contents for hit in hits]}

    def choose(self, answers: Sequence[Row]) -> tuple[Row | None, str]:
        """The first one."""
        return answers[0], KEPT
