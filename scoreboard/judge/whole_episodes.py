"""Graders of whole episodes: state, rewards, the end, what effortless play gets, and what the solution gets."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from statistics import fmean, quantiles

from sparring.envs.remote.connection import Data, Refused
from sparring.envs.remote.frames import metadata_of
from sparring.plurals import number_of
from sparring.scoreboard.judge.client import Session
from sparring.scoreboard.judge.grades import Seen, Skip
from sparring.scoreboard.judge.task_pages import first_tasks
from sparring.scoreboard.judge.trial import Transcript, Trial, compared, is_finite, listed
from sparring.scoreboard.stats import Estimate, bounded_mean

ID = "sparring-judge"
SOLUTIONS = ("solution", "oracle", "walkthrough")
"""Names under which metadata and tasks may hold the actions, or the action, that solve an episode."""
SOLVED = 5
"""Seeds whose solutions are played."""
MOST_CONSTANTS = 4
NEARLY = 0.75
"""Of the way from nothing to the goal: more than this effortless play must not surely get."""


def state_is_exact(trial: Trial) -> Seen:
    """A reset with an `episode_id`, then the state after every step."""
    with trial.session(0, episode_id=ID) as (session, start):
        made, wrong = Transcript(0, start), list[str]()
        state = session.ask("state")
        if state.get("episode_id") != ID:
            wrong.append(f"episode_id is {state.get('episode_id')!r:.60}, {ID!r} was given")
        while not made.is_over and len(made.actions) < 5:
            before = made.answers[-1] if made.answers else start
            trial.step(session, made, trial.action(before, random.Random(0)))
            played, said = len(made.rewards), session.ask("state").get("step_count")
            if said != played and not any("step_count" in one for one in wrong):
                wrong.append(f"step_count is {said!r:.20} after {number_of(played, 'step')}")
    if wrong:
        return Seen("; ".join(wrong), False)
    return Seen(f"{ID!r}, and {number_of(len(made.rewards), 'step')} counted")


def rewards_are_finite_numbers(trial: Trial) -> Seen:
    """Every reward of random play; that of a reset is not looked at."""
    found = [(one.seed, place, reward) for one in trial.episodes for place, reward in enumerate(one.rewards, start=1)]
    if not found:
        raise Skip("no step was taken: every action was refused; give some with --actions FILE")
    for seed, place, reward in found:
        if not is_finite(reward):
            hint = " (NaN becomes null in its JSON)" if reward is None else ""
            return Seen(f"the reward of step {place} of seed {seed} is {json.dumps(reward)}{hint}", False)
    rewards = [reward for *_, reward in found if is_finite(reward)]
    least, most = min(rewards), max(rewards)
    declared = reward_range(trial.facts)
    if declared is None:
        return Seen(f"{len(found)} rewards from {least:g} to {most:g}; no reward_range is declared in /metadata")
    within = declared[0] - 1e-9 <= least and most <= declared[1] + 1e-9
    return Seen(
        f"{len(found)} rewards from {least:g} to {most:g}, declared are {declared[0]:g} to {declared[1]:g}", within
    )


def the_end_is_stable(trial: Trial) -> Seen:
    """Two steps more after an episode is over."""
    answers: list[Data] = []
    with trial.session(0) as (session, _):
        episodes = (trial.played(session, seed) for seed in range(trial.count))
        made = next((one for one in episodes if one.is_over), None)
        if made is None:
            raise Skip("no episode came to its end")
        for _ in range(2):
            try:
                answers.append(session.ask("step", made.actions[-1]))
            except Refused as error:
                return Seen(f"the error {error.code}")
    if any(answer.get("done") is not True for answer in answers):
        return Seen(f"the episode goes on: {json.dumps(answers[0])[:120]}", False)
    if paid := [answer.get("reward") for answer in answers if answer.get("reward")]:
        return Seen(f"the steps after the end are paid {paid[0]!r:.20}", False)
    return Seen("done, and nothing is paid", compared(answers[0]) == compared(answers[1]))


def effortless_play_gets_little(trial: Trial) -> Seen:
    """Random play, and one action again and again."""
    players = {"random": [episode.total for episode in trial.episodes]}
    with trial.session(0) as (session, start):
        for constant in _constants(trial, start):
            name = json.dumps(constant if trial.form.only is None else constant.get(trial.form.only))[:40]
            players[name] = [trial.played(session, seed, constant).total for seed in range(trial.count)]
    goal = _goal(trial, [value for values in players.values() for value in values])
    bounds = [value for values in players.values() for value in values] + [0.0, *([] if goal is None else [goal])]
    got = {name: _mean(values, min(bounds), max(bounds)) for name, values in players.items()}
    text = ", ".join(f"{name} {in_words(estimate)}" for name, estimate in got.items())
    if goal is None:
        raise Skip(
            f"there is nothing to compare with: neither a solution nor a reward_range is named; they get: {text}"
        )
    most = min(bounds) + NEARLY * (goal - min(bounds))
    too_much = [name for name, estimate in got.items() if estimate.low >= most]
    return Seen(f"{text}; the goal is {goal:g}", not too_much)


def the_solution_solves(trial: Trial) -> Seen:
    """The actions that the metadata of the reset name, on five seeds."""
    played = solved_episodes(trial)
    if not played:
        raise Skip(f"neither the metadata of resets nor tasks name a {' or '.join(SOLUTIONS)}")
    if unfinished := [one for one in played if not one.is_over]:
        return Seen(
            f"{len(unfinished)} of {number_of(len(played), 'episode')} are not over after their solution", False
        )
    best, usual = fmean(one.total for one in played), fmean(one.total for one in trial.episodes)
    return Seen(f"solutions get {best:g} on the average, random play {usual:g}", best > usual)


def lengths_and_returns(trial: Trial) -> Seen:
    """Random play, one episode a seed."""
    episodes = trial.episodes
    over, lengths = [one for one in episodes if one.is_over], [len(one.actions) for one in episodes]
    refused = sum("error" in answer for one in episodes for answer in one.answers)
    returns = [one.total for one in episodes]
    mean = in_words(_mean(returns, min(returns), max(returns)))
    quarter = quantiles(returns, n=4)
    text = (
        f"{len(over)} of {len(episodes)} episodes are over after {fmean(lengths):.1f} steps on the average, "
        f"{min(lengths)} to {max(lengths)}; {number_of(refused, 'action')} refused; return {mean}, "
        f"least {min(returns):g}, quartiles {quarter[0]:g}, {quarter[1]:g}, {quarter[2]:g}, most {max(returns):g}"
    )
    if refused == sum(lengths):
        return Seen(f"{text}: every action was refused; give some with --actions FILE", False)
    return Seen(text)


def solved_episodes(trial: Trial) -> list[Transcript]:
    """Solutions, played: those that the metadata of resets name, else those of tasks; none where none is named."""
    found = []
    for seed in range(SOLVED):
        with trial.session(seed) as (session, start):
            found.append(_solved(trial, session, Transcript(seed, start), solution_of(metadata_of(start))))
    if not any(one.actions for one in found):
        for split, index, task in first_tasks(trial, SOLVED):
            with trial.session(None, split=split, index=index) as (session, start):
                found.append(_solved(trial, session, Transcript(0, start), solution_of(task)))
    return [one for one in found if one.actions]


def _solved(trial: Trial, session: Session, made: Transcript, actions: Sequence[str]) -> Transcript:
    for action in actions:
        if not made.is_over:
            trial.step(session, made, trial.form.payload(action))
    return made


def solution_of(named: object) -> Sequence[str]:
    """The actions that metadata or a task call its solution."""
    said = next((named[name] for name in SOLUTIONS if name in named), None) if isinstance(named, Mapping) else None
    if isinstance(said, str):
        return [said]
    return [one if isinstance(one, str) else json.dumps(one) for one in said] if isinstance(said, list) else ()


def reward_range(facts: Mapping[str, object]) -> tuple[float, float] | None:
    """What `/metadata` declares of the reward of a step, as [least, most]."""
    said = facts.get("reward_range")
    if isinstance(said, list) and len(said) == 2 and all(map(is_finite, said)):
        return float(said[0]), float(said[1])
    return None


def in_words(estimate: Estimate) -> str:
    """A mean with its interval."""
    return f"{estimate.value:.3g} (95 %: {estimate.low:.3g} to {estimate.high:.3g}, n = {estimate.n})"


def _goal(trial: Trial, returns: Sequence[float]) -> float | None:
    """What the solution gets, else the most that is declared of a step, where no episode gets more."""
    if solved := solved_episodes(trial):
        return fmean(one.total for one in solved)
    declared = reward_range(trial.facts)
    return None if declared is None or max(returns) > declared[1] else declared[1]


def _mean(values: Sequence[float], least: float, most: float) -> Estimate:
    return bounded_mean(values, list(range(len(values))), least, most)


def _constants(trial: Trial, start: Data) -> list[dict[str, object]]:
    texts = trial.given or listed(start) or trial.form.choices
    rng = random.Random(0)
    found = [trial.form.payload(text) for text in texts] or [trial.form.sample(rng) for _ in range(MOST_CONSTANTS)]
    return list({json.dumps(one): one for one in found}.values())[:MOST_CONSTANTS]
