"""Exact strength against published numbers and OpenSpiel's own solvers."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pyspiel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_spiel.python import policy as spiel_policy
from open_spiel.python.algorithms import best_response

from sparring.agents.scripted import ConstantAgent, ScriptedAgent
from sparring.agents.solvers import EquilibriumAgent, equilibrium
from sparring.scoreboard import game_theory
from sparring.scoreboard.exact import (
    ORDERS,
    ListSensitivity,
    exact_strength,
    lettered,
    lettered_policy,
    list_sensitivity,
    population,
)
from sparring.scoreboard.game_tree import game_tree
from sparring.types import Observation

KUHN, LEDUC = "sparring/KuhnPoker-v0", "sparring/LeducPoker-v0"
Policy = dict[str, dict[str, float]]


def random_policy(env_id: str, seed: int) -> Policy:
    """Any policy, some of whose actions are never played."""
    generator, policy = random.Random(seed), {}
    for key, names in game_theory.solved_game(env_id).actions.items():
        weights = [generator.choice((0.0, 1.0, 2.0)) for _ in names]
        weights[0] += 0.1
        policy[key] = {name: one / sum(weights) for name, one in zip(names.values(), weights, strict=True)}
    return policy


@pytest.mark.parametrize(("env_id", "expected"), [(KUHN, 0.916667), (LEDUC, 4.747222)])
def test_uniform_play_has_the_published_nash_conv_and_its_gains_add_up_to_it(env_id: str, expected: float) -> None:
    strength = exact_strength(env_id, game_theory.uniform_policy(env_id))
    assert strength.nash_conv == pytest.approx(expected, abs=5e-7)
    assert sum(strength.best_response) == pytest.approx(strength.nash_conv)
    assert sum(one.gain for one in strength.decisions) == pytest.approx(strength.nash_conv)


def test_who_always_bets_is_answered_in_words() -> None:
    strength = exact_strength(KUHN, game_theory.constant_policy(KUHN, 1))
    assert strength.nash_conv == pytest.approx(2 / 3)
    assert strength.best_response == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    first, second = strength.answers()[:2]
    assert first.answer_in_words == ("You act first. Betting so far: none. Your card is J. Play check: +0.333 a game.")
    assert (second.answer, second.gain) == ("fold", pytest.approx(1 / 3))
    assert strength.mistakes()[0].cost_in_words == (
        "You act second. Betting so far: opponent bet. Your card is J. "
        "It plays fold 0 %, call 100 %; fold alone is worth 0.333 more a game."
    )


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_best_responses_are_open_spiel_s_and_regrets_bound_them(seed: int) -> None:
    policy = random_policy(KUHN, seed)
    strength, solved = exact_strength(KUHN, policy), game_theory.solved_game(KUHN)
    table = spiel_policy.TabularPolicy(solved.game)
    for key, names in solved.actions.items():
        table.policy_for_key(key)[:] = [policy[key][names[action]] for action in sorted(names)]
    for seat in (0, 1):
        theirs = best_response.BestResponsePolicy(solved.game, seat, table)
        value = theirs.value(solved.game.new_initial_state())
        assert strength.best_response[seat] == pytest.approx(value, abs=1e-12)
    assert sum(one.gain for one in strength.decisions) == pytest.approx(strength.nash_conv, abs=1e-12)
    assert sum(one.regret for one in strength.decisions) >= strength.nash_conv - 1e-12


def test_in_leduc_best_responses_are_those_of_open_spiel_in_c() -> None:
    policy = random_policy(LEDUC, 3)
    strength, game = exact_strength(LEDUC, policy), game_theory.solved_game(LEDUC).game
    expected = pyspiel.nash_conv(game, game_theory._to_spiel(game_theory.solved_game(LEDUC), policy))
    assert sum(strength.best_response) == pytest.approx(expected)
    assert sum(one.gain for one in strength.decisions) == pytest.approx(expected)


def test_an_equilibrium_regrets_nothing() -> None:
    strength = exact_strength(KUHN, equilibrium(KUHN))
    assert sum(one.regret for one in strength.decisions) < 1e-3
    assert strength.best_response == (pytest.approx(-1 / 18, abs=1e-3), pytest.approx(1 / 18, abs=1e-3))


def test_a_bad_plan_for_a_state_that_one_avoids_costs_nothing() -> None:
    policy = {**game_theory.constant_policy(KUHN, 1), "2pb": {"fold": 1.0, "call": 0.0}}  # never checks, so never there
    avoided = next(one for one in exact_strength(KUHN, policy).decisions if one.key == "2pb")
    assert (avoided.best, avoided.cost, avoided.gain) == ("call", 0.0, 0.0)
    assert avoided.regret > 0.5


def test_the_equilibrium_and_the_agent_that_plays_it_are_worked_out_once() -> None:
    equilibrium.cache_clear()
    asked = game_theory.tabular_policy(EquilibriumAgent(), KUHN)
    before = equilibrium._outcome.cache_info().misses
    assert equilibrium(KUHN) == asked
    assert equilibrium._outcome.cache_info().misses == before == 1


def test_a_game_of_one_decision_is_answered_in_words() -> None:
    game = "sparring/RockPaperScissors-v0"
    rock = exact_strength(game, game_theory.constant_policy(game, 0))
    assert rock.best_response == (1.0, 1.0)
    assert rock.answers()[0].answer_in_words == "The only decision. Play paper: +1.000 a game."


def test_two_cards_of_one_rank_are_one_line() -> None:
    strength = exact_strength(LEDUC, game_theory.uniform_policy(LEDUC))
    words = [(one.seat, one.words) for one in strength.answers()]
    assert len(set(words)) == len(words)
    best = max(strength.decisions, key=lambda one: one.gain)
    twins = [one.gain for one in strength.decisions if one.words == best.words]
    assert len(twins) > 1
    assert strength.answers()[0].gain == pytest.approx(sum(twins))


class First(ScriptedAgent):
    """Always takes what is listed first."""

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """All on it."""
        return {
            action: float(action == (observation.legal_actions or ())[0]) for action in observation.legal_actions or ()
        }


def test_play_by_the_order_of_actions_is_as_sensitive_to_it_as_can_be() -> None:
    def found_for(agent: ScriptedAgent) -> ListSensitivity:
        return list_sensitivity(KUHN, {order: game_theory.tabular_policy(agent, KUHN, (order,)) for order in ORDERS})

    found = found_for(First("first"))
    assert found.total_variation == {"reversed": 1.0}
    assert found.nash_conv == {"given": pytest.approx(2.0), "reversed": pytest.approx(2 / 3)}
    steady = found_for(ConstantAgent("bet/call"))
    assert steady.total_variation == {"reversed": 0.0}
    assert steady.nash_conv["given"] == steady.nash_conv["reversed"]


class Lover(ScriptedAgent):
    """Takes the action whose name it loves, else plays uniformly."""

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """All on it, wherever it is listed."""
        legal = observation.legal_actions or ()
        loved = [action for action in legal if action in ("bet", "call")] or legal
        return {action: (action in loved) / len(loved) for action in legal}


def test_play_by_the_names_of_actions_shows_behind_letters() -> None:
    lover = Lover("lover")
    policies = {"given": game_theory.tabular_policy(lover, KUHN), "lettered": lettered_policy(lover, KUHN)}
    found = list_sensitivity(KUHN, policies)
    assert found.total_variation == {"lettered": 0.5}
    assert found.nash_conv == {"given": pytest.approx(2 / 3), "lettered": pytest.approx(11 / 12)}
    first = First("first")  # the place in the list is the same behind letters
    assert lettered_policy(first, KUHN) == game_theory.tabular_policy(first, KUHN)


def test_behind_letters_a_text_says_all_that_it_said() -> None:
    seen = next(iter(game_theory.solved_game(KUHN).states.values()))
    told = lettered(seen)
    assert told.legal_actions == ("A", "B")
    assert told.text.splitlines() == [*seen.text.splitlines()[:-1], "Legal actions: [A] check [B] bet"]
    assert told.state_key == seen.state_key
    with pytest.raises(ValueError, match="there are 27 legal actions and 26 letters"):
        lettered(replace(seen, legal_actions=tuple(map(str, range(27)))))


def test_a_population_is_everybody_against_everybody_without_a_game() -> None:
    policies = {
        "uniform": game_theory.uniform_policy(KUHN),
        "equilibrium": equilibrium(KUHN),
        "bet": game_theory.constant_policy(KUHN, 1),
    }
    found = population(KUHN, policies, {"check": game_theory.constant_policy(KUHN, 0)})
    for i, one in enumerate(policies.values()):
        for j, other in enumerate(policies.values()):
            assert found.payoffs[i, j] == pytest.approx(np.mean(game_theory.values(KUHN, one, other)), abs=1e-12)
    assert (found.payoffs == -found.payoffs.T).all()
    assert found.nash_conv == pytest.approx([0.916667, 0, 0.666667], abs=1e-3)
    assert found.nash == pytest.approx([0, 1, 0], abs=1e-6)
    assert found.alpha.argmax() == 1
    against = np.mean(game_theory.values(KUHN, policies["bet"], game_theory.constant_policy(KUHN, 0)))
    assert found.against[2, 0] == pytest.approx(against)
    assert json.loads(json.dumps(found.plain()))["payoffs"][0][0] == 0.0


def test_payoffs_of_the_tree_sum_to_zero_and_give_kuhns_value() -> None:
    tree, play = game_tree(KUHN), equilibrium(KUHN)
    first, second = (tree.values((play, play), seat)[0] for seat in (0, 1))
    assert first == pytest.approx(-1 / 18, abs=1e-3)
    assert first + second == pytest.approx(0, abs=1e-12)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="not a game of imperfect information"):
        exact_strength("sparring/TicTacToe-v0", {})
    with pytest.raises(ValueError, match="no entry for information state"):
        exact_strength(KUHN, {})
    with pytest.raises(ValueError, match="at least one policy, got none"):
        population(KUHN, {}, {})
