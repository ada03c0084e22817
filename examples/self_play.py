"""Self-play in thirty lines: a tiny language model plays both seats of Kuhn poker and learns from its own games.

python examples/self_play.py --updates 40

Every update plays 256 games, computes how much better than usual each game went (the advantage), and takes one step of
the learner. It prints NashConv: the chips a game that perfect opponents would win from this policy, added over both
seats. The figure is exact. An equilibrium has 0; a player that chooses every action equally often has 0.917.
"""

import argparse

from sparring import Match, play
from sparring.agents import models
from sparring.agents.players import LanguageModelAgent
from sparring.scoreboard.game_theory import nash_conv, tabular_policy
from sparring.trainers.advantages import RoleBaselines
from sparring.trainers.batch import merge, signals_of
from sparring.trainers.data.guards import trained
from sparring.trainers.learner import Learner, LearnerConfig

KUHN, SEATS = "sparring/KuhnPoker-v0", {"player_0": "learner", "player_1": "learner"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=40)
    updates = parser.parse_args().updates
    model = models.load_trainable("nano")
    agent = LanguageModelAgent(model, trainable=True)
    learner, baselines = Learner(model, LearnerConfig(learning_rate=5e-4, betas=(0.0, 0.95))), RoleBaselines(decay=0.95)
    for update in range(updates):
        matches = [Match(f"{update}/{index}", KUHN, SEATS, seed=256 * update + index) for index in range(256)]
        episodes = play(matches, {"learner": agent})
        pairs = list(trained(episodes))
        advantages = baselines.advantages([t.reward for _, t in pairs], [(game, t.seat) for game, t in pairs])
        signals = [s for (_, t), a in zip(pairs, advantages, strict=True) for s in signals_of(t, advantage=float(a))]
        learner.step(merge(signals), magnet=0.5)
        if update % 10 == 9 or update == updates - 1:
            print(f"update {update + 1}: NashConv {nash_conv(KUHN, tabular_policy(agent, KUHN)):.3f}")


if __name__ == "__main__":
    main()
