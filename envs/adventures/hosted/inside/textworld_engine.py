"""TextWorld (Cote et al. 2018, arXiv 1806.11532): games that are made from a seed, or that lie in a file.

Inform plays the game; beside it TextWorld's own logic follows the actions that Inform reports, and lists what can be
done. Whether a game is won or lost is read from the quests in that state, in the order of the rules that TextWorld
compiles into the game, and not from the text.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import jericho
import textworld
import textworld.challenges
from textworld.generator.game import Game, GameProgression
from textworld.generator.inform7 import Inform7Game

from .situation import Impossible, Situation, clean

warnings.simplefilter("ignore")
TRACE = re.compile(r"^\[[^\[\]]*\]\n?", re.MULTILINE)
SCORE = re.compile(r"<score>\n(-?\d+)\n</score>")
MARKS = re.compile(r"<(score|moves)>\n.*?\n?</\1>", re.DOTALL)
INDENT = re.compile(r"^ {8,}", re.MULTILINE)
BANNER = re.compile(r"\A(?:[ _|\\/$<>=-]*\n)+")
MOST_GAMES = 256
"""Compiled games that are kept, beside those in use; each is about 0.5 MB."""
IN_USE = 600.0
"""Seconds since a game was last asked for, up to which a process may be about to open it."""
TRIES = 20
"""Seeds that are tried until the generator finds a quest for the parameters."""


class TextWorldEngine:
    """Games of one kind and its parameters, or one game file.

    folder: where compiled games are kept, for all processes with these games.
    """

    def __init__(self, kind: str, parameters: dict[str, Any], file: str | None, folder: str) -> None:
        self._kind, self._parameters, self._file, self._folder = kind, parameters, file, Path(folder)
        self._loaded: tuple[Path, Game] | None = None

    def reset(self, seed: int) -> Situation:
        """Start the game of a seed."""
        path, self._game = self._open(seed)
        self._jericho = jericho.FrotzEnv(str(path), seed=20181226)
        text, _ = self._jericho.reset()
        for switch in ("tw-extra-infos score", "tw-trace-actions"):
            self._jericho.step(switch)
        self._inform = Inform7Game(self._game)
        self._progress = GameProgression(self._game, track_quests=False)
        self._score, self._completed, self._lost = 0, set[int](), False
        self._judge()
        return self._situation(BANNER.sub("", text.lstrip("\n")), True)

    def step(self, command: str) -> Situation:
        """Play a command."""
        raw, *_ = self._jericho.step(command)
        traces = [trace.strip()[1:-1] for trace in TRACE.findall(raw)]
        if said := SCORE.findall(raw):
            self._score = int(said[-1])
        for trace in traces:
            self._follow(trace)
        self._judge()
        return self._situation(TRACE.sub("", MARKS.sub("", raw)), bool(traces))

    def plan(self, seed: int) -> list[str] | None:
        """The walkthrough that the generator wrote down."""
        walkthrough = self._open(seed)[1].metadata.get("walkthrough")
        return None if walkthrough is None else list(walkthrough)

    def close(self) -> None:
        """Nothing was started."""

    def _follow(self, trace: str) -> None:
        """Bring the logic up to an action that Inform reports as done; parts of actions stand in brackets."""
        event, done, _ = trace.partition(" - succeeded")
        if not done or "(" in event or ")" in event:
            return
        action = self._inform.detect_action(event, self._progress.valid_actions)
        if action is not None:
            self._progress.update(action)

    def _judge(self) -> None:
        for number, quest in enumerate(self._game.quests):
            if number in self._completed:
                continue
            if any(event.is_triggering(self._progress.state) for event in quest.fail_events):
                self._lost = True
            elif any(event.is_triggering(self._progress.state) for event in quest.win_events) and not quest.repeatable:
                self._completed.add(number)

    def _has_won(self) -> bool:
        needed = {n for n, quest in enumerate(self._game.quests) if quest.win_events and not quest.optional}
        return bool(needed) and needed <= self._completed

    def _situation(self, text: str, understood: bool) -> Situation:
        won = self._has_won() and not self._lost
        most = float(self._game.max_score)
        commands = self._inform.gen_commands_from_actions(self._progress.valid_actions)
        objective = self._game.objective
        return Situation(
            clean(INDENT.sub("", text)),
            float(self._score),
            most if most < float("inf") else None,
            won,
            self._lost,
            won or self._lost,
            sorted(set(commands)),
            understood,
            "" if objective in text else objective,
            self._name,
        )

    def _open(self, seed: int) -> tuple[Path, Game]:
        path = Path(self._file) if self._file else self._made(seed)
        self._name = path.stem if self._file else self._kind
        if self._loaded is None or self._loaded[0] != path:
            self._loaded = path, _game_of(path)
        return self._loaded

    def _made(self, seed: int) -> Path:
        words = json.dumps([textworld.__version__, self._kind, self._parameters, seed], sort_keys=True)
        path = self._folder / f"tw-{hashlib.sha256(words.encode()).hexdigest()[:24]}.z8"
        if not _taken(path):
            _forget_the_oldest(self._folder)
            scratch = Path(tempfile.mkdtemp(dir=self._folder))
            try:
                _compiled(self._kind, self._parameters, seed, scratch / path.name)
                os.replace((scratch / path.name).with_suffix(".json"), path.with_suffix(".json"))
                os.replace(scratch / path.name, path)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        return path


def _compiled(kind: str, parameters: dict[str, Any], seed: int, path: Path) -> None:
    """Make and compile the game of a seed. Raises ValueError for parameters of which no game can be made."""
    draws = random.Random(f"textworld {kind} {seed}")
    for attempt in range(TRIES):
        options = textworld.GameOptions()
        options.path, options.seeds = str(path), _seeds(draws, held_out=seed < 0)
        try:
            game = _game(kind, parameters, options, draws)
            textworld.generator.compile_game(game, options)
            return
        except textworld.generator.QuestGenerationError as error:
            if attempt == TRIES - 1:
                raise Impossible(f"no quest was found for {kind} with {parameters} in {TRIES} tries") from error


def _seeds(draws: random.Random, held_out: bool) -> dict[str, int]:
    """Of the four generators: even for training, odd for what is held out, so that no generator draws one twice."""
    return {key: 2 * draws.randrange(2**31 - 1) + held_out for key in ("map", "objects", "quest", "grammar")}


def _game(kind: str, parameters: dict[str, Any], options: textworld.GameOptions, draws: random.Random) -> Game:
    if kind == "custom":
        options.nb_rooms, options.nb_objects = parameters["world_size"], parameters["nb_objects"]
        options.quest_length, options.quest_breadth = parameters["quest_length"], parameters["quest_breadth"]
        options.grammar.theme = parameters["theme"]
        return textworld.generator.make_game(options)
    settings = dict(parameters)
    if kind == "cooking" and settings["recipe_seed"] is None:  # where nothing is to be taken nothing can be shuffled
        settings["recipe_seed"] = draws.randrange(2**31) if settings["take"] else 0
    return textworld.challenges.CHALLENGES[f"tw-{kind}"][1](settings=settings, options=options)


def _game_of(path: Path) -> Game:
    try:
        return Game.load(str(path.with_suffix(".json")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Impossible(f"{path.with_suffix('.json').name} does not describe a game of TextWorld: {error}") from error


def _forget_the_oldest(folder: Path) -> None:
    """Beyond so many games, delete those that nobody has used for a while; processes share the folder."""
    ages = sorted(((_used(path), path) for path in folder.glob("*.z8")), reverse=True)
    for used, path in ages[MOST_GAMES - 1 :]:
        if time.time() - used > IN_USE:
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)


def _taken(path: Path) -> bool:
    """Mark a game as in use; False where it is not there."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _used(path: Path) -> float:
    """When a game was last asked for; 0 for one that another process has deleted meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
