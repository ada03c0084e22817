"""What the checks found about one environment, as a review that its maintainer can read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sparring import registry
from sparring.envs.conformance import rules, seeds
from sparring.envs.conformance.subject import Check, Environment, NotHere, Subject, action_space
from sparring.rollout.actions import takes_text

Verdict = Literal["holds", "fault", "advice", "not here"]
FAULTS: tuple[Check, ...] = (
    rules.comes_to_an_end,
    rules.observations_lie_in_their_spaces,
    seeds.equal_seeds_give_equal_episodes,
    seeds.numpy_seeds_are_seeds,
    seeds.reset_leaves_nothing,
    seeds.instances_do_not_touch_each_other,
    seeds.processes_agree,
    rules.listed_actions_are_accepted,
    rules.hostile_texts_are_illegal_actions,
    rules.budgets_allow_exactly_n_actions,
    rules.ends_are_of_one_kind,
    rules.rewards_are_finite_and_made_of_their_parts,
    rules.rewards_stay_in_their_range,
    rules.doing_nothing_does_not_pay,
    rules.closing_is_harmless,
)
ADVICE: tuple[Check, ...] = (
    rules.nothing_is_paid_after_the_end,
    seeds.other_seeds_give_other_episodes,
    rules.infos_are_plain_data,
    rules.starts_soon,
)
"""What is not wrong, and worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One property, and whether it holds."""

    what: str
    """The check's name in words."""
    verdict: Verdict
    detail: str
    """What does not hold, or why it was not checked; what the property says where it holds."""


@dataclass(frozen=True, slots=True)
class Review:
    """All findings on one environment."""

    env: str
    seats: tuple[str, ...]
    actions: str
    """The first seat's action space, in the library's words."""
    zero_sum: bool | None
    """Whether all rewards summed to zero in every episode; None with one seat."""
    seconds: float
    """What the review took."""
    findings: tuple[Finding, ...]

    @property
    def faults(self) -> list[Finding]:
        """What does not hold."""
        return [finding for finding in self.findings if finding.verdict == "fault"]

    @property
    def ok(self) -> bool:
        """Whether everything that concerns it holds."""
        return not self.faults

    @property
    def verdict(self) -> str:
        """In one sentence."""
        held = sum(finding.verdict == "holds" for finding in self.findings)
        if self.ok:
            return f"{self.env} conforms: {held} properties hold."
        count = len(self.faults)
        return f"{self.env} does not conform: {count} {'property does' if count == 1 else 'properties do'} not hold."


def review(env_id: str, **kwargs: object) -> Review:
    """Judge a registered environment, ours or not; `gym:ID` and `pettingzoo:MODULE` need no registration.

    Raises UnknownName, and whatever the environment raises when it is built.
    """

    def build(**options: object) -> Environment:
        env: Environment = registry.envs.make(env_id, **{**kwargs, **options})
        return env

    return review_of(Subject(build, env_id, dict(kwargs)))


def review_of(subject: Subject) -> Review:
    """Judge whatever a subject builds."""
    started = time.perf_counter()
    env = subject.build()
    seats = tuple(getattr(env, "possible_agents", ("player_0",)))
    space = action_space(env, seats[0])
    findings = (*_found(FAULTS, "fault", subject), *_found(ADVICE, "advice", subject))
    try:
        zero_sum = rules.payoffs_sum_to_zero(subject)
    except Exception:  # noqa: BLE001  (the findings tell)
        zero_sum = None
    name = subject.env_id or type(env).__name__
    return Review(name, seats, _words(space), zero_sum, time.perf_counter() - started, findings)


def _words(space: object) -> str:
    """A space in a few words; the characters of a text are too many to list."""
    return "Text" if takes_text(space) else str(space)[:60]


def _found(suite: tuple[Check, ...], verdict: Verdict, subject: Subject) -> Iterator[Finding]:
    for check in suite:
        what, property_ = check.__name__.replace("_", " "), (check.__doc__ or "").strip()
        try:
            problems = list(check(subject))
        except NotHere as reason:
            yield Finding(what, "not here", str(reason))
        except Exception as error:  # noqa: BLE001  (an environment that raises has this fault)
            yield Finding(what, "fault", f"raises {type(error).__name__}: {str(error)[:120]}")
        else:
            yield Finding(what, verdict, "; ".join(problems)) if problems else Finding(what, "holds", property_)
        finally:
            subject.close()
