"""What a protocol's stored episodes say: plays for the statistics, notes for the reader."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sparring.files import write_whole
from sparring.plurals import number_of
from sparring.scoreboard.transfer import RESULTS, Play, Transfer, to_json, transfer
from sparring.store.run_files import EPISODES
from sparring.store.store import Store
from sparring.trainers.starling.cells import PRE_TRAINED, RANDOM, SCRATCH, Cell
from sparring.trainers.starling.protocol import Protocol
from sparring.trainers.starling.settings import Settings
from sparring.types import Episode, Trajectory

PAIRS = ((PRE_TRAINED, SCRATCH), (PRE_TRAINED, RANDOM), (SCRATCH, RANDOM))
Needed = Mapping[tuple[str, int], frozenset[str]]
"""(target, game) -> skills of its plan."""


def write_results(protocol: Protocol, cells: Sequence[Cell]) -> Transfer:
    """Work out what was measured from the stored episodes, and write `results.json`."""
    with Store(protocol.folder / EPISODES) as store:
        needed: dict[tuple[str, int], frozenset[str]] = {}
        for cell in protocol.plan_cells():
            needed |= {(play.target, play.game): play.skills for play in _plays(cell, store, {})}
        plays = [play for cell in cells for play in _plays(cell, store, needed)]
        plans = [play for cell in protocol.plan_cells() for play in _plays(cell, store, needed)]
    lost = sum(cell.target.games for cell in cells) - len(plays)
    notes = [*pre_training(protocol.settings), *protocol.missing]
    notes += [f"{number_of(lost, 'episode')} broke off and {'is' if lost == 1 else 'are'} not counted"] if lost else []
    found = transfer([*plays, *plans], PAIRS, notes, asdict(protocol.settings))
    write_whole(protocol.folder / RESULTS, json.dumps(to_json(found), indent=1, allow_nan=False).encode())
    return found


def pre_training(settings: Settings) -> list[str]:
    """What the agent had learnt from before it was measured."""
    parts = []
    if settings.imitation_updates:
        size = settings.imitation_batch
        parts.append(
            f"{number_of(settings.imitation_updates, 'update')} of imitation, of {size} of the solver's plans each"
        )
    if settings.practice_updates:
        parts.append(
            f"{number_of(settings.practice_updates, 'update')} of grpo, of {number_of(settings.batch, 'episode')} each"
        )
    return [
        f"{settings.model} was pre-trained on {number_of(settings.train_games, 'adventure')}: {', then '.join(parts)}"
    ]


def _plays(cell: Cell, store: Store, needed: Needed) -> list[Play]:
    """Of a cell, without what broke off."""
    ids = [match.id for match in cell.matches()]
    found = store.get_many(ids)
    return [
        _play(cell, game, found[id], needed.get((cell.target.name, game), frozenset()))
        for game, id in enumerate(ids)
        if id in found and found[id].sound
    ]


def _play(cell: Cell, game: int, episode: Episode, needed: frozenset[str]) -> Play:
    (trajectory,) = episode.trajectories.values()
    metrics = trajectory.metrics
    score = min(1.0, max(0.0, float(metrics.get("score", 0.0))))
    won = float(metrics.get("won", 0.0)) > 0
    where = (cell.target.name, cell.agent, cell.seed, cell.episodes, game)
    return Play(*where, score, won, _skills(trajectory), needed)


def _skills(trajectory: Trajectory) -> frozenset[str]:
    """Of the commands that were played, as the environment says."""
    return frozenset(str(said["skill"]) for said in trajectory.outcomes if said.get("skill"))
