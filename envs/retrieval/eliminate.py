"""Rank candidates by naming the worst one, again and again: one seat, one candidate less a step.

    gymnasium.make("sparring.envs:sparring/Eliminate-v0", world="fiction", size=7)

This is IRanker's task (arXiv 2506.21638) as an environment of several steps, with the reward of its release: 1 for a
candidate that is not gold, 0 for a gold one, -0.5 for a name that is not in the list. Where we deviate: candidates are
named by number; one that is no longer there costs the step, and so many more candidates stay unranked at the end: these
stand in the order in which they were listed, before all that were taken out.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import gymnasium

from sparring import registry
from sparring.envs.any_text import AnyText
from sparring.envs.code.split_rng import SPLITS, Split
from sparring.envs.retrieval.escaping import harmless
from sparring.envs.retrieval.settings import require_one_of
from sparring.envs.retrieval.sources import world_of
from sparring.envs.retrieval.types import Pool, World

NOT_LISTED, IS_GOLD, IS_NOT_GOLD = -0.5, 0.0, 1.0
MOST_OBSERVED, MOST_WRITTEN = 200_000, 256
"""Characters."""
MOST_SHOWN = 600
"""Characters of a candidate."""
SIZE, LARGEST = 7, 100
SEEDS = 2**63
Info = dict[str, object]


def reward_range(options: Mapping[str, object]) -> tuple[float, float]:
    """Of an episode: every elimination but the last candidate's can go wrong, or well."""
    size = int(str(options.get("size", SIZE)))
    return NOT_LISTED * (size - 1), IS_NOT_GOLD * (size - 1)


def reciprocal_rank(ranking: Sequence[str], gold: Collection[str]) -> float:
    """1 / rank of the first gold candidate; 0 where there is none."""
    return next((1.0 / rank for rank, id in enumerate(ranking, 1) if id in gold), 0.0)


def ndcg(ranking: Sequence[str], gold: Collection[str]) -> float:
    """Normalised discounted cumulative gain over the whole ranking, each gold candidate worth 1."""
    gain = math.fsum(1.0 / math.log2(rank + 1) for rank, id in enumerate(ranking, 1) if id in gold)
    best = math.fsum(1.0 / math.log2(rank + 1) for rank in range(1, len(set(gold)) + 1))
    return gain / best if best else 0.0


@registry.envs.register(
    "sparring/Eliminate-v0",
    family="retrieval",
    skills=("language", "ranking"),
    version="1",
    reward_range=(-49.5, 99.0),
    range_with="sparring.envs.retrieval.eliminate:reward_range",
)
class Eliminate(gymnasium.Env[str, str]):
    """Name the worst candidate by its number, until one is left.

    world, split: as of Search-v0.
    size: candidates, 2 to 100; an episode has one step less.

    A step pays 1 for a candidate that is not gold, 0 for a gold one, -0.5 for what names none that is left.
    """

    metadata: dict[str, object] = {"name": "sparring/Eliminate-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        world: str | World = "fiction",
        split: Split = "train",
        size: int = SIZE,
        *,
        render_mode: str | None = None,
    ) -> None:
        require_one_of(SPLITS, split=split)
        if type(size) is not int or not 2 <= size <= LARGEST:
            raise ValueError(f"size must be a whole number from 2 to {LARGEST}, got {size!r}")
        self.split, self.size, self.render_mode = split, size, render_mode
        self.world = world_of(world)
        self.world.pool(split, 0, size)  # refuses once, before anything is played, where there is none
        self.observation_space = AnyText(MOST_OBSERVED)
        self.action_space = AnyText(MOST_WRITTEN)
        self._pool: Pool | None = None
        self._out: list[int] = []
        self._steps, self._seen = 0, ""

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[str, Info]:
        """Show the candidates of a seed; `options` are not used."""
        super().reset(seed=seed)
        number = int(self.np_random.integers(SEEDS)) if seed is None else int(seed)
        self._pool = pool = self.world.pool(self.split, number, self.size)
        self._out, self._steps = [], 0
        self._seen = self._shown(pool)
        return self._seen, self._info(pool, illegal=False) | {"task": "eliminate", "world": self.world.name}

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Take a candidate out. After the end nothing happens any more."""
        if not isinstance(action, str):
            raise TypeError(f"action must be a str, got {type(action).__name__}")
        pool = self._pool
        if pool is None:
            raise RuntimeError("step was called before reset")
        if self._is_over(pool):
            return self._seen, 0.0, True, False, self._info(pool, illegal=False)
        self._steps += 1
        reward = self._take_out(pool, action)
        over, info = self._is_over(pool), self._info(pool, illegal=reward == NOT_LISTED)
        self._seen = "The ranking is complete." if over else self._shown(pool)
        info["reward_parts"] = {"not_listed" if reward == NOT_LISTED else "eliminated": reward}
        if over:
            ranking, gold = self.ranking, pool.gold
            info["metrics"] = {"mrr": reciprocal_rank(ranking, gold), "ndcg": ndcg(ranking, gold)}
        return self._seen, reward, over, False, info

    def render(self) -> str | None:
        """The latest observation, with render_mode="ansi"."""
        return self._seen if self.render_mode == "ansi" else None

    def walkthrough(self, seed: int) -> list[str]:
        """The candidates that are not gold, then gold ones down to the last. Never shown to agents."""
        pool = self.world.pool(self.split, seed, self.size)
        worst_first = sorted(range(len(pool.candidates)), key=lambda place: pool.candidates[place].id in pool.gold)
        return [str(place + 1) for place in worst_first[:-1]]

    @property
    def ranking(self) -> list[str]:
        """Ids of the candidates, the best first."""
        assert self._pool is not None
        candidates = self._pool.candidates
        left = [place for place in range(len(candidates)) if place not in self._out]
        return [candidates[place].id for place in (*left, *reversed(self._out))]

    def _take_out(self, pool: Pool, action: str) -> float:
        text = action.strip().strip("[]").strip() if len(action) <= MOST_WRITTEN else ""
        if text not in self._left(pool):
            return NOT_LISTED
        place = int(text) - 1
        self._out.append(place)
        return IS_GOLD if pool.candidates[place].id in pool.gold else IS_NOT_GOLD

    def _left(self, pool: Pool) -> list[str]:
        return [str(place + 1) for place in range(len(pool.candidates)) if place not in self._out]

    def _is_over(self, pool: Pool) -> bool:
        return self._steps >= len(pool.candidates) - 1

    def _info(self, pool: Pool, *, illegal: bool) -> Info:
        info: Info = {"illegal": illegal, "hidden": {"pool": pool.id, "gold": list(pool.gold)}}
        if not self._is_over(pool):
            info["legal_actions"] = self._left(pool)
        return info

    def _shown(self, pool: Pool) -> str:
        lines = [
            f"[{place}] {harmless(pool.candidates[int(place) - 1].contents, MOST_SHOWN)}" for place in self._left(pool)
        ]
        asked = "Which candidate answers the query worst? Write its number."
        return "\n".join([f"Query: {harmless(pool.query)}", *lines, "", asked])
