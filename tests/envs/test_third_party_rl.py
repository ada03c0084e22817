"""An unmodified RL library trains on the discrete single-seat view."""

import gymnasium
import numpy as np
import pytest

STEPS = 6_000
EPISODES = 600
# Against uniform play, uniform play earns 0.125 chips a game as player_0; the best response earns 0.5 (both exact).
MARGIN = 0.15


def mean_reward(model, env):
    total = 0.0
    for seed in range(EPISODES):
        observation, _ = env.reset(seed=seed)
        over = False
        while not over:
            action, _ = model.predict(observation, deterministic=False)
            observation, reward, terminated, truncated, _ = env.step(int(action))
            total += float(reward)
            over = terminated or truncated
    return total / EPISODES


@pytest.mark.slow
def test_ppo_of_stable_baselines3_learns_kuhn_poker_against_random_play():
    sb3 = pytest.importorskip("stable_baselines3")
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    env = gymnasium.make("sparring.envs:sparring/KuhnPoker-v0", opponent="random", view="discrete")
    model = sb3.PPO("MultiInputPolicy", env, n_steps=256, learning_rate=3e-3, seed=0, device="cpu")
    before = mean_reward(model, env)
    model.learn(STEPS)
    after = mean_reward(model, env)
    assert np.isfinite(after)
    assert after > before + MARGIN
