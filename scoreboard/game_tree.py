"""A small game written out, history by history, and what policies are worth at each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from sparring.envs.games.spiel import SpielState
from sparring.scoreboard.game_theory import SolvedGame, TabularPolicy, solved_game

CHANCE, END = -1, -2
Policies = Sequence[TabularPolicy]
"""By seat."""


@dataclass(frozen=True, slots=True)
class GameTree:
    """H histories; every one comes after those that lead to it."""

    player: list[int] = field(default_factory=list)
    """[H], the seat that decides; `CHANCE` or `END`."""
    key: list[str] = field(default_factory=list)
    """[H], of the information state; "" where no seat decides."""
    after: list[dict[str, int]] = field(default_factory=list)
    """[H], action, or outcome of chance -> the history after it."""
    odds: list[Mapping[str, float]] = field(default_factory=list)
    """[H], outcome -> probability, where chance decides."""
    returns: list[Sequence[float]] = field(default_factory=list)
    """[H], of every seat, at an end."""
    members: dict[str, list[int]] = field(default_factory=dict)
    """State key -> its histories."""

    def played(self, policies: Policies, history: int) -> Mapping[str, float]:
        """Action or outcome -> probability; nothing at an end."""
        player = self.player[history]
        return self.odds[history] if player < 0 else policies[player][self.key[history]]

    def values(self, policies: Policies, seat: int) -> list[float]:
        """[H], what a seat wins from each history on."""
        values = [0.0] * len(self.player)
        for history in reversed(range(len(values))):
            if self.player[history] == END:
                values[history] = self.returns[history][seat]
            else:
                odds = self.played(policies, history)
                values[history] = sum(odds[action] * values[after] for action, after in self.after[history].items())
        return values


@cache
def game_tree(env_id: str) -> GameTree:
    """Of an environment. Raises ValueError where it cannot be solved."""
    tree, solved = GameTree(), solved_game(env_id)
    _grow(tree, solved, solved.game.new_initial_state())
    return tree


def _grow(tree: GameTree, solved: SolvedGame, state: SpielState) -> int:
    number, after = len(tree.player), dict[str, int]()
    chance, end = state.is_chance_node(), state.is_terminal()
    player = CHANCE if chance else END if end else state.current_player()
    key = state.information_state_string(player) if player >= 0 else ""
    outcomes = {str(outcome): odds for outcome, odds in state.chance_outcomes()} if chance else {}
    tree.player.append(player)
    tree.key.append(key)
    tree.after.append(after)
    tree.odds.append(outcomes)
    tree.returns.append(state.returns() if end else ())
    if player >= 0:
        tree.members.setdefault(key, []).append(number)
    if not end:
        names = {action: str(action) for action in state.legal_actions()} if chance else solved.actions[key]
        after |= {name: _grow(tree, solved, state.child(action)) for action, name in names.items()}
    return number


class Responder:
    """One seat against a policy in the other: what it wins by playing on like the policy, and by a best response."""

    def __init__(self, tree: GameTree, policy: TabularPolicy, seat: int) -> None:
        self.tree, self.seat = tree, seat
        self._policies = [policy] * 2
        self._own, self._others = _reach(tree, self._policies, seat)
        self._values = tree.values(self._policies, seat)
        self._best: dict[int, float] = {}
        self._answers: dict[str, dict[str, float]] = {}

    @property
    def own(self) -> float:
        """What the policy wins in this seat."""
        return self._values[0]

    @property
    def best(self) -> float:
        """What a best response wins in this seat."""
        return self._best_from(0)

    def towards(self, key: str) -> float:
        """The probability that the policy, in this seat, plays towards an information state."""
        return self._own[self.tree.members[key][0]]

    def once(self, key: str) -> dict[str, float]:
        """Action -> counterfactual value at an information state, the policy playing on afterwards."""
        return self._by_action(key, self._values.__getitem__)

    def answers(self, key: str) -> dict[str, float]:
        """Action -> counterfactual value at an information state, a best response playing on afterwards."""
        if key not in self._answers:
            self._answers[key] = self._by_action(key, self._best_from)
        return self._answers[key]

    def _by_action(self, key: str, value: Callable[[int], float]) -> dict[str, float]:
        """Weighted by the probability that chance and the other seat play towards each history."""
        sums = dict.fromkeys(self.tree.after[self.tree.members[key][0]], 0.0)
        for history in self.tree.members[key]:
            for action, after in self.tree.after[history].items():
                sums[action] += self._others[history] * value(after)
        return sums

    def _best_from(self, history: int) -> float:
        if history not in self._best:
            self._best[history] = self._worked_out(history)
        return self._best[history]

    def _worked_out(self, history: int) -> float:
        tree = self.tree
        if tree.player[history] == END:
            return tree.returns[history][self.seat]
        if tree.player[history] == self.seat:
            answers = self.answers(tree.key[history])
            return self._best_from(tree.after[history][max(answers, key=answers.__getitem__)])
        odds = tree.played(self._policies, history)
        return sum(odds[action] * self._best_from(after) for action, after in tree.after[history].items())


def _reach(tree: GameTree, policies: Policies, seat: int) -> tuple[list[float], list[float]]:
    """[H] The probability that the seat, and that everybody else with chance, plays towards each history."""
    own, others = [1.0] * len(tree.player), [1.0] * len(tree.player)
    for history, afters in enumerate(tree.after):
        odds = tree.played(policies, history)
        for action, after in afters.items():
            mine = tree.player[history] == seat
            own[after] = own[history] * (odds[action] if mine else 1.0)
            others[after] = others[history] * (1.0 if mine else odds[action])
    return own, others
