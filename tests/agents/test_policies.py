"""Policies of other libraries play our games by their masks, are recorded with their weights, and are measured."""

import asyncio
import json
import zipfile
from itertools import islice

import gymnasium
import numpy as np
import pytest

from sparring import envs, registry
from sparring.agents.policies import require_scores
from sparring.cli.app import main
from sparring.protocols import Seat
from sparring.registry import MissingExtra
from sparring.rollout.loop import Match, play
from sparring.scoreboard.matches import identity
from sparring.scoreboard.perfect_play import play_quality
from sparring.scoreboard.verify import verify
from sparring.store.store import Store

torch = pytest.importorskip("torch")
TTT, KUHN, FOUR = "sparring/TicTacToe-v0", "sparring/KuhnPoker-v0", "sparring/ConnectFour-v0"
SEATS = ("player_0", "player_1")


def linear(weights, bias, path):
    """A TorchScript file of one linear layer."""
    layer = torch.nn.Linear(weights.shape[1], weights.shape[0])
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weights))
        layer.bias.copy_(torch.as_tensor(bias))
    torch.jit.save(torch.jit.script(layer), path)
    return layer


@pytest.fixture
def rising(tmp_path):
    """A module that likes an action the more the higher its number, whatever it sees."""
    linear(np.zeros((9, 27), np.float32), np.arange(9, dtype=np.float32), tmp_path / "rising.pt")
    return tmp_path / "rising.pt"


def played(agents, env_id=TTT, seed=0):
    (episode,) = play([Match("m", env_id, dict(zip(SEATS, agents, strict=True)), seed)])
    return episode


def test_the_best_legal_action_is_played_where_the_best_is_illegal(rising):
    episode = played([f"torch:{rising}", "constant:8/7/6"])
    assert episode.error is None
    assert [turn.action for seat, turn in episode.turns if seat == "player_0"][:2] == ["8", "6"]
    assert all(turn.legal for _, turn in episode.turns)


def test_weights_are_recorded_with_every_turn(rising):
    agent = registry.make_agent(f"torch:{rising}")
    (policy,) = agent.policies
    assert len(policy.weights) == 16
    assert not policy.trainable
    for turn in played([f"torch:{rising}", "random"]).trajectories["player_0"].turns:
        assert [call.policy for call in turn.calls] == [policy]


def test_a_file_that_has_changed_is_another_player(rising):
    before = identity(registry.make_agent(f"torch:{rising}"))
    linear(np.zeros((9, 27), np.float32), np.ones(9, np.float32), rising)
    assert identity(registry.make_agent(f"torch:{rising}")) != before


def test_draws_follow_the_softmax_over_the_legal_actions(tmp_path):
    bias = np.log(np.arange(1, 10, dtype=np.float32))
    linear(np.zeros((9, 27), np.float32), bias, tmp_path / "soft.pt")
    agent = registry.make_agent(f"torch:{tmp_path / 'soft.pt'}:deterministic=false")
    env = envs.make(TTT)
    player = agent.open(Seat(TTT, "player_0", seed=1))
    for _, state in islice(env.information_states(), 50):
        legal = [int(action) for action in state.legal_actions]
        given = asyncio.run(player.action_distribution(state))
        for action in legal:
            assert given[str(action)] == pytest.approx((action + 1) / sum(each + 1 for each in legal), abs=1e-6)
    spec = f"torch:{tmp_path / 'soft.pt'}:deterministic=false"
    firsts = [played([spec, "random"], seed=seed).turns[0][1].action for seed in range(60)]
    assert firsts.count("8") + firsts.count("7") > firsts.count("0") + firsts.count("1")
    assert len(set(firsts)) > 4


@pytest.mark.slow
def test_an_exported_program_plays_as_the_module_that_it_is_of(tmp_path):
    torch.manual_seed(0)
    layer = torch.nn.Linear(27, 9)
    torch.jit.save(torch.jit.script(layer), tmp_path / "net.pt")
    torch.export.save(torch.export.export(layer, (torch.zeros(1, 27),)), tmp_path / "net.pt2")
    games = [
        [turn.action for _, turn in played([f"torch:{tmp_path / name}", "random"]).turns]
        for name in ("net.pt", "net.pt2")
    ]
    assert games[0] == games[1]


def test_what_is_no_module_is_refused_in_a_line(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "pickle.pt")
    with pytest.raises(ValueError, match=r"pickle\.pt is no module that can be loaded: save it by torch\.jit\.save"):
        registry.make_agent(f"torch:{tmp_path / 'pickle.pt'}")
    with pytest.raises(ValueError, match="agent 'torch' needs a file, torch:PATH, and there is none at"):
        registry.make_agent(f"torch:{tmp_path / 'none.pt'}")


def test_a_module_of_another_game_breaks_its_own_episode_only(rising):
    episode = played([f"torch:{rising}", "random"], FOUR)
    assert episode.status == "agent_error"
    assert f"cannot read the 126 numbers of {FOUR}" in episode.error


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([1.0, 2.0], "x scores 2 actions, and e has 3"),
        ([1.0, float("nan"), 0.0], "x must answer finite numbers, got nan"),
    ],
)
def test_answers_that_are_no_scores_are_refused(scores, said):
    with pytest.raises(ValueError, match=said):
        require_scores(np.array(scores), 3, "x", "e")


@pytest.mark.slow
def test_a_policy_is_measured_over_every_position(rising, capsys):
    assert main(["eval", f"torch:{rising}", "--env", "TicTacToe", "--games", "0", "--json"]) == 0
    quality = json.loads(capsys.readouterr().out)["quality"]
    found = play_quality(registry.make_agent(f"torch:{rising}"), TTT)
    assert quality == {name: getattr(found, name) for name in ("optimal", "blunders", "exploitability")}
    assert quality["exploitability"] == 1.0, "a fixed order of the cells is beaten from both seats"
    assert main(["eval", f"torch:{rising}", "--env", "TicTacToe", "--games", "0"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "exact, over every position of sparring/TicTacToe-v0: optimal moves" in shown


def test_minimax_is_measured_as_perfect(capsys):
    assert main(["eval", "minimax", "--env", "TicTacToe", "--games", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quality"] == {"optimal": 1.0, "blunders": 0.0, "exploitability": 0.0}


# Stable-Baselines3, really trained.


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Name of an algorithm -> its file, after a few hundred steps of tic-tac-toe or Kuhn poker."""
    sb3 = pytest.importorskip("stable_baselines3")
    torch.set_num_threads(1)
    folder, files = tmp_path_factory.mktemp("sb3"), {}
    for name, env_id, settings in (
        ("PPO", TTT, {"n_steps": 64}),
        ("A2C", KUHN, {}),
        ("DQN", TTT, {"learning_starts": 20, "buffer_size": 500}),
    ):
        env = gymnasium.make(f"sparring.envs:{env_id}", view="discrete", opponent="random")
        model = getattr(sb3, name)("MultiInputPolicy", env, seed=0, device="cpu", **settings).learn(128)
        model.save(folder / f"{name}.zip")
        files[name] = folder / f"{name}.zip"
    return files


@pytest.mark.slow
def test_a_trained_model_plays_is_recorded_and_verified(saved, tmp_path, capsys):
    store = tmp_path / "games"
    words = ["play", "TicTacToe", "--agents", f"sb3:{saved['PPO']},sb3:{saved['DQN']},mcts", "--episodes", "6"]
    assert main([*words, "--store", str(store)]) == 0
    assert main(["verify", str(store)]) == 0
    with Store(store) as kept:
        episodes = list(kept)
        assert verify(kept).ok
    assert len(episodes) == 18, "three pairs"
    assert all(turn.legal for episode in episodes for _, turn in episode.turns)
    agents = {trajectory.agent for episode in episodes for trajectory in episode.trajectories.values()}
    assert agents == {f"sb3:{saved['PPO']}", f"sb3:{saved['DQN']}", "mcts"}
    capsys.readouterr()


@pytest.mark.slow
def test_a_model_plays_as_stable_baselines3_itself_predicts_where_that_is_legal(saved):
    from stable_baselines3 import DQN, PPO

    view, agreed = envs.make(TTT, view="discrete"), 0
    for name, kind in (("PPO", PPO), ("DQN", DQN)):
        model, agent = kind.load(saved[name], device="cpu"), registry.make_agent(f"sb3:{saved[name]}")
        for turn in played_by(agent):
            view.reset(seed=0)
            for action in turn[:-1]:
                view.step(int(action))
            seen, *_ = view.last()
            predicted, _ = model.predict(seen, deterministic=True)
            if seen["action_mask"][int(predicted)]:
                assert turn[-1] == str(int(predicted))
                agreed += 1
    assert agreed >= 4


def played_by(agent):
    """All actions up to each of the agent's own, in games against chance."""
    for seed in range(4):
        (episode,) = play([Match("m", TTT, {"player_0": "a", "player_1": "random"}, seed)], {"a": agent})
        actions = [turn.action for _, turn in episode.turns]
        yield from (actions[: index + 1] for index in range(0, len(actions), 2))


@pytest.mark.slow
def test_a_model_has_exact_figures_in_kuhn_poker(saved, capsys):
    assert main(["eval", f"sb3:{saved['A2C']}:deterministic=false", "--games", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["nash_conv"] < 2.5
    assert len(found["policy"]) == 12
    assert all(0 < p < 1 for table in found["policy"].values() for p in table.values())


@pytest.mark.slow
def test_a_model_of_a_hosted_environment_plays_it(tmp_path):
    sb3 = pytest.importorskip("stable_baselines3")
    model = sb3.PPO("MlpPolicy", gymnasium.make("CartPole-v1"), n_steps=64, seed=0, device="cpu").learn(64)
    model.save(tmp_path / "cart.zip")
    (episode,) = play([Match("m", "gym:CartPole-v1", {"player_0": f"sb3:{tmp_path / 'cart.zip'}"}, 3)])
    env, total, over = gymnasium.make("CartPole-v1"), 0.0, False
    seen, _ = env.reset(seed=3)
    while not over:
        seen, reward, terminated, truncated, _ = env.step(int(model.predict(seen, deterministic=True)[0]))
        total, over = total + float(reward), terminated or truncated
    assert episode.trajectories["player_0"].reward == total


@pytest.mark.slow
def test_what_the_model_cannot_play_is_said(saved):
    episode = played([f"sb3:{saved['PPO']}", "random"], FOUR)
    assert episode.status == "agent_error"
    assert f"and {FOUR} shows" in episode.error
    with pytest.raises(ValueError, match="DQN has no probabilities to draw from"):
        registry.make_agent(f"sb3:{saved['DQN']}:deterministic=false")


@pytest.mark.slow
def test_a_masked_model_of_the_contrib_package_plays(tmp_path):
    contrib = pytest.importorskip("sb3_contrib")
    env = gymnasium.make(f"sparring.envs:{TTT}", view="discrete", opponent="random")
    model = contrib.MaskablePPO("MultiInputPolicy", env, n_steps=128, seed=0, device="cpu").learn(256)
    model.save(tmp_path / "masked.zip")
    agent = registry.make_agent(f"sb3:{tmp_path / 'masked.zip'}")
    view = envs.make(TTT, view="discrete")
    for actions in played_by(agent):
        view.reset(seed=0)
        for action in actions[:-1]:
            view.step(int(action))
        seen, *_ = view.last()
        predicted, _ = model.predict(seen, action_masks=seen["action_mask"], deterministic=True)
        assert actions[-1] == str(int(predicted))


def zipped(path, data):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", json.dumps(data))
    return path


def test_files_that_are_no_models_are_refused_before_anything_in_them_runs(tmp_path):
    pytest.importorskip("stable_baselines3")
    (tmp_path / "text.zip").write_text("nothing")
    with pytest.raises(ValueError, match="no file that a model of Stable-Baselines3 has saved"):
        registry.make_agent(f"sb3:{tmp_path / 'text.zip'}")
    for data in ([], {}, {"policy_class": None}):
        with pytest.raises(ValueError, match="no file that a model of Stable-Baselines3 has saved"):
            registry.make_agent(f"sb3:{zipped(tmp_path / 'odd.zip', data)}")
    for policy, key in (
        ("sb3_contrib.ppo_recurrent.policies", "clip_range"),
        ("stable_baselines3.td3.policies", "tau"),
    ):
        data = {"policy_class": {"__module__": policy}, key: 1}
        with pytest.raises(ValueError, match=f"must be a model of A2C, DQN, MaskablePPO, .* its policy is of {policy}"):
            registry.make_agent(f"sb3:{zipped(tmp_path / 'other.zip', data)}")


def test_a_missing_extra_is_one_line(monkeypatch, tmp_path):
    import importlib

    def without(name, *rest, real=importlib.import_module):
        if name.startswith(("stable_baselines3", "sb3_contrib")):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(
        MissingExtra, match=r'^stable_baselines3 is not installed: run `pip install "sparring\[sb3\]"`$'
    ):
        registry.make_agent(f"sb3:{tmp_path / 'model.zip'}")


def test_weights_that_are_damaged_are_one_line(saved, tmp_path):
    whole = next(iter(saved.values()))
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(tmp_path / "bad.zip", "w") as damaged:
        for name in archive.namelist():
            damaged.writestr(name, b"garbage" if name == "policy.pth" else archive.read(name))
    with pytest.raises(ValueError, match=r"bad.zip cannot be loaded as a model of \w+: ") as refused:
        registry.make_agent(f"sb3:{tmp_path / 'bad.zip'}")
    assert "\n" not in str(refused.value)
