"""One agent in one environment: exact strength where the game can be solved, and results against uniform play."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from sparring import registry
from sparring.agents.prompts import Template
from sparring.agents.solvers import equilibrium
from sparring.envs.games.two_player import SEATS
from sparring.protocols import Agent, Seat
from sparring.rollout.loop import Event, Listener, play
from sparring.rollout.pool import Pool
from sparring.scoreboard import game_theory, perfect_play
from sparring.scoreboard.exact import (
    LETTERED,
    ORDERS,
    ListSensitivity,
    Strength,
    exact_strength,
    lettered_policy,
    list_sensitivity,
)
from sparring.scoreboard.matches import by_name, rotated_matches, seats_of, standing_by_place
from sparring.scoreboard.perfect_play import PlayQuality
from sparring.scoreboard.standings import Policy, RunData, Standing, faults_of, load_run
from sparring.scoreboard.state_words import states_in_words
from sparring.specs import spec_of
from sparring.store.location import Location, Server
from sparring.store.run_files import policies_of
from sparring.types import Episode


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured. The exact part is None where there is none; `no_exact` says why."""

    env_id: str
    agent: str
    settings: Mapping[str, object]
    """How it played: prompt, decoding, temperature, longest answer, and the environment's settings."""
    nash_conv: float | None = None
    references: Mapping[str, float] = field(default_factory=dict)
    """NashConv of uniform, constant and equilibrium play."""
    against_uniform: tuple[float, float] | None = None
    """Exact expected payoff in seat 0 and in seat 1."""
    against_equilibrium: tuple[float, float] | None = None
    policy: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    strength: Strength | None = None
    """What a best response wins and how, and what every decision costs."""
    lists: ListSensitivity | None = None
    """Where both orders of the legal actions were asked for."""
    quality: PlayQuality | None = None
    """Over every position of a small game that hides nothing, of an agent whose answers cost little."""
    no_exact: str = ""
    """Why there are no exact figures: the game cannot be solved, or the agent shows no distribution."""
    standing: Standing | None = None
    """Played, against uniform (alone where there is one seat); None where no games were asked for."""
    faults: Sequence[str] = ()
    """Every episode that broke off, and why."""
    unplayed: int = 0
    """Games that an interruption kept from being played to their end; the figures are of the others."""


class EvaluationInterrupted(KeyboardInterrupt):
    """Ctrl-C while games were played; `measured` is what was known by then."""

    def __init__(self, measured: Evaluation, said: str) -> None:
        super().__init__(said)
        self.measured = measured


def evaluate(
    agent: Agent,
    env_id: str,
    games: int,
    seed: int,
    both_orders: bool = False,
    on_event: Listener | None = None,
    env_kwargs: Mapping[str, object] | None = None,
    pool: Pool | None = None,
) -> Evaluation:
    """Measure an agent. `both_orders` averages its exact policy over both orders of the legal actions. `pool`: where
    the games are played.

    Raises ValueError where nothing can be measured: no exact figures, and no games asked for; EvaluationInterrupted.
    """
    variant = spec_of(env_id, env_kwargs or {})
    measured = Evaluation(env_id, agent.name, _settings(agent, env_kwargs or {}), no_exact=_no_exact(agent, variant))
    if both_orders and measured.no_exact:
        raise ValueError(f"both orders are asked for exact figures of games that hide something: {measured.no_exact}")
    if not measured.no_exact:
        measured = _solved(measured, variant, agent, ORDERS if both_orders else ORDERS[:1])
    elif _may_visit_all(agent, env_id, env_kwargs):
        measured = replace(measured, quality=perfect_play.play_quality(agent, env_id), no_exact="")
    elif not games:
        raise ValueError(f"there is nothing to measure: {measured.no_exact}; and games is 0")
    if not games:
        return measured
    players = [agent, *(registry.make_agent("random") for _ in seats_of(env_id)[1:])]
    agents = by_name(players)
    matches = rotated_matches(env_id, list(agents), games, seed, env_kwargs=dict(env_kwargs or {}))
    ended: dict[str, Episode] = {}

    def note(event: Event) -> None:
        if event.episode is not None:
            ended[event.match.id] = event.episode
        if on_event is not None:
            on_event(event)

    try:
        play(matches, agents, on_event=note, pool=pool)
    except KeyboardInterrupt as interruption:
        measured = _with_games(measured, [ended.get(match.id) for match in matches], players)
        raise EvaluationInterrupted(measured, str(interruption)) from interruption
    return _with_games(measured, [ended[match.id] for match in matches], players)


def _with_games(measured: Evaluation, games: Sequence[Episode | None], players: Sequence[Agent]) -> Evaluation:
    """With what came of games in their order; None for one that has not ended."""
    ended = [game for game in games if game is not None]
    standing = standing_by_place(games, players)[0] if ended else None
    return replace(measured, standing=standing, faults=faults_of(ended), unplayed=len(games) - len(ended))


def _settings(agent: Agent, env_kwargs: Mapping[str, object]) -> dict[str, object]:
    template = getattr(agent, "template", None)
    prompt = {"prompt": template.name} if isinstance(template, Template) else {}
    return {**prompt, **({} if agent.sampling is None else asdict(agent.sampling)), **env_kwargs}


def _no_exact(agent: Agent, env_id: str) -> str:
    """Why there can be no exact figures; "" where there can."""
    try:
        game_theory.solved_game(env_id)
    except game_theory.HidesNothing:
        return _no_exact_open(env_id)
    except ValueError as error:
        return f"the game cannot be solved exactly: {error}"
    if not game_theory.is_scorable(agent, env_id):
        return f"{agent.name} shows no distribution over the legal actions, so its exact strength is unknown"
    return ""


def _no_exact_open(env_id: str) -> str:
    try:
        perfect_play.number_of_positions(env_id)
    except ValueError as error:
        return f"the game cannot be solved exactly: {error}"
    return f"nothing is hidden in {env_id}: `sparring exact` asks an agent at every position"


def _may_visit_all(agent: Agent, env_id: str, env_kwargs: Mapping[str, object] | None) -> bool:
    """Whether an agent can be asked at every position: it shows probabilities, and waits for no language model."""
    if _waits(agent, env_id) or env_kwargs or not game_theory.is_scorable(agent, env_id):
        return False
    return perfect_play.is_small_and_open(env_id)


def _waits(agent: Agent, env_id: str) -> bool:
    """Whether it asks a language model, which reads the text."""
    return bool(getattr(agent.open(Seat(env_id, SEATS[0])), "waits", True))


def _solved(measured: Evaluation, env_id: str, agent: Agent, orders: Sequence[str]) -> Evaluation:
    """With the exact figures of an environment, whose options stand in its id."""
    policies: dict[str, Policy] = {order: game_theory.tabular_policy(agent, env_id, (order,)) for order in orders}
    policy = game_theory.mean_policy(list(policies.values()))
    if len(orders) > 1 and _waits(agent, env_id):
        policies[LETTERED] = lettered_policy(agent, env_id)
    strength = exact_strength(env_id, policy)
    return replace(
        measured,
        nash_conv=strength.nash_conv,
        strength=strength,
        lists=list_sensitivity(env_id, policies) if len(policies) > 1 else None,
        references=game_theory.references(env_id),
        against_uniform=game_theory.values(env_id, policy, game_theory.uniform_policy(env_id)),
        against_equilibrium=game_theory.values(env_id, policy, equilibrium(env_id)),
        policy=policy,
    )


def load_for_report(path: Location) -> RunData:
    """A run or a store; of a run also the NashConv of reference policies and its policies over time, where solvable.

    What cannot be worked out here (an environment that is not installed) is left out and named. Raises what
    `standings.load_run` raises.
    """
    run = load_run(path)
    written: dict[str, dict[str, Policy]] = {} if isinstance(path, Server) else policies_of(path)
    solved = {key.partition("/")[2] for line in run.metrics for key in line if key.startswith("nash_conv/")}
    references, states, policies, left_out = {}, {}, dict(written), []
    for game in sorted(solved | set(written)):
        try:
            references[game] = game_theory.references(game)
            states[game] = states_in_words(game)
            if game in written:
                policies[game] = {**written[game], "equilibrium": equilibrium(game)}
        except (ValueError, registry.UnknownName, registry.MissingExtra) as error:
            left_out.append(f"the reference policies of {game} are left out: {error}")
    damaged = (*run.damaged, *left_out)
    return replace(run, references=references, states=states, policies=policies, damaged=damaged)
