"""Checks on what an environment accepts, shows and pays, whatever its seats and spaces.

Each yields a sentence for every way in which the property does not hold, and nothing where it does.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Iterator

from sparring import registry
from sparring.content import plain_or_none
from sparring.envs.conformance.playing import MOST_STEPS, Record, episode, many_seeds, played, replayed, views_of
from sparring.envs.conformance.subject import (
    SEEDS,
    Environment,
    NotHere,
    Subject,
    action_space,
    observation_space,
)
from sparring.rollout.actions import action_of, takes_text
from sparring.rollout.adapters import Step, adapt

BUDGET = 3
SLOW_SECONDS = 10.0
MOST_POSITIONS = 10
"""In how many positions of an episode, and for how many of its actions, each listed action is tried."""
TRYING_SECONDS = 20.0
"""After so many no further action is tried."""
HOSTILE = ("", " \n\t ", "\x00", "a" * 100_000, "[" * 10_000, "\ud800\udfff", "下注", "9" * 5_000, "{0.__class__}%s%n")
"""Texts on which no environment may choke, nor take for a legal action."""


def comes_to_an_end(subject: Subject) -> Iterator[str]:
    """Random play ends within 2,000 steps."""
    for seed in SEEDS:
        if not episode(subject, seed).ended:
            yield f"the episode of seed {seed} goes on after {MOST_STEPS} steps: give it a budget of actions"


def observations_lie_in_their_spaces(subject: Subject) -> Iterator[str]:
    """Every observation is in its seat's space, and asking for a space again gives the same object."""
    env = subject.build()
    for step in played(env, SEEDS[0]).steps:
        for view in views_of(step):
            space = observation_space(env, view.seat)
            if space is not observation_space(env, view.seat):
                yield f"the observation space of {view.seat} is another object each time"
                return
            if view.seen not in space:
                yield f"{view.seat} sees {view.seen!r:.80}, which is not in {space!r:.80}"
                return


def budgets_allow_exactly_n_actions(subject: Subject) -> Iterator[str]:
    """With `max_turns=3` three actions act, and a fourth is not asked for."""
    if "max_turns" not in _options(subject.build()):
        raise NotHere("it takes no max_turns")
    for most in (1, BUDGET):
        record = played(subject.build(max_turns=most), 0)
        if len(record.answers) > most or (record.steps[-1].truncated and len(record.answers) != most):
            yield f"max_turns={most} allows {len(record.answers)} actions"
        elif len(record.answers) == most and not record.steps[-1].truncated and _goes_on(subject, record):
            yield f"the end that max_turns={most} makes is not called truncated"


def rewards_are_finite_and_made_of_their_parts(subject: Subject) -> Iterator[str]:
    """Every reward is a finite number; where its parts are named they sum to it."""
    for seed in SEEDS:
        for step in episode(subject, seed).steps:
            for seat, reward in step.rewards.items():
                if not math.isfinite(float(reward)):
                    yield f"{seat} is paid {reward}"
                    return
                parts = step.infos.get(seat, {}).get("reward_parts")
                if reward and parts and not math.isclose(sum(parts.values()), float(reward), abs_tol=1e-9):
                    yield f"{seat} is paid {reward}, and the parts {dict(parts)} sum to {sum(parts.values())}"
                    return


def rewards_stay_in_their_range(subject: Subject) -> Iterator[str]:
    """No seat gets less or more than the registered reward_range."""
    known = registry.envs.row(subject.env_id).rewards_with(subject.kwargs or {}) if subject.env_id else None
    if known is None:
        raise NotHere("no reward_range is registered")
    for seed in many_seeds(subject):
        for seat, total in episode(subject, seed).rewards.items():
            if not known[0] - 1e-9 <= total <= known[1] + 1e-9:
                yield f"{seat} gets {total} with seed {seed}, the range is {known}"
                return


def nothing_is_paid_after_the_end(subject: Subject) -> Iterator[str]:
    """A step after the end pays 0, or raises."""
    env = subject.build()
    record = played(env, 0)
    if hasattr(env, "possible_agents") or not record.answers:
        raise NotHere("seats whose game is over do not act")
    try:
        _, reward, *_ = env.step(_action(env, record))
    except Exception:  # noqa: BLE001  (refusing is right)
        return
    if reward:
        yield f"a step after the end pays {reward} again"


def ends_are_of_one_kind(subject: Subject) -> Iterator[str]:
    """A budget's end is truncated and never terminated as well."""
    for seed in SEEDS:
        record = episode(subject, seed)
        if record.ended and record.steps[-1].truncated and record.terminated:
            yield f"seed {seed} ends terminated and truncated at once"


def listed_actions_are_accepted(subject: Subject) -> Iterator[str]:
    """Every listed action, legal or suggested, is accepted where it is listed, and is not called illegal."""
    record, env = episode(subject, 0), subject.build()
    started = time.perf_counter()
    for length in range(0, len(record.answers), max(1, len(record.answers) // MOST_POSITIONS)):
        for view in record.steps[length].movers:
            listed = tuple(view.info.get("legal_actions") or view.info.get("suggested_actions") or ())
            for action in listed[:: max(1, len(listed) // MOST_POSITIONS)]:
                if time.perf_counter() - started > TRYING_SECONDS:
                    return  # each try plays the episode up to there
                if str(action) == record.answers[length].get(view.seat):
                    problem = _called_illegal(record.steps[length + 1], view.seat, str(action))
                else:
                    problem = _refused(env, record, length, view.seat, str(action))
                if problem:
                    yield problem
                    return


def hostile_texts_are_illegal_actions(subject: Subject) -> Iterator[str]:
    """Garbage, empty and enormous text never raises; what lies outside the action space is reported as illegal."""
    env = subject.build()
    for text in HOSTILE:
        game = adapt(env)
        step = game.reset(0)
        seat = step.movers[0].seat
        spaces = [action_space(env, view.seat) for view in step.movers]
        try:
            step = game.step({view.seat: text for view in step.movers})
        except Exception as error:  # noqa: BLE001  (whatever it raises is the finding)
            yield f"the answer {text[:20]!r} raises {type(error).__name__}: {str(error)[:80]}"
            return
        outside = takes_text(spaces[0]) and not spaces[0].contains(text)
        if outside and step.infos.get(seat, {}).get("illegal") is not True:
            yield f'the answer {text[:20]!r} is not reported: info["illegal"] must be True'
            return


def infos_are_plain_data(subject: Subject) -> Iterator[str]:
    """What infos hold can be recorded: text, numbers, lists and mappings of these."""
    lost = set()
    for step in episode(subject, 0).steps:
        for view in views_of(step):
            lost |= {
                str(name) for name, value in view.info.items() if value is not None and plain_or_none(value) is None
            }
    if lost:
        yield f"{', '.join(sorted(lost))} of the infos cannot be recorded as plain data"


def doing_nothing_does_not_pay(subject: Subject) -> Iterator[str]:
    """Where the right answer is known it earns more than saying nothing, and than random play."""
    env = subject.build()
    right_answer = getattr(env, "right_answer", None)
    if not callable(right_answer):
        raise NotHere("it tells no right answer")
    idle = oracle = 0.0
    for seed in SEEDS:
        env.reset(seed=seed)
        answer = right_answer()
        if answer is None:
            raise NotHere("it tells no right answer")
        oracle += sum(replayed(subject.build(), seed, [{"player_0": f"<answer>{answer}</answer>"}]).rewards.values())
        idle += sum(replayed(subject.build(), seed, [{"player_0": ""}] * 50).rewards.values())
    if oracle <= idle:
        yield f"the right answer earns {oracle:g} on {len(SEEDS)} tasks, saying nothing {idle:g}"


def starts_soon(subject: Subject) -> Iterator[str]:
    """The first observation is there within ten seconds."""
    started = time.perf_counter()
    adapt(subject.build()).reset(0)
    seconds = time.perf_counter() - started
    if seconds > SLOW_SECONDS:
        yield f"the first observation takes {seconds:.0f} s"


def closing_is_harmless(subject: Subject) -> Iterator[str]:
    """`close` may be called, before and after an episode, and twice."""
    for env in (subject.build(), subject.build()):
        try:
            env.close()
            env.close()
        except Exception as error:  # noqa: BLE001  (the finding)
            yield f"close raises {type(error).__name__}: {str(error)[:80]}"
            return


def payoffs_sum_to_zero(subject: Subject) -> bool | None:
    """Whether all seats' rewards sum to zero in every episode tried; None where there is one seat."""
    sums = []
    for seed in SEEDS:
        rewards = episode(subject, seed).rewards
        if len(rewards) < 2:
            return None
        sums.append(sum(rewards.values()))
    return all(abs(total) < 1e-9 for total in sums)


def _refused(env: Environment, record: Record, length: int, seat: str, action: str) -> str | None:
    game = adapt(env)
    step = game.reset(record.seed)
    for answers in record.answers[:length]:
        step = game.step(answers)
    answers = {**record.answers[length], seat: action}
    try:
        step = game.step(answers)
    except Exception as error:  # noqa: BLE001  (the finding)
        return f"the listed action {action!r:.40} raises {type(error).__name__}: {str(error)[:80]}"
    return _called_illegal(step, seat, action)


def _called_illegal(step: Step, seat: str, action: str) -> str | None:
    illegal = step.infos.get(seat, {}).get("illegal", False)
    return f"the listed action {action!r:.40} is called illegal" if illegal else None


def _action(env: Environment, record: Record) -> object:
    return action_of(env.action_space, record.answers[-1]["player_0"])


def _options(env: Environment) -> set[str]:
    names: set[str] = set()
    for kind in type(env).__mro__:
        with_init = kind.__dict__.get("__init__")
        if with_init is not None:
            names |= set(inspect.signature(with_init).parameters)
    return names


def _goes_on(subject: Subject, record: Record) -> bool:
    """Whether the episode would go on without the budget."""
    return bool(replayed(subject.build(), record.seed, record.answers).steps[-1].movers)
