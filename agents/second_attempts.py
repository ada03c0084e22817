"""Another attempt by an agent that is shown an earlier one: what was done, what came of it, what was said about it.

    player sees:   what you did before, what came of it      (Re-ReST's reflection, SELF's refinement)
                   the task, as always

The record keeps the environment's own observation; the tokens of the calls hold what the model was shown beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sparring.agents.players import ModelPlayer, WritingAgent
from sparring.agents.talking.agent import TalkingAgent
from sparring.agents.talking.prompts import fit
from sparring.protocols import Player, Seat
from sparring.shortening import shortened
from sparring.types import Observation, Policy, Reply, Sampling, Seen, Trajectory

MOST_TOLD = 900
"""Characters of an earlier attempt; the middle of a longer one is left out, and marked."""
MOST_SAID = 300
"""Characters of what was said about it."""
MOST_FIGURES = 8
"""Of an environment's metrics."""
LEAST_TOLD = 100
"""Tokens: where there is room for fewer, what would be left of an earlier attempt says nothing and is not shown."""
BETWEEN = 8
"""Tokens at most by which two texts together may be longer than each by itself."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An attempt, in words."""

    done: str
    """What the agent saw and did."""
    feedback: str
    """What came of it, or what somebody said about it."""

    @property
    def text(self) -> str:
        """As the next player reads it."""
        return (
            f"You tried this before.\n{shortened(self.done, MOST_TOLD)}\n{shortened(self.feedback, MOST_SAID)}\n"
            "Try again, and do better.\n\n"
        )


def earlier_of(trajectory: Trajectory, feedback: str | None = None) -> Earlier:
    """An attempt in words; `feedback` None: what the environment said of it."""
    return Earlier(actions_of(trajectory), feedback_of(trajectory) if feedback is None else feedback)


def actions_of(trajectory: Trajectory) -> str:
    """What was done, one line a turn, behind what was seen from the second turn on."""
    lines = []
    for number, turn in enumerate(trajectory.turns):
        if number:
            lines.append(f"Then: {shortened(' '.join(turn.observation.text.split()), 100)}")
        lines.append(f"You answered: {shortened(' '.join(turn.action.split()), 200)}")
    return "\n".join(lines)


def feedback_of(trajectory: Trajectory) -> str:
    """What the environment said at the end, what it measured and paid, and how many answers broke its rules.

    What it measured (sufficient 0, tests_passed 2) no player sees: it is for training, where the score is known.
    """
    said = shortened(" ".join(trajectory.last.text.split()), MOST_SAID // 2) if trajectory.last else ""
    figures = list(trajectory.metrics.items())[:MOST_FIGURES]
    measured = f" Measured: {', '.join(f'{name} {value:g}' for name, value in figures)}." if figures else ""
    illegal = sum(not turn.legal for turn in trajectory.turns)
    rules = f" Answers that are not allowed: {illegal}." if illegal else ""
    return f"What came of it: {said}{measured} Reward: {trajectory.reward:g}.{rules}"


class SecondAttempts:
    """An agent whose players are shown an earlier attempt at their task. Seats without one are played as always."""

    def __init__(
        self, agent: WritingAgent | TalkingAgent, earlier: Mapping[str, Earlier], name: str | None = None
    ) -> None:
        """`earlier`: by the id of the episode that is to be played."""
        self.agent, self.earlier = agent, earlier
        self.name = name or f"{agent.name} (again)"

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Which weights act now."""
        return self.agent.policies

    @property
    def sampling(self) -> Sampling | None:
        """How its tokens are drawn."""
        return self.agent.sampling

    def open(self, seat: Seat) -> Player:
        """A player who knows of the earlier attempt."""
        earlier, player = self.earlier.get(seat.episode), self.agent.open(seat)
        return player if earlier is None else _Reminded(player, earlier.text)


class _Reminded:
    """A player that reads a text before what it sees: at every turn where it remembers nothing, else at the first."""

    def __init__(self, player: Player, text: str) -> None:
        self._player, self._text = player, text

    async def act(self, observation: Observation) -> Reply:
        """The player's reply."""
        if text := self._text_before(observation):
            observation = replace(observation, content=(text, *observation.content))
        return await self._player.act(observation)

    def _text_before(self, observation: Observation) -> str:
        """As much of the text as the context has room for, without its middle; a conversation cuts by itself."""
        if not isinstance(self._player, ModelPlayer):
            return "" if observation.turn else self._text
        room, count = self._player.room(observation) - BETWEEN, self._player.agent.count
        text = fit(self._text, room, count)
        return text if text == self._text or room >= LEAST_TOLD else ""

    def close(self, last: Seen | None) -> None:
        """The episode is over."""
        self._player.close(last)
