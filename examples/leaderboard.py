"""A leaderboard of six agents in two games, its page, and the proof that the page says what was played.

python examples/leaderboard.py --rounds 50 --store six-agents --page six-agents.html

Every pair of agents plays the same deals, each deal from both seats. If you run it again, it plays only the games that
the store does not hold yet.
"""

import argparse
from pathlib import Path

from sparring.cli.app import main as sparring

ENVS = ("KuhnPoker", "Pig:target=12")
AGENTS = ("cfr", "random", "constant:bet/call", "constant:check/fold", "nano", "nano:temperature=0.25")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50, help="deals of every pairing")
    parser.add_argument("--store", type=Path, default=Path("six-agents"))
    parser.add_argument("--page", type=Path, default=Path("six-agents.html"))
    given = parser.parse_args()
    store, page = str(given.store), str(given.page)
    words = ["--envs", ",".join(ENVS), "--agents", ",".join(AGENTS), "--rounds", str(given.rounds), "--store", store]
    return sparring(["tournament", *words, "-o", page]) or sparring(["verify", "--board", page, store])


if __name__ == "__main__":
    raise SystemExit(main())
