"""Search again, answer, or give up: one seat, a question, and a retriever.

    gymnasium.make("sparring.envs:sparring/Search-v0", world="fiction", style="tags")

    question ─► search ─► passages ─► search ─► passages ─► ... ─► answer, or give up ─► correct - costs

The loop is Search-R1's (arXiv 2503.09516), with SIM-RAG's (arXiv 2505.02811) question in it: do the passages suffice?
Where we deviate: whether they suffice is known exactly, from what each passage proves; passages are escaped; searching
costs; giving up is an action, and the right one where the corpus has no answer; nothing is scored on the transcript.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import gymnasium

from sparring import registry
from sparring.answers.search_actions import HOW, MOST_WRITTEN, REMINDER, TOOLS, Action, Style, parse, written
from sparring.envs.any_text import AnyText
from sparring.envs.code.split_rng import SPLITS, Split
from sparring.envs.retrieval.escaping import harmless
from sparring.envs.retrieval.rounds import Rounds, proven
from sparring.envs.retrieval.settings import (
    hops_in_words,
    hops_of,
    kinds_of,
    require_one_of,
    require_prices,
    require_whole,
)
from sparring.envs.retrieval.shown import passages_shown, passages_told
from sparring.envs.retrieval.sources import retriever_of, world_of
from sparring.envs.retrieval.types import Passage, Question, Retriever, World
from sparring.types import derive_seed

MOST_OBSERVED = 100_000
"""Characters of an observation."""
SEEDS = 2**63
TRIES = 2_000
"""Questions that are looked at to find one of the wanted kinds and hops."""
Info = dict[str, object]


@dataclass(frozen=True, slots=True)
class Prices:
    """What is paid for a round, and for a word."""

    round_cost: float
    token_cost: float

    def parts(self, words: int, rounds: int = 0, correct: float | None = None) -> dict[str, float]:
        """The reward of a step by its parts; what costs nothing is left out."""
        parts = {} if correct is None else {"correct": correct}
        if rounds and self.round_cost:
            parts["rounds"] = -self.round_cost * rounds
        if words and self.token_cost:
            parts["tokens"] = -self.token_cost * words
        return parts


@registry.envs.register(
    "sparring/Search-v0",
    family="retrieval",
    skills=("language", "search", "calibration"),
    version="1",
    reward_range=(-math.inf, 1.0),
)
class Search(gymnasium.Env[str, str]):
    """Answer a question with a retriever's help: search again, answer, or give up.

    world: the corpus and its questions: "fiction", "atlas", "hotpotqa:file=PATH"; options follow after a colon, or
        after a plus sign where a colon means something else.
    split: "train" or "held_out": other questions.
    style: how an action is written: "tags" (Search-R1), "tool_call" (OpenAI), "json" (SIM-RAG).
    k: passages that a search shows, at most.
    max_rounds: so many searches, at most; malformed actions count as one. After the last of them one action is left, to
        answer or to give up.
    max_tokens: the episode is truncated when more tokens than these were shown and written; None: no limit. A token is
        a word (what stands between blanks) of a shown passage or of an action, whatever a model's tokens are.
    round_cost, token_cost: what a round and a token cost.
    kinds: ask questions of these kinds alone, "chain+comparison"; None: of all.
    hops: ask questions of so many hops alone: 2, or "2-4"; None: of any.
    retriever: None: BM25 in memory. A folder that `sparring retrieval build` made, or the address of a server.
    drop_seen: whether a passage that was shown is left out of later results (SIM-RAG).
    instructions: whether the first text says how to act; without it that is in `instructions`.
    list_actions: whether `info["suggested_actions"]` lists some actions.

    The reward is 1 for a right answer (exact match) and for giving up where the corpus holds no answer, less the costs.
    Any text is a valid action; one that cannot be read costs the round. Raises RetrieverFailed from `step` for a
    retriever's fault, which ends the episode as a fault of the environment.
    """

    metadata: dict[str, object] = {"name": "sparring/Search-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        world: str | World = "fiction",
        split: Split = "train",
        style: Style = "tags",
        k: int = 3,
        max_rounds: int = 5,
        max_tokens: int | None = None,
        round_cost: float = 0.05,
        token_cost: float = 0.0,
        kinds: str | None = None,
        hops: int | str | None = None,
        retriever: str | Retriever | None = None,
        *,
        drop_seen: bool = False,
        instructions: bool = True,
        list_actions: bool = True,
        render_mode: str | None = None,
    ) -> None:
        require_one_of(SPLITS, split=split)
        require_one_of(get_args(Style), style=style)
        require_whole(1, k=k, max_rounds=max_rounds, max_tokens=max_tokens)
        require_prices(round_cost=round_cost, token_cost=token_cost)
        self.kinds, self.hops = kinds_of(kinds), hops_of(hops)
        self.split, self.style, self.k, self.max_rounds, self.max_tokens = split, style, k, max_rounds, max_tokens
        self.prices = Prices(round_cost, token_cost)
        self.drop_seen, self.list_actions, self.render_mode = drop_seen, list_actions, render_mode
        self._how = f"{HOW[style]}\n" if instructions else ""
        self.world = world_of(world)
        self.question(0)  # refuses once, before anything is played, where there is none
        self.retriever = retriever_of(retriever, self.world)
        self.observation_space = AnyText(MOST_OBSERVED)
        self.action_space = AnyText(MOST_WRITTEN)
        self._rounds: Rounds | None = None
        self._over, self._terminated, self._seen = True, True, ""

    @property
    def instructions(self) -> str:
        """How to act: with `instructions=False` the text leaves it out."""
        return HOW[self.style]

    # The Gymnasium interface.

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[str, Info]:
        """Ask the question of a seed; `options` are not used."""
        super().reset(seed=seed)
        question = self.question(int(self.np_random.integers(SEEDS)) if seed is None else int(seed))
        self._rounds = Rounds(question, self.retriever, self.k, self.drop_seen)
        self._words, self._malformed, self._over, self._terminated = 0, 0, False, False
        asked = harmless(question.text)
        self._seen = f"Question: {asked}\n\n{self._how}{self._left()}"
        info = self._info([], illegal=False)
        info |= {"world": self.world.name, "index": self.retriever.fingerprint, "question": asked, "style": self.style}
        if self.style == "tool_call":
            info["tools"] = TOOLS
        return self._seen, info

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Search, answer or give up. After the end nothing happens any more."""
        if not isinstance(action, str):
            raise TypeError(f"action must be a str, got {type(action).__name__}")
        rounds = self._begun()
        if self._over:
            return self._seen, 0.0, self._terminated, not self._terminated, self._info([], illegal=False)
        understood = parse(self.style, action)
        if understood.kind in ("answer", "give_up"):
            return self._end(understood, len(action.split()))
        words = len(action[:MOST_WRITTEN].split())
        if understood.kind == "malformed" or rounds.played >= self.max_rounds:
            return self._waste(words)
        return self._search(understood.text, words)

    def render(self) -> str | None:
        """The latest observation, with render_mode="ansi"."""
        return self._seen if self.render_mode == "ansi" else None

    # What is known of a seed's question, for scripted agents and tests; never shown.

    def question(self, seed: int) -> Question:
        """The question of a seed. Raises ValueError where the world has none of the wanted kinds and hops."""
        return question_of(self.world, self.split, seed, self.kinds, self.hops)

    def walkthrough(self, seed: int) -> list[str]:
        """The question's own queries, then its answer, or giving up where it has none. Never shown to agents."""
        question = self.question(seed)
        searches = [written(self.style, "search", query) for query in question.queries[: self.max_rounds]]
        return [*searches, self.right_action(seed)]

    def right_action(self, seed: int) -> str:
        """The action that ends the episode of a seed rightly."""
        question = self.question(seed)
        if not question.answerable:
            return written(self.style, "give_up")
        return written(self.style, "answer", question.answers[0])

    def suffices(self, seed: int, ids: Sequence[str]) -> bool:
        """Whether the passages of these ids suffice for the question of a seed."""
        question = self.question(seed)
        known = self._passages
        if question.proof is None or not question.answerable:
            return False
        return question.proof.holds([known[id] for id in ids if id in known])

    # What follows an action.

    def _search(self, query: str, words: int) -> tuple[str, float, bool, bool, Info]:
        shown = self._begun().search(query)
        listed, length = passages_shown(self.style, query, shown)
        self._words += words + length
        self._over = self.max_tokens is not None and self._words > self.max_tokens
        self._seen = f"{listed}\n{self._left()}"
        info = self._info(shown, illegal=False)
        return self._paid(info, self.prices.parts(words + length, 1))

    def _waste(self, words: int) -> tuple[str, float, bool, bool, Info]:
        """A malformed action, or a search that is no longer open: the round is lost, and after the last the episode."""
        rounds = self._begun()
        self._words += words
        self._malformed += 1
        self._over = rounds.played >= self.max_rounds or (self.max_tokens is not None and self._words > self.max_tokens)
        cost = int(rounds.played < self.max_rounds)
        if cost:
            rounds.waste()
        self._seen = f"{REMINDER[self.style]}\n{self._left()}"
        return self._paid(self._info([], illegal=True), self.prices.parts(words, cost))

    def _end(self, action: Action, words: int) -> tuple[str, float, bool, bool, Info]:
        rounds = self._begun()
        self._words += words
        self._over = self._terminated = True
        gave_up = action.kind == "give_up"
        answer = None if gave_up else action.text
        self._seen = "You gave up." if gave_up else "The answer was received."
        info = self._info([], illegal=False)
        info["metrics"] = self._metrics(answer, gave_up)
        return self._paid(info, self.prices.parts(words, correct=float(rounds.is_correct(answer))))

    def _paid(self, info: Info, parts: dict[str, float]) -> tuple[str, float, bool, bool, Info]:
        truncated = self._over and not self._terminated
        if truncated:
            info["metrics"] = self._metrics(None, False)
        if parts:
            info["reward_parts"] = parts
        return self._seen, sum(parts.values()), self._terminated, truncated, info

    def _metrics(self, answer: str | None, gave_up: bool) -> dict[str, float]:
        counted = {"tokens": float(self._words), "malformed": float(self._malformed)}
        rounds = self._begun()
        return rounds.metrics(answer, gave_up, rounds.played < self.max_rounds) | counted

    def _begun(self) -> Rounds:
        if self._rounds is None:
            raise RuntimeError("step was called before reset")
        return self._rounds

    def _left(self) -> str:
        left = self.max_rounds - self._begun().played
        return f"Searches left: {left}." if left else "Searches left: 0. Answer or give up now."

    def _info(self, shown: Sequence[Passage], *, illegal: bool) -> Info:
        rounds = self._begun()
        info: Info = {
            "illegal": illegal,
            "task": rounds.question.kind,
            "rounds_left": self.max_rounds - rounds.played,
            "passages": passages_told(shown),
            "hidden": rounds.knows | {"proves": proven(shown)},
        }
        if self.list_actions and not self._over:
            info["suggested_actions"] = list(self._suggested(rounds))
        return info

    def _suggested(self, rounds: Rounds) -> Iterator[str]:
        """Search for the question, give up, answer with the title that was read last."""
        if rounds.played < self.max_rounds:
            yield written(self.style, "search", harmless(rounds.question.text))
        yield written(self.style, "give_up")
        if rounds.found:
            yield written(self.style, "answer", harmless(next(reversed(rounds.found.values())).title) or "?")

    @property
    def _passages(self) -> dict[str, Passage]:
        if not hasattr(self, "_by_id"):
            self._by_id = {passage.id: passage for passage in self.world.passages}
        return self._by_id


def question_of(world: World, split: Split, seed: int, kinds: Collection[str], hops: range) -> Question:
    """The question of a seed, of these kinds and hops. Raises ValueError where the world shows none."""
    for attempt in range(TRIES):
        question = world.question(split, derive_seed(seed, attempt) if attempt else seed)
        if question.kind in kinds and question.hops in hops:
            return question
    raise ValueError(
        f"{world.name} has no question of the kinds {', '.join(kinds)} with {hops_in_words(hops)} among {TRIES} of the "
        f"split {split}"
    )
