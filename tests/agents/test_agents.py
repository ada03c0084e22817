import asyncio
from dataclasses import replace

import gymnasium
import pytest

from sparring import registry
from sparring.agents.people import PersonLeft
from sparring.agents.solvers import best_actions, equilibrium
from sparring.protocols import Seat
from sparring.registry import UnknownName
from sparring.rollout.loop import Match, act_now, play
from sparring.types import Observation

TTT, KUHN = "sparring/TicTacToe-v0", "sparring/KuhnPoker-v0"
SEEN = Observation(("text",), ("check", "bet"))


def picked(agent, seen=SEEN, seed=3):
    """The action of an agent that plays with a seed."""
    return act_now(agent.open(Seat(KUHN, "player_0", seed=seed)), seen).action


def results(first, second, env_id, count):
    seats = {"player_0": registry.make_agent(first), "player_1": registry.make_agent(second)}
    episodes = play([Match(str(i), env_id, {seat: seat for seat in seats}, i) for i in range(count)], seats)
    assert not any(episode.error for episode in episodes)
    return [episode.trajectories["player_0"].reward for episode in episodes]


def test_minimax_against_itself_always_draws():
    assert set(results("minimax", "minimax", TTT, 100)) == {0.0}


@pytest.mark.parametrize("seats", [("minimax", "random"), ("random", "minimax")])
def test_minimax_never_loses(seats):
    sign = 1 if seats[0] == "minimax" else -1
    rewards = [sign * reward for reward in results(*seats, TTT, 300)]
    assert min(rewards) >= 0
    assert sum(rewards) > 200


def test_minimax_knows_every_position_of_tic_tac_toe():
    assert len(best_actions(TTT)) == 4520, "the 5,478 reachable positions less the 958 final ones"


def test_random_play_is_a_function_of_the_seed_and_uniform():
    agent = registry.make_agent("random")
    assert picked(agent) == picked(agent)
    picks = [picked(agent, Observation(("",), ("a", "b")), seed) for seed in range(2000)]
    assert 900 < picks.count("a") < 1100


def test_constant_plays_its_first_legal_habit():
    agent = registry.make_agent("constant:call/ bet")
    assert picked(agent) == "bet"
    assert picked(agent, Observation(("",), ("x", "y"))) == "x"
    assert asyncio.run(agent.action_distribution(SEEN)) == {"check": 0.0, "bet": 1.0}


@pytest.mark.parametrize(("agent", "env_id", "advice"), [("minimax", KUHN, "use cfr"), ("cfr", TTT, "use minimax")])
def test_solvers_refuse_the_other_kind_of_game(agent, env_id, advice):
    (episode,) = play(
        [Match("m", env_id, {"player_0": "player_0", "player_1": "player_1"}, 1)],
        dict.fromkeys(("player_0", "player_1"), registry.make_agent(agent)),
    )
    assert episode.status == "agent_error"
    assert advice in episode.error


def test_minimax_refuses_games_that_are_too_large(monkeypatch):
    monkeypatch.setattr("sparring.agents.solvers.MOST_POSITIONS", 1000)
    best_actions.cache_clear()
    with pytest.raises(ValueError, match="more than 1000 positions"):
        best_actions(TTT)
    best_actions.cache_clear()


def test_a_person_is_asked_again_until_the_action_is_legal(monkeypatch, capsys):
    answers = iter(["raise", " bet "])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    assert picked(registry.make_agent("human")) == "bet"
    assert "'raise' is not legal here; the choices are 1: check, 2: bet" in capsys.readouterr().err


def test_a_person_who_leaves_ends_all_games(monkeypatch):
    def leave(prompt):
        raise EOFError

    monkeypatch.setattr("builtins.input", leave)
    seats = {"player_0": "player_0", "player_1": "player_1"}
    agents = dict.fromkeys(seats, registry.make_agent("human"))
    with pytest.raises(PersonLeft, match="you left the game: the input has ended"):
        play([Match(f"m{n}", KUHN, seats, n) for n in range(2)], agents)


def test_an_unknown_agent_names_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'minimax'"):
        registry.make_agent("minmax")


@pytest.mark.parametrize(
    ("solver", "env_id", "kwargs"),
    [
        ("minimax", "sparring/OpenSpiel-v0", {"game": "tic_tac_toe"}),
        ("minimax", "sparring/OpenSpiel-v0:game=nim(pile_sizes=1;2)", {}),
        ("minimax", "openspiel:tic_tac_toe", {}),
        ("minimax", TTT, {"action_order": "reversed"}),
        ("cfr", "sparring/OpenSpiel-v0", {"game": "kuhn_poker"}),
        ("cfr", "openspiel:kuhn_poker", {"illegal": "retry"}),
    ],
)
def test_solvers_solve_the_environment_with_the_options_that_it_is_played_with(solver, env_id, kwargs):
    agents = {"player_0": registry.make_agent(solver), "player_1": registry.make_agent("random")}
    seats = {seat: seat for seat in agents}
    episodes = play([Match(f"m{seed}", env_id, seats, seed, kwargs) for seed in range(20)], agents)
    assert {(episode.status, episode.error) for episode in episodes} == {("ok", None)}
    if solver == "minimax":
        assert min(episode.trajectories["player_0"].reward for episode in episodes) >= 0


def test_an_environment_of_one_seat_tells_its_opponent_the_options():
    env = gymnasium.make("sparring.envs:sparring/OpenSpiel-v0", game="kuhn_poker", opponent="cfr", seat="player_1")
    _, info = env.reset(seed=0)
    assert info["legal_actions"] == ("Pass", "Bet")


def test_chance_in_a_game_of_perfect_information_is_averaged():
    """Pig, first to 2 with a die of three sides: a 1 passes the turn, and whoever rolls first wins with 2 or 3."""
    best = best_actions("sparring/OpenSpiel-v0", {"game": "pig(winscore=2,diceoutcomes=3,horizon=20)"})
    assert best, "solved"
    env = registry.envs.make("sparring/OpenSpiel-v0", game="pig(winscore=2,diceoutcomes=3,horizon=20)")
    env.reset(seed=0)
    assert best[env.infos["player_0"]["state_key"]] == ("roll",)


def test_a_refusal_is_worked_out_once(monkeypatch):
    made = []
    monkeypatch.setattr("sparring.agents.solvers.MOST_POSITIONS", 50)
    row = registry.envs.row(TTT)

    def build(**kwargs):
        made.append(kwargs)
        return row.build(**kwargs)

    with registry.envs.temporary(replace(row, name="test/Large-v0", build=build)):
        for _ in range(3):
            with pytest.raises(ValueError, match="more than 50 positions"):
                best_actions("test/Large-v0")
    assert made == [{}]


def test_cfr_refuses_a_game_that_is_too_large_before_it_takes_all_memory(monkeypatch):
    monkeypatch.setattr("sparring.agents.solvers.MOST_POSITIONS", 1000)
    with pytest.raises(ValueError, match="more than 1000 histories"):
        equilibrium("sparring/OpenSpiel-v0", {"game": "liars_dice"})


def test_a_game_that_pays_otherwise_than_openspiel_is_not_solved():
    equilibrium.cache_clear()
    with pytest.warns(UserWarning, match="textarena"), pytest.raises(ValueError, match="pays otherwise than OpenSpiel"):
        equilibrium(KUHN, {"payoffs": "textarena"})
