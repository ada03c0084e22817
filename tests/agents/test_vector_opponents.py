"""A language model that plays against many games at once answers all of them in one batch."""

import gymnasium
import numpy as np
import pytest

from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.agents.players import LanguageModelAgent, make_player
from sparring.agents.talking.agent import TalkingAgent
from sparring.types import Sampling

KUHN, TTT = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0"
GAMES = 6
FREE = Sampling(max_new_tokens=3, decoding="free")


class Counted(TransformersModel):
    """`nano`, which notes how many questions it is asked at once."""

    def score_batch(self, prompts, continuations):
        self.batches.append(len(prompts))
        return super().score_batch(prompts, continuations)

    def generate_batch(self, prompts, sampling, seeds):
        self.batches.append(len(prompts))
        return super().generate_batch(prompts, sampling, seeds)


@pytest.fixture(scope="module")
def model():
    return Counted.from_loaded(read_model("nano", device="cpu", seed=5), "fp32")


def played(model, env_id, agent, steps, mode=None, **options):
    """What a policy sees that plays the first legal action in each game, and the sizes of the model's batches."""
    env = gymnasium.make_vec(
        f"sparring.envs:{env_id}", num_envs=GAMES, vectorization_mode=mode, opponent=agent, view="discrete", **options
    )
    model.batches = []
    seen, _ = env.reset(seed=0)
    shown, sizes = [seen["observation"].tolist()], [model.batches]
    for _ in range(steps):
        model.batches = []
        seen, rewards, terminated, truncated, _ = env.step(seen["action_mask"].argmax(axis=1))
        shown.append((seen["observation"].tolist(), rewards.tolist(), terminated.tolist(), truncated.tolist()))
        sizes.append(model.batches)
    return shown, sizes


def test_in_every_step_all_games_whose_opponent_is_to_move_are_one_batch(model):
    shown, sizes = played(model, TTT, LanguageModelAgent(model), steps=9)
    alone, alone_sizes = played(model, TTT, LanguageModelAgent(model), steps=9, mode="sync")
    assert shown == alone
    assert sizes[:3] == [[], [GAMES], [GAMES]]
    assert max(map(len, sizes)) == 1, "never more than one batch in a step"
    assert {size for batches in alone_sizes for size in batches} == {1}


def test_a_batch_is_one_forward_pass(model, monkeypatch):
    forward, passes = model._forward, []
    monkeypatch.setattr(model, "_forward", lambda *asked: passes.append(1) or forward(*asked))
    _, sizes = played(model, TTT, LanguageModelAgent(model), steps=2)
    assert sizes == [[], [GAMES], [GAMES]]
    assert len(passes) == 2


def test_games_that_begin_anew_and_games_that_go_on_ask_together(model):
    shown, sizes = played(model, KUHN, LanguageModelAgent(model), steps=8, seat="player_1")
    alone, _ = played(model, KUHN, LanguageModelAgent(model), steps=8, mode="sync", seat="player_1")
    assert shown == alone
    assert sizes[0] == [GAMES]
    assert max(map(len, sizes)) == 1


@pytest.mark.parametrize(
    "agent_of",
    [
        lambda model: make_player(model, prompt="bracket", sampling=FREE),
        lambda model: TalkingAgent(model, sampling=FREE),
    ],
    ids=["writing", "talking"],
)
def test_so_do_models_that_write_freely(model, agent_of):
    options = {"illegal": "retry", "retries": 1}
    shown, sizes = played(model, KUHN, agent_of(model), steps=3, **options)
    alone, _ = played(model, KUHN, agent_of(model), steps=3, mode="sync", **options)
    assert shown == alone
    assert sizes[1] == [GAMES, GAMES], "who is asked again after an illegal action is asked again together"


def test_games_against_a_model_and_games_against_chance_stand_side_by_side(model):
    env = gymnasium.make_vec(f"sparring.envs:{TTT}", num_envs=4, view="discrete", opponent="random").unwrapped
    for game in env.envs[1::2]:
        game.set_opponent(LanguageModelAgent(model))
    env.reset(seed=0)
    model.batches = []
    seen, *_ = env.step(np.zeros(4, int))
    assert model.batches == [2]
    assert (seen["action_mask"].sum(axis=1) == 7).all()
