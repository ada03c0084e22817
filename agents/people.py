"""A person at the keyboard: shows what the seat sees, takes short answers, and tells on request what an expert does.

All of it stands on stderr, like every question of a program: stdout holds the result and nothing else.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.protocols import Seat
from sparring.shortening import shortened
from sparring.start import ctrl_c_at_once
from sparring.types import Observation, Reply
from sparring.wrapping import wrapped

ASKS_AN_EXPERT, ASKS_FOR_HELP, LEAVES = "?", "help", "quit"
HOW_TO_LEAVE = f"{LEAVES} (or Ctrl-D) leaves the game"
EXPERTS = ("cfr", "minimax")
MOST_PROMPTED = 12
"""Choices that a prompt lists; more of them only `help` does."""
MOST_ECHOED = 80
"""Characters of an answer that is not legal."""


@registry.agents.register("human", family="people")
class HumanAgent(ScriptedAgent):
    """A person at the terminal: shows what the seat sees, reads one action.

    verbs: what `help` lists where the legal actions are not known.
    """

    def __init__(self, verbs: Sequence[str] = ()) -> None:
        super().__init__("human")
        self.verbs = verbs

    async def act(self, observation: Observation) -> Reply:
        """Ask until the answer is legal, where the legal actions are known. Raises PersonLeft."""
        _say(f"\n{observation.text}")
        while True:
            answer = _ask(observation, self.seat.seat)
            if answer == ASKS_AN_EXPERT:
                _say(await expert_advice(observation, self.seat))
                continue
            if answer == ASKS_FOR_HELP and answer not in (observation.legal_actions or ()):
                _say(self._help(observation.legal_actions))
                continue
            if answer == LEAVES and answer not in (observation.legal_actions or ()):
                raise PersonLeft("you left the game")
            action = understand(answer, observation.legal_actions)
            if action is not None:
                return Reply(action)
            choices = ", ".join(_choices(observation.legal_actions or ()))
            _say(f"{shortened(repr(answer), MOST_ECHOED)} is not legal here; the choices are {choices}")

    def _help(self, legal: Sequence[str] | None) -> str:
        if legal is not None:
            enough = "a number or a beginning" if _numbers(legal) else "a beginning"
            return f"the choices are {', '.join(_choices(legal))}; {enough} is enough; {HOW_TO_LEAVE}"
        verbs = f": {', '.join(self.verbs)}" if self.verbs else ""
        return f"write what to do in words{verbs}; {HOW_TO_LEAVE}"


class PersonLeft(KeyboardInterrupt):
    """Nobody is at the keyboard any more. Like Ctrl-C this ends all games, and is no fault of a game or an agent."""


def understand(answer: str, legal: Sequence[str] | None) -> str | None:
    """The legal action that an answer means: itself, its number in the list, or the only one that begins so.

    A number is a place in the list unless an action is a number itself. Any answer stands for itself where the legal
    actions are not known; None where it could mean none, or several.
    """
    if legal is None or answer in legal:
        return answer
    numbers = _numbers(legal)
    if numbers and answer.isdecimal():
        return numbers.get(answer)
    begun = [action for action in legal if answer and action.lower().startswith(answer.lower())]
    return begun[0] if len(begun) == 1 else None


async def expert_advice(observation: Observation, seat: Seat) -> str:
    """What an exact solver would do here, with probabilities; or why there is no such advice."""
    reasons = []
    for name in EXPERTS:
        try:
            expert: Any = registry.agents.make(name).open(seat)
            distribution: dict[str, float] = await expert.action_distribution(observation)
        except (ValueError, ImportError) as error:
            reasons.append(str(error))
            continue
        likely = sorted(distribution.items(), key=lambda pair: -pair[1])
        return f"{name} plays: " + ", ".join(f"{action} ({100 * p:.0f} %)" for action, p in likely if p >= 0.005)
    return "no expert knows this game: " + "; ".join(dict.fromkeys(reasons))


def _ask(observation: Observation, seat: str) -> str:
    legal = observation.legal_actions
    choices = _choices(legal or ())
    if len(choices) > MOST_PROMPTED:
        choices = [f"{ASKS_FOR_HELP} lists {len(choices)} choices"]
    hints = [*choices, *(["? advice"] if legal else [])]
    try:
        with ctrl_c_at_once(), redirect_stdout(sys.stderr):  # `input` writes its prompt to stdout
            return input(f"{seat} ({', '.join(hints)})> " if hints else f"{seat}> ").strip()
    except EOFError as error:
        _say("")  # the next line begins below the question
        raise PersonLeft("you left the game: the input has ended") from error


def _say(text: str) -> None:
    shown = wrapped(text, shutil.get_terminal_size().columns) if sys.stderr.isatty() else text
    print(shown, file=sys.stderr, flush=True)


def _choices(legal: Sequence[str]) -> list[str]:
    """The actions as they are shown, with their numbers where they have some."""
    return [f"{number}: {action}" for number, action in _numbers(legal).items()] or list(legal)


def _numbers(legal: Sequence[str]) -> dict[str, str]:
    """Actions by their numbers in the list, from "1"; none where an action is a number itself."""
    if any(action.isdecimal() for action in legal):
        return {}
    return {str(number): action for number, action in enumerate(legal, start=1)}
