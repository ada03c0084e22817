"""A report's tables of policies: every information state in words, each policy's probabilities, the equilibrium's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sparring.scoreboard.standings import Policy, RunData

EQUAL = 0.005
"""Probabilities that look the same in the table."""


@dataclass(frozen=True, slots=True)
class StateRow:
    """One state, or several that read the same and are played the same."""

    words: str
    actions: tuple[str, ...]
    distributions: tuple[tuple[float | None, ...], ...]
    """[policy][action]; None where a policy does not know the state or the action."""
    states: int = 1


@dataclass(frozen=True, slots=True)
class PolicyTable:
    """All policies of a run in one game."""

    run: str
    env_id: str
    labels: tuple[str, ...]
    rows: tuple[StateRow, ...]

    def to_json(self) -> dict[str, object]:
        """Plain data for the script."""
        return asdict(self)


def policy_tables(runs: Sequence[RunData]) -> list[PolicyTable]:
    """One a run and game."""
    return [
        PolicyTable(run.label, env_id, tuple(policies), tuple(_rows(policies, run.states.get(env_id, {}))))
        for run in runs
        for env_id, policies in run.policies.items()
    ]


def _rows(policies: Mapping[str, Policy], words: Mapping[str, str]) -> list[StateRow]:
    """In the order of `words`, then whatever else a policy knows."""
    known = dict.fromkeys(state for policy in policies.values() for state in policy)
    order = dict.fromkeys([*(state for state in words if state in known), *known])
    rows: list[StateRow] = []
    by_words: dict[str, list[int]] = {}
    for state in order:
        row = _row(state, words.get(state, state), policies)
        places = by_words.setdefault(row.words, [])
        same = next((place for place in places if _look_alike(rows[place], row)), None)
        if same is None:
            places.append(len(rows))
            rows.append(row)
        else:
            rows[same] = StateRow(row.words, row.actions, rows[same].distributions, rows[same].states + 1)
    return rows


def _row(state: str, words: str, policies: Mapping[str, Policy]) -> StateRow:
    distributions = [policy.get(state, {}) for policy in policies.values()]
    actions = tuple(dict.fromkeys(action for distribution in distributions for action in distribution))
    found = tuple(tuple(_rounded(distribution.get(action)) for action in actions) for distribution in distributions)
    return StateRow(words, actions, found)


def _rounded(probability: float | None) -> float | None:
    return None if probability is None else round(probability, 4)


def _look_alike(one: StateRow, other: StateRow) -> bool:
    """Two cards of one rank are two states of the same words."""
    if one.actions != other.actions:
        return False
    pairs = [
        pair
        for distributions in zip(one.distributions, other.distributions, strict=True)
        for pair in zip(*distributions, strict=True)
    ]
    return all(a == b if a is None or b is None else abs(a - b) <= EQUAL for a, b in pairs)
