"""PPO in one file, against our environments: Kuhn poker with a random opponent in the other seat.

python examples/ppo.py --steps 8000

`gymnasium.make` gives an ordinary Gymnasium environment with discrete actions and a mask of the legal ones; nothing
else here is special to Sparring. In the first seat random play earns 0.125 chips a game, and the best possible play
against a random opponent earns 0.5 (both figures are exact).
"""

import argparse

import gymnasium
import torch
from torch import nn

EPOCHS, MINIBATCH, CLIP, ENTROPY, GAMMA, LAMBDA = 4, 64, 0.2, 0.01, 1.0, 0.95


class ActorCritic(nn.Module):
    """The distribution over the actions that the mask allows, and the value of a state."""

    def __init__(self, inputs: int, actions: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.policy, self.value = nn.Linear(64, actions), nn.Linear(64, 1)

    def forward(self, seen: torch.Tensor, mask: torch.Tensor) -> tuple[torch.distributions.Categorical, torch.Tensor]:
        hidden = self.body(seen)
        logits = self.policy(hidden).masked_fill(mask == 0, -1e9)
        return torch.distributions.Categorical(logits=logits), self.value(hidden).squeeze(-1)


def play(env: gymnasium.Env, model: ActorCritic, steps: int, seed: int) -> tuple[dict[str, torch.Tensor], float]:
    """Play whole episodes, at least `steps` steps.

    Gives a batch with generalised advantages (arXiv 1506.02438), and the mean return of an episode.
    """
    rows: list[tuple] = []
    episodes = 0
    while len(rows) < steps:
        seen, _ = env.reset(seed=seed + len(rows))
        episode, over, episodes = [], False, episodes + 1
        while not over:
            observation, mask = torch.tensor(seen["observation"]), torch.tensor(seen["action_mask"])
            with torch.no_grad():
                policy, value = model(observation, mask)
            action = policy.sample()
            seen, reward, terminated, truncated, _ = env.step(int(action))
            over = terminated or truncated
            episode.append([observation, mask, action, policy.log_prob(action), value, float(reward)])
        advantage, following = 0.0, 0.0
        for row in reversed(episode):
            value, reward = float(row[4]), row[5]
            advantage = reward + GAMMA * following - value + GAMMA * LAMBDA * advantage
            following = value
            row.append(torch.tensor(advantage))
        rows += episode
    names = ("observation", "mask", "action", "logprob", "value", "reward", "advantage")
    batch = {name: torch.stack([torch.as_tensor(row[i]) for row in rows]) for i, name in enumerate(names)}
    return batch, float(batch["reward"].sum()) / episodes


def update(model: ActorCritic, optimizer: torch.optim.Optimizer, batch: dict[str, torch.Tensor]) -> None:
    """The clipped surrogate (arXiv 1707.06347, equation 9)."""
    returns = batch["advantage"] + batch["value"]
    advantages = (batch["advantage"] - batch["advantage"].mean()) / (batch["advantage"].std() + 1e-8)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(returns)).split(MINIBATCH):
            policy, value = model(batch["observation"][rows], batch["mask"][rows])
            ratio = (policy.log_prob(batch["action"][rows]) - batch["logprob"][rows]).exp()
            gain = torch.min(ratio * advantages[rows], ratio.clamp(1 - CLIP, 1 + CLIP) * advantages[rows])
            loss = -gain.mean() + 0.5 * (value - returns[rows]).square().mean() - ENTROPY * policy.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="sparring/KuhnPoker-v0")
    parser.add_argument("--opponent", default="random")
    parser.add_argument("--steps", type=int, default=8000)
    given = parser.parse_args()
    torch.manual_seed(0)
    env = gymnasium.make(f"sparring.envs:{given.env}", opponent=given.opponent, view="discrete")
    model = ActorCritic(env.observation_space["observation"].shape[0], int(env.action_space.n))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    done = 0
    while done < given.steps:
        batch, mean = play(env, model, 512, seed=done)
        update(model, optimizer, batch)
        done += len(batch["reward"])
        print(f"{done} steps: {mean:+.3f} a game")
    print(f"after training: {play(env, model, 2000, seed=10**6)[1]:+.3f} a game")


if __name__ == "__main__":
    main()
