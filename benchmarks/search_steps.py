"""Steps of Search-v0 a CPU second, with queries asked before and with new ones; resets and questions included.

python benchmarks/search_steps.py --json benchmarks/results/search_steps.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sparring import make
from sparring.answers.search_actions import written

WORLDS = ("fiction", "atlas")
SEARCHES = 5
BEST_OF = 3


def steps_a_second(world: str, episodes: int, cached: bool) -> float:
    """Of episodes of five searches for different passages' titles and an answer; the first round fills the cache."""
    env = make("sparring/Search-v0", world=world, max_rounds=SEARCHES, list_actions=False)
    titles = [passage.title for passage in env.world.passages]
    place, best = 0, 0.0
    for _ in range(BEST_OF + cached):
        place = 0 if cached else place
        started, steps = time.process_time(), 0
        for episode in range(episodes):
            env.reset(seed=episode)
            for _ in range(SEARCHES):
                env.step(written("tags", "search", f"{titles[place % len(titles)]} {'' if cached else place}"))
                place += 1
            env.step(written("tags", "give_up"))
            steps += SEARCHES + 1
        best = max(best, steps / (time.process_time() - started))
    return best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [
        {
            "world": world,
            "cached": cached,
            "steps_per_cpu_second": round(steps_a_second(world, options.episodes, cached)),
        }
        for world in WORLDS
        for cached in (True, False)
    ]
    view = Table("world", "queries", "steps a CPU second")
    for row in rows:
        view.add_row(str(row["world"]), "asked before" if row["cached"] else "new", f"{row['steps_per_cpu_second']:,}")
    Console().print(view)
    if options.json:
        facts = {"machine": platform.machine(), "cores": os.cpu_count(), "results": rows}
        options.json.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
