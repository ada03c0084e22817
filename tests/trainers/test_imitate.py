"""Imitation: the tokens that the run's own agent would have recorded, plain cross-entropy, resumed to the bit."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from sparring.agents import make, named
from sparring.agents.models.dictated import end_of_answer
from sparring.cli.app import main
from sparring.rollout.loop import Match, play
from sparring.samples import samples
from sparring.store.run_files import RunError
from sparring.store.store import Store
from sparring.trainers.config import load_model
from sparring.trainers.methods.imitate import Config, Imitate
from sparring.trainers.methods.reinforce import Config as ReinforceConfig
from sparring.trainers.methods.reinforce import Reinforce
from sparring.trainers.run import Run

torch.set_num_threads(1)
TTT, KUHN = "sparring/TicTacToe-v0", "sparring/KuhnPoker-v0"
SMALL = Config(
    games=(TTT,), expert="minimax", steps=2, games_per_update=4, evaluation_games=0, probe_every=0, checkpoint_every=1,
    device="cpu", seed=5,
)  # fmt: skip
WAYS = [
    {},
    {"prompt": "boxed"},
    {"decoding": "free"},
    {"decoding": "free", "prompt": "boxed"},
    {"agent": "chat"},
    {"agent": "react", "max_new_tokens": 16},
    {"agent": "chat", "decoding": "free"},
    {"agent": "react", "decoding": "free"},
]


def record(path, agents, env_id=TTT, count=6, **kwargs):
    seats = {f"player_{index}": name for index, name in enumerate(agents)}
    with Store(path, "a") as store:
        store.append(play(Match(f"g/{seed}", env_id, seats, seed, kwargs) for seed in range(count)))
    return str(path)


@pytest.fixture(scope="module")
def games(tmp_path_factory):
    return record(tmp_path_factory.mktemp("games") / "store", ["minimax", "random"])


def started(store, path, **changes):
    return Run.start(Imitate, replace(SMALL, source=store, **changes), path)


def weights_of(path):
    return load_file(max((path / "checkpoints").glob("update-*")) / "weights.safetensors")


@pytest.mark.parametrize("way", WAYS)
def test_what_is_retold_is_read_as_the_experts_actions_by_the_agent_that_plays(games, tmp_path, way):
    run = started(games, tmp_path / "run", **way)
    with Store(games) as store:
        episode = store.get("g/0")
    told, weights = run.method.retelling.retold(episode, "player_0")
    expert = episode.trajectories["player_0"]
    assert weights == [1.0] * len(expert.turns)
    written = [[s for call in turn.calls for s in call.segments if s.kind == "generated"] for turn in told.turns]
    end = end_of_answer(run.model)
    assert len(end) == 1
    for turn, segments in zip(expert.turns, written, strict=True):
        tokens = [token for segment in segments for token in segment.token_ids]
        assert turn.action.strip("[]") in run.model.decode(tokens)
        if run.config.decoding == "free":
            assert tokens[-1:] == list(end)
        else:
            assert segments[-1].allowed is not None
    assert len(samples(told)) == (1 if "agent" in way else len(expert.turns))


@pytest.mark.parametrize("way", [{}, {"prompt": "boxed"}, {"agent": "chat"}])
def test_an_agents_own_episodes_are_retold_in_the_very_tokens_that_it_recorded(tmp_path, way):
    config = ReinforceConfig(games=(TTT,), steps=1, games_per_update=2, evaluation_games=0, probe_every=0,
                             device="cpu", seed=5, **way)  # fmt: skip
    Run.start(Reinforce, config, tmp_path / "own").run()
    run = started(str(tmp_path / "own"), tmp_path / "run", expert="", **way)
    with Store(tmp_path / "own" / "episodes") as store:
        episode = store.get("update-0/0")
    for seat, trajectory in episode.trajectories.items():
        told, _ = run.method.retelling.retold(episode, seat)
        for turn, again in zip(trajectory.turns, told.turns, strict=True):
            for one, other in zip(turn.calls, again.calls, strict=True):
                assert [(s.kind, s.token_ids, s.allowed) for s in one.segments] == [
                    (s.kind, s.token_ids, s.allowed) for s in other.segments
                ]


def test_the_loss_is_plain_cross_entropy_over_the_answers(games, tmp_path):
    run, rows = started(games, tmp_path / "run", decoding="free", steps=1, games_per_update=100), []
    run.run(rows.append)
    model = load_model(run.config)
    end, total, count = list(end_of_answer(model)), 0.0, 0
    with Store(games) as store:
        for episode in store:
            for turn in episode.trajectories["player_0"].turns:
                prompt = model.chat([{"role": "user", "content": turn.observation.text}])
                answer = model.encode(f"[{turn.action}]") + end
                logits = model.module(torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
                places = range(len(prompt) - 1, len(prompt) + len(answer) - 1)
                total -= sum(logits[at, token].item() for at, token in zip(places, answer, strict=True))
                count += 1
    assert rows[0]["imitated"] == count == rows[0]["samples"]
    assert rows[0]["loss"] == pytest.approx(total / count / run.config.max_new_tokens, rel=1e-5)
    assert rows[0]["sampler_mismatch"] == 0, "nobody sampled these tokens"
    assert "illegal_share" not in rows[0], "nothing was played"


@pytest.mark.parametrize("way", [{"decoding": "free"}, {"agent": "chat"}])
def test_a_run_stopped_between_updates_resumes_to_the_bit_whatever_the_store_has_got_since(tmp_path, way):
    games = record(tmp_path / "games", ["minimax", "random"])
    started(games, tmp_path / "whole", **way).run()
    rows = []
    assert not started(games, tmp_path / "cut", **way).run(rows.append, should_stop=lambda: len(rows) == 1)
    record(tmp_path / "games", ["minimax", "random"], count=12)
    assert Run.resume(Imitate, tmp_path / "cut").run()
    whole, cut = weights_of(tmp_path / "whole"), weights_of(tmp_path / "cut")
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())


def test_a_store_that_has_lost_what_was_imitated_is_named_on_resume(tmp_path):
    games, rows = record(tmp_path / "games", ["minimax", "random"]), []
    started(games, tmp_path / "run").run(rows.append, should_stop=lambda: len(rows) == 1)
    (tmp_path / "games").rename(tmp_path / "moved")
    record(tmp_path / "games", ["minimax", "random"], count=2)
    with pytest.raises(RunError, match="holds 2 episodes, but the checkpoint was written after 6"):
        Run.resume(Imitate, tmp_path / "run")


def test_the_habit_of_another_player_is_learnt(tmp_path):
    games = record(tmp_path / "games", ["constant:bet/call", "constant:bet/call"], KUHN, 12)
    changes = {"games": (KUHN,), "expert": "", "steps": 15, "games_per_update": 24, "learning_rate": 3e-3}
    run = Run.start(Imitate, replace(SMALL, source=games, **changes), tmp_path / "run")
    before = run.measurements.evaluator.evaluate(0)
    run.run()
    always = run.measurements.evaluator.played[KUHN].last
    assert min(max(row.get("bet", 0.0), row.get("call", 0.0)) for row in always.values()) > 0.9
    assert before


def test_illegal_actions_and_what_cannot_be_said_are_left_out_and_counted(tmp_path):
    games = record(tmp_path / "games", ["constant:9", "random"], env_id=TTT, count=4)
    run, rows = started(games, tmp_path / "run", expert="", steps=1, games_per_update=100), []
    with Store(games) as store:
        (bad, good) = (
            sum(not t.legal for e in store for _, t in e.turns),
            sum(t.legal for e in store for _, t in e.turns),
        )
    run.run(rows.append)
    assert (rows[0]["imitated"], rows[0]["not_imitated"]) == (good, bad)


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ([], "imitate needs episodes to imitate: --from STORE, or a run folder"),
        (["--from", "GAMES", "--expert", "cfr"], "holds no whole episode by 'cfr' in sparring/TicTacToe-v0; it holds "
         "episodes of: minimax in sparring/TicTacToe-v0, random in sparring/TicTacToe-v0"),
        (["--from", "nowhere"], "nowhere"),
    ],
)  # fmt: skip
def test_nothing_to_imitate_is_one_line_and_makes_no_folder(games, tmp_path, capsys, words, rule):
    words = [word.replace("GAMES", games) for word in words]
    assert main(["train", "imitate", "--run", str(tmp_path / "run"), "--envs", "TicTacToe", *words]) == 2
    said = capsys.readouterr().err
    assert rule in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_held_out_tasks_are_not_imitated(tmp_path):
    games = record(tmp_path / "games", ["nano:decoding=free"], "sparring/ToolTasks-v0", 1, split="held_out")
    with pytest.raises(ValueError, match="episode g/0 is a held-out task"):
        started(games, tmp_path / "run", games=("sparring/ToolTasks-v0",), expert="", decoding="free").run()


def test_a_resumed_run_keeps_its_store_and_its_games(games, tmp_path, capsys):
    rows = []
    started(games, tmp_path / "run").run(rows.append, should_stop=lambda: len(rows) == 1)
    for option, value, name in (("--from", "elsewhere", "source"), ("--envs", "KuhnPoker", "games")):
        assert main(["train", "imitate", "--run", str(tmp_path / "run"), "--resume", option, value]) == 2
        assert f"{name} stays as the run was started" in capsys.readouterr().err


def test_a_warm_start_goes_on_by_rl_in_the_same_form(games, tmp_path):
    started(games, tmp_path / "warm", decoding="free", max_new_tokens=4).run()
    config = ReinforceConfig(model=str(tmp_path / "warm"), games=(TTT,), steps=1, games_per_update=2, decoding="free",
                             max_new_tokens=4, evaluation_games=0, probe_every=0, device="cpu")  # fmt: skip
    run = Run.start(Reinforce, config, tmp_path / "rl")
    start = weights_of(tmp_path / "warm")
    assert all(torch.equal(value, start[name]) for name, value in run.model.weights().items())
    assert run.run()
    assert isinstance(named.make(str(tmp_path / "rl")), type(make("nano:decoding=free")))


def test_the_plan_of_an_imitation_stores_no_games(games, capsys):
    words = ["--from", games, "--expert", "minimax", "--envs", "TicTacToe", "--run", "nowhere"]
    assert main(["train", "imitate", *words, "--plan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["store_per_update"] == 0


def test_episodes_of_options_are_imitated_in_the_environment_of_the_same_options(tmp_path):
    """`sparring play` records the options beside the id, the settings of a run hold them in it."""
    store = str(tmp_path / "answers")
    played = "play CodeIO:direction=output:max_turns=1 --agents walkthrough --episodes 4 --store"
    assert main([*played.split(), store]) == 0
    talk = {"agent": "chat", "decoding": "free", "max_new_tokens": 8}
    game = "sparring/CodeIO-v0:direction=output:max_turns=1"
    config = Config(
        source=store, expert="walkthrough", games=(game,), steps=1, games_per_update=4, probe_every=0, **talk
    )
    rows = []
    assert Run.start(Imitate, config, tmp_path / "run").run(rows.append)
    assert [row["imitated"] for row in rows if "imitated" in row] == [4]
    with pytest.raises(ValueError, match="holds no whole episode by 'walkthrough'"):
        Run.start(Imitate, replace(config, games=("sparring/CodeIO-v0:direction=input",)), tmp_path / "other")
