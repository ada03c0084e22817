"""Monte Carlo tree search: UCT (Kocsis and Szepesvári 2006) with random rollouts, for any game that can be copied.

A simulation walks down the tree by UCB1, adds one position, plays on at random to the end, and adds the result to each
position on its way: every seat's own return, so that any number of seats may play. Chance is sampled. Deviations from
the paper: returns are scaled to [-1, 1] by the game's bounds, so that `c` means the same in every game; and the actions
of a position are each tried once, in random order, before UCB1 chooses.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Protocol

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.agents.situations import situation_of
from sparring.types import Observation, Reply


class State(Protocol):
    """A position, as OpenSpiel has it."""

    def clone(self) -> State: ...

    def apply_action(self, action: int, /) -> None: ...

    def legal_actions(self) -> list[int]: ...

    def chance_outcomes(self) -> list[tuple[int, float]]: ...

    def current_player(self) -> int: ...

    def is_chance_node(self) -> bool: ...

    def is_terminal(self) -> bool: ...

    def returns(self) -> Sequence[float]: ...


class Node:
    """A position in the tree, as the action that leads to it is judged."""

    __slots__ = ("children", "player", "total", "untried", "visits")

    def __init__(self, player: int) -> None:
        """`player`: who chose the action that leads here; -1 for chance."""
        self.player, self.visits, self.total = player, 0, 0.0
        self.children: dict[int, Node] = {}
        self.untried: list[int] | None = None
        """Legal actions without a child, in random order; None before the first visit."""


class TreeSearch:
    """A search of one position after another; what it found of one is forgotten for the next."""

    def __init__(self, simulations: int, c: float, rollouts: int, lowest: float, highest: float) -> None:
        """`lowest`, `highest`: the bounds of the game's returns."""
        self._simulations, self._c, self._rollouts = simulations, c, rollouts
        self._middle, self._reach = (highest + lowest) / 2, max((highest - lowest) / 2, 1e-9)

    def visits(self, state: State, rng: random.Random) -> dict[int, tuple[int, float]]:
        """Action -> (how often it was tried, the mean of what it brought in [-1, 1])."""
        root = Node(state.current_player())
        for _ in range(self._simulations):
            self._simulate(root, state.clone(), rng)
        return {action: (child.visits, child.total / child.visits) for action, child in root.children.items()}

    def _simulate(self, root: Node, state: State, rng: random.Random) -> None:
        """One walk down from `state`, which it uses up."""
        node, path, is_new = root, [root], False
        while not is_new and not state.is_terminal():
            player = state.current_player()
            action, is_new = self._next(node, state, rng)
            if action not in node.children:
                node.children[action] = Node(player)
            node = node.children[action]
            path.append(node)
            state.apply_action(action)
        returns = self._played_on(state, rng)
        for node in path:
            node.visits += 1
            if node.player >= 0:
                node.total += returns[node.player]

    def _next(self, node: Node, state: State, rng: random.Random) -> tuple[int, bool]:
        """The action to go on with, and whether it is tried for the first time."""
        if state.is_chance_node():
            return drawn(state, rng), False
        if node.untried is None:
            node.untried = state.legal_actions()
            rng.shuffle(node.untried)
        if node.untried:
            return node.untried.pop(), True
        scale = self._c * self._c * math.log(node.visits)
        best, best_score = -1, -math.inf
        for action, child in node.children.items():
            score = child.total / child.visits + math.sqrt(scale / child.visits)
            if score > best_score:
                best, best_score = action, score
        return best, False

    def _played_on(self, state: State, rng: random.Random) -> list[float]:
        """By seat, the mean of what random play brings from here, in [-1, 1]; `state` is used up."""
        last = self._rollouts - 1
        if state.is_terminal() or last == 0:
            return [(one - self._middle) / self._reach for one in rolled_out(state, rng)]
        found = [rolled_out(state if number == last else state.clone(), rng) for number in range(last + 1)]
        return [(sum(each) / len(found) - self._middle) / self._reach for each in zip(*found, strict=True)]


def rolled_out(state: State, rng: random.Random) -> Sequence[float]:
    """The returns of random play to the end; `state` is used up."""
    choose = rng.random
    while not state.is_terminal():
        if state.is_chance_node():
            state.apply_action(drawn(state, rng))
        else:
            legal = state.legal_actions()
            state.apply_action(legal[int(choose() * len(legal))])
    return state.returns()


def drawn(state: State, rng: random.Random) -> int:
    """A chance outcome."""
    outcomes, probabilities = zip(*state.chance_outcomes(), strict=True)
    action: int = rng.choices(outcomes, probabilities)[0]
    return action


@registry.agents.register("mcts", family="search")
class TreeSearchAgent(ScriptedAgent):
    """UCT with random rollouts in games that hide nothing, drawn with the turn's seed."""

    def __init__(self, *, simulations: int = 200, c: float = 1.4, rollouts: int = 1) -> None:
        """simulations: positions added to the tree at every turn.
        c: how much it explores; returns are scaled to [-1, 1].
        rollouts: random games from each new position.
        """
        require_search(simulations, c, rollouts)
        super().__init__("mcts")
        self._settings = simulations, c, rollouts

    async def act(self, observation: Observation) -> Reply:
        """The action that was tried most often; among equals the one that brought more."""
        situation = situation_of(observation, self.seat)
        state = situation.state()
        if len(legal := state.legal_actions()) == 1:
            return Reply(situation.action_text(legal[0]))
        game = state.get_game()
        search = TreeSearch(*self._settings, float(game.min_utility()), float(game.max_utility()))
        tried = search.visits(state, random.Random(self.seat.turn_seed(observation.turn)))
        return Reply(situation.action_text(max(tried, key=tried.__getitem__)))


def require_search(simulations: int, c: float, rollouts: int) -> None:
    """Raises ValueError for settings of no search."""
    for name, number in (("simulations", simulations), ("rollouts", rollouts)):
        if number < 1:
            raise ValueError(f"{name} must be >= 1, got {number}")
    if not (c >= 0 and math.isfinite(c)):
        raise ValueError(f"c must be a number >= 0, got {c}")
