"""Rewrite the last question of a conversation so that it finds its passage: one seat, one step.

    gymnasium.make("sparring.envs:sparring/Rewrite-v0", world="fiction")

This is the task of ConvSearch-R1 (arXiv 2505.15776), with its rank-incentive reward (RIRS) as its release computes it.
There the retriever is a server that keys its answers by the conversation, so that the attempts of one group share one
answer; here every attempt is answered for itself.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

import gymnasium

from sparring import registry
from sparring.envs.any_text import AnyText
from sparring.envs.code.split_rng import SPLITS, Split
from sparring.envs.retrieval.escaping import harmless
from sparring.envs.retrieval.settings import require_one_of
from sparring.envs.retrieval.sources import retriever_of, search, world_of
from sparring.envs.retrieval.types import Conversation, Retriever, World

Format = Literal["plain", "think"]
DEPTH = 100
"""Passages that are looked through for a gold one."""
WRONG_FORMAT = -0.1
MOST_OBSERVED, MOST_WRITTEN = 100_000, 20_000
"""Characters."""
THOUGHT_OUT = re.compile(r"<think>(.*?)</think>\n<rewrite>(.*?)</rewrite>", re.DOTALL)
TAG = re.compile(r"</?(?:think|rewrite)>")
SEEDS = 2**63
HOW = {
    "plain": "Write the question, and nothing else.",
    "think": "Write your reasons and then the question, in this form:\n<think>why</think>\n<rewrite>question</rewrite>",
}
Info = dict[str, object]


def rirs(rank: int | None) -> float:
    """ConvSearch-R1's reward for the best rank (from 1) of a gold passage; None: it was not found.

    2.0 to 1.0 for ranks 1 to 10, then 0.989 to 0.0 for ranks 11 to 100.
    """
    if rank is None or rank > DEPTH:
        return 0.0
    return (19 - rank) / 9 if rank <= 10 else (100 - rank) / 90


def rewrite_in(format: Format, text: str) -> str | None:
    """The rewritten question in a text; None where the format is not kept. Each tag stands there once."""
    if len(text) > MOST_WRITTEN:
        return None
    bare = text.strip()
    if format == "think":
        found = THOUGHT_OUT.fullmatch(bare) if len(TAG.findall(bare)) == 4 else None
        bare = found[2] if found else ""
    return " ".join(bare.encode("utf-8", "replace").decode("utf-8").replace("\x00", "").split()) or None


@registry.envs.register(
    "sparring/Rewrite-v0",
    family="retrieval",
    skills=("language", "search"),
    version="1",
    reward_range=(-0.1, 2.0),
)
class Rewrite(gymnasium.Env[str, str]):
    """Rewrite the last question of a conversation so that a retriever finds its passage.

    world, split, retriever: as of Search-v0.
    format: "plain": the action is the rewritten question. "think": <think>...</think>, a line break and
        <rewrite>...</rewrite>, as ConvSearch-R1 asks for it.
    instructions: whether the text says how to write; without it that is in `instructions`.

    The reward is RIRS: 2.0 to 1.0 for the ranks 1 to 10 of a gold passage, 0.989 to 0 for the ranks 11 to 100, else 0;
    and -0.1 where the format is not kept. Raises RetrieverFailed from `step` for a retriever's fault.
    """

    metadata: dict[str, object] = {"name": "sparring/Rewrite-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        world: str | World = "fiction",
        split: Split = "train",
        format: Format = "plain",
        retriever: str | Retriever | None = None,
        *,
        instructions: bool = True,
        render_mode: str | None = None,
    ) -> None:
        require_one_of(SPLITS, split=split)
        require_one_of(get_args(Format), format=format)
        self.split, self.format, self.render_mode = split, format, render_mode
        self.world = world_of(world)
        self.world.conversation(split, 0)  # refuses once, before anything is played, where there is none
        self.retriever = retriever_of(retriever, self.world)
        self.observation_space = AnyText(MOST_OBSERVED)
        self.action_space = AnyText(MOST_WRITTEN)
        self._asked: Conversation | None = None
        self._how = f"\n\n{HOW[format]}" if instructions else ""
        self._over, self._seen = True, ""

    @property
    def instructions(self) -> str:
        """How to write: with `instructions=False` the text leaves it out."""
        return HOW[self.format]

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[str, Info]:
        """Show the conversation of a seed; `options` are not used."""
        super().reset(seed=seed)
        number = int(self.np_random.integers(SEEDS)) if seed is None else int(seed)
        self._asked = conversation = self.world.conversation(self.split, number)
        self._over, self._seen = False, f"{_shown(conversation)}{self._how}"
        last = conversation.exchanges[-1]
        return self._seen, {
            "task": "topic switch" if last.switches_topic else "rewrite",
            "world": self.world.name,
            "index": self.retriever.fingerprint,
            "suggested_actions": [self._written(harmless(last.asked))],
            "hidden": self._hidden(conversation),
        }

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Search with the rewritten question; the episode is over."""
        if not isinstance(action, str):
            raise TypeError(f"action must be a str, got {type(action).__name__}")
        if self._asked is None:
            raise RuntimeError("step was called before reset")
        conversation, rewrite = self._asked, rewrite_in(self.format, action)
        if self._over:
            return self._seen, 0.0, True, False, {"hidden": self._hidden(conversation)}
        metrics = self._metrics(conversation, rewrite)
        self._over, self._seen = True, "The question was received."
        parts = {"format": WRONG_FORMAT} if rewrite is None else {"rirs": metrics["rirs"]}
        info: Info = {"illegal": rewrite is None, "reward_parts": parts, "metrics": metrics}
        return self._seen, sum(parts.values()), True, False, info | {"hidden": self._hidden(conversation)}

    def render(self) -> str | None:
        """The latest observation, with render_mode="ansi"."""
        return self._seen if self.render_mode == "ansi" else None

    def walkthrough(self, seed: int) -> list[str]:
        """The question as it would be asked alone. Never shown to agents."""
        return [self._written(self.world.conversation(self.split, seed).exchanges[-1].rewrite)]

    def rank(self, conversation: Conversation, query: str) -> int | None:
        """The best rank of a gold passage, from 1; None where none is among the first 100. Raises RetrieverFailed."""
        gold = set(conversation.exchanges[-1].gold)
        found = search(self.retriever, query, DEPTH)
        return next((rank for rank, passage in enumerate(found, 1) if passage.id in gold), None)

    def _metrics(self, conversation: Conversation, rewrite: str | None) -> dict[str, float]:
        """The rewritten question beside the one that was asked."""
        rank = None if rewrite is None else self.rank(conversation, rewrite)
        return {
            "rirs": rirs(rank),
            "rirs_as_asked": rirs(self.rank(conversation, conversation.exchanges[-1].asked)),
            "reciprocal_rank": 1.0 / rank if rank else 0.0,
            "found_in_10": float(rank is not None and rank <= 10),
            "format_kept": float(rewrite is not None),
        }

    def _written(self, question: str) -> str:
        if self.format == "plain":
            return question
        return f"<think>What the question leaves out is put in.</think>\n<rewrite>{question}</rewrite>"

    def _hidden(self, conversation: Conversation) -> Info:
        last = conversation.exchanges[-1]
        return {"conversation": conversation.id, "rewrite": last.rewrite, "gold": list(last.gold)}


def _shown(conversation: Conversation) -> str:
    *before, last = conversation.exchanges
    lines = [f"Question: {harmless(one.asked)}\nAnswer: {harmless(one.answer)}" for one in before]
    asked = f"Question: {harmless(last.asked)}"
    return "\n".join(
        ["This is a conversation:", *lines, asked, "", "Rewrite the last question so that it stands alone."]
    )
