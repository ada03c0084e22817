"""The proofs that need the compiled game: they take the place of the rows that `worlds.proofs` leaves "not run"."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from sparring.envs.adventures.hosted.inside.situation import Situation
from sparring.envs.adventures.hosted.session import CommandLost, Session
from sparring.envs.adventures.hosted.worker import EngineFailed, EngineGone
from sparring.envs.adventures.inform.build import (
    MOST_FILE_BYTES,
    GameNotCompiled,
    compile_story,
    require_compilers,
)
from sparring.envs.adventures.inform.compiled import UNKNOWN, CompiledGame, CompiledStage, Disagreement, engine_of
from sparring.envs.adventures.inform.fuzz import HOSTILE, fuzz
from sparring.envs.adventures.worlds.compiler import compile_game
from sparring.envs.adventures.worlds.proofs import Check, Manifest
from sparring.envs.adventures.worlds.simulator import Stage
from sparring.envs.adventures.worlds.spec import Game
from sparring.registry import MissingExtra

FUZZED = 150
"""Commands in both backends."""
LEFT_OUT = 4
"""Commands of the plan that are left out, one at a time."""
RAW = ("save", "restore", "restart", "quit", "script", "verify", "version", "pronouns", "score", "notify", "brief")
"""What the compiled game itself must refuse, as if there were no gate."""


def prove_compiled(game: Game, manifest: Manifest) -> Manifest:
    """The manifest of `prove` with the rows of the compiled game; without a plan, as it was.

    Where the compilers are not installed, the rows stay "not run", and say what to install.
    """
    if not manifest.plan:
        return manifest
    try:
        require_compilers()
    except MissingExtra as error:
        return _with(manifest, (_row(one, "not run", str(error)) for one in manifest.checks if one.status == "not run"))
    try:
        stage = CompiledStage(Stage(compile_game(game)), compile_story(game))
    except GameNotCompiled as error:
        reason = "there is no compiled game"
        rows = [_row(one, "not run", reason) for one in manifest.checks if one.status == "not run"]
        return _with(manifest, (*rows, Check(number=3, name="compiled", status="fail", evidence=str(error))))
    return _with(manifest, _Compiled(game, stage, manifest.plan).checks())


def _with(manifest: Manifest, rows: Iterator[Check] | Sequence[Check]) -> Manifest:
    """A manifest with these rows in place of those of the same names."""
    checks = {one.name: one for one in manifest.checks} | {one.name: one for one in rows}
    ordered = tuple(sorted(checks.values(), key=lambda one: one.number))
    return manifest.model_copy(update={"checks": ordered})


def _row(check: Check, status: str, evidence: str) -> Check:
    return check.model_copy(update={"status": status, "evidence": evidence})


class _Compiled:
    """The checks of one compiled game."""

    def __init__(self, game: Game, stage: CompiledStage, plan: Sequence[str]) -> None:
        self.game, self.stage, self.plan = game, stage, tuple(plan)
        self._session = Session(engine_of(stage.file))

    def checks(self) -> Iterator[Check]:
        """All of them; a process that hangs, ends or plays no single turn fails the check that it was for."""
        yield self._size()
        for number, name, check in (
            (4, "walkthrough, compiled", self.walkthrough),
            (5, "necessary, compiled", self.necessary),
            (6, "backends agree", self.agreement),
            (7, "hostile texts, compiled", self.hostile),
            (8, "admissible, compiled", self.admissible),
            (9, "deterministic, compiled", self.deterministic),
        ):
            try:
                ok, said = check()
            except (CommandLost, Disagreement, EngineGone, EngineFailed) as error:
                ok, said = False, str(error)
            yield Check(number=number, name=name, status="pass" if ok else "fail", evidence=said)
        self._session.close()

    def _size(self) -> Check:
        size = self.stage.file.stat().st_size
        said = f"a Z-machine file of {size} bytes, of at most {MOST_FILE_BYTES}"
        return Check(number=3, name="compiled", status="pass", evidence=said)

    def walkthrough(self) -> tuple[bool, str]:
        """The plan wins at exactly the highest score in exactly so many turns."""
        end = self._played(self.plan)[-1]
        ok = end.won and end.score == self.game.max_score and end.turn == len(self.plan)
        outcome = "won" if end.won else "lost" if end.lost else "not over"
        return ok, f"{outcome}, {end.score:g} of {self.game.max_score} points, {end.turn} turns"

    def necessary(self) -> tuple[bool, str]:
        """The plan without any of some commands does not win."""
        some = random.Random(3).sample(range(len(self.plan)), min(LEFT_OUT, len(self.plan)))
        needless = [at for at in some if self._played((*self.plan[:at], *self.plan[at + 1 :]))[-1].won]
        if needless:
            return False, f"without {self.plan[needless[0]]!r} it is won as well"
        return True, f"each of {len(some)} of its {len(self.plan)} commands is needed"

    def agreement(self) -> tuple[bool, str]:
        """Random and junk commands do the same in both backends."""
        found = fuzz(self.stage, self.plan, FUZZED)
        if found.disagreements:
            return False, f"{len(found.disagreements)} disagreements: {ascii(found.disagreements[0])[:300]}"
        return True, f"{found.commands} commands, {found.accepted} accepted: score, end, room, turn and text are equal"

    def hostile(self) -> tuple[bool, str]:
        """Hostile texts, and without a gate the parser's own commands, change nothing and earn nothing."""
        found = fuzz(self.stage, (), len(HOSTILE), only=HOSTILE)
        self._session.reset(self.stage.number)
        taken = [text for text in RAW if self._changes(text)]
        if found.accepted or found.disagreements or taken:
            beyond = [f"{text!r} is no command of the game and does something" for text in taken]
            return False, ascii((found.disagreements + beyond + ["a hostile text is accepted"])[0])[:300]
        return True, f"{len(HOSTILE)} texts do nothing, nor do {len(RAW)} commands about the program without the gate"

    def _changes(self, text: str) -> bool:
        """Whether what the parser alone must refuse is taken for a command."""
        before = self._session.step(UNKNOWN)
        if before.over:
            before = self._session.reset(self.stage.number)
        now = self._session.step(text)
        if now.over:
            self._session.reset(self.stage.number)
        expected = (before.score, before.room, before.turn + 1)
        return now.understood or now.won or (now.score, now.room, now.turn) != expected

    def admissible(self) -> tuple[bool, str]:
        """Every command that is listed on the way of the plan is accepted."""
        game, refused, count = CompiledGame(self.stage), [], 0
        rng = random.Random(4)
        for command in self.plan:
            listed = rng.choice(game.commands)
            game.submit(listed)
            count += 1
            refused += [listed] if game.illegal else []
            if game.ending:
                game.reset()
            elif command in game.commands:
                game.submit(command)
                count += 1
                refused += [command] if game.illegal else []
            if game.ending:
                game.reset()
        game.close()
        said = f"{refused[0]!r} is listed and refused" if refused else f"{count} listed commands are accepted"
        return not refused, said

    def deterministic(self) -> tuple[bool, str]:
        """The plan's transcript twice."""
        first, again = (["\n".join(one.text for one in self._played(self.plan))] for _ in range(2))
        return first == again, f"{len(first[0])} characters twice" if first == again else "two transcripts differ"

    def _played(self, commands: Sequence[str]) -> list[Situation]:
        seen = [self._session.reset(self.stage.number)]
        for command in commands:
            if not seen[-1].over:
                seen.append(self._session.step(command))
        return seen
