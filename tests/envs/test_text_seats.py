"""What every environment of several text seats does alike: before its reset, after its end, with what is no text."""

from itertools import product

import gymnasium
import pytest

from sparring import envs, registry
from sparring.envs.text_seats import TextSeats
from sparring.registry import UnknownName

VIEWS = ["text", "discrete"]
WORDED = "pettingzoo:classic.tictactoe_v3"

ROWS = [
    row
    for row in registry.envs
    if row.seats > 1 and row.extra is None and isinstance(getattr(row.build, "__mro__", None), tuple)
    and issubclass(row.build, TextSeats)
]  # fmt: skip


def test_games_and_duels_are_among_them():
    assert {"sparring/KuhnPoker-v0", "sparring/SearchDuel-v0", "sparring/SimpleNegotiation-v0"} <= {
        row.name for row in ROWS
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_step_before_reset_and_an_action_that_is_no_text_are_errors(row):
    env = envs.make(row.name)
    with pytest.raises(RuntimeError, match=f"{row.name} has not begun: step was called before reset"):
        env.step("check")
    env.reset(seed=1)
    with pytest.raises(TypeError, match="action must be a str, got int"):
        env.step(3)


@pytest.mark.parametrize(
    ("env_id", "view"), [*product(["sparring/TicTacToe-v0", "sparring/SimpleNegotiation-v0"], VIEWS), (WORDED, "text")]
)
def test_a_seat_that_there_is_not_is_named_beside_those_that_there_are(env_id, view):
    env = envs.make(env_id, view=view)
    env.reset(seed=0)
    calls = [env.observe] if view == "discrete" else [env.observe, env.instructions]
    for call in calls:
        with pytest.raises(UnknownName, match=f"has no seat 'zz'; the seats are {', '.join(env.possible_agents)}"):
            call("zz")


@pytest.mark.parametrize("action", [1, None])
@pytest.mark.parametrize("env_id", ["gym:FrozenLake-v1", WORDED])
def test_what_is_hosted_and_speaks_takes_texts_alone(env_id, action):
    env = envs.make(env_id)
    with pytest.raises(RuntimeError, match="has not begun: step was called before reset"):
        env.step("left")
    env.reset(seed=0)
    with pytest.raises(TypeError, match=f"action must be a str, got {type(action).__name__}"):
        env.step(action)


@pytest.mark.parametrize("view", ["text", "discrete"])
def test_a_single_seat_says_before_its_reset_that_it_has_not_begun(view):
    env = gymnasium.make("sparring.envs:sparring/TicTacToe-v0", opponent="random", view=view).unwrapped
    for call in (lambda: env.step("0" if view == "text" else 0), env.action_masks):
        with pytest.raises(RuntimeError, match="sparring/TicTacToe-v0 has not begun: call reset first"):
            call()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_seats_have_spaces_of_their_own_which_stay_the_same_objects(row):
    env = envs.make(row.name)
    first, second = env.possible_agents[:2]
    for space in (env.observation_space, env.action_space):
        assert space(first) is space(first)
        assert space(first) is not space(second)
    env.reset(seed=1)
    assert set(env.infos) == set(env.rewards) == set(env.terminations) == set(env.agents)


@pytest.mark.parametrize("view", ["text", "discrete"])
@pytest.mark.parametrize("name", ["TicTacToe", "KuhnPoker", "ConnectFour", "LeducPoker", "SimpleNegotiation"])
def test_attributes_of_a_game_in_play_are_quick_to_find(name, view):
    env = envs.make(f"sparring/{name}-v0", view=view)
    env.reset(seed=0)
    for _ in env.agent_iter():
        _, _, terminated, truncated, info = env.last()
        legal = info["action_mask"].argmax() if view == "discrete" else [*info.get("legal_actions", ["pass"]), ""][0]
        env.step(None if terminated or truncated else legal)
    assert not hasattr(type(env), "__getattr__"), "Python then takes the slow way to every attribute"
    assert len(vars(env)) <= 30, "beyond that Python no longer shares the keys of an object's attributes"
