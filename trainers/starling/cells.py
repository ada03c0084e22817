"""What a protocol measures: one agent on all games of a target, after so many episodes of practice there."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.rollout.match import Match
from sparring.scoreboard.matches import seats_of
from sparring.trainers.starling.targets import Target

PRE_TRAINED, SCRATCH, RANDOM, PLAN = "pre-trained", "from scratch", "random", "plan"
LEARNERS = (PRE_TRAINED, SCRATCH)


@dataclass(frozen=True, slots=True)
class Cell:
    """One agent on all games of a target, once each."""

    target: Target
    agent: str
    seed: int
    """Of the protocol's repetitions."""
    episodes: int = 0
    """In which the agent practised on the target before."""

    @property
    def name(self) -> str:
        """What the scoreboard calls the agent."""
        return f"{self.agent} after {self.episodes} episodes" if self.episodes else self.agent

    def matches(self) -> list[Match]:
        """One a game; equal games and seeds meet the same luck, whoever plays."""
        seats, where = seats_of(self.target.env_id), f"{self.target.name}/{self.agent}"
        return [
            Match(
                id=f"{where}/seed-{self.seed}/episodes-{self.episodes}/game-{game}",
                env_id=self.target.env_id,
                agents=dict.fromkeys(seats, self.name),
                seed=game,
                env_kwargs=self.target.kwargs,
                sample=self.seed,
                task=self.target.task(game),
                group=f"{self.target.name}, seed {self.seed}",
            )
            for game in range(self.target.games)
        ]
