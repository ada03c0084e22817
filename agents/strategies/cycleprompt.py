"""CyclePrompt (arXiv 2402.08756): what was asked must be readable from the answer, else the prompt gets a hint.

    task ─► answer (forward) ─► task as the answer tells it (backward) ─► same? ─ yes ─► answer
      ▲                                                                    └─── no ─► what differs, as a hint ─┐
      └────────────────────────────────────────────────────────────────────────────────────────────────────────┘

Nobody knows the right answer: the only signal is whether the backward map finds the way back. The backward map sees
the answer with its thought and nothing else. Where we deviate: the discriminator judges by one of two words after a
thought, the thought is the hint, and only the latest hint is shown; an answer that is a mere choice tells less than a
program or a caption, so there the thought carries the cycle. A judgement that says neither word counts as no.
"""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.agents.strategies.asking import Asking, Said, verdicts
from sparring.agents.strategies.prompts import RIGHT, VERDICTS, compare, hinted, reconstruct
from sparring.agents.strategies.strategy import Decision, Strategy, require_count, talker
from sparring.agents.strategies.votes import later_of
from sparring.agents.talking.agent import TalkingAgent, TalkingOptions


class CyclePrompt(Strategy):
    """Answers until the task can be read from the answer. A turn costs an answer, and at most 3 calls a round."""

    title = "cycleprompt"

    def __init__(self, talker: TalkingAgent, *, rounds: int = 2, name: str | None = None) -> None:
        """Raises ValueError for `rounds` < 1."""
        super().__init__(talker, name=name)
        self.rounds = require_count("rounds", rounds, 1)

    async def decide(self, asking: Asking) -> Decision:
        """The first answer that leads back to the task, else the last one."""
        (said,) = await asking.drafts(1, "act")
        judged = list[Said]()
        for _ in range(self.rounds):
            comparison = await self._compared(asking, said)
            judged.append(comparison)
            if comparison.verdict == RIGHT:
                break
            (hint,) = asking.quoted([comparison.prose])
            again = await asking.ask_one(asking.extended(hinted(hint), "refine"))
            said = later_of(said, again, asking.observation.legal_actions)
        consistent = judged[-1].verdict == RIGHT
        return Decision(said, {"consistent": consistent, "rounds": len(judged), "verdicts": verdicts(judged)})

    async def _compared(self, asking: Asking, said: Said) -> Said:
        """The judgement whether an answer leads back to the task."""
        (answer,) = asking.quoted([said.written])
        back = await asking.ask_one(asking.fresh(reconstruct(answer), "back"))
        task, reconstructed = asking.quoted([asking.observation.text, back.prose])
        return await asking.ask_one(asking.fresh(compare(task, reconstructed), "critique", VERDICTS))


@registry.agents.register("cycleprompt", family="strategy", extra="train")
def cycleprompt(argument: str = "smollm2", rounds: int = 2, **options: Unpack[TalkingOptions]) -> CyclePrompt:
    """Answers again until the task can be read from the answer: `cycleprompt:MODEL:rounds=2`."""
    return CyclePrompt(talker(argument, options), rounds=rounds)
