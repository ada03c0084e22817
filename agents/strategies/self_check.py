"""Self-check of CriticBench (arXiv 2310.04815, section 5): a vote, and a critique of the candidates where it is close.

    samples ─► vote ─ certain ─────────────────────────────► answer
                  └── uncertain ─► critique each candidate ─► vote without those judged wrong

Certainty is ln(votes of the first answer / votes of the second): 0 where they are equal, infinite where all agree.
Where we deviate: the judgement is one of two words after a thought, and the model is given no worked examples; a
candidate is judged once, by its likeliest sample. Where all candidates are judged wrong, as by a critic who always says
so, none is dropped and the plain vote stands; a judgement that cannot be read drops nothing.
"""

from __future__ import annotations

import math
from typing import Unpack

from sparring import registry
from sparring.agents.strategies.asking import Asking, Said, verdicts
from sparring.agents.strategies.prompts import CRITIQUE, WRONG
from sparring.agents.strategies.strategy import Decision, Strategy, require_count, talker
from sparring.agents.strategies.votes import Candidate, candidates, certainty, noted
from sparring.agents.talking.agent import TalkingAgent, TalkingOptions
from sparring.kinds import require_kind


class SelfCheck(Strategy):
    """Votes, and critiques where the vote is close. A turn costs `samples` answers and at most as many critiques."""

    title = "self-check"

    def __init__(
        self, talker: TalkingAgent, *, samples: int = 5, certainty: float = 1.0, name: str | None = None
    ) -> None:
        """`certainty`: a vote of less is checked, nats. Raises ValueError for `samples` < 1 and `certainty` < 0."""
        super().__init__(talker, name=name)
        self.samples = require_count("samples", samples, 1)
        require_kind("certainty", certainty, (int, float), "a number")
        if not certainty >= 0:
            raise ValueError(f"certainty must be >= 0, got {certainty}")
        self.certainty = certainty

    async def decide(self, asking: Asking) -> Decision:
        """The majority's answer, of the candidates that may stand."""
        samples = await asking.drafts(self.samples, "vote")
        ranked, judged = candidates(samples, asking.observation.legal_actions), tuple[Said, ...]()
        certain = certainty(ranked)
        if certain < self.certainty:
            judged = await asking.ask([asking.judge(one.best, CRITIQUE) for one in ranked])
        chosen = _standing(ranked, judged)
        notes: dict[str, object] = {"votes": noted(ranked), "certainty": certain if math.isfinite(certain) else None}
        notes["confidence"] = len(chosen.voters) / self.samples
        return Decision(chosen.best, {**notes, "verdicts": verdicts(judged)})


def _standing(ranked: tuple[Candidate, ...], judged: tuple[Said, ...]) -> Candidate:
    """The first candidate that was not judged wrong; the first of all where none is left."""
    wrong = {place for place, said in enumerate(judged) if said.verdict == WRONG}
    return next((one for place, one in enumerate(ranked) if place not in wrong), ranked[0])


@registry.agents.register("self-check", family="strategy", extra="train")
def self_check(
    argument: str = "smollm2", samples: int = 5, certainty: float = 1.0, **options: Unpack[TalkingOptions]
) -> SelfCheck:
    """Votes; where the vote is close, drops what it judges wrong: `self-check:MODEL:samples=5:certainty=1`."""
    return SelfCheck(talker(argument, options), samples=samples, certainty=certainty)
