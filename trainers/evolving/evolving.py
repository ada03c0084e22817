"""The loop of all methods that evolve: rounds of parts, each of which plays, derives or fits.

    a round:  explore ─► (derive ─► ...) ─► fit, fit, fit ─► the next round
               play       play again,        weights from the start of the run,
                          with parents       cross-entropy on what was selected

An update of the run is one part of a round, so that everything of `run.py` holds: a run that is killed goes on at the
update at which it was, and plays and learns the same. What a part plays is a function of the settings and of episodes
of earlier parts, which the store holds.

A method says which parts a round has, what the derived parts play, and which rows a fit learns from.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import numpy as np

from sparring.exports.guards import is_held_out
from sparring.protocols import Agent
from sparring.rollout.match import Match
from sparring.store.location import Location, location_of
from sparring.store.run_files import episodes_of
from sparring.store.store import Store
from sparring.trainers.batch import Signal
from sparring.trainers.cursor import cursor_of, require_stored
from sparring.trainers.data.guards import require_trainable_task
from sparring.trainers.evolving.places import Place, places_of, who_is_there
from sparring.trainers.evolving.retelling import Retelling, as_told
from sparring.trainers.evolving.rows import Pair, Row, attempts_of, batch_of
from sparring.trainers.evolving.settings import EvolvingConfig
from sparring.trainers.method import Method
from sparring.trainers.run import Run
from sparring.trainers.state import State
from sparring.types import Episode, derive_seed

logger = logging.getLogger(__name__)
EvolvingT = TypeVar("EvolvingT", bound=EvolvingConfig)
EXPLORE = "explore"
MOST_DERIVED = 8
"""Matches of a derived part for each attempt."""
FIT = "fit"
"""Parts whose name begins with it are fits."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where in a run an update is."""

    round: int
    part: str
    step: int
    """Of the part: 0 where it plays, up to --fit-updates where it fits."""

    @property
    def is_fit(self) -> bool:
        """Whether it learns; else it plays."""
        return self.part.startswith(FIT)


class Evolving(Method[EvolvingT]):
    """Rounds of the `PARTS`."""

    PARTS: ClassVar[tuple[str, ...]] = (EXPLORE, FIT)

    def __init__(self, run: Run[EvolvingT]) -> None:
        super().__init__(run)
        self.base = BaseSet(run) if self.config.source else None
        self.retelling = self.base.retelling if self.base else Retelling(run)
        self._rows: tuple[tuple[int, str], list[Row | Pair]] = ((-1, ""), [])

    @classmethod
    def require_usable(cls, config: EvolvingT) -> None:
        """Raises ValueError for attempts that do not come out even, and for a base set with nothing in it."""
        if config.games_per_update % config.attempts:
            raise ValueError(
                f"games_per_update must be a multiple of attempts, {config.attempts}, got {config.games_per_update}"
            )
        if config.source:
            BaseSet.require_usable(config)

    @abstractmethod
    def select(self, stage: Stage) -> Sequence[Row | Pair]:
        """What a fit learns from, of what was played in its round and before."""

    def derive(self, stage: Stage) -> Iterator[Match]:
        """The matches of a part that is neither `explore` nor a fit; each names its parents."""
        raise NotImplementedError(f"{self.name} has no part {stage.part!r}")

    def parts(self, round: int) -> tuple[str, ...]:
        """The parts of a round, in order."""
        return self.PARTS

    def stage(self, update: int) -> Stage:
        """What an update does."""
        round = 0
        while update >= (length := self._length(round)):
            round, update = round + 1, update - length
        for part in self.parts(round):
            updates = self._updates(part)
            if update < updates:
                return Stage(round, part, update)
            update -= updates
        raise AssertionError("a round is as long as its parts")

    def update_of(self, round: int, part: str) -> int:
        """The first update of a part."""
        parts = self.parts(round)
        return sum(map(self._length, range(round))) + sum(map(self._updates, parts[: parts.index(part)]))

    def _length(self, round: int) -> int:
        return sum(map(self._updates, self.parts(round)))

    def _updates(self, part: str) -> int:
        return self.config.fit_updates if part.startswith(FIT) else 1

    def matches(self, update: int) -> Iterator[Match]:
        """What a part plays; nothing in a fit."""
        stage = self.stage(update)
        if stage.is_fit:
            return iter(())
        return self.explore(stage) if stage.part == EXPLORE else self.derive(stage)

    def ids(self, update: int) -> Iterator[str]:
        """More than any part plays: a derived part may play each attempt several times."""
        return (f"update-{update}/{index}" for index in range(MOST_DERIVED * self.config.games_per_update))

    def explore(self, stage: Stage) -> Iterator[Match]:
        """Attempts at new tasks, the games by turns."""
        config, update = self.config, self.update_of(stage.round, EXPLORE)
        tasks = config.games_per_update // config.attempts
        for index in range(config.games_per_update):
            task, sample = stage.round * tasks + index // config.attempts, index % config.attempts
            yield self.attempt(update, index, config.games[task % len(config.games)], task, sample)

    def played(self, round: int, part: str) -> list[Episode]:
        """The episodes of a part, from the store, in the order of its matches."""
        ids = [match.id for match in self.matches(self.update_of(round, part))]
        return list(self.run.store.get_many(ids).values())

    def attempts(self, round: int, part: str = EXPLORE) -> list[Row]:
        """What the learner did in a part."""
        return attempts_of(self.played(round, part))

    def parents(self, stage: Stage, part: str = EXPLORE) -> dict[str, Row]:
        """The attempts of a part, by the ids that derived matches name as their parents."""
        return {row.trajectory.id: row for row in self.attempts(stage.round, part)}

    def signals(self, episodes: Sequence[Episode]) -> Iterator[Signal]:
        """The `ce` stream of one step of a fit."""
        stage = self.stage(self.run.done)
        if stage.step == 0 and self.config.restart:
            self.run.restart()
        rows = self.rows(stage)
        self.run.measure("selected", len(rows))
        generator = np.random.default_rng(derive_seed(self.config.seed, "order", stage.round, stage.part))
        order = generator.permutation(len(rows)).tolist()
        for row in batch_of(rows, order, stage.step, self.config.fit_batch) if rows else ():
            yield from self._signals_of(row)

    def rows(self, stage: Stage) -> list[Row | Pair]:
        """The selected rows of a fit and the base set; selected once, at its first step or after a resume."""
        key = (stage.round, stage.part)
        if self._rows[0] != key:
            selected = self.select(stage)
            if not selected:
                logger.warning(
                    "round %d selected nothing for %s: %s",
                    *(stage.round, stage.part, "the base set alone is learnt" if self.base else "nothing is learnt"),
                )
            base = self.base.rows() if self.base and stage.part == FIT else []
            self._rows = (key, [*selected, *base])
        return self._rows[1]

    def _signals_of(self, row: Row | Pair) -> Iterator[Signal]:
        if isinstance(row, Pair):
            name = f"{row.chosen.trajectory.id} {row.rejected.trajectory.id}"
            for side in (row.chosen, row.rejected):
                for signal in self._signals_of(replace(side, weight=0.0)):
                    yield replace(signal, pair=name, preferred=side is row.chosen, gap=row.gap)
        elif row.retold:
            yield from self.retelling.signals(row.episode, row.trajectory.seat, row.game, row.weight, row.earlier)[0]
        else:
            yield from as_told(self.run.signals_of(row.trajectory, row.game, imitation=row.weight))

    def agents(self, update: int) -> Mapping[str, Agent]:
        """Those of derived parts."""
        return {}

    def learns(self, update: int) -> bool:
        """In fits."""
        return self.stage(update).is_fit

    def part(self, update: int) -> str:
        """The part of a round that an update is, or is a step of."""
        return self.stage(update).part

    def may_end(self, done: int) -> bool:
        """At the end of a round."""
        stage = self.stage(done)
        return stage.step == 0 and stage.part == self.parts(stage.round)[0]

    def state_dict(self) -> State:
        """How much of the base set there was."""
        return {"base": self.base.cursor} if self.base else {}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave. Raises RunError where the base set has lost some of it."""
        if self.base:
            self.base.go_back(state["base"])


class BaseSet:
    """Episodes of a good agent, which every fit learns from, retold."""

    def __init__(self, run: Run[EvolvingT]) -> None:
        self.config = run.config
        self.retelling = Retelling(run)
        self.store = Store(folder_of(run.config))
        self.cursor = cursor_of(self.store)

    @classmethod
    def require_usable(cls, config: EvolvingConfig) -> None:
        """Raises ValueError where there is nothing in it, or a held-out task; DamagedStore."""
        with Store(folder_of(config)) as store:
            places = cls._places(store, config, store.count)
            if not places:
                raise ValueError(who_is_there(store, config.source, config.expert, config.games))
            for episode in store.get_many(place.id for place in places).values():
                if is_held_out(episode):
                    raise ValueError(
                        f"{config.source} holds held-out tasks (episode {episode.id}), which are not to be trained on: "
                        "record a base set of training tasks, without split=held_out"
                    )

    @staticmethod
    def _places(store: Store, config: EvolvingConfig, count: int) -> list[Place]:
        return places_of(store, config.games, config.expert, count)

    def rows(self) -> list[Row]:
        """All of them."""
        places = self._places(self.store, self.config, self.cursor["count"])
        episodes = self.store.get_many(place.id for place in places)
        for episode in episodes.values():
            require_trainable_task(episode)
        return [
            Row(episodes[place.id], episodes[place.id].trajectories[place.seat], place.game, retold=True)
            for place in places
        ]

    def go_back(self, cursor: State) -> None:
        """To what there was when a checkpoint was written."""
        require_stored(folder_of(self.config), cursor)
        self.cursor = cursor


def folder_of(config: EvolvingConfig) -> Location:
    """Where the base set is."""
    return episodes_of(location_of(config.source))
