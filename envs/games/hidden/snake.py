"""Snake for two and more: all steer at the same time, and nobody sees another's choice of this step.

Different from TextArena's Snake, on purpose: whoever lives longest wins, and apples decide between equals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from sparring import registry
from sparring.envs.games.hidden.seats import own_first
from sparring.envs.games.hidden.snakes import STEPS, Snakes
from sparring.envs.games.positions import seat_of
from sparring.envs.games.ranges import require_between
from sparring.envs.games.two_player import TextGame, TextGameOptions, match
from sparring.envs.rng import Rng

MOST_PLAYERS = 6
DIRECTIONS = tuple(STEPS)
MOVES = {direction: action for action, direction in enumerate(DIRECTIONS)}
LINE = f"Legal actions: {' '.join(f'[{direction}]' for direction in DIRECTIONS)}"
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
class Snake(TextGame):
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
        super().__init__(**(room | options), seats=tuple(map(seat_of, range(players))))
        self.size, self.apples, self.steps, self.players = size, apples, steps, players
        self._rules = _rules(size, apples, steps)
        self._head = f"{self._rules}\n" if instructions else ""
        self._rng = Rng()

    def instructions(self, seat: str) -> str:
        """The rules, which are the same for all seats."""
        self.require_seat(seat)
        return self._rules

    def observe(self, agent: str) -> str:
        """The grid as it was before this step, and the seat's own choice."""
        self.require_begun()
        self.require_seat(agent)
        if self._over:
            last = "The game is over."
        elif agent == self.to_move:
            last = LINE
        else:
            last = f"All players choose at the same time; {self.to_move} has not chosen yet."
        return f"{self._head}{self._view(self.possible_agents.index(agent))}\n{last}"

    def tensor(self, seat: str) -> NDArray[np.float32]:
        """[5 * size * size + 1]: own head, own body, other heads, other bodies, apples; then the part of time left."""
        planes = np.zeros((PLANES, self.size, self.size), np.float32)
        mine = self.possible_agents.index(seat)
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

    def _start(self, seed: int | None) -> None:
        if seed is not None:
            self._rng.seed(seed)
        self._snakes = Snakes(self.size, [], [], [0] * self.players, [0] * self.players)
        for _ in range(self.players):
            free = self._snakes.free_cells()
            self._snakes.bodies.append([free[self._rng.integer(0, len(free) - 1)]])
        self._snakes.place_apples(self.apples, self._rng.integer)
        self._begin_step(0, {})

    def _start_at(self, state: object) -> None:
        try:
            self._restore(cast(Mapping[str, Any], state))
        except (TypeError, KeyError, ValueError, IndexError, AttributeError) as error:
            rule = f"state must be what state() of {self.env_id} gives"
            raise ValueError(f"{rule}, got {state!r:.80} ({type(error).__name__}: {error})") from error

    def _restore(self, state: Mapping[str, Any]) -> None:
        bodies = [[_cell(cell, self.size) for cell in body] for body in state["bodies"]]
        apples = [_cell(cell, self.size) for cell in state["apples"]]
        eaten, lived = [int(number) for number in state["eaten"]], [int(number) for number in state["lived"]]
        if {len(bodies), len(eaten), len(lived)} != {self.players}:
            raise ValueError(f"there must be {self.players} snakes, got {len(bodies)}")
        done = int(state["done"])
        if not 0 <= done < self.steps:
            raise ValueError(f"done must be from 0 to {self.steps - 1}, got {done}")
        chosen = {self.possible_agents.index(seat): str(direction) for seat, direction in state["chosen"].items()}
        if not set(chosen.values()) <= set(DIRECTIONS):
            raise ValueError(f"a choice must be one of {', '.join(DIRECTIONS)}, got {chosen}")
        self._snakes = Snakes(self.size, bodies, apples, eaten, lived)
        self._begin_step(done, chosen)

    def _begin_step(self, done: int, chosen: dict[int, str]) -> None:
        self._done, self._rows = done, self._snakes.rows()
        self._ask_next(chosen)

    def _ask_next(self, chosen: dict[int, str]) -> None:
        self._chosen, self._views = chosen, dict[int, str]()
        living = self._snakes.living
        is_over = self._done >= self.steps or len(living) < 2
        waiting = [] if is_over else [player for player in living if player not in chosen]
        self.to_move = self.possible_agents[waiting[0]] if waiting else None

    def _play(self, action: str) -> bool:
        move = match(action, MOVES, MOVES)
        if move is None or self.to_move is None:
            return False
        chosen = {**self._chosen, self.possible_agents.index(self.to_move): DIRECTIONS[move]}
        if len(chosen) < len(self._snakes.living):
            self._ask_next(chosen)
            return True
        self._snakes.move(chosen)
        self._snakes.place_apples(self.apples, self._rng.integer)
        self._begin_step(self._done + 1, {})
        return True

    def _payoffs(self) -> list[float]:
        """The best share 1, which the others pay; 0 for all where all are equal."""
        best = self._snakes.best
        others = self.players - len(best)
        return [(1 / len(best) if player in best else -1 / others) if others else 0.0 for player in range(self.players)]

    def _info(self) -> dict[str, object]:
        mover = self.possible_agents.index(str(self.to_move))
        return {"legal_actions": DIRECTIONS, "state_key": self._view(mover)}

    def _view(self, player: int) -> str:
        """What a player sees until the next choice, made once."""
        if player not in self._views:
            self._views[player] = self._new_view(player)
        return self._views[player]

    def _new_view(self, player: int) -> str:
        snakes = self._snakes
        eaten = [f"{name} {snakes.eaten[one]}" for one, name in own_first(player, self.players)]
        lines = [f"You are {seat_of(player)}: your head is {'ABCDEF'[player]}, your body is {'abcdef'[player]}."]
        lines += [f"Steps so far: {self._done} of {self.steps}. Apples eaten: {', '.join(eaten)}.", *self._rows]
        if not snakes.bodies[player]:
            return "\n".join([*lines, "Your snake is dead."])
        row, column = snakes.bodies[player][0]
        lines.append(f"Your head is in row {row + 1} from the top and column {column + 1} from the left.")
        if player in self._chosen:
            lines.append(f"You have chosen {self._chosen[player]}.")
        return "\n".join(lines)


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
