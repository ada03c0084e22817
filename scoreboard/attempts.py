"""Attempts in a store, as figures of reflection need them: what was right, what came from what, what was judged.

An attempt is one seat's trajectory in an episode that came to its end. Of an agent that wrote drafts before its last
action (`notes.ReflectionNote`), each draft is graded by playing the recorded actions again with the draft in place of
the last one: known where the environment then ends too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from sparring.content import canonical_json
from sparring.notes import ReflectionNote
from sparring.samples import generated_tokens
from sparring.scoreboard.verify import Problem, environment_fault, play_again
from sparring.store.rows import DamagedEpisode, EpisodeRow
from sparring.types import Call, Episode, Parents, Trajectory

DONE = ("success", "correct", "won", "proven")
"""Metrics that say, 1 or 0, whether an episode was done; the first of them that it has counts."""
CHUNK = 100
"""Episodes that are in memory at once."""
Found = Iterable[tuple[EpisodeRow, Episode | DamagedEpisode]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """An answer that the agent itself judged."""

    right: bool
    said_right: bool | None
    """None: the critique cannot be read."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one question."""

    id: str
    """Of its trajectory."""
    env_id: str
    agent: str
    question: tuple[str, ...]
    """Environment, its options and task: attempts at one question have equal ones."""
    seat: str
    right: bool
    parents: Parents
    written: int
    """Tokens that models wrote in its calls."""
    tokens: int
    """The same and those that they were given; what a call only continues is not counted again."""
    confidence: float | None = None
    draft_right: bool | None = None
    """Of the first draft of the last turn; None where there is none, or it is not known."""
    judged: tuple[Judgement, ...] = ()
    unknown_drafts: int = 0
    """Drafts of which it is not known whether they are right."""
    answer: str | None = None
    """The action, where there was one only."""
    greedy: bool = False
    """Whether that was decoded at temperature 0."""
    logprob: float | None = None
    """Of that action among all legal ones, nats; None where the model did not choose among these."""
    weights: tuple[str, str] = ("", "")
    """Model and weights version of the last call."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """Those of a store."""

    attempts: tuple[Attempt, ...]
    broken_off: int
    """Episodes that a fault broke off: they are no attempts."""
    damaged: int = 0
    """Episodes that cannot be read."""


def is_right(episode: Episode, trajectory: Trajectory) -> bool:
    """Whether an attempt did what was asked.

    The environment's own word (`DONE`) counts, where it says one. Else it is a payoff above 0 in a game of several
    seats, and a payoff of at least 1 in a task of one seat.
    """
    said = done_of(trajectory)
    if said is not None:
        return said
    payoff = trajectory.reward_parts.get("payoff", trajectory.reward)
    return payoff > 0 if len(episode.trajectories) > 1 else payoff >= 1


def done_of(trajectory: Trajectory) -> bool | None:
    """The environment's own word on whether an attempt did what was asked; None where it says none."""
    said = next((trajectory.metrics[name] for name in DONE if name in trajectory.metrics), None)
    return None if said is None else said == 1


def read_attempts(found: Found) -> Attempts:
    """All attempts of `Store.scan()`, in its order. Few episodes are in memory at once."""
    attempts, broken_off, damaged, problems = list[Attempt](), 0, 0, dict[tuple[str, str, str], Problem | None]()
    episodes = (episode for _, episode in found)
    while chunk := list(islice(episodes, CHUNK)):
        whole = [one for one in chunk if isinstance(one, Episode)]
        sound = [one for one in whole if one.sound]
        broken_off += len(whole) - len(sound)
        damaged += len(chunk) - len(whole)
        right = dict(graded_drafts(sound, problems))
        for episode in sound:
            attempts += [_attempt(episode, one, right) for one in episode.trajectories.values()]
    return Attempts(tuple(attempts), broken_off, damaged)


def _attempt(episode: Episode, trajectory: Trajectory, right: Mapping[str, bool]) -> Attempt:
    done, note, calls = (
        is_right(episode, trajectory),
        last_note(trajectory),
        [call for _, call in trajectory.calls],
    )
    grades = [right.get(draft_id(trajectory, place)) for place in range(len(note.drafts))]
    verdicts = zip([*grades, done], note.verdicts, strict=False)
    alone = len(trajectory.turns) == 1
    return Attempt(
        id=trajectory.id,
        env_id=episode.env_id,
        agent=trajectory.agent,
        question=question_of(episode),
        seat=trajectory.seat,
        right=done,
        parents=trajectory.parents,
        written=generated_tokens(trajectory.turns),
        tokens=sum(len(segment.token_ids) for call in calls for segment in call.segments),
        confidence=note.confidence,
        draft_right=grades[0] if grades else None,
        judged=(*(Judgement(was, said) for was, said in verdicts if was is not None), *_critique(trajectory.hidden)),
        unknown_drafts=grades.count(None),
        answer=trajectory.turns[0].action if alone else None,
        greedy=bool(calls) and all(call.sampling is not None and call.sampling.temperature == 0 for call in calls),
        logprob=_logprob(calls) if alone else None,
        weights=(calls[-1].policy.model, calls[-1].policy.weights_version) if calls else ("", ""),
    )


def _critique(hidden: Mapping[str, object]) -> Iterator[Judgement]:
    """What was judged where judging is the task (`Critique-v0`), and its truth is known."""
    right = hidden.get("right")
    if isinstance(right, bool) and "verdict" in hidden:
        yield Judgement(right, {"right": True, "wrong": False}.get(str(hidden["verdict"])))


def question_of(episode: Episode) -> tuple[str, ...]:
    """What all attempts at one task have in common, whatever the seat."""
    task = episode.task if episode.task is not None else str(episode.seed)
    return episode.env_id, canonical_json(dict(episode.env_kwargs)), task


def last_note(trajectory: Trajectory) -> ReflectionNote:
    """Of the turn that decided: the last one of the trajectory."""
    notes = trajectory.turns[-1].notes if trajectory.turns else {}
    return ReflectionNote.from_notes(notes) or ReflectionNote()


def graded_drafts(
    episodes: Iterable[Episode], problems: dict[tuple[str, str, str], Problem | None]
) -> Iterator[tuple[str, bool]]:
    """(id of a draft, whether it is right), where it is known; `problems` remembers what is not here."""
    variants: dict[str, tuple[Episode, str]] = {}
    for episode in episodes:
        for seat, trajectory in episode.trajectories.items():
            for place, draft in enumerate(last_note(trajectory).drafts):
                id = draft_id(trajectory, place)
                if draft == trajectory.turns[-1].action:
                    yield id, is_right(episode, trajectory)
                elif _ends_episode(episode, trajectory) and environment_fault(episode, problems) is None:
                    variants[id] = (replace(_with_last_action(episode, seat, draft), id=id), seat)
    for again in play_again([variant for variant, _ in variants.values()]):
        variant, seat = variants[again.id]
        if again.sound and len(again.turns) == len(variant.turns):
            yield again.id, is_right(again, again.trajectories[seat])


def draft_id(trajectory: Trajectory, place: int) -> str:
    """What a draft of the last turn is called."""
    return f"{trajectory.id}/draft-{place}"


def _ends_episode(episode: Episode, trajectory: Trajectory) -> bool:
    """Whether nobody acted after a seat's last turn: what another would have answered to a draft is not known."""
    return trajectory.turns[-1].index == max(turn.index for _, turn in episode.turns)


def _with_last_action(episode: Episode, seat: str, action: str) -> Episode:
    trajectory = episode.trajectories[seat]
    turns = (*trajectory.turns[:-1], replace(trajectory.turns[-1], action=action, calls=()))
    return replace(episode, trajectories={**episode.trajectories, seat: replace(trajectory, turns=turns)})


def _logprob(calls: list[Call]) -> float | None:
    """Of an action that one call chose among the legal ones, at a temperature at which the most probable one shows."""
    if len(calls) != 1 or calls[0].sampling is None:
        return None
    sampling, written = calls[0].sampling, [part for part in calls[0].segments if part.kind == "generated"]
    if sampling.decoding != "legal" or sampling.temperature == 0 or sampling.top_p < 1:
        return None
    if any(part.logprobs is None for part in written):
        return None
    return math.fsum(value for part in written for value in part.logprobs or ())
