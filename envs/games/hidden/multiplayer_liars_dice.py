"""Liar's dice for three and more, in rounds: whoever was wrong loses a die, and the last one with dice wins.

The bids are those of `LiarsDice-v0`; that a lost round costs a die is as in TextArena's LiarsDice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from sparring import registry
from sparring.envs.games.hidden.seats import own_first
from sparring.envs.games.positions import seat_of
from sparring.envs.games.ranges import require_between
from sparring.envs.games.two_player import TextGame, TextGameOptions, match
from sparring.envs.rng import Rng

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
class MultiplayerLiarsDice(TextGame):
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
        super().__init__(**(room | options), seats=tuple(map(seat_of, range(players))))
        self.players, self.numdice, self.sides = players, numdice, dice_sides
        most = players * numdice
        self._names = [f"bid {count} x {face}" for count in range(1, most + 1) for face in range(1, dice_sides + 1)]
        self._names.append(LIAR)
        self._moves = {name: action for action, name in enumerate(self._names)}
        self.num_actions = len(self._names)
        self._rules = _rules(players, numdice, dice_sides)
        self._head = f"{self._rules}\n" if instructions else ""
        self._rng = Rng()

    def instructions(self, seat: str) -> str:
        """The rules, which are the same for all seats."""
        self.require_seat(seat)
        return self._rules

    def observe(self, agent: str) -> str:
        """Dice left, the last round with its dice, the bids of this round, the own dice."""
        self.require_begun()
        self.require_seat(agent)
        if self._over:
            last = "The game is over."
        elif agent == self.to_move:
            last = f"Legal actions: [{'] ['.join(self._legal)}]"
        else:
            last = f"{self.to_move} is to move."
        return f"{self._head}{self._view(self.possible_agents.index(agent))}\n{last}"

    def tensor(self, seat: str) -> NDArray[np.float32]:
        """[dice_sides + players + num_actions]: own dice by face, dice left from the own seat on, the last bid."""
        mine = self.possible_agents.index(seat)
        faces = [self._dice[mine].count(face) / self.numdice for face in range(1, self.sides + 1)]
        left = [len(self._dice[(mine + at) % self.players]) / self.numdice for at in range(self.players)]
        bid = np.zeros(self.num_actions)
        if self._said:
            bid[self._said[-1][1]] = 1
        return np.array([*faces, *left, *bid], np.float32)

    def mask(self) -> NDArray[np.int8]:
        """Higher bids that all dice could make true, and liar after a bid."""
        legal = set(self._legal)
        return np.array([name in legal for name in self._names], np.int8)

    def action_text(self, action: int) -> str:
        """Bids, then liar."""
        return self._names[action] if 0 <= action < self.num_actions else ""

    def state(self) -> dict[str, object]:
        """Dice by player, (player, action) of this round, who is to move, and what is said of the last round."""
        said = [list(one) for one in self._said]
        return {"dice": [list(dice) for dice in self._dice], "said": said, "mover": self._mover, "last": self._last}

    def _start(self, seed: int | None) -> None:
        if seed is not None:
            self._rng.seed(seed)
        self._last = ""
        self._roll([self.numdice] * self.players, 0)

    def _start_at(self, state: object) -> None:
        try:
            given = cast(Mapping[str, Any], state)
            dice = [sorted(map(int, each)) for each in given["dice"]]
            said = [(int(player), int(action)) for player, action in given["said"]]
            mover, last = int(given["mover"]), str(given["last"])
            actions = [action for _, action in said]
            possible = len(dice) == self.players and mover in range(self.players) and bool(dice[mover])
            possible &= all(len(each) <= self.numdice and set(each) <= set(range(1, self.sides + 1)) for each in dice)
            possible &= all(player in range(self.players) for player, _ in said) and actions == sorted(set(actions))
            possible &= all(0 <= action < sum(map(len, dice)) * self.sides for action in actions)
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"state must be what state() of {self.env_id} gives, got {state!r:.80}") from error
        if not possible:
            raise ValueError(f"state must be what state() of {self.env_id} gives, got {state!r:.80}")
        self._dice, self._said, self._last = dice, said, last
        self._move_to(mover)

    def _roll(self, left: list[int], opener: int) -> None:
        """A new round with so many dice of each player."""
        self._dice = [sorted(self._rng.integer(1, self.sides) for _ in range(count)) for count in left]
        self._said = []
        self._move_to(opener)

    def _move_to(self, player: int) -> None:
        """That player is to move, or the next one who has dice; nobody where one player is left."""
        while not self._dice[player]:
            player = (player + 1) % self.players
        self._mover, self._views = player, dict[int, str]()
        self._legal = self._list_legal()
        self.to_move = seat_of(player) if sum(map(bool, self._dice)) > 1 else None

    def _play(self, action: str) -> bool:
        move = match(action, self._moves, self._moves)
        if move is None or self._names[move] not in self._legal:
            return False
        if self._names[move] == LIAR:
            self._settle()
            return True
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
        self._roll([len(each) - (one == loser) for one, each in enumerate(self._dice)], loser)

    def _payoffs(self) -> list[float]:
        """The winner gets 1, which the others pay."""
        return [1.0 if dice else -1.0 / (self.players - 1) for dice in self._dice]

    def _info(self) -> dict[str, object]:
        return {"legal_actions": self._legal, "state_key": self._view(self._mover)}

    def _list_legal(self) -> tuple[str, ...]:
        lowest = self._said[-1][1] + 1 if self._said else 0
        bids = self._names[lowest : sum(map(len, self._dice)) * self.sides]
        return (*bids, *([LIAR] if self._said else []))

    def _view(self, player: int) -> str:
        """What a player sees until the next action, made once."""
        if player not in self._views:
            self._views[player] = self._new_view(player)
        return self._views[player]

    def _new_view(self, player: int) -> str:
        names = own_first(player, self.players)
        left = ", ".join([f"{name} {len(self._dice[one])}" for one, name in names])
        lines = [f"You are {seat_of(player)}. Dice left: {left}; {sum(map(len, self._dice))} in all."]
        if self._last:
            lines.append(self._last)
        called = dict(names)
        said = [f"{called[one]} {self._names[action]}" for one, action in self._said]
        lines.append(f"This round so far: {', '.join(said) or 'nothing'}.")
        mine = " ".join(map(str, self._dice[player]))
        lines.append(f"Your dice show {mine}." if mine else "You have no dice left and are out.")
        return "\n".join(lines)


def _rules(players: int, numdice: int, sides: int) -> str:
    return (
        f"Liar's dice for {players} players with {numdice} dice each and the faces 1 to {sides}. Each round everybody "
        "rolls, and you see yours only. In turn, bid how many of all dice show a face: `bid 2 x 3` says that at least "
        f"2 dice show a 3. A {sides} is wild: it counts as every face. Each bid must name more dice than the last one, "
        "or as many of a higher face. Instead of bidding say liar: if the last bid is true you lose a die, otherwise "
        "the bidder does. Whoever lost it begins the next round. The last one with dice wins."
    )
