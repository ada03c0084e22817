"""AdventureWriter-v0: the conformance suite, Gymnasium's checker, what is paid, hostile writers, verified records."""

import random

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env

from sparring import envs, registry
from sparring.envs.adventures.hundred import games_of
from sparring.envs.adventures.worlds.proofs import prove
from sparring.envs.adventures.worlds.rules import read_game
from sparring.envs.conformance import review
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.types import Reply

ID = "sparring/AdventureWriter-v0"
WORDS = ("old mill", "Rain falls on the roof.", "grey stone", "", "north", "\x00", "\ud800" * 40, "x" * 100_000)


class Scribbler:
    """Chooses at random, and writes a word that was never there elsewhere; now and then something hostile."""

    name, policies, sampling = "scribbler", (), None

    def open(self, seat):
        return Scribbling(random.Random(seat.seed))


class Scribbling:
    def __init__(self, rng):
        self.rng = rng

    async def act(self, observation):
        if self.rng.random() < 0.1:
            return Reply(self.rng.choice(WORDS))
        if observation.legal_actions:
            return Reply(self.rng.choice(observation.legal_actions))
        word = "".join(self.rng.choice("bdfglmnprst") + self.rng.choice("aeiou") for _ in range(4))
        return Reply(f"{word} lies here.\n{word}")

    def close(self, last):
        pass


@pytest.mark.parametrize("options", [{}, {"split": "held_out", "difficulty": 2}, {"list_actions": False, "idea": "a"}])
def test_it_conforms(options):
    found = review(ID, **options)
    assert found.ok, found.faults


@pytest.mark.filterwarnings("ignore")
def test_the_checker_of_gymnasium_is_content():
    gymnasium_check_env(gymnasium.make(f"sparring.envs:{ID}").unwrapped, skip_render_check=True)


def test_a_proven_game_is_paid_at_the_end_and_is_hidden_from_the_writer(tmp_path):
    matches = [Match(str(seed), ID, {"player_0": "w"}, seed, {"difficulty": 1 + seed % 5}) for seed in range(10)]
    episodes = play(matches, {"w": Scribbler()})
    assert [episode.error for episode in episodes] == [None] * 10
    proven = 0
    for episode in episodes:
        trajectory = episode.trajectories["player_0"]
        assert all(turn.reward == 0 for turn in trajectory.turns[:-1])
        assert "game" not in trajectory.last.info
        if trajectory.metrics["proven"]:
            proven += 1
            manifest = prove(read_game(trajectory.hidden["game"]))
            assert manifest.ok
            assert manifest.length == trajectory.metrics["plan_length"]
            own = 0.25 * (1 - trajectory.metrics["copied"])
            assert trajectory.reward_parts["new"] == pytest.approx(own)
            assert 0.5 <= trajectory.reward <= 1
        else:
            assert trajectory.reward == 0
            assert trajectory.hidden["reasons"]
    assert proven >= 8
    with Store(tmp_path / "store", "a") as store:
        store.append(episodes)
        assert verify(store).ok


def test_seeds_name_the_ideas_of_a_split_in_turn_and_an_idea_or_a_file_goes_before(tmp_path):
    ideas = [one.idea for one in games_of("held_out")]
    env = envs.make(ID, split="held_out")
    assert [env.reset(seed=seed)[1]["task"] for seed in (0, 1, 25)] == [ideas[0], ideas[1], ideas[0]]
    file = tmp_path / "ideas.txt"
    file.write_text("# mine\nA fox learns to swim\n\nA bear\n")
    assert envs.make(ID, ideas=str(file)).reset(seed=3)[1]["task"] == "A bear"
    assert envs.make(ID, idea="A fox").reset(seed=3)[1]["task"] == "A fox"


@pytest.mark.parametrize("text", WORDS)
def test_no_answer_raises_and_each_leads_to_an_observation_in_the_space(text):
    env = envs.make(ID, difficulty=2)
    seen, info = env.reset(seed=1)
    terminated, paid = False, 0.0
    while not terminated:
        seen, reward, terminated, truncated, info = env.step(text)
        paid += reward
        assert seen in env.observation_space
        assert not truncated
    assert paid == 0
    assert info["hidden"]["reasons"]
    assert env.step("more")[1:3] == (0.0, True)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"split": "test"}, "split must be 'train' or 'held_out', got 'test'"),
        ({"difficulty": 0}, "difficulty must be from 1 to 5, got 0"),
    ],
)
def test_options_out_of_range_are_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        envs.make(ID, **options)


def test_a_file_without_ideas_is_refused(tmp_path):
    (tmp_path / "ideas.txt").write_bytes(b"\xff\x00\n#\n")
    with pytest.raises(ValueError, match="holds no idea"):
        envs.make(ID, ideas=str(tmp_path / "ideas.txt"))


def test_nano_writes_and_its_choices_are_recorded_with_their_probabilities():
    writer = registry.agents.make("writer", argument="nano")
    (episode,) = play([Match("0", ID, {"player_0": "w"}, 0, {"difficulty": 1})], {"w": writer})
    assert episode.error is None
    turns = episode.trajectories["player_0"].turns
    chosen = [turn for turn in turns if turn.observation.legal_actions]
    assert chosen
    assert all(turn.legal and turn.action in turn.observation.legal_actions for turn in chosen)
    generated = [part for turn in turns for part in turn.calls[0].segments if part.kind == "generated"]
    assert len(generated) == len(turns)
    assert all(part.logprobs is not None for part in generated)
