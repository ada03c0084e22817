"""A verifier learnt from self-labelled attempts.

    faulty episodes ─► readings and truth at every check ─► a head for each verb ─► temperature ─► threshold, k of K

The robot labels its own attempts: while it practises, the simulator's predicates are at hand, and at play they are not.
Agentic Robot (arXiv 2505.23450) fine-tunes a vision-language model of 3B for this, and asks it about one frame. Here a
head of 16 units reads noisy sensors; its probability is calibrated by a temperature (Guo et al. 2017, arXiv 1706.04599)
on episodes of its own, and the threshold and the window are chosen for success on further ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

from sparring.envs.robot.plan import TabletopPlan
from sparring.envs.robot.tabletop.control import Simulator
from sparring.envs.robot.verifiers import NOISE, Check, Noisy, Verifier
from sparring.robotics.heads import Head, Heads
from sparring.robotics.readings import READINGS
from sparring.robotics.words import VERBS, Verb
from sparring.types import derive_seed

HIDDEN, STEPS, LEARNING_RATE, DECAY = 16, 600, 0.02, 1e-3
WINDOWS = ((1, 1), (2, 2), (3, 3), (2, 3))
"""agree of window."""
THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
SEEN, UNSEEN = slice(2, 11), 1e12
"""The readings that take a camera, and the scale by which they come to nothing."""
LEAST = 20
"""Examples of each verdict that a verb needs."""
PRACTICE_PERIOD = 5
WARM_UP = "turn on lamp\nturn off lamp\n"
"""Steps that no plan holds both of: a verifier must know all six verbs."""
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class VerifierConfig:
    """How a verifier is trained: `sparring robot verifier`."""

    simulator: Simulator = "twin"
    """What moves the bodies: twin or mujoco."""
    episodes: int = 300
    """Of practice; a fifth of them calibrates."""
    choosing: int = 150
    """Further episodes on which every threshold and window is tried."""
    fault: float = 0.4
    """Probability that an attempt of practice meets a fault."""
    choosing_fault: float = 0.3
    """The same, of the episodes on which threshold and window are chosen."""
    noise: float = NOISE
    """Of the sensor, standard deviation in metres."""
    blind: bool = False
    """Whether only the gripper's own readings are used: its opening, its height, and a device's signal."""
    seed: int = 0
    """Decides tasks, faults, noise and the weights at the start."""

    def __post_init__(self) -> None:
        """Raises ValueError."""
        for name in ("episodes", "choosing"):
            if getattr(self, name) < 5:
                raise ValueError(f"{name} must be >= 5, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Examples:
    """Checks of one verb."""

    readings: NDArray[np.float64]
    """[N, 12]"""
    truths: NDArray[np.float64]
    """[N]: 0 or 1."""


class Practising:
    """A verifier that writes down what it is asked, and answers by chance often enough to see wrong states too."""

    name = "practising"

    def __init__(self) -> None:
        self._noisy = Noisy(0.02, 0.3)
        self.seen: list[tuple[Verb, NDArray[np.float64], bool]] = []

    def begin(self, seed: int) -> None:
        """A new episode."""
        self._noisy.begin(seed)

    def verdict(self, check: Check) -> bool:
        """Mostly the truth."""
        self.seen.append((check.subgoal.verb, check.readings, check.truth))
        return self._noisy.verdict(check)


def train_verifier(config: VerifierConfig, progress: Progress = lambda said: None) -> Heads:
    """Practise, fit, calibrate, choose. Raises ValueError where a verb has examples of one verdict only.

    `progress` hears about every stage.
    """
    share = max(1, config.episodes // 5)
    fitting = examples_of(config, "fit", config.episodes - share, progress)
    calibrating = examples_of(config, "calibrate", share, progress)
    heads: dict[str, Head] = {}
    for verb, examples in fitting.items():
        progress(f"{verb}: {len(examples.truths)} checks, {examples.truths.mean():.0%} of them reached")
        heads[verb] = _calibrated(_fitted(verb, examples, config), calibrating.get(verb, examples))
    return _chosen(heads, config, progress)


def examples_of(config: VerifierConfig, stage: str, episodes: int, progress: Progress) -> dict[Verb, Examples]:
    """What a practising verifier was asked, by verb."""
    asked = Practising()
    env = environment(config, config.fault, asked, period=PRACTICE_PERIOD)
    for index in range(episodes):
        play_plan(env, derive_seed(config.seed, stage, index), WARM_UP)
        if index % 20 == 19:
            progress(f"{stage}: {index + 1} of {episodes} episodes")
    return {verb: _together(asked, verb) for verb in VERBS if any(seen[0] == verb for seen in asked.seen)}


def environment(
    config: VerifierConfig, fault: float, verifier: Verifier, agree: int = 2, window: int = 2, period: int = 10
) -> TabletopPlan:
    """Where it practises and is chosen: all families of tasks, plans carried out to their end."""
    env = TabletopPlan(
        config.simulator,
        fault=fault,
        ask="plan",
        max_turns=1,
        replan=False,
        agree=agree,
        window=window,
        period=period,
    )
    env.setup = replace(env.setup, noise=config.noise)
    env.verifier = verifier
    return env


def play_plan(env: TabletopPlan, seed: int, before: str = "") -> Mapping[str, float]:
    """Carry out the shortest plan of a seed; what was measured. `before`: other steps, which come first."""
    env.reset(seed=seed)
    info = env.step(before + env.walkthrough(seed)[0])[-1]
    return cast(Mapping[str, float], info["metrics"])


def _together(asked: Practising, verb: Verb) -> Examples:
    found = [(readings, truth) for one, readings, truth in asked.seen if one == verb]
    return Examples(np.array([readings for readings, _ in found]), np.array([float(truth) for _, truth in found]))


def _fitted(verb: Verb, examples: Examples, config: VerifierConfig) -> Head:
    """Cross-entropy by Adam, with weight decay."""
    counts = examples.truths.sum(), len(examples.truths) - examples.truths.sum()
    if min(counts) < LEAST:
        raise ValueError(
            f"{verb} needs >= {LEAST} checks of each verdict, got {counts[0]:.0f} reached and {counts[1]:.0f} not: "
            "practise on more episodes"
        )
    mean, scale = examples.readings.mean(0), examples.readings.std(0) + 1e-6
    if config.blind:
        scale[SEEN] = UNSEEN
    generator = torch.Generator().manual_seed(derive_seed(config.seed, verb))
    inputs_NR = torch.tensor((examples.readings - mean) / scale, dtype=torch.float64)
    truths_N = torch.tensor(examples.truths)
    shapes = ((HIDDEN, len(READINGS)), (HIDDEN,), (HIDDEN,), ())
    weights = [
        (0.3 * torch.randn(shape, generator=generator, dtype=torch.float64)).requires_grad_() for shape in shapes
    ]
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=DECAY)
    for _ in range(STEPS):
        optimizer.zero_grad()
        hidden, bias, out, last = weights
        logits_N = torch.tanh(inputs_NR @ hidden.T + bias) @ out + last
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits_N, truths_N)
        loss.backward()
        optimizer.step()
    return Head(
        mean.tolist(),
        scale.tolist(),
        hidden=weights[0].tolist(),
        hidden_bias=weights[1].tolist(),
        out=weights[2].tolist(),
        bias=weights[3].item(),
        temperature=1.0,
        threshold=0.5,
    )


def _calibrated(head: Head, examples: Examples) -> Head:
    """With the temperature of the least cross-entropy on episodes that it was not fitted on."""
    probabilities = np.array([head.probability(readings) for readings in examples.readings])
    log_odds = np.log(np.clip(probabilities, 1e-12, 1)) - np.log(np.clip(1 - probabilities, 1e-12, 1))

    def loss(log_temperature: float) -> float:
        signed = np.where(examples.truths > 0.5, log_odds, -log_odds) / np.exp(log_temperature)
        return float(np.logaddexp(0, -signed).mean())

    return replace(head, temperature=float(np.exp(minimize_scalar(loss, bounds=(-2, 4), method="bounded").x)))


def _chosen(heads: Mapping[str, Head], config: VerifierConfig, progress: Progress) -> Heads:
    """With the threshold and the window of the most success, then of the fewest steps."""
    told = asdict(config)
    tried: list[tuple[float, float, Heads]] = []
    for candidate in _candidates(heads, told):
        success, steps = _measured(candidate, config)
        tried.append((-success, steps, candidate))
        threshold = next(iter(candidate.heads.values())).threshold
        progress(f"{candidate.agree} of {candidate.window} at {threshold}: success {success:.2f}, {steps:.0f} steps")
    return min(tried, key=lambda one: one[:2])[2]


def _candidates(heads: Mapping[str, Head], told: Mapping[str, object]) -> Iterator[Heads]:
    for agree, window in WINDOWS:
        for threshold in THRESHOLDS:
            yield Heads({verb: replace(head, threshold=threshold) for verb, head in heads.items()}, window, agree, told)


def _measured(candidate: Heads, config: VerifierConfig) -> tuple[float, float]:
    """Share of successes, and mean control steps."""
    env = environment(
        config, config.choosing_fault, AsVerifier(candidate), window=candidate.window, agree=candidate.agree
    )
    played = [play_plan(env, derive_seed(config.seed, "choose", index)) for index in range(config.choosing)]
    return _mean(played, "success"), _mean(played, "steps")


def _mean(played: Sequence[Mapping[str, float]], name: str) -> float:
    return float(np.mean([metrics[name] for metrics in played]))


class AsVerifier:
    """Heads as an environment's verifier."""

    name = "trained"

    def __init__(self, heads: Heads) -> None:
        self.heads = heads

    def begin(self, seed: int) -> None:
        """Nothing is kept."""

    def verdict(self, check: Check) -> bool:
        """By the verb's head."""
        return self.heads.says(check.subgoal.verb, check.readings)
