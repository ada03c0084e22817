"""SIM-RAG's training (arXiv 2505.02811): self-practice, a critic, where to stop, and what it is worth.

    questions ─► searches to the end, recorded ─► points with labels ─► score ─► calibration, threshold ─► test, table

What we do otherwise, and why:
1. The label is exact sufficiency by default. SIM-RAG's, the exact match of the answer, measures the reader: it says 0
   on most sufficient contexts of a small one (`--labels em`).
2. No classes are balanced; the probability is calibrated instead, on questions of its own.
3. The critic stops at a threshold that is chosen for reward. SIM-RAG takes the likelier token, which is one half.
4. Practice, test and use have the same number of rounds.
5. The last answer may be withheld (`surrender`): giving up is right where nothing can be found.

A run that is stopped or killed goes on with what was played.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from sparring import registry
from sparring.agents import models, named
from sparring.agents.models.trainable import LocalModel
from sparring.agents.retrieval.sim_rag import SimRag
from sparring.agents.retrieval.trained.critic import TrainedCritic
from sparring.faults import make_folder
from sparring.plurals import number_of
from sparring.protocols import Agent
from sparring.rollout.loop import Event
from sparring.rollout.match import Match
from sparring.scoreboard.critic_results import CriticResults, write_results
from sparring.scoreboard.stored_matches import play_missing
from sparring.scoreboard.verdicts import Bools, quality, reliability
from sparring.store.store import Store
from sparring.trainers.config import require_device
from sparring.trainers.made_with import made_with
from sparring.trainers.run_folder import RunFolder
from sparring.trainers.settings import restore
from sparring.trainers.sim_rag.adapting import fit_adapted
from sparring.trainers.sim_rag.fitting import fit_counting, fit_reading
from sparring.trainers.sim_rag.measuring import Practised, Score, elsewhere, label_shares, make_critic, rules
from sparring.trainers.sim_rag.practice import Search, cases_of, labels_of, searches_of, without_answers
from sparring.trainers.sim_rag.settings import Config
from sparring.types import Episode, Sampling, derive_seed

METHOD = "sim-rag"
ENV, SEAT = "sparring/Search-v0", "player_0"
CRITIC = "critic"
"""The folder in a run that holds it."""
BATCH = 64
"""Questions that are searched for together."""
SPLITS = {"practice": "train", "test": "held_out"}
LEAST = 8
"""Searches of a part, so that anything can be made of them."""
NEVER = 1.0
"""No probability of the reader's own is accepted: every search goes to its end."""


class Stopped(Exception):
    """Somebody asked for an end; what was played is kept."""


@registry.trainers.register(
    "sim-rag",
    family="retrieval",
    extra="train",
    config="sparring.trainers.sim_rag.settings:Config",
    runner="sparring.cli.sim_rag:train_critic",
)
class SimRagTraining:
    """A critic that learns from self-practice when what was found suffices, and what stopping by it earns."""

    name = METHOD
    config_type = Config

    def __init__(self, config: Config, folder: RunFolder) -> None:
        """Raises MissingExtra, and ValueError where a model or a device is not there."""
        for module in ("sklearn", "bm25s"):
            registry.require(module, "retrieval")
        require_device(config.device)
        self.config, self.folder = config, folder
        self._reader = _reader_of(config)
        self._players: Mapping[str, Agent] | None = None
        self.model = self._backbone()

    def _backbone(self) -> LocalModel | None:
        """What a reading critic reads with, the reader itself where it is that model; None for a counting critic."""
        config = self.config
        if not config.reads_with:
            return None
        if self._reader is not None and config.reads_with == config.reader and hasattr(self._reader.model, "module"):
            return cast("LocalModel", self._reader.model)
        return models.load_trainable(config.reads_with, device=config.device)

    @classmethod
    def start(cls, config: Config, path: Path) -> SimRagTraining:
        """A new run, whose folder is made when everything that the settings name has been found."""
        folder = RunFolder(path)
        folder.require_free()
        run = cls(config, folder)
        for split in SPLITS.values():
            env = registry.envs.make(ENV, **config.env_kwargs(split))
            env.reset(seed=0)  # refuses where there is no such question
            env.close()
        folder.create(METHOD, asdict(config), made_with=made_with(config.device, run.model))
        return run

    @classmethod
    def resume(cls, path: Path) -> SimRagTraining:
        """A run with the settings in its folder. Raises RunError where it is none of this method, or in use."""
        folder = RunFolder.open(path, METHOD)
        try:
            return cls(restore(Config, folder.read_config()["config"], path), folder)
        except BaseException:
            folder.release()
            raise

    @property
    def episodes(self) -> int:
        """That are played, for a progress bar."""
        return self.config.questions + self.config.test_questions

    def run(self, moved: Callable[[int], object], should_stop: Callable[[], bool] = lambda: False) -> CriticResults:
        """Play what was not played, make the critic, measure it. Raises Stopped, ValueError for labels of one class."""
        started = time.monotonic()
        self.folder.lock()
        try:
            practice, test, lost = self._play(moved, should_stop)
            critic = make_critic(practised := Practised.of(practice, self.config.seed), self.config, self._fit)
            make_folder(self.folder.path / CRITIC)
            critic.save(self.folder.path / CRITIC)
            results = self._measure(critic, practised, practice, test)
            results = replace(
                results, seconds=time.monotonic() - started, notes=list(self._notes(practice, test, lost))
            )
            write_results(results, self.folder.path)
            self._log(results)
            return results
        finally:
            self.folder.release()

    def _notes(self, practice: Sequence[Search], test: Sequence[Search], lost: int) -> Iterator[str]:
        yield from notes_of(practice, test, lost)
        env = registry.envs.make(ENV, **self.config.env_kwargs(SPLITS["test"]))
        yield from getattr(env.world, "notes", ())
        env.close()

    def _log(self, results: CriticResults) -> None:
        """The line of a finished run: what `sparring runs` and `compare` show."""
        earned = {rule.name: rule.earned.reward.value for rule in results.rules}
        found = {"reward": earned["critic"], "auroc": results.quality.auroc, "brier": results.quality.brier}
        self.folder.cut_metrics(0)
        self.folder.log({"update": 0, **found, "ece": results.quality.calibration_error, "seconds": results.seconds})

    def _play(
        self, moved: Callable[[int], object], should_stop: Callable[[], bool]
    ) -> tuple[list[Search], list[Search], int]:
        """The searches of practice and test, and how many cannot be used. Raises Stopped, ValueError without any."""
        config, done, found = self.config, 0, dict[str, list[Search]]()
        with Store(self.folder.episodes, "a") as store:
            for part, count in (("practice", config.questions), ("test", config.test_questions)):
                episodes: list[Episode] = []
                for first in range(0, count, BATCH):
                    if should_stop():
                        raise Stopped
                    ended = Ended(done + len(episodes), moved)
                    episodes += self._play_batch(part, range(first, min(first + BATCH, count)), store, ended)
                    moved(done + len(episodes))
                done += len(episodes)
                found[part] = self._usable(part, episodes)
        return found["practice"], found["test"], done - sum(map(len, found.values()))

    def _play_batch(self, part: str, numbers: Sequence[int], store: Store, ended: Ended) -> list[Episode]:
        agents = self._agents()
        names, kwargs = list(agents), self.config.env_kwargs(SPLITS[part])
        matches = [
            Match(f"{part}/{number}", ENV, {SEAT: names[number % len(names)]}, self._seed(part, number), kwargs)
            for number in numbers
        ]
        return play_missing(matches, agents, store, on_event=ended)

    def _seed(self, part: str, number: int) -> int:
        return derive_seed(self.config.seed, part, number)

    def _usable(self, part: str, episodes: Sequence[Episode]) -> list[Search]:
        """Raises ValueError where there are too few, with the reason of the first."""
        config = self.config
        searches = searches_of(episodes, config.max_rounds, bool(config.reader))
        if len(searches) < LEAST:
            errors = [" ".join((one.error or "").split())[:300] for one in episodes if one.error]
            why = f"; the first fault: {errors[0]}" if errors else "; the environment does not say what suffices"
            raise ValueError(
                f"only {len(searches)} of {number_of(len(episodes), 'search')} of the {part} can be used{why}"
            )
        return searches if config.reader else [without_answers(one) for one in searches]

    def _agents(self) -> Mapping[str, Agent]:
        if self._players is None:
            reader = self._reader
            self._players = (
                {reader.name: reader} if reader else {spec: named.make(spec) for spec in self.config.searchers}
            )
        return self._players

    def _fit(self, searches: Sequence[Search], labels_N: Bools) -> Score:
        if self.model is None:
            return fit_counting(cases_of(searches), labels_N, self.config.seed)
        spec, rank = self.config.reads_with, self.config.lora_rank
        if not rank:
            return fit_reading(cases_of(searches), labels_N, self.model, spec)
        fresh = models.load_trainable(spec, device=self.config.device)
        return fit_adapted(cases_of(searches), labels_N, fresh, spec, rank, self.config.seed)

    def _measure(
        self, critic: TrainedCritic, practised: Practised, practice: Sequence[Search], test: Sequence[Search]
    ) -> CriticResults:
        config, labels_QR = self.config, labels_of(test, self.config.labels)
        probabilities_QR = critic.probabilities(cases_of(test)).reshape(labels_QR.shape)
        return CriticResults(
            settings=asdict(config),
            seconds=0.0,
            questions=len(test),
            threshold=critic.threshold,
            surrender=critic.surrender,
            quality=quality(probabilities_QR.ravel(), labels_QR.ravel()),
            reliability=reliability(probabilities_QR.ravel(), labels_QR.ravel()),
            rules=rules(critic, probabilities_QR, test, practised, config),
            elsewhere=list(elsewhere(practice, test, config, self._fit)),
            labels=label_shares(test, bool(config.reader)),
        )


def notes_of(practice: Sequence[Search], test: Sequence[Search], lost: int) -> Iterator[str]:
    """What a reader of the results must know."""
    if lost:
        yield f"{number_of(lost, 'search')} broke off or ended early, and {'is' if lost == 1 else 'are'} left out"
    for part, searches in (("practice", practice), ("test", test)):
        different = len({one.question for one in searches})
        if different < len(searches):
            asked = f"{'which was' if different == 1 else 'which were'} asked {number_of(len(searches), 'time')}"
            yield f"the {part} has {number_of(different, 'different question')}, {asked}"


@dataclass(slots=True)
class Ended:
    """Counts the episodes of a batch as they end, and says so."""

    episodes: int
    """That had ended before, and since."""
    moved: Callable[[int], object]

    def __call__(self, event: Event) -> None:
        """Hear of an episode."""
        if event.kind == "done":
            self.episodes += 1
            self.moved(self.episodes)


def _reader_of(config: Config) -> SimRag | None:
    """The language model as a searcher that accepts nothing; None for scripted searchers."""
    if not config.reader:
        return None
    sampling = Sampling(temperature=0.6, top_p=0.9, max_new_tokens=config.max_new_tokens, decoding="free")
    return SimRag(models.load(config.reader, device=config.device), threshold=NEVER, sampling=sampling)
