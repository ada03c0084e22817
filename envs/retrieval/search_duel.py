"""Reasoner and critic: one seat answers and searches, the other says whether an answer may stand.

    pettingzoo: sparring.make("sparring/SearchDuel-v0", world="fiction")

    reasoner answers, with its reasons ─► critic accepts: the end
                   ▲                    └► critic rejects ─► reasoner searches ─► passages ─┐
                   └─────────────────────────────────────────────────────────────────────────┘

These are SIM-RAG's two roles (arXiv 2505.02811) as seats, each with its own reward. There the critic is trained to
predict whether the answer matches the gold one; here it is paid for knowing whether the passages suffice, which is
known exactly. There the last answer is given whatever the critic says; here a critic that rejects it gives up.
"""

from __future__ import annotations

import math
import re
from typing import Literal

from sparring import registry
from sparring.answers.search_actions import parse
from sparring.envs.any_text import AnyText, Info
from sparring.envs.code.split_rng import SPLITS, Split
from sparring.envs.duel import Duel
from sparring.envs.games.two_player import bare, whole_seed
from sparring.envs.retrieval.escaping import harmless
from sparring.envs.retrieval.rounds import Rounds, proven
from sparring.envs.retrieval.search import Prices, question_of
from sparring.envs.retrieval.settings import hops_of, kinds_of, require_one_of, require_prices, require_whole
from sparring.envs.retrieval.shown import passages_shown, passages_told
from sparring.envs.retrieval.sources import retriever_of, world_of
from sparring.envs.retrieval.types import Question, Retriever, World

REASONER, CRITIC = SEATS = ("reasoner", "critic")
ACCEPT, REJECT = VERDICTS = ("accept", "reject")
MOST_OBSERVED, MOST_WRITTEN = 200_000, 20_000
"""Characters."""
MOST_SAID = 2_000
"""Characters of an answer or of its reasons that the critic is shown."""
RATIONALE = re.compile(r"<rationale>([^<]*)</rationale>")
Phase = Literal["answer", "verdict", "query", "over"]
ASKED = {
    "answer": "Answer the question, and say why:\n<answer>as short as possible</answer>\n<rationale>why</rationale>",
    "query": "The answer was rejected. Search for what is missing:\n<search>what to look for</search>",
    "verdict": "Do the passages suffice for this answer? Write accept or reject.",
}


@registry.envs.register(
    "sparring/SearchDuel-v0",
    family="retrieval",
    seats=2,
    seat_names=("reasoner", "critic"),
    skills=("language", "search", "calibration"),
    version="1",
    reward_range=(-math.inf, 1.0),
)
class SearchDuel(Duel):
    """The reasoner answers and searches; the critic accepts an answer or sends the reasoner to search again.

    world, split, k, max_rounds, round_cost, token_cost, kinds, hops, retriever, drop_seen: as of Search-v0.

    The reasoner is paid 1 where the accepted answer is right (exact match), or where the last answer was rejected and
    the corpus holds none; less what rounds and tokens cost. The critic is paid for every verdict: accepting is right
    where the passages suffice, rejecting where they do not. A right verdict pays 1 / (max_rounds + 1), a wrong one
    costs as much. Where it is not known whether they suffice, the answer's exact match decides (as in SIM-RAG).
    Any text is a valid action. A verdict that cannot be read is a wrong one, and rejects; an answer that cannot be read
    is empty; a query that cannot be read loses the round.
    """

    metadata: dict[str, object] = {**Duel.metadata, "name": "sparring/SearchDuel-v0"}

    def __init__(
        self,
        world: str | World = "fiction",
        split: Split = "train",
        k: int = 3,
        max_rounds: int = 5,
        round_cost: float = 0.05,
        token_cost: float = 0.0,
        kinds: str | None = None,
        hops: int | str | None = None,
        retriever: str | Retriever | None = None,
        *,
        drop_seen: bool = False,
        render_mode: str | None = None,
    ) -> None:
        require_one_of(SPLITS, split=split)
        require_whole(1, k=k, max_rounds=max_rounds)
        require_prices(round_cost=round_cost, token_cost=token_cost)
        self.kinds, self.hops = kinds_of(kinds), hops_of(hops)
        self.split, self.k, self.max_rounds, self.drop_seen = split, k, max_rounds, drop_seen
        self.prices, self.render_mode = Prices(round_cost, token_cost), render_mode
        self.world = world_of(world)
        self.question(0)  # refuses once, before anything is played, where there is none
        self.retriever = retriever_of(retriever, self.world)
        super().__init__(SEATS, AnyText(MOST_OBSERVED), AnyText(MOST_WRITTEN))

    def reset(self, seed: int | None = None, options: dict[str, object] | None = None) -> None:
        """Ask the question of a seed; `options` are not used."""
        if seed is not None:
            self._rng.seed(whole_seed(seed))
        number = self._rng.integer(0, 2**62) if seed is None else whole_seed(seed)
        self._rounds = Rounds(self.question(number), self.retriever, self.k, self.drop_seen)
        self._phase: Phase = "answer"
        self._read, self._answer, self._rationale = "", "", ""
        self._verdicts, self._right_verdicts, self._tokens = 0, 0, 0
        self._begin(REASONER)
        self._show(REASONER, illegal=False)
        asked = harmless(self._rounds.question.text)
        self.infos[REASONER] |= {"world": self.world.name, "index": self.retriever.fingerprint}
        self.infos[REASONER] |= {"question": asked, "style": "tags"}

    def observe(self, agent: str) -> str:
        """What a seat sees: the question and every passage that was found; the critic the answer too."""
        lines = [f"Question: {harmless(self._rounds.question.text)}"]
        lines += [self._read] if self._read else ["Nothing was searched for yet."]
        if agent == CRITIC and self._phase in ("verdict", "over"):
            said = harmless(self._answer, MOST_SAID) or "(none)"
            lines += [f"Answer: {said}", f"Rationale: {harmless(self._rationale, MOST_SAID) or '(none)'}"]
        if self._phase != "over" and (agent == CRITIC) == (self._phase == "verdict"):
            lines.append(f"{ASKED[self._phase]}\nSearches left: {self.max_rounds - self._rounds.played}.")
        return "\n\n".join(lines)

    def _act(self, seat: str, action: str) -> None:
        """Raises RetrieverFailed for a retriever's fault."""
        if self._phase == "verdict":
            self._judge(action)
        elif self._phase == "answer":
            self._take_answer(action)
        else:
            self._search(action)

    def question(self, seed: int) -> Question:
        """The question of a seed. Raises ValueError where the world has none of the wanted kinds and hops."""
        return question_of(self.world, self.split, seed, self.kinds, self.hops)

    # The turns.

    def _take_answer(self, action: str) -> None:
        understood = parse("tags", action)
        said = understood.kind == "answer"
        self._answer = understood.text if said else ""
        rationale = RATIONALE.search(action) if len(action) <= MOST_WRITTEN else None
        self._rationale = rationale[1] if rationale else ""
        self.infos[REASONER] = {"illegal": not said}
        self._pay(REASONER, self.prices.parts(self._count(action)))
        self._phase = "verdict"
        self._show(CRITIC, illegal=False)

    def _search(self, action: str) -> None:
        understood = parse("tags", action)
        legal, words = understood.kind == "search", self._count(action)
        shown = self._rounds.search(understood.text) if legal else []
        if legal:
            listed, length = passages_shown("tags", understood.text, shown)
            self._read = f"{self._read}\n{listed}".strip()
            self._tokens += length
            words += length
        else:
            self._rounds.waste()
        self._phase = "answer"
        self._show(REASONER, illegal=not legal)
        self.infos[REASONER]["passages"] = passages_told(shown)
        self.infos[REASONER]["hidden"] = self._rounds.knows | {"proves": proven(shown)}
        self._pay(REASONER, self.prices.parts(words, 1))

    def _judge(self, action: str) -> None:
        verdict = bare(action).lower() if len(action) <= MOST_WRITTEN else ""
        right = verdict == (ACCEPT if self._should_accept else REJECT)
        self._verdicts, self._right_verdicts = self._verdicts + 1, self._right_verdicts + right
        self.infos[CRITIC] = {"illegal": verdict not in VERDICTS, "hidden": self._rounds.knows}
        self._pay(CRITIC, {"agreement": (1.0 if right else -1.0) / (self.max_rounds + 1)})
        if verdict == ACCEPT or self._rounds.played >= self.max_rounds:
            self._end(accepted=verdict == ACCEPT)
            return
        self._phase = "query"
        self._show(REASONER, illegal=False)

    @property
    def _should_accept(self) -> bool:
        known = self._rounds.sufficient
        return self._rounds.is_correct(self._answer) if known is None else known

    # What both share.

    def _end(self, accepted: bool) -> None:
        self._phase = "over"
        answer = self._answer if accepted else None
        self._pay(REASONER, {"correct": float(self._rounds.is_correct(answer))})
        tokens, could_go_on = {"tokens": float(self._tokens)}, self._rounds.played < self.max_rounds
        self.infos[REASONER]["metrics"] = self._rounds.metrics(answer, not accepted, could_go_on) | tokens
        self.infos[CRITIC]["metrics"] = {
            "verdicts": float(self._verdicts),
            "right_verdicts": self._right_verdicts / self._verdicts,
        }
        self._finish(REASONER)

    def _show(self, seat: str, illegal: bool) -> None:
        """Fresh info for the seat that is to move."""
        rounds = self._rounds
        info: Info = {
            "illegal": illegal,
            "task": rounds.question.kind,
            "rounds_left": self.max_rounds - rounds.played,
            "phase": self._phase,
            "hidden": rounds.knows,
        }
        if seat == CRITIC:
            info["legal_actions"] = list(VERDICTS)
        elif self._phase == "query":
            info["suggested_actions"] = [f"<search>{harmless(rounds.question.text)}</search>"]
        else:
            last = next(reversed(rounds.found.values())).title if rounds.found else "unknown"
            info["suggested_actions"] = [f"<answer>{harmless(last)}</answer>"]
        self.infos[seat] = info
        self.agent_selection = seat

    def _pay(self, seat: str, parts: dict[str, float]) -> None:
        self.rewards[seat] = sum(parts.values())
        self.infos[seat] = self.infos[seat] | {"reward_parts": parts}

    def _count(self, action: str) -> int:
        words = len(action[:MOST_WRITTEN].split())
        self._tokens += words
        return words
