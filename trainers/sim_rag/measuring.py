"""What a critic is worth: its probabilities, the stop rules beside it, and the groups that it was trained without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sparring.agents.retrieval.trained.critic import CountingScore, ReadingScore, TrainedCritic
from sparring.plurals import number_of
from sparring.scoreboard.critic_results import FIXED, Elsewhere, Rule
from sparring.scoreboard.stats import Estimate, paired_difference
from sparring.scoreboard.verdicts import (
    Bools,
    Floats,
    Ints,
    Paths,
    best_fixed,
    best_surrender,
    best_threshold,
    first_crossing,
    gives_up,
    oracle,
    quality,
    stopping,
)
from sparring.trainers.sim_rag.fitting import calibrate, split_off
from sparring.trainers.sim_rag.practice import Search, cases_of, labels_of, paths_of
from sparring.trainers.sim_rag.settings import Config

LABELLED = 100
"""Decision points of another group that are labelled to calibrate again."""
LEAST_SEARCHES = 30
"""In a group, so that it is measured apart."""
Score = CountingScore | ReadingScore
Fit = Callable[[Sequence[Search], Bools], Score]


@dataclass(frozen=True, slots=True)
class Practised:
    """What a critic was made of: the searches that it was fitted on, and those that calibrated it."""

    fitted: Sequence[Search]
    held: Sequence[Search]

    @classmethod
    def of(cls, searches: Sequence[Search], seed: int) -> Practised:
        """Four fifths and a fifth, by question."""
        fitted, held = split_off(len(searches), seed)
        return cls([searches[place] for place in fitted], [searches[place] for place in held])


def make_critic(practised: Practised, config: Config, fit: Fit) -> TrainedCritic:
    """Fit, calibrate, and choose where to stop: threshold and surrender that earn most on the held searches.

    Raises ValueError where all labels are the same.
    """
    score = fit(practised.fitted, labels_of(practised.fitted, config.labels).ravel())
    held, labels_QR = practised.held, labels_of(practised.held, config.labels)
    log_odds_N = score.log_odds(cases_of(held))
    calibration = calibrate(log_odds_N, labels_QR.ravel(), config.calibration)
    probabilities_QR = calibration.probability(log_odds_N).reshape(labels_QR.shape)
    paths = paths_of(held, config.right)
    threshold = best_threshold(paths, probabilities_QR, config.round_cost)
    surrender = best_surrender(paths, probabilities_QR, threshold)
    return TrainedCritic(score, calibration, threshold, surrender, config.max_rounds)


def rules(
    critic: TrainedCritic, probabilities_QR: Floats, test: Sequence[Search], practised: Practised, config: Config
) -> list[Rule]:
    """Every way to stop on the test's searches; each is held against the best fixed number of rounds."""
    paths, practice = paths_of(test, config.right), paths_of(practised.held, config.right)
    tasks = [one.question for one in test]
    fixed = best_fixed(practice, config.round_cost)
    fixed_rule = f"{FIXED} at {number_of(fixed, 'round')}"
    gave_up_Q = gives_up(probabilities_QR, critic.threshold, critic.surrender)
    never_Q = np.zeros(len(test), bool)
    plain: dict[str, tuple[Ints, Bools]] = {
        "stop at once": (np.zeros(len(test), np.int64), never_Q),
        "search to the end": (np.full(len(test), paths.last), never_Q),
        fixed_rule: (np.full(len(test), fixed), never_Q),
        "critic at one half": (first_crossing(probabilities_QR, 0.5), never_Q),
        "critic": (first_crossing(probabilities_QR, critic.threshold), gave_up_Q),
        "oracle": (oracle(paths), ~paths.answerable_Q),
    }
    said_QR = self_verdicts(test)
    if said_QR is not None:
        plain["the reader's own verdict"] = (first_crossing(said_QR, 0.5), never_Q)
    against = _rewards(paths, *plain[fixed_rule], config.round_cost)
    return [
        Rule(
            name,
            stopping(paths, stops_Q, config.round_cost, gave_up_Q, tasks),
            _above(tasks, _rewards(paths, stops_Q, gave_up_Q, config.round_cost), against),
        )
        for name, (stops_Q, gave_up_Q) in plain.items()
    ]


def self_verdicts(searches: Sequence[Search]) -> Floats | None:
    """What the reader itself said of its answers, [Q, R]; None where it was not asked."""
    said = [[point.verdict for point in one.points] for one in searches]
    if any(verdict is None for row in said for verdict in row):
        return None
    return np.array(said, np.float64)


def elsewhere(searches: Sequence[Search], test: Sequence[Search], config: Config, fit: Fit) -> Iterator[Elsewhere]:
    """Each group of questions that is large enough, judged by a critic that was made of the other groups.

    Where the others are of one label only, there is nothing to learn, and the group is left out.
    """
    for group in dict.fromkeys(one.group for one in test):
        others = [one for one in searches if one.group != group]
        mine = [one for one in test if one.group == group]
        if len(mine) < LEAST_SEARCHES or len(others) < LEAST_SEARCHES:
            continue
        critic = make_critic(Practised.of(others, config.seed), config, fit)
        log_odds_N, labels_N = critic.score.log_odds(cases_of(mine)), labels_of(mine, config.labels).ravel()
        raw = quality(critic.calibration.probability(log_odds_N), labels_N)
        rest = slice(min(LABELLED, len(labels_N) // 2), None)
        first = slice(0, rest.start)
        again = None
        if labels_N[first].any() and not labels_N[first].all():
            calibration = calibrate(log_odds_N[first], labels_N[first], config.calibration)
            again = quality(calibration.probability(log_odds_N[rest]), labels_N[rest])
        yield Elsewhere(group, raw, again, rest.start)


def label_shares(searches: Sequence[Search], has_reader: bool) -> Mapping[str, float]:
    """How many points each label calls enough; one label where there is no reader."""
    names = ("exact", "em", "contains") if has_reader else ("exact",)
    return {name: float(labels_of(searches, name).mean()) for name in names}  # type: ignore[arg-type]


def _rewards(paths: Paths, stops_Q: Ints, gave_up_Q: Bools, round_cost: float) -> list[float]:
    rows = np.arange(len(paths))
    right_Q = np.where(gave_up_Q, ~paths.answerable_Q, paths.correct_QR[rows, stops_Q])
    return [float(reward) for reward in right_Q - round_cost * stops_Q]


def _above(tasks: Sequence[str], mine: Sequence[float], theirs: Sequence[float]) -> Estimate:
    return paired_difference(zip(tasks, mine, strict=True), zip(tasks, theirs, strict=True))
