"""Settings of the loss against plain formulas: the estimator of the reference's KL, weights and scales of games."""

import math

import numpy as np
import pytest
import torch

from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.cli.app import main
from sparring.store.store import Store
from sparring.trainers.batch import Signal, merge
from sparring.trainers.learner import Learner, LearnerConfig, StepWeights
from sparring.trainers.methods.grpo import Config, Grpo
from sparring.trainers.methods.reinforce import Config as ReinforceConfig
from sparring.trainers.methods.reinforce import Reinforce
from sparring.trainers.methods.spiral import Config as SpiralConfig
from sparring.trainers.methods.spiral import Spiral
from sparring.trainers.run import Run
from sparring.trainers.targets import passes_of

torch.set_num_threads(1)
TTT, KUHN, LAKE = "sparring/TicTacToe-v0", "sparring/KuhnPoker-v0", "gym:FrozenLake-v1"
PROMPT, ANSWERS = (11, 12, 13), ((30, 31, 32), (40, 41), (50, 51, 52, 53))


@pytest.fixture
def model():
    return TransformersModel.from_loaded(read_model("nano", device="cpu", seed=3), "fp32")


def plain_logprobs(module, answer):
    distributions = module(torch.tensor([PROMPT + answer])).logits[0].log_softmax(-1)
    return torch.stack([distributions[len(PROMPT) - 1 + at, token] for at, token in enumerate(answer)])


def signal(model, answer, advantage, game="", reference=(), allowed=None):
    with torch.no_grad():
        sampled = plain_logprobs(model.module, answer).tolist()
    places = tuple(range(len(PROMPT), len(PROMPT) + len(answer)))
    none = (None,) * len(answer)
    return Signal(
        PROMPT + answer, places, tuple(sampled), allowed or none, 1.0, advantage, 0.0, tuple(reference), game=game
    )


def gradient(learner, batch, magnet=0.0):
    """Loss and gradient of a batch."""
    learner.model.module.zero_grad()
    total = torch.zeros(())
    for one in passes_of(batch, 1024, learner.model.device):
        hidden = learner.model.hidden(one.packed)
        for targets in one.targets:
            weights = StepWeights(magnet, learner.config.reference_kl, 1.0, torch.empty(0))
            total = total + learner._loss(hidden, targets, weights)[0]
    total.backward()
    found = {name: p.grad.clone() for name, p in learner.model.module.named_parameters()}
    learner.model.module.zero_grad()
    return total.detach(), found


def assert_equal(left, right):
    for name, value in left.items():
        torch.testing.assert_close(value, right[name], rtol=1e-4, atol=1e-5)


# The estimator


@pytest.mark.parametrize("estimator", ["k2", "k3"])
def test_the_reference_holds_by_the_estimator_that_the_settings_name(model, estimator):
    rng, weight = np.random.default_rng(0), 0.3
    with torch.no_grad():
        references = [
            plain_logprobs(model.module, a) + torch.tensor(rng.normal(scale=0.5, size=len(a))) for a in ANSWERS
        ]
    signals = [signal(model, a, 1.0, reference=r.tolist()) for a, r in zip(ANSWERS, references, strict=True)]
    learner = Learner(model, LearnerConfig(reference_kl=weight, reference_estimator=estimator))
    loss, grads = gradient(learner, merge(signals))
    total = torch.zeros((), dtype=torch.float64)
    for answer, reference in zip(ANSWERS, references, strict=True):
        log_r = plain_logprobs(model.module, answer) - reference  # policy over reference
        kl = log_r**2 / 2 if estimator == "k2" else torch.exp(-log_r) - 1 + log_r
        surrogate = -(log_r + reference - (log_r + reference).detach()).exp()
        total = total + (surrogate + weight * kl).sum() / len(ANSWERS)
    total.backward()
    assert loss.item() == pytest.approx(total.item(), rel=1e-5)
    assert_equal(grads, {name: p.grad for name, p in model.module.named_parameters()})


@pytest.mark.parametrize("estimator", ["k2", "k3"])
def test_a_reader_of_the_store_computes_the_loss_of_an_update_again(tmp_path, estimator):
    """One optimizer step an update: the sampler's weights are the learner's, so the ratio is 1 and w is 1."""
    rows, kl, weight = [], {"k2": lambda d: d * d / 2, "k3": lambda d: math.exp(-d) - 1 + d}[estimator], 0.5
    config = Config(games=(TTT,), opponents=("random",), steps=3, games_per_update=8, group_size=4, evaluation_games=0,
                    probe_every=0, device="cpu", reference_kl=weight, reference_estimator=estimator,
                    learning_rate=3e-3)  # fmt: skip
    Run.start(Grpo, config, tmp_path / "run").run(rows.append)
    with Store(tmp_path / "run" / "episodes") as store:
        advantages = store.columns("grpo/group", "advantage")
        references = store.columns("grpo/reference", "logprob")
        losses = []
        for episode in (e for e in store if e.id.startswith("update-2/")):
            for trajectory in episode.trajectories.values():
                if trajectory.id not in advantages:
                    continue
                for number, turn in enumerate(trajectory.turns):
                    (generated,) = [s for s in turn.calls[0].segments if s.kind == "generated"]
                    terms = [
                        -advantages[trajectory.id] + weight * kl(logp - references[f"{trajectory.id}/{number}.0/{at}"])
                        for at, (logp, allowed) in enumerate(zip(generated.logprobs, generated.allowed, strict=True))
                        if len(allowed) > 1
                    ]
                    losses += [sum(terms)] if terms else []
    assert len(losses) == rows[2]["samples"]
    assert rows[2]["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-3)


def test_references_that_are_stored_stand_and_other_columns_may_not_change(tmp_path):
    with Store(tmp_path / "store", "a") as store:
        store.put_columns("m/reference", "logprob", {"t/0.0/0": -1.0}, as_stored=True)
        store.put_columns("m/reference", "logprob", {"t/0.0/0": -1.0000001, "t/0.0/1": -2.0}, as_stored=True)
        assert store.columns("m/reference", "logprob") == {"t/0.0/0": -1.0, "t/0.0/1": -2.0}
        with pytest.raises(ValueError, match=r"is stored as -1\.0, got -3\.0"):
            store.put_columns("m/reference", "logprob", {"t/0.0/0": -3.0})


# Weights of games


def test_games_weigh_as_the_settings_say(model):
    choices = ((30, 60), (31, 61), (32, 62))
    batches = {
        "a": [signal(model, ANSWERS[0], 1.0, "a", allowed=choices), signal(model, ANSWERS[1], -1.0, "a")],
        "b": [signal(model, ANSWERS[2], 2.0, "b")] * 3,
    }
    learner, weights = Learner(model, LearnerConfig()), {"a": 2.0, "b": 1.0}
    loss, grads = gradient(learner, merge([*batches["a"], *batches["b"]], weights), magnet=0.0)
    alone = {game: gradient(learner, merge(signals)) for game, signals in batches.items()}
    assert loss.item() == pytest.approx((2 * alone["a"][0].item() + alone["b"][0].item()) / 3, rel=1e-5)
    assert_equal(grads, {name: (2 * alone["a"][1][name] + alone["b"][1][name]) / 3 for name in grads})
    even = gradient(learner, merge([*batches["a"], *batches["b"]]))
    assert even[0].item() == pytest.approx((alone["a"][0].item() + alone["b"][0].item()) / 2, rel=1e-5)


def test_the_magnet_weighs_games_in_the_same_way(model):
    choices = ((30, 60), (31, 61), (32, 62))
    one = signal(model, ANSWERS[0], 0.0, "a", allowed=choices)
    other = signal(model, ANSWERS[2], 0.0, "b", allowed=((50, 60), (51, 61), (52, 62), (53, 63)))
    learner = Learner(model, LearnerConfig())
    both = gradient(learner, merge([one, one, other], {"a": 3.0, "b": 1.0}), magnet=1.0)
    alone = [gradient(learner, merge([signal]), magnet=1.0) for signal in (one, other)]
    assert both[0].item() == pytest.approx((3 * alone[0][0].item() + alone[1][0].item()) / 4, rel=1e-5)
    assert_equal(both[1], {name: (3 * alone[0][1][name] + alone[1][1][name]) / 4 for name in both[1]})


def test_the_weights_of_a_run_reach_its_loss_by_the_order_of_the_games(tmp_path):
    common = {"games": (KUHN, TTT), "steps": 1, "games_per_update": 8, "evaluation_games": 0, "probe_every": 0,
              "device": "cpu", "baseline": "none", "seed": 2}  # fmt: skip
    losses = []
    for name, changes in (("even", {}), ("uneven", {"game_weights": (3.0, 1.0)}), ("kuhn", {"games": (KUHN,)})):
        rows = []
        Run.start(Reinforce, ReinforceConfig(**{**common, **changes}), tmp_path / name).run(rows.append)
        losses.append(rows[0]["loss"])
    with Store(tmp_path / "even" / "episodes") as store:
        mean = {game: [] for game in (KUHN, TTT)}
        for trajectory, game in ((t, e.env_id) for e in store for t in e.trajectories.values()):
            for turn in trajectory.turns:
                (generated,) = [s for s in turn.calls[0].segments if s.kind == "generated"]
                count = sum(len(allowed) > 1 for allowed in generated.allowed)
                mean[game] += [-count * trajectory.reward] * bool(count)
    kuhn, ttt = (sum(values) / len(values) for values in mean.values())
    assert losses[0] == pytest.approx((kuhn + ttt) / 2, rel=1e-4, abs=1e-5)
    assert losses[1] == pytest.approx((3 * kuhn + ttt) / 4, rel=1e-4, abs=1e-5)


# Scales of rewards


def columns_of(path, method):
    with Store(path / "episodes") as store:
        rewards = {t.id: (e.env_id, t.reward) for e in store for t in e.trajectories.values()}
        return rewards, store.columns(method, "advantage")


@pytest.mark.parametrize("credit", ["episode", "turn"])
def test_rewards_are_divided_by_the_scale_of_their_game(tmp_path, credit):
    config = ReinforceConfig(games=(KUHN, TTT), reward_scales=(4.0, 0.5), baseline="none", credit=credit, steps=1,
                             games_per_update=8, evaluation_games=0, probe_every=0, device="cpu")  # fmt: skip
    Run.start(Reinforce, config, tmp_path / "run").run()
    rewards, advantages = columns_of(tmp_path / "run", "reinforce/none")
    assert {game for game, _ in rewards.values()} == {KUHN, TTT}
    for id, value in advantages.items():
        game, reward = rewards[id]
        assert value == pytest.approx(reward / {KUHN: 4.0, TTT: 0.5}[game])


@pytest.mark.parametrize(("scales", "divisor"), [((), 2.0), ((8.0,), 8.0)])
def test_self_play_counts_in_stakes_unless_a_scale_is_given(tmp_path, scales, divisor):
    config = SpiralConfig(games=(KUHN,), reward_scales=scales, estimator="reinforce", steps=1, games_per_update=8,
                          evaluation_games=0, device="cpu")  # fmt: skip
    Run.start(Spiral, config, tmp_path / "run").run()
    rewards, advantages = columns_of(tmp_path / "run", "spiral/reinforce")
    assert advantages
    assert all(value == pytest.approx(rewards[id][1] / divisor) for id, value in advantages.items())


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--game-weights", "2"], "game_weights must be a number above 0 for each of 2 games, got 2"),
        (["--game-weights", "2,0"], "game_weights must be a number above 0 for each of 2 games, got 2, 0"),
        (["--reward-scales", "1,2,3"], "reward_scales must be a number above 0 for each of 2 games, got 1, 2, 3"),
        (["--reward-scales", "1,x"], "--reward-scales must be"),
        (["--reference-estimator", "k2"], "reference_estimator is used only with reference_kl"),
        (["--reference-estimator", "k4", "--reference-kl", "1"], "k4"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_one_line(tmp_path, capsys, words, rule):
    run = tmp_path / "run"
    assert main(["train", "grpo", "--run", str(run), "--games", "KuhnPoker,TicTacToe", *words]) == 2
    said = capsys.readouterr().err
    assert rule in said
    assert len(said.splitlines()) == 1
    assert not run.exists()


def test_a_token_that_nobody_sampled_may_be_imitated_and_never_reinforced(model):
    nobody = (math.nan,) * len(ANSWERS[0])
    told = signal(model, ANSWERS[0], 0.0)
    told = Signal(told.tokens, told.targets, nobody, told.allowed, imitation=1.0)
    measured = Learner(model, LearnerConfig()).step([told, told])
    assert measured["skipped_steps"] == 0
    assert measured["sampler_mismatch"] == 0
    assert measured["distinct"] == 1
    paid = Signal(told.tokens, told.targets, nobody, told.allowed, advantage=1.0)
    assert Learner(model, LearnerConfig()).step([paid])["skipped_steps"] == 1
