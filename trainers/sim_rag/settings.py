"""The settings of SIM-RAG's training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from sparring.envs.retrieval.settings import hops_of, kinds_of
from sparring.trainers.settings import require_ranges, require_types
from sparring.trainers.sim_rag.practice import Label

Backbone = Literal["counting", "reading"]


@dataclass(frozen=True, slots=True)
class Config:
    """Self-practice, a critic that learns from it, and what stopping by it earns."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--world atlas --run runs/critic",
        "--reader smollm2 --critic reading --questions 120 --test-questions 80 --max-rounds 3 --run runs/smollm2",
    )

    RANGES: ClassVar[Mapping[str, str]] = {
        "questions": ">= 20",
        "test_questions": ">= 8",
        "max_rounds": ">= 1",
        "k": ">= 1",
        "max_new_tokens": ">= 1",
        "round_cost": "in [0, 1)",
        "lora_rank": ">= 0",
    }

    world: str = "fiction"
    """The corpus and its questions: fiction, atlas, hotpotqa:file=PATH; more options follow after colons."""
    kinds: str = "chain"
    """Kinds of questions, joined by plus signs: chain, comparison, intersection, unanswerable."""
    hops: str = ""
    """Questions of so many hops, e.g. 2 or 2-4; left out: of any."""
    questions: int = 1500
    """Of the split "train", searched for to the end; a fifth calibrates the critic and chooses its threshold."""
    test_questions: int = 800
    """Of the split "held_out", on which everything is measured."""
    max_rounds: int = 5
    """Searches of every question. The critic refuses longer episodes later."""
    k: int = 2
    """Passages that a search shows; those that were shown before are left out."""
    skills: str = "0.95,0.85,0.75,0.55"
    """Of the scripted searchers, which take turns: how often each writes a good query. Not used with --reader."""
    reader: str = ""
    """A language model that answers and writes the queries, e.g. smollm2; left out: scripted searchers, whose answer
    is right exactly where the passages suffice."""
    max_new_tokens: int = 24
    """Of an answer and of a query of the reader."""
    critic: Backbone = "counting"
    """counting: boosted trees over counted words and names. reading: a linear head on the frozen hidden states of
    --model."""
    model: str = ""
    """Which a reading critic reads with; left out: the --reader, else smollm2."""
    lora_rank: int = 0
    """Train an adapter of this rank for a reading critic, with its head; 0: the model stays as it is."""
    labels: Label = "exact"
    """What the critic learns: exact sufficiency; em, whether the reader's answer matched (SIM-RAG's own label);
    contains, whether it contained the right one."""
    right: Label = "em"
    """What counts as a right answer in rewards; without --reader all three are the same."""
    calibration: Literal["isotonic", "temperature"] = "isotonic"
    """How scores become probabilities."""
    round_cost: float = 0.05
    """What a search costs; a right answer pays 1."""
    seed: int = 0
    """Decides everything: searches, splits, the critic's randomness."""
    device: str = "auto"
    """Where models compute: auto, cpu, cuda, cuda:1, ..."""

    def __post_init__(self) -> None:
        """Raises ValueError for a setting that is out of range."""
        require_types(Config, {field.name: getattr(self, field.name) for field in fields(self)})
        require_ranges(self, self.RANGES)
        kinds_of(self.kinds)
        hops_of(self.hops or None)
        if self.model and self.critic == "counting":
            raise ValueError(f"model is what a reading critic reads with: add --critic reading, got {self.model!r}")
        if self.lora_rank and self.critic == "counting":
            raise ValueError(f"lora_rank is of a reading critic: add --critic reading, got {self.lora_rank}")
        if not self.reader:
            _ = self.searchers

    @property
    def reads_with(self) -> str:
        """The model of a reading critic; "" of a counting one."""
        return (self.model or self.reader or "smollm2") if self.critic == "reading" else ""

    @property
    def searchers(self) -> tuple[str, ...]:
        """The specs of the scripted searchers. Raises ValueError for skills that are no probabilities."""
        try:
            skills = [float(skill) for skill in self.skills.split(",")]
        except ValueError:
            skills = [-1.0]
        if not all(0 <= skill <= 1 for skill in skills):
            raise ValueError(f"skills must be probabilities from 0 to 1, separated by commas, got {self.skills!r}")
        return tuple(f"searcher:skill={skill:g}:rounds={self.max_rounds}" for skill in skills)

    def env_kwargs(self, split: str) -> Mapping[str, object]:
        """Of `Search-v0`."""
        hops = {"hops": self.hops} if self.hops else {}
        return {
            "world": self.world,
            "split": split,
            "k": self.k,
            "max_rounds": self.max_rounds,
            "round_cost": self.round_cost,
            "kinds": self.kinds,
            "drop_seen": True,
            "list_actions": False,
            **hops,
        }
