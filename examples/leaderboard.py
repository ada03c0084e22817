"""A leaderboard of six agents in Kuhn poker, with its page.

python examples/leaderboard.py --episodes 200 --store six-agents --page six-agents.html

Every pair of agents plays the same deals, each deal from both seats. If you run it again, it plays only the games that
the store does not hold yet.
"""

import argparse
from pathlib import Path

from sparring.cli.app import main as sparring

AGENTS = ("cfr", "random", "constant:bet/call", "constant:check/fold", "nano", "nano:temperature=0.25")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=200, help="games of every pairing")
    parser.add_argument("--store", type=Path, default=Path("six-agents"))
    parser.add_argument("--page", type=Path, default=Path("six-agents.html"))
    given = parser.parse_args()
    words = ["--agents", ",".join(AGENTS), "--episodes", str(given.episodes), "--store", str(given.store)]
    return sparring(["play", "KuhnPoker", *words]) or sparring(["report", str(given.store), "-o", str(given.page)])


if __name__ == "__main__":
    raise SystemExit(main())
