"""The settings of Self-Challenge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import tyro

from sparring.trainers.evolving.settings import EvolvingConfig

WRITER_ENV, TASK_ENV = "sparring/CodeTaskWriter-v0", "sparring/CodeTask-v0"


@dataclass(frozen=True, slots=True)
class Config(EvolvingConfig):
    """A model writes tasks with their own tests, and learns from what it solves of them."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run runs/challenged --from shown --expert walkthrough",
        "--run runs/challenged --from shown --model smollm2 --learn-challenges",
    )

    games: Annotated[
        tuple[str, ...],
        tyro.conf.arg(aliases=["--envs"], metavar="GAME,GAME", help_behavior_hint="(default: both)"),
    ] = (WRITER_ENV, TASK_ENV)
    """Where tasks are written, CodeTaskWriter, and also CodeTask: what --from holds of it is learnt too, and probes
    play it. The tasks that are learnt from are those that the model writes."""
    steps: int = 72
    """Updates. A round has 2 that play (challenge, attempt) and --fit-updates: 18 with 16."""
    games_per_update: int = 32
    """Tasks that a round writes; it attempts those that are kept."""
    attempts: int = 4
    """At each task that is kept, and tasks that are written about the same functions; up to 8."""
    agent: Literal["choose", "chat", "react"] = "chat"
    """chat: a conversation an episode; react: with thoughts. choose cannot write what holds brackets."""
    decoding: Literal["legal", "free"] = "free"
    """free: the model writes; there are no legal actions to choose among."""
    max_new_tokens: int = 400
    """Longest answer, in tokens."""
    learn_challenges: bool = False
    """Also learn the tasks that were kept, as their writer: challenger and executor are one model. Else only the base
    set (--from) teaches to write tasks."""
