"""Self-consistency (arXiv 2203.11171): sample several thoughts with their answers, and take the majority's answer.

The paper sums out the reasoning: the answer that most sampled paths end in wins. Where we deviate: ties go to the
answer with the higher summed log-probability, and every turn of a longer episode has a vote of its own, after which the
conversation goes on behind the winner's likeliest path.
"""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.agents.strategies.asking import Asking
from sparring.agents.strategies.strategy import Decision, Strategy, require_count, talker
from sparring.agents.strategies.votes import candidates, noted
from sparring.agents.talking.agent import TalkingAgent, TalkingOptions


class SelfConsistency(Strategy):
    """Votes over its own answers. A turn costs `samples` answers."""

    title = "self-consistency"

    def __init__(self, talker: TalkingAgent, *, samples: int = 5, name: str | None = None) -> None:
        """Raises ValueError for `samples` < 1."""
        super().__init__(talker, name=name)
        self.samples = require_count("samples", samples, 1)

    async def decide(self, asking: Asking) -> Decision:
        """The majority's answer."""
        samples = await asking.drafts(self.samples, "vote")
        ranked = candidates(samples, asking.observation.legal_actions)
        return Decision(ranked[0].best, {"votes": noted(ranked), "confidence": len(ranked[0].voters) / self.samples})


@registry.agents.register("self-consistency", family="strategy", extra="train")
def self_consistency(argument: str = "smollm2", samples: int = 5, **options: Unpack[TalkingOptions]) -> SelfConsistency:
    """Answers several times and takes the majority's answer: `self-consistency:MODEL:samples=5`."""
    return SelfConsistency(talker(argument, options), samples=samples)
