"""One seat of an environment that speaks by a table: what it is told, and which action its answer names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gymnasium import spaces

from sparring.envs.games.two_player import fold, match
from sparring.envs.words.numbers import Numbers
from sparring.envs.words.table import SeatWords, Words, as_read
from sparring.envs.words.telling import drawing_of
from sparring.rollout.actions import Info, Offered, Unreadable
from sparring.rollout.situations import HostedSituation

MOST_LISTED = 2_000
"""Characters of legal actions that a text lists; where they are longer, none is."""


class Speaker:
    """Tells one seat what it sees, and reads its answers."""

    def __init__(
        self, words: Words, seat: SeatWords, observed: object, actions: spaces.Space[object], instructions: bool
    ) -> None:
        """`instructions`: whether what it is told begins with the rules. Raises UnfitWords."""
        self._words, self._actions = words, actions
        self.instructions = "\n".join(filter(None, (words.rules.strip(), seat.role.strip())))
        self._begins = self.instructions if instructions else ""
        self._offered = Offered(actions)
        self._named = self._checked(seat.actions or words.actions, observed)
        self._exact = {word: number for number, word in self._named.items()}
        self._folded = fold(self._exact)

    def text(self, seen: object, drawn: object = None, legal: Sequence[str] = ()) -> str:
        """What the seat is told. `drawn`: what the environment draws; `legal`: what it may do, where it is to move."""
        drawing = drawing_of(drawn) if self._words.drawing else ""
        # A long board of bits says nothing to a reader where the drawing shows the same.
        said = "" if drawing and not self._words.tells else self._words.observation.text(seen)
        listed = f"Legal actions: {' '.join(f'[{action}]' for action in legal)}" if legal else ""
        return "\n".join(filter(None, (self._begins, drawing, said, listed if len(listed) <= MOST_LISTED else "")))

    def info(self, seen: object, info: Info) -> dict[str, object]:
        """The info with the words of what the seat may do; the mask is of the numbers, and stays with them."""
        shown = dict(self._offered.beside(seen, info))
        shown.pop("action_mask", None)
        if "legal_actions" in shown:
            shown["legal_actions"] = tuple(self._word(one) for one in shown["legal_actions"])
        return shown

    def read(self, answer: str) -> object:
        """The action that an answer names. Raises Unreadable."""
        if not self._named:
            return self._offered.read(answer)
        action = match(answer, self._exact, self._folded)
        if action is None:
            raise Unreadable(f"action {answer[:80]!r} is none of the words of {self._words.source}")
        return action

    def judged(self, action: object, info: Info) -> Info:
        """As `Offered.judged`."""
        return self._offered.judged(action, info)

    def situation(self, seen: object, info: Info) -> WordedSituation:
        """What programs want: the observation as the environment gave it."""
        space = self._actions if isinstance(self._actions, spaces.Discrete) else None
        return WordedSituation(seen, info, space, self._named)

    def _word(self, number: str) -> str:
        return self._named.get(int(number), number) if self._named else number

    def _checked(self, numbers: Numbers, observed: object) -> dict[int, str]:
        """The words by action. Raises UnfitWords where the table does not fit the spaces."""
        words = self._words
        words.require_fits(numbers, observed, self._actions)
        if not numbers or not isinstance(self._actions, spaces.Discrete):
            return {}
        numbers.require_all(f"{words.source}: [actions]", self._actions)
        first = int(self._actions.start)
        named = {number: numbers.word(number) for number in range(first, first + int(self._actions.n))}
        if len(set(map(as_read, named.values()))) < len(named):
            raise words.unfit("[actions]", "two actions have the same word")
        return named


class WordedSituation(HostedSituation):
    """Its discrete actions have words."""

    __slots__ = ("_named",)

    def __init__(self, seen: object, info: Info, space: spaces.Discrete | None, named: Mapping[int, str]) -> None:
        super().__init__(seen, info, space)
        self._named = named

    def action_text(self, action: int) -> str:
        """Its word; "" for one that is not legal."""
        number = super().action_text(action)
        return self._named.get(int(number), number) if number else ""
