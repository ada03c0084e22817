"""The base of our text games: turns, budgets, and what an illegal action costs.

A game says what is legal and what it pays; everything that is the same for all of them is here.

    reward = payoff (what the game pays) + "forfeit" (the price of an illegal action, kept apart from skill)
"""

from __future__ import annotations

import operator
import string
from collections.abc import Sequence
from typing import SupportsIndex, TypedDict

import numpy as np
from numpy.typing import NDArray

from sparring.envs.any_text import SharedText
from sparring.envs.games.illegal_actions import IllegalActions, IllegalRule
from sparring.envs.games.situations import GameSituation
from sparring.envs.text_seats import TextSeats, require_known_options

SEATS = ("player_0", "player_1")
OTHER = {"player_0": "player_1", "player_1": "player_0"}
CHARSET = frozenset(string.printable[:95] + "\n")
BLANKS = " \t\r\n"
MAX_ACTION_LENGTH = 256


class TextGameOptions(TypedDict, total=False):
    """The options of every `TextGame`, as a game hands them on."""

    illegal: IllegalRule
    retries: int
    feedback: bool
    max_turns: int | None
    max_text_length: int
    charset: frozenset[str]
    render_mode: str | None


class TextGame(TextSeats):
    """A game whose seats see text and answer with text: two seats, unless `seats` says otherwise.

    Any string is valid input; none raises.

    illegal: what an illegal action leads to.
        "forfeit"  the game ends: payoff 0 for all, and the stake passes from the offender to the other seats.
        "spiral"   the game ends: payoff 0 for all, -1.5 for the offender, +0.5 for the others (SPIRAL's rule).
        "retry"    the seat is asked again, `retries` times in a row at most, then it forfeits.
        "noop"     the action is void: the turn passes where the game can pass, else the seat is asked again.
    max_turns: after that many actions, illegal ones included, an unfinished game is truncated with payoff 0; a seat
        that acted illegally in it forfeits, so that nobody gains by talking nonsense until the end.
        None: no budget, except under "noop", which would never end without one.
    feedback: whether `infos[seat]["illegal_action"]` says what an illegal action was, harmless, on one line and cut,
        when the seat is to move again; language models are shown a line on it.
    """

    metadata: dict[str, object] = {**TextSeats.metadata, "name": "text_game"}
    zero_sum = True
    """Whether the payoffs of all seats sum to zero."""
    stake: float = 1.0
    """What a forfeit costs, and pays the other seat: the most that the game can cost."""
    tensor_range: tuple[float, float]
    """Bounds of every entry of `tensor`."""
    num_actions: int
    """Size of the discrete view's action space."""
    to_move: str | None
    """The seat to move; None when the game is over. `_start`, `_play` and `_pass` keep it."""
    _turns = _games = 0

    noop_turns = 1_000
    """`max_turns` under "noop" where it is None."""

    def __init__(
        self,
        *,
        illegal: IllegalRule = "forfeit",
        retries: int = 2,
        feedback: bool = True,
        max_turns: int | None = None,
        max_text_length: int = 2_000,
        charset: frozenset[str] = CHARSET,
        render_mode: str | None = None,
        seats: tuple[str, ...] = SEATS,
    ) -> None:
        self._illegal_actions = IllegalActions(illegal, retries, feedback)
        if max_turns is not None and max_turns < 1:
            raise ValueError(f"max_turns must be >= 1 or None, got {max_turns}")
        if max_turns is None and illegal == "noop":
            max_turns = self.noop_turns
        self.max_turns, self.render_mode = max_turns, render_mode
        super().__init__(
            seats, SharedText(max_text_length, charset=charset), SharedText(MAX_ACTION_LENGTH, charset=charset)
        )

    # What a game provides. `step` and `reset` below call these.

    def _start(self, seed: int | None) -> None:
        """Set up a new game; None goes on with the randomness that is left from the last."""
        raise NotImplementedError

    def _play(self, action: str) -> bool:
        """Play for `agent_selection`; False says that the action is illegal, and nothing has changed."""
        raise NotImplementedError

    def _pass(self) -> bool:
        """Pass the turn without an action; False where the game does not allow it."""
        return False

    def _start_at(self, state: object) -> None:
        """Go on from a start position, which follows `_start`. Raises ValueError for one that there is not."""
        raise ValueError(f"{self.env_id} cannot start at a given state")

    def _payoff(self) -> float:
        """What player_0 has won from player_1 when the game is over."""
        raise NotImplementedError

    def _payoffs(self) -> list[float]:
        """What the game pays at its end, by seat; a game that is not of zero sum for two says it here."""
        payoff = self._payoff()
        return [payoff, -payoff]

    def _payoffs_unfinished(self) -> list[float]:
        """What a game pays that a budget breaks off, by seat."""
        return [0.0] * len(self.possible_agents)

    def _info(self) -> dict[str, object]:
        """A fresh info dict for the seat to move."""
        raise NotImplementedError

    def state(self) -> object:
        """The position in play as plain data, from which `reset(options={"state": ...})` starts."""
        raise NotImplementedError

    def tensor(self, seat: str) -> NDArray[np.float32]:
        """What the seat sees as a float32 vector, for the discrete view."""
        raise NotImplementedError

    def mask(self) -> NDArray[np.int8]:
        """Which discrete actions of the seat to move are legal: int8 [num_actions]."""
        raise NotImplementedError

    def action_text(self, action: int) -> str:
        """The text of a discrete action of the seat to move; "" (which no game accepts) where there is none."""
        raise NotImplementedError

    @property
    def illegal(self) -> IllegalRule:
        """What an illegal action leads to."""
        return self._illegal_actions.rule

    @property
    def moment(self) -> tuple[int, int]:
        """Another one after every `reset` and action."""
        return self._games, self._turns

    def agent_situation(self, seat: str) -> GameSituation:
        """What `seat`, which is to move, sees now, as programs want it."""
        return GameSituation(self, seat)

    # The PettingZoo interface.

    def reset(self, seed: int | None = None, options: dict[str, object] | None = None) -> None:
        """Start a new game. Equal seeds and actions give equal games.

        options: {"state": ...} begins at that position, given as `state()` gives it; the seed decides what follows.
        Raises ValueError for another option, for a state that there is not, or in which the game is over; TypeError
        for options that are no dict.
        """
        if options is not None:
            require_known_options(options)
        self._start(seed if seed is None or type(seed) is int else whole_seed(seed))
        if options and "state" in options:
            self._start_at(options["state"])
        if self._illegal_actions.offenders:
            self._illegal_actions.forget()
        self._turns = 0
        self._games += 1
        mover = self.to_move
        if mover is None:
            raise ValueError(f"{self.env_id} is over before its first action")
        self._begin(mover)
        self.infos[mover] = self._info()

    def _take_turn(self, seat: str, action: str) -> None:
        self._turns += 1
        if not self._play(action):
            self._punish(seat, action)
            return
        if self._illegal_actions.offenders:
            self._illegal_actions.accept(seat)
        self.infos[seat] = {"illegal": False}
        self._go_on()

    # What follows an action.

    def _go_on(self) -> None:
        mover = self.to_move
        if mover is None:
            self._finish([{"payoff": payoff} for payoff in self._payoffs()])
        elif self.max_turns is not None and self._turns >= self.max_turns:
            paid = zip(self.possible_agents, self._payoffs_unfinished(), strict=True)
            self._finish([{"payoff": payoff, **self._price(seat)} for seat, payoff in paid], truncated=True)
        else:
            info, infos = self._info(), self.infos
            if self._illegal_actions.offenders:
                info.update(self._illegal_actions.told(mover))
            if mover == self.agent_selection:
                info["illegal"] = infos[mover]["illegal"]
            infos[mover], self.agent_selection = info, mover

    def _cost(self, seat: str) -> float:
        """What a forfeit costs a seat."""
        return self.stake

    def _price(self, seat: str) -> dict[str, float]:
        """What a seat pays or gets at the budget's end for illegal actions on the way."""
        offenders = self._illegal_actions.offenders
        if not offenders:
            return {}
        if seat in offenders:
            return {"forfeit": -self._cost(seat)}
        innocent = len(self.possible_agents) - len(offenders)
        return {"forfeit": sum(map(self._cost, offenders)) / innocent if self.zero_sum else 0.0}

    def _punish(self, seat: str, action: str) -> None:
        self.infos[seat] = {"illegal": True}
        self._illegal_actions.note(seat)
        if self.illegal == "spiral":
            self._forfeit(seat, cost=1.5, gain=0.5)
        elif self._illegal_actions.forfeits:
            cost = self._cost(seat)
            self._forfeit(seat, cost, gain=cost if self.zero_sum else 0.0)
        else:
            self._illegal_actions.reject(seat, action, turn_passes=self.illegal == "noop" and self._pass())
            self._go_on()

    def _forfeit(self, seat: str, cost: float, gain: float) -> None:
        """End the game: the offender pays, and the other seats share the gain."""
        share = gain / max(len(self.possible_agents) - 1, 1)
        self._finish([{"payoff": 0.0, "forfeit": -cost if one == seat else share} for one in self.possible_agents])

    def _finish(self, parts_by_seat: Sequence[dict[str, float]], truncated: bool = False) -> None:
        """End the game with the named reward parts of each seat, in order."""
        self._over = True
        rewards, infos, totals = self.rewards, self.infos, self._cumulative_rewards
        ended = self.truncations if truncated else self.terminations
        for seat, parts in zip(self.possible_agents, parts_by_seat, strict=True):
            rewards[seat] = reward = sum(parts.values())
            totals[seat] += reward
            infos[seat]["reward_parts"] = parts
            ended[seat] = True
        self.agent_selection = self.possible_agents[0]


def whole_seed(seed: SupportsIndex) -> int:
    """A seed as a Python integer, NumPy's included. Raises TypeError for what is none."""
    if type(seed) is int:
        return seed
    if isinstance(seed, bool):
        raise TypeError(f"a seed must be a whole number, got bool {seed}")
    try:
        return operator.index(seed)
    except TypeError:
        raise TypeError(f"a seed must be a whole number, got {type(seed).__name__} {seed!r:.40}") from None


def bare(action: str) -> str:
    """An action without the blanks around it and without one pair of surrounding brackets."""
    text = action.strip(BLANKS)
    if text[:1] == "[" and text[-1:] == "]" and len(text) > 1:
        text = text[1:-1].strip(BLANKS)
    return text


def match(action: str, exact: dict[str, int], folded: dict[str, int]) -> int | None:
    """The move that a string names: as it is, else bare and lower-case; None where that is nothing or two things."""
    move = exact.get(action)
    if move is not None:
        return move
    if len(action) > 4 * MAX_ACTION_LENGTH:
        return None
    text = bare(action)
    move = exact.get(text)
    if move is None and text.isascii():
        move = folded.get(text.lower())
    return move


def fold(exact: dict[str, int]) -> dict[str, int]:
    """Lower-case string -> move, without the strings that two moves share."""
    folded = {text.lower(): move for text, move in exact.items()}
    if len(folded) == len(exact):
        return folded
    folded.clear()
    for text, move in exact.items():
        folded[text.lower()] = -1 if text.lower() in folded else move
    return {text: move for text, move in folded.items() if move >= 0}
