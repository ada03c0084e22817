"""Snake for two and more: all steer at the same time, and nobody sees another's choice of this step.

Different from TextArena's Snake, on purpose: whoever lives longest wins, and apples decide between equals.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from sparring import registry
from sparring.envs.games.hidden.seats import own_first
from sparring.envs.games.hidden.snakes import BODIES, HEADS, STEPS, Snakes, scattered
from sparring.envs.games.own_rules import Moves, OwnRulesGame
from sparring.envs.games.ranges import require_between
from sparring.envs.games.rendering import seat_of
from sparring.envs.games.two_player import TextGame, TextGameOptions, match

MOST_PLAYERS = 6
DIRECTIONS = tuple(STEPS)
MOVES = {direction: action for action, direction in enumerate(DIRECTIONS)}
STEERING: Moves = "legal_actions", DIRECTIONS, f"Legal actions: {' '.join(f'[{one}]' for one in DIRECTIONS)}"
ROLES = [
    f"You are {seat_of(player)}: your head is {HEADS[player : player + 1].decode()}, "
    f"your body is {BODIES[player : player + 1].decode()}."
    for player in range(MOST_PLAYERS)
]
PLANES = 5
"""Of the tensor: own head, own body, other heads, other bodies, apples."""


@registry.envs.register(
    "sparring/Snake-v0",
    family="games",
    seats=2,
    seats_option="players",
    skills=("planning", "space", "opponent modelling"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Snake(OwnRulesGame):
    """Snake: steer by one cell a step, all at the same time; whoever lives longest wins.

    size: rows and columns of the grid, 4 to 15. apples: on the grid at any time, 1 to 8. steps: the length of the game.
    players: 2 to 6. instructions: whether the text begins with the rules.
    Further options: see `TextGame`.
    """

    metadata = {**TextGame.metadata, "name": "sparring/Snake-v0"}
    num_actions = len(DIRECTIONS)
    tensor_range = (0.0, 1.0)

    def __init__(
        self,
        size: int = 5,
        apples: int = 2,
        steps: int = 40,
        players: int = 2,
        instructions: bool = True,
        **options: Unpack[TextGameOptions],
    ) -> None:
        require_between("size", size, 4, 15)
        require_between("apples", apples, 1, 8)
        require_between("steps", steps, 1, 1_000)
        require_between("players", players, 2, MOST_PLAYERS)
        room: TextGameOptions = {"max_text_length": 3_000}
        seats = tuple(map(seat_of, range(players)))
        super().__init__(_rules(size, apples, steps), instructions, seats, **(room | options))
        self.size, self.apples, self.steps, self.players = size, apples, steps, players

    def tensor(self, seat: str) -> NDArray[np.float32]:
        """[5 * size * size + 1]: own head, own body, other heads, other bodies, apples; then the part of time left."""
        planes = np.zeros((PLANES, self.size, self.size), np.float32)
        mine = self._player_of[seat]
        for player, body in enumerate(self._snakes.bodies):
            for at, cell in enumerate(body):
                planes[(0 if player == mine else 2) + (at > 0), *cell] = 1
        for cell in self._snakes.apples:
            planes[PLANES - 1, *cell] = 1
        return np.append(planes.ravel(), np.float32(1 - self._done / self.steps)).astype(np.float32)

    def mask(self) -> NDArray[np.int8]:
        """All ones."""
        return np.ones(self.num_actions, np.int8)

    def action_text(self, action: int) -> str:
        """up, down, left, right."""
        return DIRECTIONS[action] if 0 <= action < self.num_actions else ""

    def state(self) -> dict[str, object]:
        """Snakes and apples as lists of [row, column], what was eaten and survived, steps, choices of this step."""
        snakes = self._snakes
        return {
            "bodies": [[list(cell) for cell in body] for body in snakes.bodies],
            "apples": [list(cell) for cell in snakes.apples],
            "eaten": list(snakes.eaten),
            "lived": list(snakes.lived),
            "done": self._done,
            "chosen": {seat_of(player): direction for player, direction in self._chosen.items()},
        }

    def _deal(self) -> None:
        self._snakes = scattered(self.size, self.players, self.apples, self._rng)
        self._begin_step(0, {})

    def _restore(self, state: Mapping[str, Any]) -> None:
        bodies = [[_cell(cell, self.size) for cell in body] for body in state["bodies"]]
        apples = [_cell(cell, self.size) for cell in state["apples"]]
        eaten, lived = [int(number) for number in state["eaten"]], [int(number) for number in state["lived"]]
        if {len(bodies), len(eaten), len(lived)} != {self.players}:
            raise ValueError(f"there must be {self.players} snakes, got {len(bodies)}")
        done = int(state["done"])
        if not 0 <= done < self.steps:
            raise ValueError(f"done must be from 0 to {self.steps - 1}, got {done}")
        chosen = {self._player_of[seat]: str(direction) for seat, direction in state["chosen"].items()}
        if not set(chosen.values()) <= set(DIRECTIONS):
            raise ValueError(f"a choice must be one of {', '.join(DIRECTIONS)}, got {chosen}")
        self._snakes = Snakes(self.size, bodies, apples, eaten, lived)
        self._begin_step(done, chosen)

    def _begin_step(self, done: int, chosen: dict[int, str]) -> None:
        """`chosen`: the directions of this step, by player, as far as they are chosen."""
        self._done, self._chosen, self._grid = done, chosen, self._snakes.grid()
        self._living = living = self._snakes.living
        self.to_move = None
        if done < self.steps and len(living) > 1:
            self._ask_next()

    def _ask_next(self) -> None:
        """The first who has not chosen yet is to move."""
        for player in self._living:
            if player not in self._chosen:
                self.to_move = self.possible_agents[player]
                return

    def _play(self, action: str) -> bool:
        move = match(action, MOVES, MOVES)
        if move is None or self.to_move is None:
            return False
        self._chosen[self._player_of[self.to_move]] = DIRECTIONS[move]
        if len(self._chosen) < len(self._living):
            self._ask_next()
            return True
        self._snakes.move(self._chosen)
        self._snakes.place_apples(self.apples, self._rng.integer)
        self._begin_step(self._done + 1, {})
        return True

    def _payoffs(self) -> list[float]:
        """The best share 1, which the others pay; 0 for all where all are equal."""
        best = self._snakes.best
        others = self.players - len(best)
        return [(1 / len(best) if player in best else -1 / others) if others else 0.0 for player in range(self.players)]

    def _moves(self) -> Moves:
        return STEERING

    def _waiting_line(self) -> str:
        return f"All players choose at the same time; {self.to_move} has not chosen yet."

    def _view(self, seat: str) -> str:
        snakes, player = self._snakes, self._player_of[seat]
        eaten = say_eaten(player, tuple(snakes.eaten))
        seen = f"{ROLES[player]}\nSteps so far: {self._done} of {self.steps}. {eaten}\n{self._grid}"
        body = snakes.bodies[player]
        if not body:
            return f"{seen}\nYour snake is dead."
        row, column = body[0]
        chosen = f"\nYou have chosen {self._chosen[player]}." if player in self._chosen else ""
        return f"{seen}\nYour head is in row {row + 1} from the top and column {column + 1} from the left.{chosen}"


@lru_cache(maxsize=4_096)
def say_eaten(reader: int, eaten: tuple[int, ...]) -> str:
    """Who has eaten how many apples, the reader first."""
    return f"Apples eaten: {', '.join([f'{name} {eaten[one]}' for one, name in own_first(reader, len(eaten))])}."


def _rules(size: int, apples: int, steps: int) -> str:
    on_grid = "1 apple (*) is" if apples == 1 else f"{apples} apples (*) are"
    return (
        f"Snake on a grid of {size} x {size}. Everybody steers a snake by one cell a step, all at the same time. "
        f"{on_grid} on the grid; a snake that eats one grows by a cell. A snake dies that leaves the grid, or whose "
        "head comes onto a body, its own included, or onto another head; tails have moved on by then. Two heads that "
        "swap cells do not meet, but each comes onto the other's body where there is one. A dead snake is taken off "
        "the grid after the step. Whoever lives longest wins, and among equals whoever has eaten more apples; else it "
        f"is a draw. The game ends when fewer than two live, or after {steps} steps."
    )


def _cell(cell: object, size: int) -> tuple[int, int]:
    """Raises ValueError for what is no cell of the grid."""
    if isinstance(cell, list | tuple) and len(cell) == 2 and all(type(at) is int and 0 <= at < size for at in cell):
        return int(cell[0]), int(cell[1])
    raise ValueError(f"a cell must be [row, column] from 0 to {size - 1}, got {cell!r:.40}")
