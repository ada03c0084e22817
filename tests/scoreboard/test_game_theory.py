import asyncio
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_spiel.python import policy as spiel_policy
from open_spiel.python.algorithms import expected_game_score, exploitability

from sparring import envs, registry
from sparring.agents.scripted import ScriptedAgent
from sparring.agents.solvers import equilibrium
from sparring.protocols import Seat
from sparring.rollout.loop import Match, play
from sparring.scoreboard import game_theory as gt

KUHN, LEDUC = "sparring/KuhnPoker-v0", "sparring/LeducPoker-v0"


def random_policy(env_id, seed):
    generator = random.Random(seed)
    table = {}
    for key, names in gt.solved_game(env_id).actions.items():
        weights = [generator.random() + 1e-3 for _ in names]
        table[key] = dict(zip(names.values(), [w / sum(weights) for w in weights], strict=True))
    return table


def spiel_table(env_id, policy):
    """The same policy in OpenSpiel's own Python form, filled in without our code."""
    solved = gt.solved_game(env_id)
    table = spiel_policy.TabularPolicy(solved.game)
    for key, names in solved.actions.items():
        row = table.policy_for_key(key)
        row[:] = 0.0
        for action, name in names.items():
            row[action] = policy[key][name]
    return solved.game, table


@pytest.mark.parametrize(("env_id", "expected"), [(KUHN, 0.916667), (LEDUC, 4.747222)])
def test_nash_conv_of_uniform_play_is_the_published_number(env_id, expected):
    assert gt.nash_conv(env_id, gt.uniform_policy(env_id)) == pytest.approx(expected, abs=5e-7)


def test_nash_conv_of_constant_play_in_kuhn():
    found = gt.references(KUHN)
    assert found["always bet / call"] == pytest.approx(0.666667, abs=5e-7)
    assert found["always check / fold"] == pytest.approx(2.0, abs=5e-7)
    assert found["equilibrium (CFR+)"] < 0.001


@pytest.mark.parametrize("env_id", [KUHN, "sparring/LiarsDice-v0:dice_sides=3"])
def test_more_iterations_of_cfr_come_closer_to_an_equilibrium(env_id):
    found = [gt.nash_conv(env_id, equilibrium(env_id, iterations=count)) for count in (1, 10, 100, 1_000)]
    assert all(later < 0.7 * earlier for earlier, later in itertools.pairwise(found))
    assert found[-1] < 0.01


@pytest.mark.parametrize(
    "env_id",
    [
        "Goofspiel-v0:num_cards=3",
        "RockPaperScissors-v0",
        "Blotto-v0:coins=4",
        "DarkHex-v0:board_size=2",
    ],
)
def test_small_hidden_games_have_an_equilibrium_and_uniform_play_is_none(env_id):
    env_id = f"sparring/{env_id}"
    found = gt.nash_conv(env_id, equilibrium(env_id, iterations=300))
    assert found < 0.02
    assert found < gt.nash_conv(env_id, gt.uniform_policy(env_id)) or "Rock" in env_id


def test_cfr_plays_as_strong_as_it_is_set():
    for count in (1, 2_000):
        seen = [state for _, state in envs.make(KUHN).information_states()]
        agent = registry.make_agent(f"cfr:iterations={count}").open(Seat(KUHN, "player_0", "e"))
        played = [asyncio.run(agent.action_distribution(state)) for state in seen]
        assert played == [equilibrium(KUHN, iterations=count)[str(state.state_key)] for state in seen]


def test_the_equilibrium_has_kuhns_value():
    distribution = equilibrium(KUHN)
    first, second = gt.values(KUHN, distribution, distribution)
    assert first == pytest.approx(-1 / 18, abs=1e-3)
    assert second == pytest.approx(1 / 18, abs=1e-3)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_nash_conv_and_values_equal_open_spiels_python_solvers(seed):
    ours, theirs = random_policy(KUHN, seed), random_policy(KUHN, seed + 1)
    game, table = spiel_table(KUHN, ours)
    _, other = spiel_table(KUHN, theirs)
    assert gt.nash_conv(KUHN, ours) == pytest.approx(exploitability.nash_conv(game, table), abs=1e-9)
    root = game.new_initial_state()
    expected = (
        expected_game_score.policy_value(root, [table, other])[0],
        expected_game_score.policy_value(root, [other, table])[1],
    )
    assert gt.values(KUHN, ours, theirs) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_the_average_policy_earns_the_average_of_what_its_parts_earn(seed, count):
    parts = [random_policy(KUHN, seed + i) for i in range(count)]
    weights = [1.0 + i for i in range(count)]
    opponent = random_policy(KUHN, seed + 99)
    mixed = gt.values(KUHN, gt.average_policy(KUHN, parts, weights), opponent)
    separate = [gt.values(KUHN, part, opponent) for part in parts]
    for seat in (0, 1):
        expected = sum(w * value[seat] for w, value in zip(weights, separate, strict=True)) / sum(weights)
        assert mixed[seat] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("spec", ["random", "constant:bet/call", "cfr"])
def test_the_policy_of_an_agent_is_how_it_plays(spec):
    agent, opponent = registry.make_agent(spec), registry.make_agent("random")
    exact = gt.values(KUHN, gt.tabular_policy(agent, KUHN), gt.uniform_policy(KUHN))
    for seat in (0, 1):
        seats = {f"player_{seat}": agent, f"player_{1 - seat}": opponent}
        episodes = play([Match(str(i), KUHN, {seat: seat for seat in seats}, i) for i in range(4000)], seats)
        mean = sum(episode.trajectories[f"player_{seat}"].reward for episode in episodes) / len(episodes)
        assert mean == pytest.approx(exact[seat], abs=5 * 1.6 / 4000**0.5)


def test_action_orders_are_averaged():
    class First(ScriptedAgent):
        async def action_distribution(self, observation):
            return {action: float(action == observation.legal_actions[0]) for action in observation.legal_actions}

    policy = gt.tabular_policy(First("first"), KUHN, ("given", "reversed"))
    assert all(distribution == pytest.approx(dict.fromkeys(distribution, 0.5)) for distribution in policy.values())


def test_a_game_that_cannot_be_solved_says_so():
    assert not gt.is_solvable("sparring/TicTacToe-v0")
    assert not gt.is_solvable("sparring/SimpleNegotiation-v0")
    with pytest.raises(ValueError, match="not a game of imperfect information"):
        gt.solved_game("sparring/TicTacToe-v0")


def test_an_incomplete_or_improper_policy_is_refused():
    policy = random_policy(KUHN, 1)
    key = next(iter(policy))
    with pytest.raises(ValueError, match="no probability distribution"):
        gt.nash_conv(KUHN, {**policy, key: dict.fromkeys(policy[key], 0.9)})
    del policy[key]
    with pytest.raises(ValueError, match="no entry for information state"):
        gt.nash_conv(KUHN, policy)


def test_an_average_that_grows_is_the_average_of_all_its_policies():
    policies = [random_policy(KUHN, seed) for seed in range(6)]
    weights = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    average = gt.Average(KUHN)
    for count, (policy, weight) in enumerate(zip(policies, weights, strict=True), start=1):
        average = average.plus(policy, weight)
        mixture = gt.average_policy(KUHN, policies[:count], weights[:count])
        assert average.policy() == mixture
        # Drawing a policy by its weight and keeping to it pays what the average pays, against anybody (Kuhn's theorem).
        shares = [w / sum(weights[:count]) for w in weights[:count]]
        pure = [gt.values(KUHN, one, gt.uniform_policy(KUHN)) for one in policies[:count]]
        expected = [sum(s * pair[seat] for s, pair in zip(shares, pure, strict=True)) for seat in (0, 1)]
        assert gt.values(KUHN, mixture, gt.uniform_policy(KUHN)) == pytest.approx(expected, abs=1e-12)


def test_an_average_of_nothing_is_refused():
    with pytest.raises(ValueError, match="one weight per policy, got 0 for 0 policies"):
        gt.average_policy(KUHN, [])
