"""Games for one player of TextArena, hosted by their names: the library's texts, moves and rewards."""

import random

import pytest
import textarena
import torch

from sparring import registry
from sparring.cli.app import main
from sparring.envs import make
from sparring.envs.conformance import review
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.trainers.methods.grpo import Config, Grpo
from sparring.trainers.run import Run

torch.set_num_threads(1)
GUESS = "textarena:GuessTheNumber-v0"
GAMES = ("GuessTheNumber-v0", "FrozenLake-v0-random", "Bandit-v0", "Mastermind-v0", "Blackjack-v0")


@pytest.mark.parametrize("game", GAMES)
def test_texts_moves_and_rewards_are_the_librarys(game):
    answers = ["[5]", "[up]", "[red]", "[1 2 3 4]", "[hit]", "[stand]", "[right]", "[12]"] * 10
    env = make(f"textarena:{game}")
    for seed in (3, 4):
        random.seed(99)
        text, _ = env.reset(seed=seed)
        assert random.random() == random.Random(99).random()  # Python's own generator is left alone
        theirs = textarena.make(game)  # one that was played before shows the game before
        theirs.reset(num_players=1, seed=seed)
        state = random.getstate()
        assert text == theirs.get_observation()[1].strip()
        for answer in answers:
            text, reward, terminated, truncated, info = env.step(answer)
            random.setstate(state)
            done, _ = theirs.step(answer)
            assert (terminated, truncated) == (done, False)
            if done:
                rewards, told = theirs.close()
                assert (reward, text, info["illegal"]) == (rewards[0], told[0]["reason"], told[0]["invalid_move"])
                break
            assert (text, reward) == (theirs.get_observation()[1].strip(), 0.0)
            state = random.getstate()


def test_a_move_that_the_game_does_not_know_is_illegal_and_the_second_one_ends_it():
    env = make(GUESS)
    env.reset(seed=1)
    assert [env.step(answer)[2:] for answer in ("what", "what")] == [
        (False, False, {"illegal": True}),
        (True, False, {"illegal": True, "metrics": {"score": 0.0}}),
    ]


@pytest.mark.parametrize("answer", ["x" * 10_001, None, 7])
def test_what_is_no_answer_loses(answer):
    env = make(GUESS)
    env.reset(seed=1)
    _, reward, terminated, _, info = env.step(answer)
    assert (reward, terminated, info["illegal"]) == (-1.0, True, True)


def test_a_game_that_fails_on_an_answer_loses_and_the_rollout_goes_on(monkeypatch):
    def fail(self, action):
        raise IndexError(action)

    env = make(GUESS)
    env.reset(seed=1)
    monkeypatch.setattr("textarena.envs.GuessTheNumber.env.GuessTheNumberEnv.step", fail)
    _, reward, terminated, _, info = env.step("[5]")
    assert (reward, terminated, info["illegal"]) == (-1.0, True, True)


def test_it_conforms_and_its_options_are_its_own():
    assert review(GUESS).ok
    assert "between 1 and 6" in make(GUESS, max_number=6).reset(seed=4)[0]


@pytest.mark.parametrize(
    ("game", "said"),
    [
        ("TicTacToe-v0", "TicTacToe-v0 is no game for one player"),
        ("Wordle-v0", r"nltk.downloader words"),
        ("ScorableGames-v0", "does not start: FileNotFoundError"),
    ],
)
def test_a_game_that_cannot_be_hosted_is_one_line(game, said):
    with pytest.raises(ValueError, match=said) as error:
        make(f"textarena:{game}")
    assert "\n" not in str(error.value)


def test_an_unknown_game_and_an_unknown_option_are_one_line(capsys):
    with pytest.raises(registry.UnknownName, match="unknown TextArena game 'GuessNumber'; did you mean"):
        registry.envs.row("textarena:GuessNumber")
    with pytest.raises(ValueError, match=r"textarena:GuessTheNumber-v0 cannot be made with \{'colour': 'red'\}"):
        make(GUESS, colour="red")
    assert main(["check", "textarena:GuessNumber"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_it_is_played_stored_verified_and_trained_on(tmp_path):
    with Store(tmp_path / "store", "a") as store:
        store.append(play([Match("m", GUESS, {"player_0": "chat:nano:max_new_tokens=4"}, 3)]))
        assert verify(store).ok
    config = Config(games=(GUESS,), agent="chat", decoding="free", max_new_tokens=4, steps=2, games_per_update=8,
                    group_size=4, evaluation_games=0, probe_games=2, device="cpu")  # fmt: skip
    rows = []
    assert Run.start(Grpo, config, tmp_path / "run").run(rows.append)
    assert [row["faults"] for row in rows[:2]] == [0, 0]
    assert f"probe/{GUESS} vs other tasks" in rows[0]
