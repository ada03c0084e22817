"""Every registered environment keeps the contract: ours, PettingZoo's and Gymnasium's."""

import os
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from pettingzoo.test import api_test, seed_test

from sparring import envs, registry
from sparring.agents.scripted import ScriptedAgent
from sparring.envs.conformance import check_env
from sparring.types import Reply

IDS = [row.name for row in registry.envs if row.seats > 1 and row.family == "games"]
SHORTENED = {"sparring/Chess-v0": {"max_turns": 60}}
"""Games that take long to play to the end; random games of test_open_spiel.py come there."""
GENERIC = [
    "liars_dice(numdice=1,dice_sides=3)",
    "goofspiel(num_cards=4,imp_info=True)",
    "hex(board_size=3)",
    "pig(winscore=20)",
    "dots_and_boxes(num_rows=1,num_cols=2)",
    "matrix_rps",
    "twixt(board_size=5)",
]


class Scripted(ScriptedAgent):
    """Plays the same actions in every episode."""

    name, policies, sampling = "scripted", (), None

    def __init__(self, *actions: str) -> None:
        self.actions = actions

    async def act(self, observation):
        return Reply(self.actions[observation.turn % len(self.actions)])


@pytest.mark.parametrize("illegal", ["forfeit", "spiral", "retry", "noop"])
@pytest.mark.parametrize("env_id", IDS)
def test_every_environment_conforms(env_id, illegal):
    check_env(env_id, illegal=illegal, **SHORTENED.get(env_id, {}))


@pytest.mark.parametrize("game", GENERIC)
def test_any_open_spiel_game_conforms(game):
    check_env("sparring/OpenSpiel-v0", game=game)


@pytest.mark.parametrize("env_id", IDS)
def test_discrete_views_pass_the_checks_of_pettingzoo(env_id):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        api_test(envs.make(env_id, view="discrete"), num_cycles=1000)
    seed_test(lambda: envs.make(env_id, view="discrete"), num_cycles=500)


@pytest.mark.parametrize("seat", ["player_0", "player_1", "random"])
@pytest.mark.parametrize("view", ["text", "discrete"])
@pytest.mark.parametrize("env_id", IDS)
def test_single_seat_views_pass_the_check_of_gymnasium(env_id, view, seat):
    opponent = Scripted("check", "0", "pass", "fold", "call")
    env = gymnasium.make(f"sparring.envs:{env_id}", opponent=opponent, view=view, seat=seat)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*infinity.*")
        gymnasium_check_env(env.unwrapped)


def test_importing_the_environments_loads_neither_a_game_engine_nor_torch():
    script = "import sys, sparring.envs, gymnasium\nprint('pyspiel' in sys.modules, 'torch' in sys.modules)"
    script += "\nprint('sparring/KuhnPoker-v0' in gymnasium.registry)"
    assert _run(script).split() == ["False", "False", "True"]


@pytest.mark.slow
def test_gymnasium_makes_an_environment_from_any_directory(tmp_path):
    script = (
        "import gymnasium\n"
        "env = gymnasium.make('sparring.envs:sparring/KuhnPoker-v0', opponent='random')\n"
        "print(env.reset(seed=1)[0].splitlines()[-1])\n"
    )
    assert _run(script, cwd=tmp_path) == "Legal actions: [check] [bet]"


def test_pettingzoo_makes_an_environment_where_it_has_a_register():
    registration = pytest.importorskip("pettingzoo.env_registry.registration")
    env = registration.make("aec", "sparring/TicTacToe-v0")
    env.reset(seed=0)
    assert env.unwrapped.env_id == "sparring/TicTacToe-v0"


def test_a_view_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="view must be 'text' or 'discrete', got 'pixels'"):
        envs.make("sparring/KuhnPoker-v0", view="pixels")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"illegal": "explode"}, "illegal must be one of"),
        ({"retries": -1}, "retries must be >= 0, got -1"),
        ({"max_turns": 0}, "max_turns must be >= 1 or None, got 0"),
        ({"action_order": "random"}, "action_order must be"),
    ],
)
def test_options_out_of_range_name_rule_and_value(option, message):
    with pytest.raises(ValueError, match=message):
        envs.make("sparring/KuhnPoker-v0", **option)


@pytest.mark.parametrize(
    ("env_id", "option", "message"),
    [
        ("sparring/TicTacToe-v0", {"instructions": "false"}, "instructions of .* must be true or false, got 'false'"),
        ("sparring/TicTacToe-v0", {"max_turns": 1.5}, "max_turns of .* must be a whole number or none, got 1.5"),
        ("sparring/TicTacToe-v0", {"max_turns": "x"}, "must be a whole number or none, got 'x'"),
        ("sparring/TicTacToe-v0", {"retries": "x"}, "retries of .* must be a whole number, got 'x'"),
        ("sparring/TicTacToe-v0", {"retries": True}, "must be a whole number, got True"),
        ("sparring/TicTacToe-v0", {"illegal": 3}, "illegal must be one of .*, got 3"),
        ("sparring/TicTacToe-v0", {"bogus": 1}, "has no option 'bogus'; it takes action_order, charset, feedback"),
        ("sparring/OpenSpiel-v0", {"game": 5}, "game of environment sparring/OpenSpiel-v0 must be text, got 5"),
        ("openspiel:nim", {"bogus": 1}, "openspiel:nim has no option 'bogus'; it takes action_order"),
        ("gym:FrozenLake-v1", {"instructions": "no"}, "instructions of .* must be true or false, got 'no'"),
        ("sparring/Critique-v0", {"bogus": 1}, "sparring/Critique-v0 has no option 'bogus'; it takes attempt"),
    ],
)
def test_options_in_python_are_checked_as_on_the_command_line(env_id, option, message):
    with pytest.raises(ValueError, match=message):
        envs.make(env_id, **option)


def test_whole_numbers_of_numpy_and_options_that_no_text_could_write_are_taken():
    env = envs.make("sparring/TicTacToe-v0", max_turns=np.int64(3), charset=frozenset("ab"))
    assert (env.max_turns, env.observation_space("player_0").character_set) == (3, frozenset("ab"))


@pytest.mark.parametrize("env_id", IDS)
def test_a_turn_budget_truncates_and_pays_nothing(env_id):
    env = envs.make(env_id, max_turns=1)
    env.reset(seed=0)
    info = env.infos[env.agent_selection]
    env.step((info.get("legal_actions") or info["suggested_actions"])[0])
    assert env.truncations == dict.fromkeys(env.possible_agents, True)
    assert env.terminations == dict.fromkeys(env.possible_agents, False)
    assert env.rewards == dict.fromkeys(env.possible_agents, 0.0)


def test_dead_seats_step_with_none_and_leave():
    env = envs.make("sparring/KuhnPoker-v0")
    env.reset(seed=0)
    seen = []
    for seat in env.agent_iter():
        _, reward, terminated, truncated, info = env.last()
        seen.append((seat, reward))
        env.step(None if terminated or truncated else info["legal_actions"][0])
    assert env.agents == []
    assert [seat for seat, _ in seen] == ["player_0", "player_1", "player_0", "player_1"]
    assert {reward for _, reward in seen[2:]} == {1.0, -1.0}


def test_an_action_that_is_no_string_is_a_programming_error():
    env = envs.make("sparring/KuhnPoker-v0")
    env.reset(seed=0)
    with pytest.raises(TypeError, match="action must be a str, got int"):
        env.step(1)


def test_a_forbidden_discrete_action_is_an_illegal_action():
    env = envs.make("sparring/TicTacToe-v0", view="discrete")
    env.reset(seed=0)
    env.step(4)
    assert env.observe("player_1")["action_mask"].tolist() == [1, 1, 1, 1, 0, 1, 1, 1, 1]
    assert env.observe("player_0")["action_mask"].sum() == 0
    env.step(4)
    assert env.rewards == {"player_0": 1.0, "player_1": -1.0}
    assert env.game.infos["player_1"] == {"illegal": True, "reward_parts": {"payoff": 0.0, "forfeit": -1.0}}


def test_the_discrete_view_plays_the_same_game_as_the_text_view():
    text, discrete = envs.make("sparring/LeducPoker-v0"), envs.make("sparring/LeducPoker-v0", view="discrete")
    for seed in range(50):
        text.reset(seed=seed)
        discrete.reset(seed=seed)
        while not any(text.terminations.values()):
            action = int(np.flatnonzero(discrete.observe(discrete.agent_selection)["action_mask"])[-1])
            assert discrete.game.observe(discrete.agent_selection) == text.observe(text.agent_selection)
            text.step(text.action_text(action))
            discrete.step(action)
        assert text.rewards == discrete.rewards


def test_the_opponent_moves_first_when_our_seat_is_second():
    env = gymnasium.make("sparring.envs:sparring/TicTacToe-v0", opponent=Scripted("0", "1", "2"), seat="player_1")
    observation, info = env.reset(seed=0)
    assert "You are O.\nX 1 2" in observation
    assert "0" not in info["legal_actions"]
    env.step("3")
    _, reward, terminated, truncated, info = env.step("4")
    assert (reward, terminated, truncated, info["illegal"]) == (-1.0, True, False, False)


def test_opponents_that_remember_can_tell_environments_and_episodes_apart():
    opponent, seen = Scripted("0", "1", "2"), []
    opening = opponent.open

    def remembering(seat):
        seen.append(seat.episode)
        return opening(seat)

    opponent.open = remembering
    tables = [gymnasium.make("sparring.envs:sparring/TicTacToe-v0", opponent=opponent, seat="player_1") for _ in "ab"]
    for table in [*tables, tables[0]]:
        table.reset(seed=0)
    assert len(set(seen)) == 3
    assert all(seen)


@pytest.mark.parametrize("option", [{"view": "discrete"}, {"opponent": "random"}, {"seat": "player_1"}])
def test_what_a_single_seat_cannot_have_is_said_in_a_line(option):
    with pytest.raises(ValueError, match="leave out"):
        gymnasium.make("sparring.envs:sparring/ToolTasks-v0", **option)


def test_an_opponent_that_forfeits_at_once_ends_the_episode_at_the_first_step():
    env = gymnasium.make("sparring.envs:sparring/KuhnPoker-v0", opponent=Scripted("banana"), seat="player_1").unwrapped
    observation, info = env.reset(seed=0)
    assert observation.endswith("The game is over.")
    assert info["reward_parts"] == {"payoff": 0.0, "forfeit": 2.0}
    assert env.step("bet")[1:4] == (2.0, True, False)


def test_a_random_seat_is_fixed_by_the_seed_and_takes_both_seats():
    env = gymnasium.make("sparring.envs:sparring/KuhnPoker-v0", opponent=Scripted("check", "call"), seat="random")
    seats = []
    for seed in [*range(40), *range(40)]:
        env.reset(seed=seed)
        seats.append(env.unwrapped.seat)
    assert seats[:40] == seats[40:]
    assert set(seats) == {"player_0", "player_1"}


def test_unseeded_episodes_differ():
    env = envs.make("sparring/KuhnPoker-v0")
    env.reset(seed=0)
    cards = set()
    for _ in range(30):
        env.reset()
        cards.add(env.observe("player_0"))
    assert len(cards) == 3


def _run(script, cwd=None):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=cwd, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def first_answer(env):
    """The cell that the other seat of tic-tac-toe takes after our 8."""
    env.reset(seed=0)
    seen, *_ = env.step(8)
    return [int(cell) for cell in np.flatnonzero(seen["action_mask"] == 0) if cell != 8]


def test_the_opponent_of_a_single_seat_can_be_swapped_between_episodes():
    env = gymnasium.make("sparring.envs:sparring/TicTacToe-v0", view="discrete", opponent="constant:0")
    wrapped = gymnasium.wrappers.TimeLimit(env, 100)
    assert first_answer(wrapped) == [0]
    wrapped.unwrapped.set_opponent("constant:3")
    assert first_answer(wrapped) == [3]
    wrapped.get_wrapper_attr("set_opponent")(Scripted("5", "4", "2", "1"))
    assert first_answer(wrapped) == [5]


def test_a_game_in_play_goes_on_against_the_opponent_that_it_began_with():
    env = gymnasium.make("sparring.envs:sparring/TicTacToe-v0", view="discrete", opponent="constant:0/1")
    env.reset(seed=0)
    env.unwrapped.set_opponent("constant:3")
    seen, *_ = env.step(8)
    assert np.flatnonzero(seen["action_mask"] == 0).tolist() == [0, 8]


def test_vector_environments_swap_all_their_opponents_by_call():
    made = [lambda: gymnasium.make("sparring.envs:sparring/TicTacToe-v0", view="discrete", opponent="random")] * 3
    tables = gymnasium.vector.SyncVectorEnv(made)
    tables.reset(seed=1)
    tables.call("set_opponent", "constant:2")
    tables.reset(seed=1)
    seen, *_ = tables.step(np.array([8, 7, 6]))
    assert [np.flatnonzero(mask == 0).tolist() for mask in seen["action_mask"]] == [[2, 8], [2, 7], [2, 6]]


@pytest.mark.parametrize(
    ("opponent", "error", "said"),
    [
        ("rando", registry.UnknownName, "did you mean 'random'"),
        ("mcts:simulations=0", ValueError, "simulations must be >= 1"),
        (3, TypeError, r"agents\['opponent'\] must be an agent, got"),
    ],
)
def test_a_wrong_opponent_is_refused_and_the_old_one_stays(opponent, error, said):
    env = gymnasium.make("sparring.envs:sparring/TicTacToe-v0", view="discrete", opponent="constant:0")
    with pytest.raises(error, match=said):
        env.unwrapped.set_opponent(opponent)
    assert first_answer(env) == [0]


def test_an_opponent_may_search():
    env = gymnasium.make("sparring.envs:sparring/TicTacToe-v0", view="discrete", opponent="mcts", seat="player_1")
    seen, _ = env.reset(seed=0)
    assert seen["action_mask"].sum() == 8
