"""Golden transcripts: one random game of every environment of the family "games", word for word.

Whoever changes a text on purpose runs `python tests/envs/test_transcripts.py` and reads what git says of the files.
"""

import random
import sys
from pathlib import Path

import pytest

from sparring import envs, registry

FOLDER = Path(__file__).parent / "transcripts"
IDS = [row.name for row in registry.envs if row.family == "games" and row.seats > 1]
MOST_ACTIONS = 30
"""Of a long game its beginning."""


def transcript(env_id):
    """What the seat to move sees and does, then what all see at the end and what they are paid."""
    env, rng = envs.make(env_id), random.Random(7)
    env.reset(seed=11)
    lines = []
    for _ in range(MOST_ACTIONS):
        seat, info = env.agent_selection, env.infos[env.agent_selection]
        action = rng.choice(list(info.get("legal_actions") or info["suggested_actions"]))
        lines += [f"## {seat}", env.observe(seat), f"> {action}", ""]
        env.step(action)
        if all(env.terminations.values()) or all(env.truncations.values()):
            break
    for seat in env.possible_agents:
        lines += [f"## {seat} at the end: {env.rewards.get(seat, 0):g}", env.observe(seat), ""]
    return "\n".join(line.rstrip() for line in "\n".join(lines).split("\n"))


def file_of(env_id):
    """Where the transcript of an environment lies."""
    return FOLDER / f"{env_id.removeprefix('sparring/').removesuffix('-v0')}.txt"


@pytest.mark.parametrize("env_id", IDS)
def test_a_random_game_reads_as_it_did(env_id):
    assert transcript(env_id) == file_of(env_id).read_text(encoding="utf-8")


def test_every_transcript_is_of_a_game():
    assert set(FOLDER.glob("*.txt")) == set(map(file_of, IDS))


if __name__ == "__main__":
    for name in sys.argv[1:] or IDS:
        file_of(name).write_text(transcript(name), encoding="utf-8")
