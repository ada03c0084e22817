"""Proofs that a game is sound, as a manifest that lies beside it: each check with pass or fail and its evidence.

The checks that need a compiler are "not run" here, with the reason, and never "pass": `inform.proofs` compiles the game
and fills in the rows.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Sequence
from typing import Literal

from sparring.envs.adventures.gate import Refused, gate
from sparring.envs.adventures.worlds.compiler import compile_game
from sparring.envs.adventures.worlds.machine import Machine, Operator
from sparring.envs.adventures.worlds.novelty import fingerprint
from sparring.envs.adventures.worlds.rules import violations_of
from sparring.envs.adventures.worlds.simulator import Simulator, Stage
from sparring.envs.adventures.worlds.solver import MOST_STATES, Plan, Prospects, Verdict, solve
from sparring.envs.adventures.worlds.spec import Game, Part

Status = Literal["pass", "fail", "not run"]
RANDOM_EPISODES = 4
WALKS, WALK_STEPS = 4, 25
"""Random walks from whose last states the goal must be in reach."""
NO_COMPILER = "it needs the compiled game: `sparring adventures prove --compile`"
HOSTILE = (
    *("", " ", "\x00", "a\x00b", "look\nlook", "look\rlook", "\ud800", "\U0001f511" * 100, "9" * 5_000, "x" * 100_000),
    *("look. look", "look then look", "look; look", "look, look", "take all", "again", "g", "oops", "undo"),
    *(
        "save",
        "restore",
        "restart",
        "quit",
        "script",
        "print_state",
        "tw-print",
        "score\u2028won",
        "[won]",
        "*** won ***",
    ),
)


class Check(Part):
    """One check."""

    number: int
    """As in the list of eleven."""
    name: str
    status: Status
    evidence: str


class Manifest(Part):
    """What is known of a game, and how."""

    version: Literal[1] = 1
    game: str
    """The game's hash."""
    fingerprint: str
    """Of its structure without its words."""
    title: str
    theme: str
    origin: str
    checks: tuple[Check, ...]
    plan: tuple[str, ...] = ()
    """The shortest way to win."""
    plan_skills: tuple[str, ...] = ()
    states: int = 0
    """How many the solver looked at."""
    max_score: int = 0

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return all(check.status != "fail" for check in self.checks)

    @property
    def length(self) -> int:
        """Commands of the shortest plan: the difficulty."""
        return len(self.plan)


def prove(game: Game, others: Collection[str] = (), most_states: int = MOST_STATES) -> Manifest:
    """Check a game of the right shape. others: fingerprints of games that it must differ from."""
    known = fingerprint(game)
    broken = violations_of(game)
    if broken:
        first = _check(1, "rules", False, "; ".join(map(str, broken[:5])))
        return _manifest(game, known, (first, *_not_run(range(2, 12), "the game breaks the rules")))
    rules = _check(1, "rules", True, f"{len(game.rooms)} rooms, {len(game.things)} things, {len(game.actions)} actions")
    try:
        machine = compile_game(game)
    except ValueError as error:
        first = _check(1, "rules", False, str(error))
        return _manifest(game, known, (first, *_not_run(range(2, 12), "the game contradicts itself")))
    plan = solve(machine, most_states)
    if not isinstance(plan, Plan) or not plan:
        second = _check(
            2, "plan", False, "the goal holds before the first command" if isinstance(plan, Plan) else str(plan)
        )
        return _manifest(game, known, (rules, second, *_not_run(range(3, 12), "there is no plan")))
    proven = _Proven(game, machine, plan)
    checks = (rules, *proven.checks(), _novelty(game, plan, known, others), proven.floor())
    return _manifest(game, known, checks, plan)


def _manifest(game: Game, known: str, checks: Sequence[Check], plan: Plan | None = None) -> Manifest:
    return Manifest(
        game=game.hash,
        fingerprint=known,
        title=game.title,
        theme=game.theme,
        origin=game.origin,
        checks=tuple(sorted(checks, key=lambda check: check.number)),
        plan=plan.commands if plan else (),
        plan_skills=plan.skills if plan else (),
        states=plan.states if plan else 0,
        max_score=game.max_score,
    )


def random_wins(stage: Stage, episodes: int = RANDOM_EPISODES) -> int:
    """In how many episodes uniformly random admissible commands win."""
    return sum(_random_episode(Simulator(stage), seed).ending == "won" for seed in range(episodes))


class _Proven:
    """The checks of a game that has a plan."""

    def __init__(self, game: Game, machine: Machine, plan: Plan) -> None:
        self.game, self.machine, self.plan = game, machine, plan
        self.stage = Stage(machine)

    def checks(self) -> Sequence[Check]:
        return (
            self.winnable(),
            *_not_run((3,), NO_COMPILER, "compiled"),
            self.walkthrough(),
            *_not_run((4,), NO_COMPILER, "walkthrough, compiled"),
            self.necessary(),
            *_not_run((6,), NO_COMPILER, "backends agree"),
            self.hostile(),
            self.admissible(),
            *_not_run((8,), NO_COMPILER, "admissible, compiled"),
            self.deterministic(),
        )

    def winnable(self) -> Check:
        found = f"a plan of {len(self.plan)} commands, the shortest; {self.plan.states} states looked at"
        verdicts = self._prospects()
        dead, unknown = verdicts.count("no"), verdicts.count("unknown")
        ok = not unknown and (not dead or self.game.limits.dead_ends)
        declared = "declared" if self.game.limits.dead_ends else "none declared"
        return _check(
            2, "plan", ok, f"{found}; dead ends in {dead} of {len(verdicts)} states ({declared}), {unknown} open"
        )

    def _prospects(self) -> list[Verdict]:
        """Whether the states to which random walks lead can be won."""
        prospects, rng = Prospects(self.machine, self.plan), random.Random(0)
        states = []
        for _ in range(WALKS):
            state = self.machine.start
            for _ in range(WALK_STEPS):
                after = self.machine.after(state, rng.choice(self.machine.admissible(state)))
                if self.machine.ending(after) is not None:
                    break
                state = after
            states.append(state)
        return [prospects.can_be_won(state) for state in states]

    def walkthrough(self) -> Check:
        player = Simulator(self.stage)
        for command in self.plan.commands:
            player.step(command)
        ok = player.ending == "won" and player.score == self.game.max_score and player.turn == len(self.plan)
        end = player.ending or "not over"
        return _check(
            4, "walkthrough", ok, f"{end}, {player.score} of {self.game.max_score} points, {player.turn} turns"
        )

    def necessary(self) -> Check:
        needless = [
            one.command for at, one in enumerate(self.plan.operators) if self._wins(_without(self.plan.operators, at))
        ]
        said = (
            f"without {needless[0]!r} it is won as well" if needless else f"each of {len(self.plan)} commands is needed"
        )
        return _check(5, "necessary", not needless, said)

    def _wins(self, operators: Sequence[Operator]) -> bool:
        state = self.machine.start
        for one in operators:
            if one.acts(state):
                state = self.machine.after(state, one)
                ending = self.machine.ending(state)
                if ending is not None:
                    return ending is self.machine.goal
        return False

    def hostile(self) -> Check:
        player, taken = Simulator(self.stage), []
        for text in HOSTILE:
            score = player.score
            player.submit(text)
            if not player.illegal or player.ending == "won" or player.score != score:
                taken.append(text)
            if player.ending:
                player.reset()
        said = f"took {ascii(taken[0])[:40]} for a command" if taken else f"{len(HOSTILE)} hostile texts do nothing"
        return _check(7, "hostile texts", not taken, said)

    def admissible(self) -> Check:
        player, count, refused = Simulator(self.stage), 0, []
        rng = random.Random(1)
        while player.ending is None and player.turn < self.game.limits.turns:
            commands = player.commands
            refused += [command for command in commands if _gated(command) != command]
            player.step(rng.choice(commands))
            refused += [commands[0]] if player.illegal else []
            count += len(commands)
        said = f"{refused[0]!r} is listed and refused" if refused else f"{count} listed commands are accepted"
        return _check(8, "admissible", not refused, said)

    def deterministic(self) -> Check:
        first, again = (_transcript(stage) for stage in (self.stage, Stage(compile_game(self.game))))
        said = f"transcript {first[:16]} twice" if first == again else f"transcripts {first[:16]} and {again[:16]}"
        return _check(9, "deterministic", first == again, said)

    def floor(self) -> Check:
        wins = random_wins(self.stage)
        said = f"random play wins {wins} of {RANDOM_EPISODES} episodes of {self.game.limits.turns} turns"
        return _check(11, "not won at random", wins == 0, said)


def _check(number: int, name: str, ok: bool, evidence: str) -> Check:
    return Check(number=number, name=name, status="pass" if ok else "fail", evidence=evidence)


def _not_run(numbers: Collection[int], reason: str, name: str = "") -> tuple[Check, ...]:
    return tuple(
        Check(number=number, name=name or f"check {number}", status="not run", evidence=reason) for number in numbers
    )


def _novelty(game: Game, plan: Plan, known: str, others: Collection[str]) -> Check:
    unused = sorted(set(game.skills) - set(plan.skills) - _of_milestones(game))
    if known in others:
        return _check(10, "new", False, "another game has the same map, things, actions and goal")
    if unused:
        return _check(10, "new", False, f"the shortest plan does not use the skill {unused[0]!r}")
    skills = len(set(game.skills) | set(plan.skills))
    return _check(10, "new", True, f"different from {len(others)} others; all of its {skills} skills are used")


def _of_milestones(game: Game) -> set[str]:
    """Skills of points that a plan with the full score has earned."""
    return {one.skill for one in game.milestones if one.reward}


def _without(operators: Sequence[Operator], at: int) -> list[Operator]:
    return [*operators[:at], *operators[at + 1 :]]


def _gated(command: str) -> str | None:
    try:
        return gate(command)
    except Refused:
        return None


def _random_episode(player: Simulator, seed: int) -> Simulator:
    rng = random.Random(seed)
    while player.ending is None and player.turn < player.machine.game.limits.turns:
        player.step(rng.choice(player.commands))
    return player


def _transcript(stage: Stage) -> str:
    player, rng, said = Simulator(stage), random.Random(2), hashlib.sha256()
    said.update(player.text.encode())
    while player.ending is None and player.turn < player.machine.game.limits.turns:
        said.update(player.step(rng.choice(player.commands)).encode())
    return said.hexdigest()
