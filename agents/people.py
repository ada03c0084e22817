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
from sparring.start import ctrl_c_at_once
from sparring.types import Observation, Reply
from sparring.wrapping import wrapped

ASKS_AN_EXPERT, ASKS_FOR_HELP, LEAVES = "?", "help", "quit"
HOW_TO_LEAVE = f"{LEAVES} (or Ctrl-D) leaves the game"
EXPERTS = ("cfr", "minimax")
MOST_NUMBERED = 9


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
            _say(f"{answer!r} is not legal here; legal: {', '.join(observation.legal_actions or ())}")

    def _help(self, legal: Sequence[str] | None) -> str:
        if legal is not None:
            return f"legal: {', '.join(legal)}; a number or a beginning is enough; {HOW_TO_LEAVE}"
        verbs = f": {', '.join(self.verbs)}" if self.verbs else ""
        return f"write what to do in words{verbs}; {HOW_TO_LEAVE}"


class PersonLeft(KeyboardInterrupt):
    """Nobody is at the keyboard any more. Like Ctrl-C this ends all games, and is no fault of a game or an agent."""


def understand(answer: str, legal: Sequence[str] | None) -> str | None:
    """The legal action that an answer means: itself, its number in the prompt, or the only one that begins so.

    Any answer stands for itself where the legal actions are not known; None where it could mean none, or several.
    """
    if legal is None or answer in legal:
        return answer
    if answer.isdecimal() and _are_numbered(legal):
        return legal[int(answer) - 1] if 1 <= int(answer) <= len(legal) else None
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
    choices = [f"{place} {action}" for place, action in enumerate(legal or (), start=1)] if _are_numbered(legal) else []
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


def _are_numbered(legal: Sequence[str] | None) -> bool:
    """Whether actions can be meant by their numbers: there are few, and none is a number itself."""
    return bool(legal) and len(legal or ()) <= MOST_NUMBERED and not any(action[:1].isdigit() for action in legal or ())
