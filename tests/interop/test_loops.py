"""Agent loops of other trainers: SkyRL-Gym's own registry; verl's interface, whose package does not install here."""

from __future__ import annotations

import asyncio
import importlib
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

pytest.importorskip("skyrl_gym")
KUHN = "sparring/KuhnPoker-v0"


def test_skyrl_plays_a_seat_to_its_end() -> None:
    import skyrl_gym

    skyrl_gym.register("sparring", "sparring.interop.skyrl:SparringEnv")
    env = skyrl_gym.make("sparring", env_config={}, extras={"env_id": KUHN, "seed": 7, "opponent": "constant:bet"})
    messages, _ = env.init([{"role": "system", "content": "Win."}])
    assert [message["role"] for message in messages] == ["system", "user"]
    assert "Your card is" in messages[-1]["content"]
    told: Any = env.step("I [check] here.")
    while not told["done"]:
        told = env.step(told["metadata"]["legal_actions"][0])
    assert env.get_metrics()["payoff"] in (-2.0, -1.0, 1.0, 2.0)
    assert env.get_metrics()["illegal"] == 0


@pytest.mark.parametrize("extras", [{}, {"env_id": KUHN, "seed": "7"}, {"env_id": 7, "seed": 7}])
def test_a_row_that_names_no_task(extras: dict[str, Any]) -> None:
    from sparring.interop.skyrl import SparringEnv

    with pytest.raises(ValueError, match="extras must have env_id"):
        SparringEnv(extras=extras)


class LoopBase:
    """verl's base class as far as its subclasses use it."""

    def __init__(self, config: Any, server_manager: Any, tokenizer: Any, **kwargs: Any) -> None:
        self.rollout_config, self.server_manager, self.tokenizer = config, server_manager, tokenizer


class Metrics(BaseModel):
    generate_sequences: float = 0.0


class Output(BaseModel):
    """verl 0.9.1's AgentLoopOutput: the fields without a default are required there too."""

    prompt_ids: list[int]
    response_ids: list[int]
    response_mask: list[int]
    response_logprobs: list[float] | None = None
    reward_score: float | None = None
    num_turns: int = 0
    metrics: Metrics
    extra_fields: dict[str, Any] = {}


class Server:
    """Writes the same answer to everybody."""

    def __init__(self, ids: list[int], given: int | None = None) -> None:
        self.ids, self.given, self.asked = ids, given, list[dict[str, Any]]()

    async def generate(self, **asked: Any) -> Any:
        self.asked.append(asked)
        count = len(self.ids) if self.given is None else self.given
        return SimpleNamespace(token_ids=self.ids, log_probs=[-0.5] * count)


@pytest.fixture
def loop_type(monkeypatch: pytest.MonkeyPatch) -> Any:
    if importlib.util.find_spec("verl") is None:
        names = ("verl", "verl.experimental", "verl.experimental.agent_loop", "verl.experimental.agent_loop.agent_loop")
        for name in names:
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        for name, value in (("AgentLoopBase", LoopBase), ("AgentLoopMetrics", Metrics), ("AgentLoopOutput", Output)):
            setattr(sys.modules[names[-1]], name, value)
        monkeypatch.delitem(sys.modules, "sparring.interop.verl", raising=False)
    return importlib.import_module("sparring.interop.verl").SparringAgentLoop


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from sparring.agents.models.weights.reading import read_model

    return read_model("smollm2", device="cpu").tokenizer.unwrapped


def row(**extra: object) -> dict[str, Any]:
    return {"raw_prompt": [{"role": "system", "content": "You play Kuhn poker."}], "extra_info": extra}


def test_verl_gets_the_tokens_as_they_were_written(loop_type: Any, tokenizer: Any) -> None:
    written = [*tokenizer.encode("[check]"), tokenizer.eos_token_id]
    server, limits = Server(written), SimpleNamespace(prompt_length=512, response_length=256)
    loop = loop_type(limits, server, tokenizer, env_id=KUHN, opponent="constant:bet")
    output = asyncio.run(loop.run({"temperature": 1.0}, **row(seed=7, seat="player_0")))
    assert len(output.response_ids) == len(output.response_mask) == len(output.response_logprobs)
    ours = [token for token, is_ours in zip(output.response_ids, output.response_mask, strict=True) if is_ours]
    assert ours == written * len(server.asked)
    assert len({asked["request_id"] for asked in server.asked}) == 1
    assert server.asked[0]["prompt_ids"] == output.prompt_ids
    assert "You play Kuhn poker." in tokenizer.decode(output.prompt_ids)
    assert output.reward_score in (-2.0, -1.0, 1.0, 2.0)


@pytest.mark.parametrize("given", [0, 1])
def test_a_missing_log_probability_breaks_the_row_off(loop_type: Any, tokenizer: Any, given: int) -> None:
    written = [*tokenizer.encode("[check]"), tokenizer.eos_token_id]
    limits = SimpleNamespace(prompt_length=512, response_length=256)
    loop = loop_type(limits, Server(written, given=given), tokenizer, env_id=KUHN)
    with pytest.raises(RuntimeError, match=r"broke off.*log-probabilities"):
        asyncio.run(loop.run({}, **row(seed=7)))
