"""Adventure-v0: the conformance suite, Gymnasium's checker, hostile players, seeds, budgets, records that verify."""

import json
import random

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env

from sparring import envs
from sparring.envs.adventures.worlds.sampler import sample_game
from sparring.envs.conformance import review
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store

ID = "sparring/Adventure-v0"
WAYS = (". ", " then ", "\n", "; ", ", ", " and ")


@pytest.mark.parametrize("options", [{}, {"split": "held_out", "difficulty": 2}, {"list_actions": False, "games": 3}])
def test_it_conforms(options):
    found = review(ID, **options)
    assert found.ok, found.faults


@pytest.mark.filterwarnings("ignore")
def test_the_checker_of_gymnasium_is_content():
    gymnasium_check_env(gymnasium.make(f"sparring.envs:{ID}", split="train").unwrapped, skip_render_check=True)


def test_the_walkthrough_of_a_seed_wins_at_the_full_score_and_is_hidden_from_agents():
    env = envs.make(ID, difficulty=3)
    for seed in range(5):
        _, info = env.reset(seed=seed)
        plan, total = info["hidden"]["plan"], 0.0
        assert plan == env.walkthrough(seed)
        for command in plan:
            assert command in info["legal_actions"]
            _, reward, terminated, truncated, info = env.step(command)
            total += reward
        assert (terminated, truncated, total) == (True, False, float(info["max_score"]))
        assert info["metrics"] == {"won": 1.0, "lost": 0.0, "score": 1.0}


def test_a_whole_walkthrough_in_one_action_is_refused_and_charged():
    env = envs.make(ID, difficulty=2)
    _, info = env.reset(seed=3)
    for turn, between in enumerate(WAYS, 1):
        seen, reward, terminated, _, now = env.step(between.join(info["hidden"]["plan"]))
        assert (reward, terminated, now["illegal"], now["score"]) == (0.0, False, True, 0)
        assert now["turns_left"] == info["turns_left"] - turn
        assert seen.startswith("That is no command")


def test_no_hostile_text_raises_leaves_the_space_or_earns_anything():
    rng = random.Random(5)
    env = envs.make(ID, games=4, max_turns=400)
    _, info = env.reset(seed=0)
    pieces = [
        "\x00",
        "\ud800",
        "🔑",
        "\u202e",
        "take",
        "all",
        "*** won ***",
        "[",
        "]",
        "{0}",
        "%s",
        "..",
        "\r\n",
        "9" * 300,
    ]
    for _ in range(400):
        pieces_now = [*pieces, *info["legal_actions"]]
        text = rng.choice(("", " ", "\t")).join(rng.choice(pieces_now) for _ in range(rng.randint(0, 5)))
        hostile = text not in info["legal_actions"]
        seen, reward, terminated, truncated, info = env.step(text)
        assert seen in env.observation_space
        assert not (hostile and info["illegal"] and reward)
        if terminated or truncated:
            _, info = env.reset(seed=rng.randrange(4))


@pytest.mark.parametrize("action", [None, 3, b"look", ["look"], ("look",), {"a": 1}])
def test_an_action_that_is_no_text_is_illegal_and_charged(action):
    env = envs.make(ID)
    env.reset(seed=0)
    _, reward, _, _, info = env.step(action)
    assert (reward, info["illegal"]) == (0.0, True)


def test_a_budget_truncates_and_a_lost_game_terminates():
    env = envs.make(ID, max_turns=2)
    env.reset(seed=0)
    assert env.step("look")[2:4] == (False, False)
    seen, _, terminated, truncated, info = env.step("look")
    assert (terminated, truncated, info["turns_left"]) == (False, True, 0)
    assert "turn 2 of 2" in seen
    assert env.step("look")[1:4] == (0.0, False, True)
    number = next(seed for seed in range(200) if any(not fail.when for fail in sample_game("train", seed, 2).fails))
    env = envs.make(ID, difficulty=2)
    env.reset(seed=number)
    over = False
    while not over:
        _, _, terminated, truncated, info = env.step("look")
        over = terminated or truncated
    assert (terminated, truncated, info["metrics"]["lost"]) == (True, False, 1.0)


def test_so_many_games_are_named_by_the_seeds_in_turn():
    env = envs.make(ID, games=3)
    first = [env.reset(seed=seed)[0] for seed in range(6)]
    assert first[:3] == first[3:]
    assert len(set(first)) == 3


def test_a_game_out_of_a_file_is_played_whatever_the_seed(tmp_path):
    file = tmp_path / "game.json"
    file.write_text(sample_game("held_out", 5, 1).model_dump_json())
    env = envs.make(ID, file=str(file))
    assert env.reset(seed=0)[0] == env.reset(seed=1)[0]
    for command in env.walkthrough(0):
        terminated = env.step(command)[2]
    assert terminated


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"split": "test"}, "split must be 'train' or 'held_out', got 'test'"),
        ({"difficulty": 6}, "difficulty must be from 1 to 5, got 6"),
        ({"games": 0}, "games must be a whole number >= 1, got 0"),
        ({"games": 2.5}, "games must be a whole number >= 1, got 2.5"),
        ({"max_turns": 0}, "max_turns must be a whole number >= 1, got 0"),
        ({"max_turns": True}, "max_turns must be a whole number >= 1, got True"),
        ({"list_actions": "no"}, "list_actions must be true or false, got 'no'"),
        ({"file": 5}, "file must be the path of a game, got 5"),
        ({"file": "/dev/zero"}, "a game has at most 1,000,000 bytes"),
        ({"file": "nowhere.json", "games": 4}, "file is one game: leave out games and difficulty"),
    ],
)
def test_a_wrong_option_is_named_with_its_rule(options, said):
    with pytest.raises(ValueError, match=said):
        envs.make(ID, **options)


def test_a_file_that_is_no_game_is_named_with_the_rule_that_it_breaks(tmp_path):
    file = tmp_path / "game.json"
    data = json.loads(sample_game("train", 0, 1).model_dump_json()) | {"start": "moon"}
    file.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"game\.json is no game: start: there is no room 'moon'"):
        envs.make(ID, file=str(file))
    with pytest.raises(OSError, match=r"other\.json"):
        envs.make(ID, file=str(tmp_path / "other.json"))


def test_a_game_that_is_over_at_its_start_is_refused_before_anybody_plays_it(tmp_path):
    game = json.loads(sample_game("train", 3, 1).model_dump_json())
    game["goal"]["when"] = [{"room": game["start"]}]
    file = tmp_path / "over.json"
    file.write_text(json.dumps(game))
    with pytest.raises(ValueError, match="is over before the first command"):
        envs.make(ID, file=str(file))


def test_recorded_episodes_are_played_again_as_recorded(tmp_path):
    matches = [
        Match(f"{name}-{seed}", ID, {"player_0": name}, seed, {"split": split})
        for name in ("random", "explorer", "walkthrough")
        for seed, split in enumerate(("train", "held_out") * 3)
    ]
    episodes = play(matches)
    assert [episode.error for episode in episodes if not episode.sound] == []
    with Store(tmp_path / "store", "a") as store:
        store.append(episodes)
        verdict = verify(store)
    assert verdict.ok, verdict.faults
    assert verdict.episodes == 18
