"""Our environments as tasks of inspect_ai (0.3.285).

    inspect eval sparring/game -T env_id=sparring/KuhnPoker-v0 -T episodes=50 --model openai/gpt-5

A sample is one seat of one task. Its solver plays the episode: the model that inspect evaluates answers each
observation, agents of ours play the other seats, or a model of inspect's by its role (`--model-role opponent=...`). The
score is what the seat was paid. An episode that broke off is an error of its sample, never a score.
"""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, Model, get_model
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver

from sparring import registry
from sparring.interop.alone import played
from sparring.interop.inspect_sandbox import Commands
from sparring.protocols import Agent, Seat
from sparring.rollout.answers import read
from sparring.rollout.loop import Match
from sparring.types import Observation, Policy, Reply, Seen

OPPONENT = "opponent"
"""The role of inspect's model that plays the other seats."""
SYSTEM = "Answer with your action alone, in the words of the observation."
PLAYED = "sparring"
"""Where the episode's end stands in a sample's store."""


@task
def game(
    env_id: str = "sparring/KuhnPoker-v0",
    opponent: str = "random",
    episodes: int = 20,
    first_seed: int = 0,
    seat: str | None = None,
    **env_kwargs: Any,
) -> Task:
    """Episodes of one environment, a seed each. `opponent`: an agent's spec, or "role" for inspect's role `opponent`.

    Raises UnknownName, ValueError.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be >= 1, got {episodes}")
    row = registry.envs.row(env_id).given(env_kwargs)
    seats = row.seat_ids
    if seat is not None and seat not in seats:
        raise ValueError(f"seat of {env_id} must be {' or '.join(seats)}, got {seat!r}")
    if opponent != "role":
        registry.make_agent(opponent)
    samples = [
        Sample(
            input=f"{env_id}, seed {seed}",
            id=f"{env_id}/{seed}",
            metadata={
                "env_id": env_id,
                "env_kwargs": env_kwargs,
                "seed": seed,
                "seats": seats,
                "seat": seat or seats[0],
            },
        )
        for seed in range(first_seed, first_seed + episodes)
    ]
    return Task(dataset=MemoryDataset(samples, name=env_id), solver=play(opponent), scorer=payoff())


@solver
def play(opponent: str = "random") -> Solver:
    """Plays a sample's seat to the end of its episode. Raises RuntimeError where it broke off."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        about = state.metadata
        ours = Talking("model", get_model(), state.messages)
        ours.messages[:] = [ChatMessageSystem(content=SYSTEM)]
        agents = {seat: _other(opponent) for seat in about["seats"]} | {about["seat"]: ours}
        names = {seat: agent.name for seat, agent in agents.items()}
        match = Match(f"inspect/{state.sample_id}/{state.epoch}", about["env_id"], names, about["seed"],
                      about["env_kwargs"], sample=state.epoch)  # fmt: skip
        episode = await played(match, agents)
        trajectory = episode.trajectories[about["seat"]]
        if trajectory.last is not None:
            ours.messages.append(ChatMessageUser(content=trajectory.last.text))
        illegal = sum(not turn.legal for turn in trajectory.turns)
        end = {
            "payoff": trajectory.reward,
            "illegal": illegal,
            "turns": len(trajectory.turns),
            "status": episode.status,
        }
        state.store.set(PLAYED, {**end, "reward_parts": dict(trajectory.reward_parts)})
        state.output.completion = trajectory.turns[-1].action if trajectory.turns else ""
        state.completed = True
        return state

    return solve


@scorer(metrics=[mean(), stderr()])
def payoff() -> Scorer:
    """What the seat was paid."""

    async def score(state: TaskState, target: Target) -> Score:
        end = state.store.get(PLAYED)
        return Score(value=float(end["payoff"]), answer=state.output.completion, metadata=end)

    return score


class Talking:
    """A model of inspect's in a seat: one conversation, which it holds in `messages`."""

    policies: tuple[Policy, ...] = ()
    sampling = None

    def __init__(self, name: str, model: Model, messages: list[ChatMessage]) -> None:
        self.name, self.model, self.messages = name, model, messages

    def open(self, seat: Seat) -> Talking:
        """Itself: it plays one episode."""
        return self

    async def act(self, observation: Observation) -> Reply:
        """The model's answer."""
        self.messages.append(ChatMessageUser(content=observation.text))
        output = await self.model.generate(self.messages)
        self.messages.append(output.message)
        return Reply(read(output.completion.strip(), observation.legal_actions))

    def close(self, last: Seen | None) -> None:
        """The episode is over."""


def _other(opponent: str) -> Agent:
    if opponent == "role":
        return Talking(OPPONENT, get_model(role=OPPONENT), [ChatMessageSystem(content=SYSTEM)])
    return registry.make_agent(opponent)


__all__ = ["Commands", "game", "payoff", "play"]
