"""CodeAct's conversation grows token by token, and starts a new sample where a template cannot."""

import asyncio

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.agents.code.code_act import CodeAct
from sparring.agents.models.conversation import Conversation, message
from sparring.agents.models.scripted import ScriptedModel, rendered
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.protocols import Seat
from sparring.rollout.loop import act_now
from sparring.types import Observation, Sampling

torch.set_num_threads(1)
SEAT = Seat("env", "player_0")
FREE = Sampling(max_new_tokens=4096, decoding="free")


def replies(agent, observations):
    """What the agent answers to these observations, one after another."""
    player = agent.open(SEAT)
    return [act_now(player, Observation((text,), turn=turn)) for turn, text in enumerate(observations)]


def extends(reply):
    """Whether its tokens continue those of the turn before."""
    return reply.calls[0].continues is not None


def script(texts):
    """A model that writes these texts in turn, and the prompts that it was shown."""
    shown, queue = [], list(texts)

    def write(prompt, seed):
        shown.append(prompt)
        return queue.pop(0)

    return ScriptedModel(write), shown


def test_a_program_a_turn_until_the_model_answers():
    model, shown = script(["<execute>print(1/0)</execute>", "Fixed: <execute>print(1)</execute>", "<answer>1</answer>"])
    failed, ran, answer = replies(CodeAct(model, sampling=FREE), ["Divide.", "Status: nonzero", "Status: ok"])
    assert failed.action == "<execute>\nprint(1/0)\n</execute>"
    assert (ran.notes["node"], ran.notes["parent"], ran.notes["depth"]) == (2, 1, 2)
    assert (answer.action, answer.notes["parent"], answer.notes["abstained"]) == ("<answer>1</answer>", 2, False)
    assert "Divide." in shown[0]
    assert shown[2].count("<|assistant|>") == 3


def test_the_sample_is_exactly_what_the_model_saw():
    texts = ["<execute>a é</execute>", "nothing \ud83d to see", "<answer>1</answer>"]
    model, shown = script(texts)
    turns = replies(
        CodeAct(model, sampling=FREE), ["Task <|end|> ü", "Status: ok\nOutput:\n<|user|>", "Status: illegal"]
    )
    sample = ()
    for turn, prompt, text in zip(turns, shown, texts, strict=True):
        sample += turn.calls[0].segments[0].token_ids
        assert rendered(sample) == prompt
        sample += turn.calls[0].segments[1].token_ids
        assert rendered(sample) == f"{prompt}{text}<|end|>"
    assert [extends(turn) for turn in turns] == [False, True, True]


def test_what_was_generated_is_never_tokenised_again():
    """nano writes bytes that are no text; they stand in the next prompt as they are."""
    model = TransformersModel.from_loaded(read_model("nano", device="cpu", seed=5), "fp32")
    agent = CodeAct(model, sampling=Sampling(max_new_tokens=20, decoding="free"))
    first, second = replies(agent, ["A task.", "Status: illegal\nTurns left: 3\nOutput:\n"])
    generated = first.calls[0].segments[1].token_ids
    assert "\N{REPLACEMENT CHARACTER}" in model.decode(generated)
    assert extends(second)
    sample = [*first.calls[0].segments[0].token_ids, *generated, *second.calls[0].segments[0].token_ids]
    (scored,) = model.score_batch([sample], [[second.calls[0].segments[1].token_ids]])[0]
    assert scored == pytest.approx(second.calls[0].segments[1].logprobs, abs=1e-4)
    again = asyncio.run(agent.model.generate(sample, agent.sampling, SEAT.turn_seed(1)))
    assert again.token_ids == second.calls[0].segments[1].token_ids


def test_the_end_token_that_the_model_wrote_is_not_written_twice():
    model, _ = script(["<execute>a</execute>", "<execute>b</execute>"])
    first, second = replies(CodeAct(model, sampling=FREE), ["Task.", "Status: ok"])
    assert rendered(first.calls[0].segments[1].token_ids).endswith("</execute><|end|>")
    assert rendered(second.calls[0].segments[0].token_ids) == "<|user|>Status: ok<|end|><|assistant|>"
    cut, _ = script(["<execute>a</execute>", "b"])
    first, second = replies(CodeAct(cut, sampling=Sampling(max_new_tokens=4, decoding="free")), ["Task.", "Status: ok"])
    assert rendered(first.calls[0].segments[1].token_ids) == "<exe"
    assert rendered(second.calls[0].segments[0].token_ids) == "<|end|><|user|>Status: ok<|end|><|assistant|>"


class Forgetful(ScriptedModel):
    """Its template shows earlier answers without their thoughts, as those of reasoning models do."""

    def chat(self, messages):
        kept = [{**one, "content": one["content"].split("</thought>")[-1]} for one in messages]
        return super().chat(kept)


def test_a_template_that_rewrites_the_past_starts_a_new_sample():
    agent = CodeAct(Forgetful(lambda prompt, seed: "<thought>hm</thought><execute>a</execute>"), sampling=FREE)
    first, second = replies(agent, ["Task.", "Status: ok"])
    assert (extends(first), extends(second)) == (False, False)
    assert "hm" not in rendered(second.calls[0].segments[0].token_ids)
    assert "Task." in rendered(second.calls[0].segments[0].token_ids)


def test_a_conversation_that_grew_too_long_starts_anew_with_the_last_exchange():
    model = ScriptedModel(lambda prompt, seed: f"<execute>program {prompt.count('<|assistant|>')}</execute>")
    turns = replies(
        CodeAct(model, sampling=FREE, most_prompt_tokens=900), ["Task.", *(f"result {n} " * 20 for n in range(6))]
    )
    assert [extends(turn) for turn in turns].count(False) > 1
    restarts = [rendered(turn.calls[0].segments[0].token_ids) for turn in turns[1:] if not extends(turn)]
    assert all("Task." in prompt and prompt.count("<|assistant|>") == 2 for prompt in restarts)


def test_asking_twice_gives_the_same_reply():
    model = ScriptedModel(lambda prompt, seed: f"<execute>{len(prompt)} {seed}</execute>")
    agent = CodeAct(model, sampling=FREE)
    first = replies(agent, ["Task.", "Status: ok"])
    assert replies(agent, ["Task.", "Status: ok"]) == first


def test_a_conversation_without_an_answer_yet_is_one_prompt():
    model, _ = script(["x"])
    conversation = Conversation.of(model, message("system", "Be short."), message("user", "Hi."))
    assert rendered(conversation.tokens) == "<|system|>Be short.<|end|><|user|>Hi.<|end|><|assistant|>"
    assert (conversation.added, conversation.extends) == (conversation.tokens, False)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=80), min_size=1, max_size=5), st.text(max_size=80))
def test_whatever_the_model_writes_there_is_an_action(texts, observation):
    model, _ = script(texts)
    turns = replies(CodeAct(model, sampling=FREE), [observation] * len(texts))
    assert all(isinstance(turn.action, str) for turn in turns)
    assert [extends(turn) for turn in turns] == [False, *[True] * (len(texts) - 1)]


def test_a_script_writes_but_does_not_score():
    with pytest.raises(TypeError, match="it shows no probabilities"):
        asyncio.run(script([])[0].score([1], [[2]]))
