"""Liar's dice for three and more, in rounds: whoever was wrong loses a die, and the last one with dice wins.

The bids are those of `LiarsDice-v0`; that a lost round costs a die is as in TextArena's LiarsDice.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from itertools import islice
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from sparring import registry
from sparring.envs.games.hidden.seats import own_first
from sparring.envs.games.own_rules import Moves, OwnRulesGame
from sparring.envs.games.ranges import require_between
from sparring.envs.games.rendering import seat_of
from sparring.envs.games.two_player import TextGame, TextGameOptions, match

LIAR = "liar"


@registry.envs.register(
    "sparring/MultiplayerLiarsDice-v0",
    family="games",
    seats=3,
    seats_option="players",
    skills=("bluffing", "probability"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class MultiplayerLiarsDice(OwnRulesGame):
    """Liar's dice for three and more: a wrong bid or a wrong "liar" costs a die; the last one with dice wins.

    players: 3 to 6. numdice: dice of each player at the start, 1 to 5. dice_sides: faces of a die, 2 to 9.
    instructions: whether the text begins with the rules. Further options: see `TextGame`.
    """

    metadata = {**TextGame.metadata, "name": "sparring/MultiplayerLiarsDice-v0"}
    tensor_range = (0.0, 1.0)

    def __init__(
        self,
        players: int = 3,
        numdice: int = 2,
        dice_sides: int = 6,
        instructions: bool = True,
        **options: Unpack[TextGameOptions],
    ) -> None:
        require_between("players", players, 3, 6)
        require_between("numdice", numdice, 1, 5)
        require_between("dice_sides", dice_sides, 2, 9)
        room: TextGameOptions = {"max_text_length": 10_000}
        seats = tuple(map(seat_of, range(players)))
        super().__init__(_rules(players, numdice, dice_sides), instructions, seats, **(room | options))
        self.players, self.numdice, self.sides = players, numdice, dice_sides
        self._names = names_of_actions(players * numdice, dice_sides)
        self._numbers = {name: action for action, name in enumerate(self._names)}
        self._liar = len(self._names) - 1
        self.num_actions = len(self._names)

    def tensor(self, seat: str) -> NDArray[np.float32]:
        """[dice_sides + players + num_actions]: own dice by face, dice left from the own seat on, the last bid."""
        mine = self._player_of[seat]
        faces = [self._dice[mine].count(face) / self.numdice for face in range(1, self.sides + 1)]
        left = [len(self._dice[(mine + at) % self.players]) / self.numdice for at in range(self.players)]
        bid = np.zeros(self.num_actions)
        if self._said:
            bid[self._said[-1][1]] = 1
        return np.array([*faces, *left, *bid], np.float32)

    def mask(self) -> NDArray[np.int8]:
        """Higher bids that all dice could make true, and liar after a bid."""
        mask = np.zeros(self.num_actions, np.int8)
        mask[self._lowest : self._highest] = 1
        mask[self._liar] = self._lowest > 0
        return mask

    def action_text(self, action: int) -> str:
        """Bids, then liar."""
        return self._names[action] if 0 <= action < self.num_actions else ""

    def state(self) -> dict[str, object]:
        """Dice by player, (player, action) of this round, who is to move, and what is said of the last round."""
        said = [list(one) for one in self._said]
        return {"dice": [list(dice) for dice in self._dice], "said": said, "mover": self._mover, "last": self._last}

    def _deal(self) -> None:
        self._last = ""
        self._roll([self.numdice] * self.players, 0)

    def _restore(self, state: Mapping[str, Any]) -> None:
        dice = [sorted(map(int, each)) for each in state["dice"]]
        said = [(int(player), int(action)) for player, action in state["said"]]
        mover, last = int(state["mover"]), str(state["last"])
        actions = [action for _, action in said]
        possible = len(dice) == self.players and mover in range(self.players) and bool(dice[mover])
        possible &= all(len(each) <= self.numdice and set(each) <= set(range(1, self.sides + 1)) for each in dice)
        possible &= all(player in range(self.players) for player, _ in said) and actions == sorted(set(actions))
        possible &= all(0 <= action < sum(map(len, dice)) * self.sides for action in actions)
        if not possible:
            raise ValueError(f"there must be dice and rising bids of {self.players} players")
        self._dice, self._said, self._last = dice, said, last
        self._left = list(map(len, dice))
        self._move_to(mover)

    def _roll(self, left: list[int], opener: int) -> None:
        """A new round with so many dice of each player."""
        rolls = iter(self._rng.integers([(1, self.sides)] * sum(left)))
        self._dice = [sorted(islice(rolls, count)) for count in left]
        self._left, self._said = left, list[tuple[int, int]]()
        self._move_to(opener)

    def _move_to(self, player: int) -> None:
        """That player is to move, or the next one who has dice; nobody where one player is left."""
        left = self._left
        while not left[player]:
            player = (player + 1) % self.players
        self._mover = player
        self._lowest = self._said[-1][1] + 1 if self._said else 0
        self._highest = sum(left) * self.sides
        self.to_move = self.possible_agents[player] if len(left) - left.count(0) > 1 else None

    def _play(self, action: str) -> bool:
        move = match(action, self._numbers, self._numbers)
        if move is None:
            return False
        if move == self._liar:
            if self._said:
                self._settle()
                return True
            return False
        if not self._lowest <= move < self._highest:
            return False
        self._said.append((self._mover, move))
        self._move_to((self._mover + 1) % self.players)
        return True

    def _settle(self) -> None:
        """Look at the dice: whoever was wrong loses one and opens the next round."""
        bidder, bid = self._said[-1]
        count, face = divmod(bid, self.sides)
        shown = sum(die in (face + 1, self.sides) for dice in self._dice for die in dice)
        loser = self._mover if shown >= count + 1 else bidder
        dice = ", ".join(f"{seat_of(one)} {' '.join(map(str, dice))}" for one, dice in enumerate(self._dice) if dice)
        what = f"{seat_of(bidder)} {self._names[bid]}, {seat_of(self._mover)} said liar"
        self._last = f"Last round: {what}. The dice were: {dice}. {seat_of(loser)} lost a die."
        self._roll([count - (one == loser) for one, count in enumerate(self._left)], loser)

    def _payoffs(self) -> list[float]:
        """The winner gets 1, which the others pay."""
        return [1.0 if dice else -1.0 / (self.players - 1) for dice in self._dice]

    def _moves(self) -> Moves:
        return moves_between(self.players * self.numdice, self.sides, self._lowest, self._highest)

    def _view(self, seat: str) -> str:
        player = self._player_of[seat]
        names = own_first(player, self.players)
        left = ", ".join([f"{name} {self._left[one]}" for one, name in names])
        seen = f"You are {seat}. Dice left: {left}; {sum(self._left)} in all.\n"
        if self._last:
            seen = f"{seen}{self._last}\n"
        called = dict(names)
        said = ", ".join([f"{called[one]} {self._names[action]}" for one, action in self._said])
        dice = " ".join(map(str, self._dice[player]))
        mine = f"Your dice show {dice}." if dice else "You have no dice left and are out."
        return f"{seen}This round so far: {said or 'nothing'}.\n{mine}"


@cache
def names_of_actions(dice: int, sides: int) -> tuple[str, ...]:
    """Bids, lowest first, then liar."""
    return (*(f"bid {count} x {face}" for count in range(1, dice + 1) for face in range(1, sides + 1)), LIAR)


@lru_cache(maxsize=4_096)
def moves_between(dice: int, sides: int, lowest: int, highest: int) -> Moves:
    """The bids from `lowest` on and below `highest`, and liar where there was a lower one."""
    names = names_of_actions(dice, sides)
    actions = names[lowest:highest] + names[-1:] * (lowest > 0)
    return "legal_actions", actions, f"Legal actions: [{'] ['.join(actions)}]"


def _rules(players: int, numdice: int, sides: int) -> str:
    return (
        f"Liar's dice for {players} players with {numdice} dice each and the faces 1 to {sides}. Each round everybody "
        "rolls, and you see yours only. In turn, bid how many of all dice show a face: `bid 2 x 3` says that at least "
        f"2 dice show a 3. A {sides} is wild: it counts as every face. Each bid must name more dice than the last one, "
        "or as many of a higher face. Instead of bidding say liar: if the last bid is true you lose a die, otherwise "
        "the bidder does. Whoever lost it begins the next round. The last one with dice wins."
    )
