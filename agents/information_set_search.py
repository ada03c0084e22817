"""Tree search where something is hidden: information set MCTS (Cowling, Powley and Whitehouse 2012), many trees in one.

A simulation draws a position that the seat may be in, for all it knows, and walks down from there: the player to move
chooses by UCB1 among what its own information state has tried so far, so that nobody uses what it cannot see. At an
information state that is new, play goes on at random to the end. Deviations from the paper: returns are scaled to
[-1, 1], and each action is tried once before UCB1 chooses.

Positions are drawn by OpenSpiel where it can (`RESAMPLED`). Elsewhere a depth-first search in random order finds a
history in which the seat saw and did what it did: each such history may come, not quite by its probability.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.agents.situations import situation_of
from sparring.agents.tree_search import drawn, require_search, rolled_out
from sparring.types import Observation, Reply

RESAMPLED = frozenset(
    (
        *("bargaining", "blackjack", "bridge", "euchre", "gin_rummy"),
        *("hearts", "kuhn_poker", "leduc_poker", "oh_hell", "universal_poker"),
    )
)
"""OpenSpiel's games with `resample_from_infostate`; of the others it complains on stderr."""
RESTARTS, MOST_STEPS = 50, 400
"""Of the search for one history."""
Tried = dict[int, list[float]]
"""Action -> [how often, the sum of what it brought]."""


def knowledge(state: Any, player: int) -> str:
    """What a player knows, as a key: OpenSpiel's information state, or its observation where it has no other."""
    if state.get_game().get_type().provides_information_state_string:
        return str(state.information_state_string(player))
    return str(state.observation_string(player))


class Positions:
    """The positions that the player to move may be in."""

    def __init__(self, state: Any) -> None:
        """`state`: the true position, of which only what its mover has seen and done is used."""
        self._game, self._player, self._true = state.get_game(), state.current_player(), state
        self._resampled = self._game.get_type().short_name in RESAMPLED
        if not self._resampled:
            self._replay(state.history())

    def _replay(self, history: Sequence[int]) -> None:
        """Note what the player has seen, each time that it was something new, and what it has done."""
        self._root = replayed = self._game.new_initial_state()
        self._seen = [knowledge(replayed, self._player)]
        self._done: list[int] = []
        for action in history:
            self._done += [action] * (replayed.current_player() == self._player)
            replayed = replayed.child(action)
            if (known := knowledge(replayed, self._player)) != self._seen[-1]:
                self._seen.append(known)

    def draw(self, rng: random.Random) -> Any:
        """One of them, to be changed. Raises ValueError where none is found."""
        if self._resampled:
            return self._true.resample_from_infostate(self._player, rng.random)
        for _ in range(RESTARTS):  # a search that begins badly goes on badly
            if (found := self._search(rng)) is not None:
                return found.clone()
        name = self._game.get_type().long_name
        raise ValueError(f"ismcts finds no position of {name} that fits what the seat has seen: the game is too large")

    def _search(self, rng: random.Random) -> Any:
        """One search; None where it comes to nothing, or to no end in `MOST_STEPS`."""
        stack = [(self._root, 0, 0)]
        for _ in range(MOST_STEPS):
            if not stack:
                return None
            state, seen, turn = stack.pop()
            is_mine = state.current_player() == self._player
            if is_mine and turn == len(self._done) and seen == len(self._seen) - 1:
                return state
            for action in self._to_try(state, turn, rng):
                after = state.child(action)
                now = self._where(knowledge(after, self._player), seen)
                if now is not None:
                    stack.append((after, now, turn + is_mine))
        return None

    def _where(self, known: str, seen: int) -> int | None:
        """How far what the player knows has come from `seen`; None where it went another way."""
        return next((at for at in (seen, seen + 1) if self._seen[at : at + 1] == [known]), None)

    def _to_try(self, state: Any, turn: int, rng: random.Random) -> list[int]:
        """The actions to go on with, the first one last."""
        if state.is_terminal():
            return []
        if state.current_player() == self._player:
            return self._done[turn : turn + 1]
        if state.is_chance_node():
            by_luck = {action: rng.random() ** (1 / p) for action, p in state.chance_outcomes()}
            return sorted(by_luck, key=by_luck.__getitem__)
        actions: list[int] = state.legal_actions()
        rng.shuffle(actions)
        return actions


class InformationSetSearch:
    """A search from one information state."""

    def __init__(self, simulations: int, c: float, lowest: float, highest: float) -> None:
        """`lowest`, `highest`: the bounds of the game's returns."""
        self._simulations, self._c = simulations, c
        self._middle, self._reach = (highest + lowest) / 2, max((highest - lowest) / 2, 1e-9)
        self._tried: dict[tuple[int, str], Tried] = {}

    def visits(self, state: Any, rng: random.Random) -> dict[int, tuple[float, float]]:
        """Action -> (how often it was tried, the mean of what it brought in [-1, 1])."""
        positions, player = Positions(state), state.current_player()
        for _ in range(self._simulations):
            self._simulate(positions.draw(rng), rng)
        tried = self._tried[player, knowledge(state, player)]
        return {action: (number, total / number) for action, (number, total) in tried.items()}

    def _simulate(self, state: Any, rng: random.Random) -> None:
        """One walk down from `state`, which it uses up."""
        path: list[tuple[int, list[float]]] = []
        is_new = False
        while not is_new and not state.is_terminal():
            player = state.current_player()
            if state.is_chance_node():
                state.apply_action(drawn(state, rng))
                continue
            tried = self._tried.setdefault((player, knowledge(state, player)), {})
            is_new = not tried
            action = self._chosen(tried, state.legal_actions(), rng)
            path.append((player, tried.setdefault(action, [0.0, 0.0])))
            state.apply_action(action)
        returns = rolled_out(state, rng)
        for player, counts in path:
            counts[0] += 1
            counts[1] += (returns[player] - self._middle) / self._reach

    def _chosen(self, tried: Tried, legal: list[int], rng: random.Random) -> int:
        """An action that was not tried yet, else the best by UCB1."""
        untried = [action for action in legal if action not in tried]
        if untried:
            return rng.choice(untried)
        scale = self._c * self._c * math.log(sum(tried[action][0] for action in legal))

        def score(action: int) -> float:
            number, total = tried[action]
            return total / number + math.sqrt(scale / number)

        return max(legal, key=score)


@registry.agents.register("ismcts", family="search")
class InformationSetSearchAgent(ScriptedAgent):
    """Information set MCTS with random rollouts in games that hide something, drawn with the turn's seed."""

    def __init__(self, *, simulations: int = 200, c: float = 1.4) -> None:
        """simulations: positions that are drawn at every turn.
        c: how much it explores; returns are scaled to [-1, 1].
        """
        require_search(simulations, c, 1)
        super().__init__("ismcts")
        self._settings = simulations, c

    async def act(self, observation: Observation) -> Reply:
        """The action that was tried most often; among equals the one that brought more."""
        situation = situation_of(observation, self.seat)
        state = situation.whole_state()
        game = state.get_game()
        if game.get_type().information.name == "PERFECT_INFORMATION":
            raise ValueError(f"{self.seat.env_id} hides nothing from its seats: use mcts")
        if len(legal := state.legal_actions()) == 1:
            return Reply(situation.action_text(legal[0]))
        search = InformationSetSearch(*self._settings, float(game.min_utility()), float(game.max_utility()))
        tried = search.visits(state, random.Random(self.seat.turn_seed(observation.turn)))
        return Reply(situation.action_text(max(tried, key=tried.__getitem__)))
