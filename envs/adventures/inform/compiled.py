"""Plays a compiled game: score, end, room and text are the compiled game's, the admissible commands the simulator's.

The simulator plays beside it. The two must agree at every turn: where they do not, Disagreement is raised, and nobody
learns from a game of which one half is wrong.

text ─► gate ─► a command that the game has words for ─► the compiled game, in a process of its own
          └──────────► anything else: one word that it does not know, so that the turn counts
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sparring.envs.adventures.gate import Refused, gate
from sparring.envs.adventures.hosted.inside.situation import Situation
from sparring.envs.adventures.hosted.session import Session
from sparring.envs.adventures.hosted.worker import EngineSpec
from sparring.envs.adventures.inform.build import compile_story
from sparring.envs.adventures.worlds.machine import Ending
from sparring.envs.adventures.worlds.simulator import Simulator, Stage, View, plain_command

UNKNOWN = "xyzzy"
"""What the compiled game is told in place of what it has no words for."""


class Disagreement(RuntimeError):
    """The compiled game and the simulator differ in score, end, room, turn, or in whether a command was accepted."""


@dataclass(eq=False)
class CompiledStage:
    """What all plays of one compiled game share."""

    stage: Stage
    file: Path

    @classmethod
    def of(cls, stage: Stage) -> CompiledStage:
        """Compile the game of a stage. Raises what `compile_story` raises."""
        return cls(stage, compile_story(stage.machine.game))

    @property
    def number(self) -> int:
        """By which the engine knows the file."""
        return int(self.file.stem, 16)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every command that the game has words for, possible or not."""
        things = {f"examine {thing.name}" for thing in self.stage.machine.game.things}
        return frozenset({one.command for one in self.stage.machine.operators} | things | {"look", "inventory"})

    def command(self, text: object) -> str:
        """What the compiled game is told of a player's text."""
        try:
            plain = plain_command(gate(text))  # type: ignore[arg-type]
        except Refused:
            return UNKNOWN
        return plain if plain in self.vocabulary else UNKNOWN


def engine_of(file: Path) -> EngineSpec:
    """Which process plays a compiled file; it serves all files of the folder."""
    return EngineSpec("inform", {"folder": str(file.parent)})


class CompiledGame:
    """One play of a compiled game, with the interface of the simulator.

    most_turns: the budget that is shown, the game's own where it is left out.
    """

    def __init__(self, compiled: CompiledStage, most_turns: int | None = None) -> None:
        self.compiled, self.machine = compiled, compiled.stage.machine
        self.mirror = Simulator(compiled.stage, most_turns)
        self.max_score, self.most_turns = self.mirror.max_score, self.mirror.most_turns
        self._session = Session(engine_of(compiled.file))
        self.reset()

    def reset(self) -> str:
        """Start over; the first observation. Raises EngineGone, EngineFailed."""
        self.mirror.reset()
        self.gained = 0
        if not self.compiled.file.exists():  # others have used the cache since
            compile_story(self.machine.game)
        self._take(self._session.reset(self.compiled.number), "")
        return self.text

    def submit(self, text: object) -> str:
        """One turn with whatever a player wrote. Raises Disagreement, and CommandLost or EngineGone of the process."""
        if self.ending is not None:
            return self.text
        before = self.score
        command = self.compiled.command(text)
        self.mirror.submit(text)
        self._take(self._session.step(command), command)
        self.gained = self.score - before
        return self.text

    def close(self) -> None:
        """Let go of the process, which serves the next game."""
        self._session.close()

    @property
    def commands(self) -> tuple[str, ...]:
        """The admissible ones; none after the end."""
        return self.mirror.commands

    @property
    def view(self) -> View:
        """Of the simulator beside it."""
        return self.mirror.view

    @property
    def skill(self) -> str:
        """What the last command was an example of."""
        return self.mirror.skill

    def _take(self, now: Situation, command: str) -> None:
        self.score, self.turn, self.room, self.illegal = int(now.score), now.turn, now.room, not now.understood
        self.ending: Ending | None = "won" if now.won else "lost" if now.lost else None
        self.text = self._observation(now.text)
        ours = (self.score, self.ending, self.room, self.turn, self.illegal)
        mirror = self.mirror
        theirs = (mirror.score, mirror.ending, mirror.view.room, mirror.turn, mirror.illegal)
        if ours != theirs:
            raise Disagreement(
                f"after {command!r} (score, end, room, turn, illegal) are {ours} in the compiled game, "
                f"{theirs} in the simulator"
            )

    def _observation(self, text: str) -> str:
        """The compiled game's; why a command is refused, the simulator says in more words, and whose budget it is."""
        said, _, rest = text.partition("\n\n")
        if self.illegal:
            said = self.mirror.text.partition("\n\n")[0]
        own = f" of {self.machine.game.limits.turns}."
        return f"{said}\n\n{rest.removesuffix(own)} of {self.most_turns}."
