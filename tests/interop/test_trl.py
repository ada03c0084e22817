"""A step of TRL's GRPOTrainer on our episodes, in both of its ways."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from sparring import Store

pytest.importorskip("trl")
from sparring.interop import trl as ours

KUHN = "sparring/KuhnPoker-v0"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> Any:
    from sparring.agents.models.weights.reading import read_model

    return read_model("smollm2", device="cpu")


def trainer(model: Any, folder: Path, rows: int = 4, **given: Any) -> Any:
    from trl import GRPOConfig, GRPOTrainer

    config = GRPOConfig(
        output_dir=str(folder),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        save_strategy="no",
        max_steps=1,
        per_device_train_batch_size=rows,
        num_generations=rows,
        learning_rate=1e-4,
        logging_steps=1,
        disable_tqdm=True,
        max_completion_length=given.pop("max_completion_length", 16),
    )
    return GRPOTrainer(model.model, args=config, **given)


def test_a_step_on_whole_episodes(model: Any, tmp_path: Path) -> None:
    with Store(tmp_path / "store", "a") as store:
        rollouts = ours.Rollouts(
            KUHN, range(2), opponent="self", temperature=5.0, decoding="legal", on_episodes=store.append
        )
        rows: list[dict[str, Any]] = []

        def recorded(prompts: Any, learner: Any) -> dict[str, Any]:
            rows.append(rollouts(prompts, learner))
            return dict(rows[-1])

        step = trainer(
            model,
            tmp_path,
            rows=6,
            reward_funcs=rollouts.reward,
            train_dataset=rollouts.dataset(),
            processing_class=model.tokenizer.unwrapped,
            rollout_func=recorded,
        )
        before = model.model.lm_head.weight.detach().clone()
        step.train()
        kept = list(store)
    (row,) = rows
    assert len(kept) == len(row["payoff"]) == 6
    assert len({episode.task for episode in kept}) == 1
    for ids, mask, logprobs in zip(row["completion_ids"], row["env_mask"], row["logprobs"], strict=True):
        assert len(ids) == len(mask) == len(logprobs)
        assert set(mask) == {0, 1}
    assert step.state.log_history[0]["reward"] == pytest.approx(sum(row["payoff"]) / 6)
    assert len(set(row["payoff"])) > 1
    assert not model.model.lm_head.weight.equal(before)


def test_the_environment_is_a_tool(model: Any, tmp_path: Path) -> None:
    make = ours.environment(KUHN, opponent="random")
    step = trainer(
        model,
        tmp_path,
        processing_class=ours.with_tools(model.tokenizer.unwrapped),
        environment_factory=make,
        max_completion_length=24,
    )
    step.train()
    assert step.state.log_history[0]["rewards/Environment/mean"] == -2.0  # it called nothing: it left, which is no draw


def test_a_called_tool_plays(model: Any) -> None:
    tokenizer = ours.with_tools(model.tokenizer.unwrapped)
    call = '<tool_call>{"name": "act", "arguments": {"action": "bet"}}</tool_call><|im_end|>'
    said = tokenizer.parse_response(call, prefix="")
    assert said["tool_calls"][0]["function"] == {"name": "act", "arguments": {"action": "bet"}}
    environment = ours.environment(KUHN)()
    assert "Your card is" in environment.reset(seed=1)
    told = ""
    for action in itertools.repeat("bet", 2):
        told = environment.act(action)
        if "The game is over" in told:
            break
    assert environment.get_reward() != 0
    with pytest.raises(ValueError, match="the game is over"):
        environment.act("bet")


def test_a_game_against_others_that_is_left_is_worth_the_least_and_one_alone_what_it_paid() -> None:
    kuhn = ours.environment(KUHN)()
    kuhn.reset(seed=1)
    assert kuhn.get_reward() == -2.0
    alone = ours.environment("sparring/Adventure-v0")()
    alone.reset(seed=1)
    assert alone.get_reward() == 0.0


def test_the_template_shows_tools_and_extends(model: Any) -> None:
    from transformers.utils import get_json_schema

    tokenizer = ours.with_tools(model.tokenizer.unwrapped)
    tools = [get_json_schema(ours.Environment.act)]
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Win."},
        {"role": "user", "content": "Your card is K."},
    ]
    first = tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=True)
    assert "Play an action" in first
    assert first.count("<|im_start|>system") == 1
    call = {"type": "function", "function": {"name": "act", "arguments": {"action": "bet"}}}
    messages += [{"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "content": "You won."}]
    longer = tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=True)
    assert longer.startswith(first)
    plain = tokenizer.apply_chat_template(messages[:2], tokenize=False, add_generation_prompt=True)
    assert plain == model.tokenizer.unwrapped.apply_chat_template(
        messages[:2], tokenize=False, add_generation_prompt=True
    )


def test_what_there_is_not() -> None:
    with pytest.raises(ValueError, match="seats of"):
        ours.Rollouts(KUHN, range(2), seats=["player_7"])
    with pytest.raises(KeyError, match="unknown agent"):
        ours.Rollouts(KUHN, range(2), opponent="nobody")
    with pytest.raises(ValueError, match="no task is called"):
        ours.Rollouts(KUHN, range(2))(["something else"], None)  # type: ignore[arg-type]
