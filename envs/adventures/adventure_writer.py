"""Writing text adventures as an environment: the steps are the slots of a game, and the end is its proof.

    gymnasium.make("sparring.envs:sparring/AdventureWriter-v0", difficulty=2)

So a writer plays, is recorded and is trained like any other agent. The reward comes at the end: for a game that is
proven, that was not copied from the prompts, and that is as long as was asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import gymnasium

from sparring import registry
from sparring.envs.adventures.hundred import fingerprints, ideas_of
from sparring.envs.any_text import SharedText
from sparring.envs.code.feedback import CHARSET
from sparring.envs.code.split_rng import SPLITS, Split
from sparring.registry import require
from sparring.types import derive_seed

if TYPE_CHECKING:
    from sparring.envs.adventures.writing.desk import WriterDesk

MOST_OBSERVED, MOST_WRITTEN = 20_000, 2_000
"""Characters of a prompt, and of an answer that is looked at."""
DIFFICULTIES = 5
MOST_IDEAS = 100_000
Info = dict[str, object]


@registry.envs.register(
    "sparring/AdventureWriter-v0",
    family="adventures",
    skills=("language", "creativity", "planning"),
    extra="adventures",
    version="1",
    reward_range=(0.0, 1.0),
    unit="points",
)
class AdventureWriter(gymnasium.Env[str, str]):
    """Write the text adventure of an idea, slot by slot.

    ideas: a file with one idea a line; None: the ideas of the hundred games. The seeds name them in turn.
    idea: this idea, instead.
    split: whose ideas of the hundred.
    difficulty: 1 to 5, how long the shortest plan is to be; None: the seed decides.
    list_actions: whether `info["legal_actions"]` lists the answers where the slot is a choice.

    The observation is a prompt. An answer that cannot be taken is illegal, and the next prompt says why; a name that
    was refused twice is then chosen from a list, a sentence is left out after three answers, and a choice that was
    refused three times ends the episode without a game. The reward at the end is up to 1: 0.5 for a proven game, 0.25
    for the share of names and sentences that no prompt had shown, 0.25 for a plan of the asked length.
    `info["hidden"]["game"]` of the last observation is the game as JSON. Needs the extra "adventures".
    """

    metadata: dict[str, object] = {"name": "sparring/AdventureWriter-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        ideas: str | None = None,
        split: Split = "train",
        difficulty: int | None = None,
        idea: str | None = None,
        *,
        list_actions: bool = True,
        render_mode: str | None = None,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"split must be 'train' or 'held_out', got {split!r}")
        if difficulty is not None and difficulty not in range(1, DIFFICULTIES + 1):
            raise ValueError(f"difficulty must be from 1 to {DIFFICULTIES}, got {difficulty!r}")
        require("pydantic", "adventures")
        self.split, self.difficulty, self.list_actions, self.render_mode = split, difficulty, list_actions, render_mode
        self.ideas = (idea,) if idea else ideas_of(split) if ideas is None else ideas_in(ideas)
        self.observation_space = SharedText(MOST_OBSERVED, charset=CHARSET)
        self.action_space = SharedText(MOST_WRITTEN, charset=CHARSET)
        self._desk: WriterDesk | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[str, Info]:
        """Begin the game of a seed's idea; `options` are not used."""
        from sparring.envs.adventures.writing.desk import WriterDesk

        super().reset(seed=seed)
        number = int(self.np_random.integers(2**63)) if seed is None else int(seed)
        drawn = 1 + derive_seed("difficulty", "writer", number) % DIFFICULTIES
        idea = self.ideas[number % len(self.ideas)]
        self._desk = WriterDesk(idea, self.difficulty or drawn, number, fingerprints())
        return self._desk.prompt, self._info(self._desk, illegal=False)

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Fill the slot. After the end nothing happens any more."""
        desk = self._desk
        if desk is None:
            raise RuntimeError("step was called before reset")
        if desk.slot is None:
            return desk.prompt, 0.0, True, False, self._info(desk, illegal=True)
        refused = desk.answer(action if isinstance(action, str) else "")
        info = self._info(desk, illegal=bool(refused))
        if desk.slot is not None:
            return desk.prompt, 0.0, False, False, info
        return desk.prompt, self._end(desk, info), True, False, info

    def render(self) -> str | None:
        """The latest prompt, with render_mode="ansi"."""
        return self._desk.prompt if self.render_mode == "ansi" and self._desk else None

    def _info(self, desk: WriterDesk, illegal: bool) -> Info:
        info: Info = {
            "illegal": illegal,
            "task": desk.idea,
            "slot": desk.slot.name if desk.slot else "",
            "difficulty": desk.difficulty,
        }
        if desk.choices and self.list_actions:
            info["legal_actions"] = desk.choices
        return info

    def _end(self, desk: WriterDesk, info: Info) -> float:
        """What is paid; the info gets what there is to know of the game."""
        from sparring.envs.adventures.writing.measures import copying, worth

        parts = worth(desk)
        info["reward_parts"] = parts
        info["metrics"] = {
            "proven": float(desk.game is not None),
            "copied": copying(desk.filled).share,
            "plan_length": float(desk.manifest.length if desk.manifest else 0),
            "answers": float(desk.answers),
        }
        game = desk.game.model_dump_json(exclude_defaults=True) if desk.game else ""
        info["hidden"] = {"game": game, "reasons": list(desk.reasons)}
        return sum(parts.values())


def ideas_in(file: str | Path) -> tuple[str, ...]:
    """The ideas of a file, one a line; empty lines and lines that begin with # are left out. Raises ValueError."""
    from sparring.envs.adventures.writing.desk import clean

    lines = Path(file).read_text("utf-8", errors="replace").splitlines()
    ideas = tuple(line for line in map(clean, lines) if line and not line.startswith("#"))
    if not ideas:
        raise ValueError(f"{file} holds no idea: write one a line")
    if len(ideas) > MOST_IDEAS:
        raise ValueError(f"{file} holds {len(ideas)} ideas, at most {MOST_IDEAS} are read")
    return ideas
