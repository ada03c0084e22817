"""Generative self-aggregation, GSA (arXiv 2503.04104): several answers in one prompt, out of which one new one is made.

    observation ─► samples answers ─► all of them in one prompt ─► one new answer

Nothing is voted on and nothing judged, so it also works where answers cannot be compared as values. Where we deviate:
an answer is shown with its thought and within a budget of tokens, because contexts here are small; the prompt is ours.
Where the new answer is empty or illegal, the majority's answer stands.
"""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.agents.strategies.asking import Asking
from sparring.agents.strategies.prompts import aggregate
from sparring.agents.strategies.strategy import Decision, Strategy, require_count, talker
from sparring.agents.strategies.votes import candidates, later_of, noted
from sparring.agents.talking.agent import TalkingAgent, TalkingOptions


class Gsa(Strategy):
    """Aggregates its own answers. A turn costs `samples` answers, and one whose prompt shows them."""

    title = "gsa"

    def __init__(self, talker: TalkingAgent, *, samples: int = 4, name: str | None = None) -> None:
        """Raises ValueError for `samples` < 2: of one answer there is nothing to aggregate."""
        super().__init__(talker, name=name)
        self.samples = require_count("samples", samples, 2)

    async def decide(self, asking: Asking) -> Decision:
        """The new answer."""
        samples = await asking.drafts(self.samples, "act")
        shown = asking.quoted([one.written for one in samples])
        made = await asking.ask_one(asking.extended(aggregate(shown), "aggregate"))
        legal = asking.observation.legal_actions
        ranked = candidates(samples, legal)
        return Decision(later_of(ranked[0].best, made, legal), {"votes": noted(ranked)})


@registry.agents.register("gsa", family="strategy", extra="train")
def gsa(argument: str = "smollm2", samples: int = 4, **options: Unpack[TalkingOptions]) -> Gsa:
    """Answers several times and makes one new answer of all of them: `gsa:MODEL:samples=4`."""
    return Gsa(talker(argument, options), samples=samples)
