"""Risk scores with dynamic prompting (arXiv 2306.16564): ask again, with more help, where an answer is probably wrong.

    samples ─► vote ─► rules ─► harmoniser ─► risk ─ low ──► answer
                                               └──── high ─► told which rules object, and what else it said ─► answer

The harmoniser (`harmoniser.fit`) is learnt offline from what the rules said in stored episodes; without one every rule
counts the same. Where we deviate: the second question shows the objections in words and the other candidates; the paper
shows the rules' evidence, or retrieved passages, which no environment here has in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

from sparring import registry
from sparring.agents.strategies.asking import Asking
from sparring.agents.strategies.harmoniser import RULES, Harmoniser, Rule, Values, values_of
from sparring.agents.strategies.prompts import doubted
from sparring.agents.strategies.strategy import Decision, Strategy, require_count, talker
from sparring.agents.strategies.votes import candidates, later_of, noted
from sparring.agents.talking.agent import TalkingAgent, TalkingOptions
from sparring.kinds import require_kind

OBJECTIONS: Mapping[str, str] = {
    "legal": "it is not one of the legal actions",
    "agreement": "asked again, you mostly gave other answers",
    "likelihood": "you were unsure of its words",
    "length": "it is empty or was not finished",
}


class Risk(Strategy):
    """Asks again where the risk is high. A turn costs `samples` answers and at most one more."""

    title = "risk"

    def __init__(
        self,
        talker: TalkingAgent,
        *,
        samples: int = 3,
        threshold: float = 0.5,
        harmoniser: Harmoniser | None = None,
        rules: Mapping[str, Rule] = RULES,
        name: str | None = None,
    ) -> None:
        """`threshold`: a risk above it is too high. Raises ValueError for `samples` < 1, `threshold` outside [0, 1]."""
        super().__init__(talker, name=name)
        self.samples = require_count("samples", samples, 1)
        require_kind("threshold", threshold, (int, float), "a number")
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be from 0 to 1, got {threshold}")
        self.threshold, self.rules = threshold, rules
        self.harmoniser = harmoniser or Harmoniser.even(rules)

    async def decide(self, asking: Asking) -> Decision:
        """The majority's answer, or what the model says when it is told of the doubts."""
        seen = asking.observation
        samples = await asking.drafts(self.samples, "vote")
        ranked = candidates(samples, seen.legal_actions)
        said = ranked[0].best
        values = values_of(self.rules, seen, said, samples)
        risk = self.harmoniser.risk(values)
        if asks_again := risk > self.threshold:
            others = asking.quoted([one.best.action for one in ranked[1:]])
            again = await asking.ask_one(asking.act_again(said, doubted(_objections(values), others), "refine"))
            said = later_of(said, again, seen.legal_actions)
        notes = {"votes": noted(ranked), "rules": values, "risk": risk, "asked_again": asks_again}
        return Decision(said, notes)


def _objections(values: Values) -> list[str]:
    """What the rules that find an answer wrong have against it."""
    against = [name for name, value in values.items() if value is not None and value < 0.5]
    return [OBJECTIONS.get(name, f"the rule {name!r} objects") for name in against]


@registry.agents.register("risk", family="strategy", extra="train")
def risk(
    argument: str = "smollm2",
    samples: int = 3,
    threshold: float = 0.5,
    harmoniser: str | None = None,
    **options: Unpack[TalkingOptions],
) -> Risk:
    """Asks again, with more help, where an answer is probably wrong: `risk:MODEL:harmoniser=FILE.json`."""
    fitted = Harmoniser.load(Path(harmoniser)) if harmoniser else None
    return Risk(talker(argument, options), samples=samples, threshold=threshold, harmoniser=fitted)
