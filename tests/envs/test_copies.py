"""Copies of games in play: equal, independent, cheap, and without a second copy of what all share."""

import copy
import pickle
import random
import time

import gymnasium
import numpy as np
import pytest

from sparring import envs, registry

GAMES = sorted(row.name for row in registry.envs if row.family == "games" and row.seats == 2)


def actions_of(env):
    info = env.infos[env.agent_selection]
    if "action_mask" in info:
        return [int(action) for action in np.flatnonzero(info["action_mask"])]
    return list(info.get("legal_actions") or info["suggested_actions"])


def is_over(env):
    return any(env.terminations.values()) or any(env.truncations.values())


def state_of(env):
    seen = [env.observe(seat) for seat in env.possible_agents]
    return repr((seen, env.rewards, env.agent_selection, env.terminations, env.infos))


def played(env, seed, turns=1_000):
    """What happens from here on, by actions that a seed draws."""
    rng, course = random.Random(seed), [state_of(env)]
    for _ in range(turns):
        if is_over(env):
            break
        env.step(rng.choice(actions_of(env)))
        course.append(state_of(env))
    return course


@pytest.mark.parametrize("how", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize("view", ["text", "discrete"])
@pytest.mark.parametrize("env_id", GAMES)
def test_a_copy_goes_on_as_the_original_would_and_leaves_it_alone(env_id, view, how):
    for kept in range(3):  # by then the first positions are shared by all episodes
        env = envs.make(env_id, view=view)
        env.reset(seed=kept)
        played(env, kept, turns=2)
        before = state_of(env)
        other = how(env)
        course = played(other, 5)
        assert state_of(env) == before
        assert played(copy.deepcopy(env), 5) == course
        assert played(env, 5) == course


def test_a_copy_has_generators_and_infos_of_its_own():
    env = envs.make("sparring/KuhnPoker-v0", illegal="noop")
    env.reset(seed=0)
    env.action_space("player_0").seed(1)
    one, other = copy.deepcopy(env), copy.deepcopy(env)
    assert one.action_space("player_0").sample() == other.action_space("player_0").sample()
    one.step("x")
    assert "illegal_action" not in other.infos["player_0"]
    assert env.observation_space("player_0") is not one.observation_space("player_0")


@pytest.mark.parametrize("env_id", ["sparring/TicTacToe-v0", "sparring/ConnectFour-v0", "sparring/KuhnPoker-v0"])
def test_a_copy_stays_cheap_however_many_games_were_played(env_id):
    env = envs.make(env_id)
    for seed in range(300):
        env.reset(seed=seed)
        played(env, seed)
    env.reset(seed=1)
    assert len(pickle.dumps(env)) < 20_000
    started = time.process_time()
    for _ in range(200):
        copy.deepcopy(env)
    assert (time.process_time() - started) / 200 < 0.5e-3, "50 microseconds; 48,000 when the tree was copied too"
    assert copy.deepcopy(env)._tree is env._tree


@pytest.mark.parametrize("view", ["text", "discrete"])
def test_a_single_seat_is_copied_with_its_game_and_the_same_opponent(view):
    opponent = registry.make_agent("random")
    env = gymnasium.make("sparring.envs:sparring/TicTacToe-v0", opponent=opponent, view=view).unwrapped
    env.reset(seed=3)
    other = copy.deepcopy(env)
    assert other._opponent is opponent
    action = 0 if view == "discrete" else "0"
    assert repr(other.step(action)) == repr(env.step(action))
    assert other._game is not env._game


def in_play(env_id, opponent, **options):
    """A single seat's game after its first action."""
    env = gymnasium.make(f"sparring.envs:{env_id}", opponent=opponent, **options).unwrapped
    _, info = env.reset(seed=3)
    env.step(info["legal_actions"][0])
    return env


def to_the_end(env, seed):
    rng, course, over = random.Random(seed), [], env._is_over()
    while not over:
        seen = env.step(rng.choice(env._info()["legal_actions"]))
        course.append(repr(seen))
        over = seen[2] or seen[3]
    return course


@pytest.mark.parametrize(
    "how", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deepcopy", "pickle"]
)
@pytest.mark.parametrize(
    ("env_id", "opponent"),
    [
        ("LeducPoker-v0", "random"),
        ("KuhnPoker-v0", "cfr"),
        ("TicTacToe-v0", "minimax"),
        ("TicTacToe-v0", "mcts:simulations=10"),
        ("TicTacToe-v0", "nano"),
        ("KuhnPoker-v0", "nano:decoding=free"),
        ("TicTacToe-v0", "chat:nano:max_new_tokens=8"),
    ],
)
def test_a_game_against_any_opponent_is_copied_in_mid_game(env_id, opponent, how):
    env = in_play(f"sparring/{env_id}", opponent)
    other = how(env)
    assert to_the_end(other, 1) == to_the_end(env, 1)


def test_a_game_against_a_policy_of_another_library_is_copied_and_shares_its_model(tmp_path):
    torch = pytest.importorskip("torch")
    sb3 = pytest.importorskip("stable_baselines3")
    torch.manual_seed(0)
    learner = gymnasium.make("sparring.envs:sparring/TicTacToe-v0", view="discrete", opponent="random")
    model = sb3.PPO("MultiInputPolicy", learner, n_steps=8, batch_size=8, seed=0, device="cpu")
    model.save(tmp_path / "a.zip")
    env = in_play("sparring/TicTacToe-v0", f"sb3:{tmp_path / 'a.zip'}:deterministic=false")
    twin, packed = copy.deepcopy(env), pickle.dumps(env)
    mine, its = (next(iter(one._players.values())) for one in (env, twin))
    assert its is not mine
    assert its._model is mine._model
    assert len(packed) < 20_000, "the path of the model, not the model"
    assert to_the_end(twin, 1) == to_the_end(pickle.loads(packed), 1) == to_the_end(env, 1)
    sb3.PPO("MultiInputPolicy", learner, n_steps=8, batch_size=8, seed=1).save(tmp_path / "a.zip")
    with pytest.raises(ValueError, match=r"a\.zip has changed since sb3:.* was pickled: SHA-256"):
        pickle.loads(packed)
