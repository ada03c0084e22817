"""Games that are played ahead: with `--staleness N` those of update u have the weights of N updates before.

    update u:   games of u ─► learn u ─► games of u + 1 ─► learn u + 1           staleness 0
                games of u ─► learn u       ─► learn u + 1                       staleness 1
                              games of u + 1  games of u + 2

Which weights play which games is a rule, not a race: the games of update u begin as soon as N updates less are learnt.
So a run is the same in one process, where nothing is gained by it, and on a cluster, where games are played while the
learner learns. The learner's truncated importance weight corrects for the difference (arXiv 1802.01561).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

from sparring.protocols import Agent
from sparring.rollout.loop import Match, play
from sparring.rollout.pool import Workers
from sparring.trainers.collecting import Games, collect
from sparring.trainers.method import LEARNER
from sparring.trainers.progress import GamesHeard, Hear, Progress
from sparring.trainers.run_folder import RunError
from sparring.trainers.state import State
from sparring.types import Episode

if TYPE_CHECKING:
    from sparring.trainers.run import Run

LOOK_SECONDS = 0.2
"""Between two looks at how far games are that are waited for."""


class Ahead:
    """Of one run: the games of its next updates, as far as they have begun."""

    def __init__(self, run: Run[Any]) -> None:
        self.run = run
        self._begun: dict[int, list[str]] = {}
        """Update -> the ids of its matches, of updates that are not learnt yet."""
        self._weights: dict[int, int] = {}
        """Update -> after how many updates the weights are that play its games."""
        self._played: dict[int, list[Episode]] = {}
        self._elsewhere: dict[int, Elsewhere] = {}

    def episodes(self) -> tuple[list[Episode], int]:
        """Those of the next update, and how many updates old the weights are that played them.

        The games of the updates after it begin first.
        """
        run = self.run
        last = min(run.done + run.method.staleness, run.config.steps - 1)
        for update in range(run.done, last + 1):
            if update not in self._begun:
                self._begin(update)
        episodes = self._taken(run.done)
        del self._begun[run.done]
        return episodes, run.done - self._weights.pop(run.done)

    def _begin(self, update: int) -> None:
        run = self.run
        agents = {**run.method.agents(update), LEARNER: run.player}
        matches = list(run.method.matches(update))
        self._begun[update], self._weights[update] = [match.id for match in matches], run.done
        if run.method.staleness and isinstance(run.pool, Workers):
            self._elsewhere[update] = Elsewhere(Games.of(matches, run.store), agents, run.pool)
        else:
            self._played[update] = collect(matches, agents, run.store, run.pool, run.hear)

    def _taken(self, update: int) -> list[Episode]:
        if update in self._elsewhere:
            return self._elsewhere.pop(update).episodes(self.run.hear)
        if update in self._played:
            return self._played.pop(update)
        ids = self._begun[update]
        stored = self.run.store.get_many(ids)
        if len(stored) < len(ids):
            raise RunError(f"the store has lost {len(ids) - len(stored)} games of update {update}, played ahead of it")
        return [stored[one] for one in ids]

    def finish(self) -> None:
        """Wait for all games that have begun, and store them: a checkpoint rests on them."""
        for update in list(self._elsewhere):
            self._played[update] = self._elsewhere.pop(update).episodes(self.run.hear)

    def state_dict(self) -> State:
        """What has begun; the games are in the store."""
        return {"begun": dict(self._begun), "weights": dict(self._weights)}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""
        self._begun, self._weights = dict(state["begun"]), dict(state["weights"])


class Elsewhere:
    """Games that other processes play while this one does something else."""

    def __init__(self, games: Games, agents: Mapping[str, Agent], workers: Workers) -> None:
        self._games = games
        self._done: Future[list[Episode]] = Future()
        self._far = Progress("playing", len(games.stored), len(games.matches), "game")
        holding = workers.holding(games.missing, agents)
        threading.Thread(target=self._play, args=(games.missing, agents, holding), daemon=True).start()

    def episodes(self, hear: Hear | None) -> list[Episode]:
        """Wait for them, and store them. Raises what stopped them."""
        while not self._done.done():
            if hear is not None:
                hear(self._far)
            wait([self._done], LOOK_SECONDS)
        return self._games.kept(self._done.result())

    def _play(self, matches: Sequence[Match], agents: Mapping[str, Agent], workers: Workers) -> None:
        heard = GamesHeard("playing", self._far.done, self._far.total, self._hear)
        try:
            self._done.set_result(play(matches, agents, on_event=heard, pool=workers))
        except BaseException as error:  # noqa: BLE001  (raised where they are waited for)
            self._done.set_exception(error)

    def _hear(self, far: Progress) -> None:
        self._far = far
