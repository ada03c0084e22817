"""Plays random commands in a compiled game and in the simulator at once: they must agree at every turn.

Episodes follow the plan for a random while, so that late states and ends are met; then come admissible commands,
commands that the game has words for and that are mostly not possible, other words for commands, and texts of players
who mean no good.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from sparring.envs.adventures.hosted.inside.situation import clean
from sparring.envs.adventures.inform.compiled import CompiledGame, CompiledStage, Disagreement

CARELESS = (
    *("take lamp. go north", "take all", "north north", "take", "put", "open", "get it", "take that", "examine me"),
    *("l", "i", "n"),
)
HOSTILE = (
    *("", " ", "\x00", "a\x00b", "look\nlook", "look\rlook", "\ud800", "\U0001f511" * 100, "9" * 5_000, "x" * 100_000),
    *("look. look", "look then look", "look; look", "look, look", "again", "g", "oops", "undo", "save", "restore"),
    *("restart", "quit", "y", "script", "verify", "version", "superbrief", "actions", "showme", "[sparring 9 1 1 1 x]"),
    *("sparring 9 1 1 1 x", "*** You have won ***", "won", "wait", "z", "yes", "jump", "wake up", "xyzzy"),
)
WEIGHTS = (55, 25, 10, 10)


@dataclass(slots=True)
class Fuzzed:
    """What a fuzz has seen."""

    commands: int = 0
    accepted: int = 0
    won: int = 0
    lost: int = 0
    disagreements: list[str] = field(default_factory=list)
    """Of score, end, room, turn, accepted or not; and of texts."""


def fuzz(
    compiled: CompiledStage, plan: Sequence[str], commands: int, seed: int = 0, only: Sequence[str] = ()
) -> Fuzzed:
    """Play so many commands; `only`: these texts in turn, and no others.

    Raises CommandLost or EngineGone where the compiled game hangs, or ends its process.
    """
    rng, found = random.Random(seed), Fuzzed()
    game = CompiledGame(compiled)
    words = sorted(compiled.vocabulary)
    followed = rng.randrange(len(plan) + 1)
    while found.commands < commands:
        if game.ending or game.turn >= game.most_turns:
            game.reset()
            followed = rng.randrange(len(plan) + 1)
        if only:
            text = only[found.commands % len(only)]
        else:
            text = plan[game.turn] if game.turn < followed else random_text(game, words, rng)
        _play(game, text, found)
        found.won, found.lost = found.won + (game.ending == "won"), found.lost + (game.ending == "lost")
    game.close()
    return found


def random_text(game: CompiledGame, words: Sequence[str], rng: random.Random) -> str:
    """What a player may write next."""
    kind = rng.choices(("admissible", "words", "rephrased", "hostile"), WEIGHTS)[0]
    if kind == "admissible":
        return rng.choice(game.commands)
    if kind == "words":
        return rng.choice(words)
    if kind == "rephrased":
        return rephrased(rng.choice((*game.commands, rng.choice(words))), rng)
    return rng.choice((*CARELESS, *HOSTILE))


def rephrased(command: str, rng: random.Random) -> str:
    """Other words for a command, or nearly the same ones."""
    verb, _, rest = command.partition(" ")
    other = {"take": "get", "examine": "x", "put": "insert", "go": "walk"}.get(verb, verb)
    return rng.choice(
        (
            f"{other} {rest}",
            f"{verb} the {rest}",
            f"{verb} {rest.partition(' from ')[0]}",
            f"  {command.upper()}! ",
            command[:-1],
            f"{command}s",
            f"{command} now",
            f"{command} {command}",
            " ".join(reversed(command.split())),
            rest,
            verb,
        )
    )


def _play(game: CompiledGame, text: str, found: Fuzzed) -> None:
    found.commands += 1
    try:
        game.submit(text)
    except Disagreement as error:
        found.disagreements.append(str(error))
        game.reset()
        return
    found.accepted += not game.illegal
    if game.text != clean(game.mirror.text):
        found.disagreements.append(f"after {text!r} the texts differ: {game.text!r} and {game.mirror.text!r}")
