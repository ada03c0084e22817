"""Self-Refine (arXiv 2303.17651): draft, critique by the same model, and another answer, until the critique is content.

    answer ─► critique ─ right ─► answer
       ▲          └───── wrong ─► at most `rounds` times ─┐
       └──────────────────────────────────────────────────┘

All of it is one conversation a turn, so the answer, its critique and the next answer are one training sample. Where we
deviate: the critique ends in one of two words instead of scores by criterion, and there are no worked examples; a
critique that says neither counts as one that asks for a change, and an empty or illegal answer changes nothing.
"""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.agents.strategies.asking import Asking, Said, verdicts
from sparring.agents.strategies.prompts import CRITIQUE, REFINE, RIGHT, WRONG
from sparring.agents.strategies.strategy import Decision, Strategy, require_count, talker
from sparring.agents.strategies.votes import later_of
from sparring.agents.talking.agent import TalkingAgent, TalkingOptions
from sparring.notes import ReflectionNote


class SelfRefine(Strategy):
    """Refines its answer. A turn costs an answer, and at most `rounds` critiques and answers."""

    title = "self-refine"

    def __init__(self, talker: TalkingAgent, *, rounds: int = 1, name: str | None = None) -> None:
        """Raises ValueError for `rounds` < 0."""
        super().__init__(talker, name=name)
        self.rounds = require_count("rounds", rounds, 0)

    async def decide(self, asking: Asking) -> Decision:
        """The first answer that the critique lets stand, else the last one."""
        (said,) = await asking.drafts(1, "act")
        judged, drafts = list[Said](), list[str]()
        for _ in range(self.rounds):
            critique = await asking.ask_one(asking.judge(said, CRITIQUE))
            judged.append(critique)
            if critique.verdict == RIGHT:
                break
            drafts.append(said.action)
            again = await asking.ask_one(asking.act_again(critique, REFINE, "refine"))
            said = later_of(said, again, asking.observation.legal_actions)
        found = tuple({RIGHT: True, WRONG: False}.get(critique.verdict or "") for critique in judged)
        note = ReflectionNote(tuple(drafts), found).to_notes()
        return Decision(said, {"rounds": len(judged), "verdicts": verdicts(judged), **note})


@registry.agents.register("self-refine", family="strategy", extra="train")
def self_refine(argument: str = "smollm2", rounds: int = 1, **options: Unpack[TalkingOptions]) -> SelfRefine:
    """Answers, critiques the answer, and answers again where it is not content: `self-refine:MODEL:rounds=1`."""
    return SelfRefine(talker(argument, options), rounds=rounds)
