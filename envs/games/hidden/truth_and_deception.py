"""Truth and deception: one seat knows which of two statements is true and misleads the other, who must find it out.

The rules are those of TextArena's TruthAndDeception; the statements are ours, in `facts.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from sparring import registry
from sparring.envs.games.own_rules import Moves, OwnRulesGame
from sparring.envs.games.two_player import (
    CHARSET,
    MAX_ACTION_LENGTH,
    OTHER,
    SEATS,
    TextGame,
    TextGameOptions,
    bare,
    match,
)
from sparring.plurals import number_of

DECEIVER, GUESSER = SEATS
ROLES = {DECEIVER: "deceiver", GUESSER: "guesser"}
TRUTHS = ("\nFact 1 is true, fact 2 is false.", "\nFact 2 is true, fact 1 is false.")
SAY = "say:"
MESSAGES = (
    "say: Fact 1 is true.",
    "say: Fact 2 is true.",
    "say: Fact 1 is false.",
    "say: Fact 2 is false.",
    "say: Why do you think so?",
)
"""What is suggested, and the discrete view's first actions."""
ANSWERS = ("fact 1", "fact 2")
GUESSES = {"fact 1": 0, "fact 2": 1}
FREE_LINE = f"Actions: any message, such as {' '.join([f'[{message}]' for message in MESSAGES])}"
TALK: Moves = "suggested_actions", MESSAGES, FREE_LINE
ANSWER: Moves = "legal_actions", ANSWERS, f"Legal actions: {' '.join([f'[{answer}]' for answer in ANSWERS])}"


@registry.envs.register(
    "sparring/TruthAndDeception-v0",
    family="games",
    seats=2,
    skills=("persuasion", "theory of mind"),
    version="2",
    reward_range=(-1.0, 1.0),
)
class TruthAndDeception(OwnRulesGame):
    """Truth and deception: player_0 knows which of two facts is true and misleads player_1, who answers at the end.

    turns: messages of both and the answer, an even number >= 2; the deceiver begins.
    instructions: whether the text begins with the rules. Further options: see `TextGame`. A "noop" says nothing.
    """

    metadata = {**TextGame.metadata, "name": "sparring/TruthAndDeception-v0"}
    num_actions = len(MESSAGES) + len(ANSWERS)
    tensor_range = (0.0, 1.0)

    def __init__(self, turns: int = 6, instructions: bool = True, **options: Unpack[TextGameOptions]) -> None:
        if turns < 2 or turns % 2:
            raise ValueError(f"turns must be an even number >= 2, got {turns}")
        room: TextGameOptions = {"max_text_length": 2_000 + 400 * turns}
        rules = (
            "Truth and deception. Of two facts one is true. player_0, the deceiver, knows which and wants player_1, "
            "the guesser, to choose the false one. You talk in turn, the deceiver first, for "
            f"{number_of(turns - 1, 'message')}; then the guesser answers `fact 1` or `fact 2`. A message is any text, "
            "with `say:` before it or without; an answer alone is no message. The guesser wins by naming the "
            "true fact, else the deceiver wins."
        )
        super().__init__(rules, instructions, **(room | options))
        self.turns, self._last_turn = turns, turns - 1

    def tensor(self, seat: str) -> NDArray[np.float32]:
        """[3 + turns * (messages + 1)]: the guesser's seat, fact 1 or 2 known to be true; what was said, turn by turn.

        What was said is one number for each message of `MESSAGES` and one for any other.
        """
        said = np.zeros((self.turns, len(MESSAGES) + 1), np.float32)
        known = [seat == DECEIVER and self._true == fact for fact in (0, 1)]
        for turn, message in enumerate(self._said):
            whole = f"{SAY} {message}"
            said[turn, MESSAGES.index(whole) if whole in MESSAGES else len(MESSAGES)] = 1
        return np.array([seat == GUESSER, *known, *said.ravel()], np.float32)

    def mask(self) -> NDArray[np.int8]:
        """Messages while you talk, answers at the end."""
        guess = len(self._said) == self._last_turn
        return np.array([not guess] * len(MESSAGES) + [guess] * len(ANSWERS), np.int8)

    def action_text(self, action: int) -> str:
        """The suggested messages, then the answers."""
        return (MESSAGES + ANSWERS)[action] if 0 <= action < self.num_actions else ""

    def state(self) -> dict[str, object]:
        """The number of the pair in the table, which fact is the true one (0 or 1), and all messages."""
        return {"pair": self._pair, "true": self._true, "said": list(self._said)}

    def _deal(self) -> None:
        pair, true = self._rng.integers(((0, len(pairs()) - 1), (0, 1)))
        self._begin_at(pair, true, [])

    def _restore(self, state: Mapping[str, Any]) -> None:
        pair, true, said = state["pair"], state["true"], list(map(str, state["said"]))
        if pair not in range(len(pairs())) or true not in (0, 1) or len(said) >= self.turns:
            raise ValueError(f"there are {len(pairs())} pairs of 2 facts and {self.turns} turns")
        self._begin_at(int(pair), int(true), [_clean(message) for message in said])

    def _begin_at(self, pair: int, true: int, said: list[str]) -> None:
        self._pair, self._true, self._said = pair, true, list[str]()
        self._guess: int | None = None
        self._told = told_at_first(pair, true).copy()
        self._truth = TRUTHS[true]
        self.to_move = DECEIVER
        for message in said:
            self._say(message)

    def _play(self, action: str) -> bool:
        if len(self._said) == self._last_turn:
            self._guess = match(action, GUESSES, GUESSES)
            self.to_move = None if self._guess is not None else GUESSER
            return self._guess is not None
        message = read_message(action[: 4 * MAX_ACTION_LENGTH])
        if message:
            self._say(message)
        return bool(message)

    def _pass(self) -> bool:
        if len(self._said) == self._last_turn:
            return False
        self._say("")
        return True

    def _say(self, message: str) -> None:
        speaker = SEATS[len(self._said) % 2]
        self.to_move = other = OTHER[speaker]
        self._said.append(message)
        said = f'said: "{message}"' if message else "said nothing."
        self._told[speaker] += f"\nYou {said}"
        self._told[other] += f"\nThe {ROLES[speaker]} {said}"

    def _payoff(self) -> float:
        return -1.0 if self._guess == self._true else 1.0

    def _moves(self) -> Moves:
        return ANSWER if len(self._said) == self._last_turn else TALK

    def _view(self, seat: str) -> str:
        told = self._told[seat]
        if self._guess is not None:
            return f"{told}\nThe answer was {ANSWERS[self._guess]}.{self._truth}"
        known = self._truth if seat == DECEIVER else ""
        return f"{told}{known}\nTurn {len(self._said) + 1} of {self.turns}."


@lru_cache(maxsize=4_096)
def read_message(action: str) -> str:
    """What an action says, on one line: its text, if that is a text of the action space and no answer.

    After `say:` any text is said, without what the space does not hold. "" where nothing is said.
    """
    text = bare(action)
    if text[: len(SAY)].lower() == SAY:
        return _clean(text[len(SAY) :])
    is_outside = len(action) > MAX_ACTION_LENGTH or not CHARSET.issuperset(action)
    return "" if is_outside or text.lower() in GUESSES else _clean(text)


def _clean(message: str) -> str:
    """On one line, within the charset and the length of an action, without what would end the quotation."""
    if not (message.isascii() and message.isprintable()):
        message = "".join([char for char in message if char in CHARSET])
    return " ".join(message.replace('"', "'").split())[:MAX_ACTION_LENGTH]


@cache
def told_at_first(pair: int, true: int) -> dict[str, str]:
    """By seat, its role and the facts; `true` is 0 where the first one is."""
    first, second = pairs()[pair][:: 1 if true == 0 else -1]
    return {seat: f"You are {seat}, the {role}.\nFact 1: {first}\nFact 2: {second}" for seat, role in ROLES.items()}


@cache
def pairs() -> tuple[tuple[str, str], ...]:
    """(true statement, false statement) of the table."""
    text = (files("sparring.envs.games.hidden") / "facts.toml").read_text(encoding="utf-8")
    return tuple((str(true), str(false)) for true, false in tomllib.loads(text)["pairs"])
