"""Exact strength beside the ratings: worked out from the agents themselves, not from episodes.

Agents are built again from their names, so only those that neither read files, run programs nor ask servers: a store of
somebody else's may name anything. Language models are asked at every information state of games that hide something,
and not at the thousands of positions of those that do not.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparring import registry
from sparring.agents import named
from sparring.agents.solvers import equilibrium
from sparring.protocols import Agent, Seat
from sparring.scoreboard import game_theory, perfect_play
from sparring.scoreboard.board.leaderboard import Leaderboard
from sparring.scoreboard.board.places import Place
from sparring.scoreboard.game_tree import Responder, game_tree
from sparring.scoreboard.perfect_play import PlayQuality, play_quality
from sparring.specs import parse_spec

log = logging.getLogger(__name__)
FAMILIES = ("scripted", "solvers", "search")
MODELS = ("nano", "smollm2")
REFUSALS = (ValueError, TypeError, registry.UnknownName, registry.MissingExtra)


@dataclass(frozen=True, slots=True)
class HiddenStrength:
    """In a game that hides something, in its payoff unit."""

    nash_conv: float
    """What best responses gain over both seats; 0 is an equilibrium."""
    lost: tuple[float, float]
    """What a best response wins against the agent in seat 0, and in seat 1."""
    against_equilibrium: float
    """Payoff, the mean over both seats."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One agent, or one policy to compare with."""

    agent: str
    is_reference: bool
    strength: HiddenStrength | PlayQuality


@dataclass(frozen=True, slots=True)
class ExactPlace:
    """One environment."""

    place: Place
    is_open: bool
    """Whether it hides nothing: then strengths are `PlayQuality`."""
    lines: tuple[Measured, ...]
    """The least exploitable first."""


@dataclass(frozen=True, slots=True)
class Exact:
    """All that could be measured, and why not the rest."""

    places: tuple[ExactPlace, ...]
    left_out: Mapping[str, str]
    """Agent, or `agent in environment` -> why."""


def exact_strengths(boards: Sequence[Leaderboard]) -> Exact:
    """Of every agent in the environments that it played and that can be solved. `boards`: that of everything first."""
    left_out: dict[str, str] = {}
    built: dict[str, Agent] = {}
    for line in boards[0].lines:
        try:
            built[line.agent] = _build(line.agent)
        except REFUSALS as error:
            left_out[line.agent] = _in_words(error)
    measured = (_measure(one, built, left_out) for one in boards if one.key.startswith("env:"))
    return Exact(tuple(sorted(filter(None, measured), key=lambda one: one.place.name)), left_out)


def _build(name: str) -> Agent:
    """Raises one of `REFUSALS` for an agent that is not built from a name that somebody else may have written."""
    parsed = parse_spec(name)
    row = registry.agents.row(parsed.name)
    is_model = parsed.name in MODELS and parsed.argument is None and not parsed.options
    if row.family not in FAMILIES and not is_model:
        raise ValueError("agents of this kind are not built from the names in a store")
    return named.make(name)


def _measure(board: Leaderboard, built: Mapping[str, Agent], left_out: dict[str, str]) -> ExactPlace | None:
    """None where the environment cannot be solved."""
    place = board.places[0]
    try:
        is_open = not game_theory.is_solvable(place.spec)
        if is_open and not perfect_play.is_small_and_open(place.spec):
            return None
        lines = _open_references(place.spec) if is_open else _hidden_references(place.spec)
    except REFUSALS:
        return None
    for name in (line.agent for line in board.lines if line.agent in built):
        if parse_spec(name).name in MODELS:
            log.info("asking %s at every decision of %s (Ctrl-C ends it)", name, place.name)
        try:
            lines.append(Measured(name, False, _strength(built[name], place.spec, is_open)))
        except REFUSALS as error:
            left_out[f"{name} in {place.name}"] = _in_words(error)
    return ExactPlace(place, is_open, tuple(sorted(lines, key=_order)))


def _order(line: Measured) -> tuple[float, str]:
    weak = line.strength.exploitability if isinstance(line.strength, PlayQuality) else line.strength.nash_conv
    return round(weak, 9), line.agent


def _strength(agent: Agent, spec: str, is_open: bool) -> HiddenStrength | PlayQuality:
    if not is_open:
        return _hidden(spec, game_theory.tabular_policy(agent, spec))
    if getattr(agent.open(Seat(spec, "player_0")), "waits", True):
        raise ValueError("it asks a language model, which takes long at every position: `sparring exact` does it")
    return play_quality(agent, spec)


def _hidden(spec: str, policy: game_theory.TabularPolicy) -> HiddenStrength:
    first, second = (Responder(game_tree(spec), policy, seat).best for seat in (0, 1))
    against = game_theory.values(spec, policy, equilibrium(spec))
    return HiddenStrength(game_theory.nash_conv(spec, policy), (second, first), sum(against) / 2)


def _hidden_references(spec: str) -> list[Measured]:
    policies = {"uniform random": game_theory.uniform_policy(spec), "equilibrium (CFR+)": equilibrium(spec)}
    for index, name in enumerate(game_theory.constant_names(spec)):
        policies[name] = game_theory.constant_policy(spec, index)
    return [Measured(name, True, _hidden(spec, policy)) for name, policy in policies.items()]


def _open_references(spec: str) -> list[Measured]:
    agents = {"uniform random": "random", "perfect play": "minimax"}
    return [Measured(name, True, play_quality(registry.make_agent(agent), spec)) for name, agent in agents.items()]


def _in_words(error: Exception) -> str:
    return str(error).replace("\n", " ")
