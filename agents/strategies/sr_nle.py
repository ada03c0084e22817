"""SR-NLE (arXiv 2505.22823): an explanation of the answer, critiqued and refined until it says what decided the answer.

    answer ─► explanation ─► critique ─ right ─► the answer that follows from the explanation
                  ▲              └───── wrong ─► at most `rounds` times ─┐
                  └──────────────────────────────────────────────────────┘

Where we deviate: in the paper the first answer stands and the explanation is what is wanted; an agent is asked for an
action, so the last call answers from the explanation, and `notes["faithful"]` says whether that is the first answer
again. Of the paper's two kinds of feedback we have the critique in words; the one by important input words needs
attributions, which models behind servers do not give.
"""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.agents.strategies.asking import Asking, Said, verdicts
from sparring.agents.strategies.prompts import (
    CRITIQUE_EXPLANATION,
    EXPLAIN,
    REFINE_EXPLANATION,
    RIGHT,
    answer_from,
)
from sparring.agents.strategies.strategy import Decision, Strategy, require_count, talker
from sparring.agents.strategies.votes import key_of, later_of
from sparring.agents.talking.agent import TalkingAgent, TalkingOptions


class SrNle(Strategy):
    """Explains, refines the explanation, and answers from it. A turn costs 3 calls, and at most 2 a round more."""

    title = "sr-nle"

    def __init__(self, talker: TalkingAgent, *, rounds: int = 1, name: str | None = None) -> None:
        """Raises ValueError for `rounds` < 0."""
        super().__init__(talker, name=name)
        self.rounds = require_count("rounds", rounds, 0)

    async def decide(self, asking: Asking) -> Decision:
        """The answer that follows from the explanation."""
        (draft,) = await asking.drafts(1, "act")
        explanation = await asking.ask_one(asking.follow(draft, EXPLAIN, "explain"))
        judged = list[Said]()
        for _ in range(self.rounds):
            critique = await asking.ask_one(asking.judge(explanation, CRITIQUE_EXPLANATION))
            judged.append(critique)
            if critique.verdict == RIGHT:
                break
            explanation = await asking.ask_one(asking.follow(critique, REFINE_EXPLANATION, "refine"))
        (quote,) = asking.quoted([explanation.prose])
        said = await asking.ask_one(asking.extended(answer_from(quote), "act"))
        legal = asking.observation.legal_actions
        faithful = key_of(draft, legal) == key_of(said, legal)
        return Decision(
            later_of(draft, said, legal), {"faithful": faithful, "rounds": len(judged), "verdicts": verdicts(judged)}
        )


@registry.agents.register("sr-nle", family="strategy", extra="train")
def sr_nle(argument: str = "smollm2", rounds: int = 1, **options: Unpack[TalkingOptions]) -> SrNle:
    """Explains its answer, refines the explanation, and answers from it: `sr-nle:MODEL:rounds=1`."""
    return SrNle(talker(argument, options), rounds=rounds)
