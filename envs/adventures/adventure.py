"""Our own text adventures: one seat, one command a turn, a game that the seed makes and that is proven winnable.

    gymnasium.make("sparring.envs:sparring/Adventure-v0", split="train", difficulty=3)

The idea is STARLING's (arXiv 2406.05872): many small games that exercise named skills. Where we deviate: a game is data
(`worlds.spec`), every game is proven winnable at its full score, and the simulator is pure Python.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import gymnasium

from sparring import registry
from sparring.envs.adventures.gate import MOST_BYTES
from sparring.envs.adventures.hundred import games_of
from sparring.envs.any_text import SharedText
from sparring.envs.code.feedback import CHARSET
from sparring.envs.code.split_rng import SPLITS, Split
from sparring.registry import require
from sparring.types import derive_seed

if TYPE_CHECKING:
    from sparring.envs.adventures.inform.compiled import CompiledGame, CompiledStage
    from sparring.envs.adventures.worlds.simulator import Simulator, Stage

MOST_OBSERVED = 20_000
"""Characters of an observation."""
DIFFICULTIES = 5
KEPT_GAMES = 128
"""Compiled games that a process keeps, with the views that were met."""
SEEDS = 2**63
HUNDRED = "hundred"
Backend = Literal["native", "inform7"]
Info = dict[str, object]


@registry.envs.register(
    "sparring/Adventure-v0",
    family="adventures",
    skills=("language", "planning", "exploration"),
    extra="adventures",
    version="1",
    reward_range=(0.0, math.inf),
    unit="points",
    engine_with={"backend": "inform7"},
)
class Adventure(gymnasium.Env[str, str]):
    """A text adventure that the seed makes, or one out of a file, played by our own simulator.

    split: "train" or "held_out": other themes, of which no word occurs in both, and other plans.
    difficulty: 1 (a few commands) to 5; None: the seed decides.
    games: so many different games, which the seeds name in turn; "hundred": the frozen games of a hundred ideas, 75 to
        train on and 25 held out, in turn; None: as many as seeds.
    file: play this game (a JSON file, see `sparring adventures sample`) instead of those that seeds make.
    max_turns: after that many commands the episode is truncated; None: the game's own limit.
    list_actions: whether `info["legal_actions"]` lists the admissible commands.
    backend: "native": our simulator. "inform7": the same game as an Inform 7 story, compiled (about half a second for a
        new game) and played in a process of its own; text, score, room and end are that game's. The admissible commands
        are the simulator's, which plays beside it; where the two differ, `step` raises Disagreement. Needs the extra
        "textworld" as well.

    The reward of a command is the points that it earned. Any text is a valid action; one that is no admissible command
    costs the turn, and the observation says why. Needs the extra "adventures".
    """

    metadata: dict[str, object] = {"name": "sparring/Adventure-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        split: Split = "train",
        difficulty: int | None = None,
        games: int | Literal["hundred"] | None = None,
        file: str | None = None,
        *,
        max_turns: int | None = None,
        list_actions: bool = True,
        backend: Backend = "native",
        render_mode: str | None = None,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"split must be 'train' or 'held_out', got {split!r}")
        if difficulty is not None and difficulty not in range(1, DIFFICULTIES + 1):
            raise ValueError(f"difficulty must be from 1 to {DIFFICULTIES}, got {difficulty!r}")
        if isinstance(games, str) and games != HUNDRED:
            raise ValueError(f"games must be a whole number or {HUNDRED!r}, got {games!r}")
        if games == HUNDRED and difficulty is not None:
            raise ValueError(f"games={HUNDRED!r} are what they are: leave out difficulty, got {difficulty}")
        for name, value in (("games", games), ("max_turns", max_turns), ("difficulty", difficulty)):
            if value not in (None, HUNDRED) and (type(value) is not int or value < 1):
                raise ValueError(f"{name} must be a whole number >= 1, got {value!r}")
        if not isinstance(list_actions, bool):
            raise ValueError(f"list_actions must be true or false, got {list_actions!r}")
        if file is not None and (games is not None or difficulty is not None):
            raise ValueError("file is one game: leave out games and difficulty, which choose among others")
        if backend not in get_args(Backend):
            raise ValueError(f"backend must be 'native' or 'inform7', got {backend!r}")
        require("pydantic", "adventures")
        self.backend = backend
        if backend == "inform7":
            _require_compilers()
            self.metadata = self.metadata | {"slow": True}
        self.split, self.difficulty, self.games = split, difficulty, games
        self.max_turns, self.list_actions, self.render_mode = max_turns, list_actions, render_mode
        self._stage_of_file = None if file is None else _stage_of_file(file)
        self.observation_space = SharedText(MOST_OBSERVED, charset=CHARSET)
        self.action_space = SharedText(MOST_BYTES, charset=CHARSET)
        self._player: Simulator | CompiledGame | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[str, Info]:
        """Start the game of a seed; `options` are not used."""
        super().reset(seed=seed)
        self.close()
        number = int(self.np_random.integers(SEEDS)) if seed is None else int(seed)
        self._player = self._new_player(number)
        plan = self.walkthrough(number) if self._stage_of_file is None else None
        hidden = {} if plan is None else {"hidden": {"plan": plan}}
        return self._player.text, self._info(self._player) | hidden

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Play a command. After the end nothing happens any more."""
        player = self._player
        if player is None:
            raise RuntimeError("step was called before reset")
        if player.ending or player.turn >= player.most_turns:
            return player.text, 0.0, bool(player.ending), not player.ending, self._info(player)
        seen = player.submit(action)
        terminated = player.ending is not None
        truncated = not terminated and player.turn >= player.most_turns
        info = self._info(player)
        info["reward_parts"] = {"payoff": float(player.gained)}
        if terminated or truncated:
            player.close()
            info["metrics"] = {
                "won": float(player.ending == "won"),
                "lost": float(player.ending == "lost"),
                "score": player.score / player.max_score,
            }
        return seen, float(player.gained), terminated, truncated, info

    def close(self) -> None:
        """Let go of the process of a compiled game, which serves the next game."""
        if self._player is not None:
            self._player.close()

    def render(self) -> str | None:
        """The latest observation, with render_mode="ansi"."""
        return self._player.text if self.render_mode == "ansi" and self._player else None

    def walkthrough(self, seed: int) -> list[str] | None:
        """The shortest winning commands of a seed's game; None where the solver finds none. Never shown to agents."""
        from sparring.envs.adventures.worlds.solver import Plan, solve

        if self._stage_of_file is None:
            return list(_prepared(*self._arguments(seed))[1])
        plan = solve(self._stage_of_file.machine)
        return list(plan.commands) if isinstance(plan, Plan) else None

    def verbs(self, seed: int) -> list[str]:
        """The first words of the commands of a seed's game, for a person who asks."""
        return sorted(self._stage(seed).narrator.verbs)

    def _stage(self, seed: int) -> Stage:
        return self._stage_of_file or _prepared(*self._arguments(seed))[0]

    def _new_player(self, seed: int) -> Simulator | CompiledGame:
        if self.backend == "inform7":
            from sparring.envs.adventures.inform.compiled import CompiledGame

            return CompiledGame(_compiled_of(self._stage(seed)), self.max_turns)
        from sparring.envs.adventures.worlds.simulator import Simulator

        return Simulator(self._stage(seed), self.max_turns)

    def _arguments(self, seed: int) -> tuple[Split, int, int | None]:
        """What decides a game: its split, number and difficulty; no difficulty for one of the hundred."""
        if isinstance(self.games, str):
            return self.split, seed % len(games_of(self.split)), None
        number = seed if self.games is None else seed % self.games
        drawn = 1 + derive_seed("difficulty", self.split, number) % DIFFICULTIES
        return self.split, number, self.difficulty or drawn

    def _info(self, player: Simulator | CompiledGame) -> Info:
        view = player.view
        info: Info = {
            "illegal": player.illegal,
            "score": player.score,
            "max_score": player.max_score,
            "turns_left": player.most_turns - player.turn,
            "task": player.machine.game.theme,
            "room": view.room,
            "inventory": view.inventory,
            "skill": player.skill,
        }
        if self.list_actions:
            info["legal_actions"] = view.commands
        return info


@lru_cache(maxsize=KEPT_GAMES)
def _prepared(split: Split, number: int, difficulty: int | None) -> tuple[Stage, tuple[str, ...]]:
    """A game that can be played, and its shortest plan."""
    from sparring.envs.adventures.worlds.compiler import compile_game
    from sparring.envs.adventures.worlds.sampler import sample
    from sparring.envs.adventures.worlds.simulator import Stage

    if difficulty is None:
        frozen = games_of(split)[number]
        return Stage(compile_game(frozen.game)), frozen.manifest.plan
    found = sample(split, number, difficulty)
    return Stage(found.machine), found.plan.commands


@lru_cache(maxsize=KEPT_GAMES)
def _compiled_of(stage: Stage) -> CompiledStage:
    from sparring.envs.adventures.inform.compiled import CompiledStage

    return CompiledStage.of(stage)


def _require_compilers() -> None:
    from sparring.envs.adventures.inform.build import require_compilers

    require_compilers()


def _stage_of_file(file: str) -> Stage:
    from sparring.envs.adventures.worlds.compiler import compile_game
    from sparring.envs.adventures.worlds.rules import read_game, text_of
    from sparring.envs.adventures.worlds.simulator import Stage

    if not isinstance(file, str | Path):
        raise ValueError(f"file must be the path of a game, got {file!r}")
    try:
        machine = compile_game(read_game(text_of(Path(file))))
    except ValueError as error:
        raise ValueError(f"{file} is no game: {error}") from error
    if machine.ending(machine.start) is not None:
        raise ValueError(f"{file} is over before the first command: its goal, or what loses, holds at the start")
    return Stage(machine)
