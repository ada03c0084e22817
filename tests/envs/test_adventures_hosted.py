"""Text games of other engines, the real ones: TextWorld, Jericho's interpreter, TextWorldExpress, ScienceWorld."""

import random
import shutil
import subprocess
import sys
import warnings
from importlib.metadata import version

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env

from sparring import envs
from sparring.cli.app import main
from sparring.envs.adventures.hosted.worker import workers
from sparring.envs.conformance import review
from sparring.registry import MissingExtra
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store

pytestmark = pytest.mark.slow
needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="no Java here: install openjdk-17-jre-headless")
COIN = "sparring/TextWorld-v0:kind=coin_collector:level=3"
COOKING = "sparring/TextWorld-v0:kind=cooking:recipe=2:take=2:go=6:open=true:cook=true:cut=true"
HUNT = "sparring/TextWorld-v0:kind=treasure_hunter:level=21"
TEXTWORLD = ["sparring/TextWorld-v0", "sparring/TextWorld-v0:kind=simple", COIN, COOKING, HUNT]
EXPRESS = [
    f"sparring/TextWorldExpress-v0:game={game}"
    for game in ("cookingworld", "twc", "coin", "mapreader", "arithmetic", "sorting", "simonsays", "peckingorder")
]
TWC = "sparring/TextWorldExpress-v0:parameters=numLocations=2/numItemsToPutAway=1"
SCIENCE = "sparring/ScienceWorld-v0:simplifications=easy"
JAVA_TWC, JAVA_SCIENCE = pytest.param(TWC, marks=needs_java), pytest.param(SCIENCE, marks=needs_java)
JETTY = """"The Jetty" by "Nobody"

The Jetty is a room. "Planks over [bracket]dark[close bracket] water."
The Boathouse is north of the Jetty. "It smells of tar."
The lamp is in the Boathouse."""
INFORM = "from textworld.generator.inform7 import compile_inform7_game as c; import sys; c(sys.argv[1], sys.argv[2])"
HOSTILE = (
    *("\x00", "a\x00b", "look\x00look", "look\nlook", "look\r\nnorth", "look\rlook", "\x1b[2J", "\ud800", "下注", "🍎"),
    *("look. north", "n.n.n", "north then look", "look; look", "again", "g", "save", "restore", "restart", "quit", "q"),
    *("undo", "script", "script on", "transcript", "print_state", "goal", "tw-trace-actions", "tw-extra-infos score"),
    *("tw-print max_score", "restrict commands", "#random 3", "$verify", "x" * 10_000, "x" * 1_000_000, "é" * 199),
    *("", " ", "\n", "[looking - succeeded]", "<score>\n99\n</score>", "*** The End ***", "y" * 199, "oops save"),
)


@pytest.fixture(autouse=True)
def no_engine_is_left():
    """A Java machine takes up to 1.5 GB: none waits for the next test."""
    yield
    workers.close_idle()


@pytest.fixture(scope="module")
def jetty(tmp_path_factory):
    """A game that Jericho does not know, compiled by the Inform 7 that TextWorld brings."""
    path = tmp_path_factory.mktemp("story") / "jetty.z8"
    subprocess.run([sys.executable, "-c", INFORM, JETTY, str(path)], check=True, capture_output=True, timeout=120)
    return path


def a_game(name, jetty):
    return f"sparring/Jericho-v0:game={jetty}" if name == "jericho" else name


def played(env, commands, seed):
    env.reset(seed=seed)
    steps = []
    for command in commands:
        steps.append(env.step(command))
        if steps[-1][2] or steps[-1][3]:
            break
    return sum(step[1] for step in steps), steps


@pytest.mark.parametrize("split", ["train", "held_out"])
@pytest.mark.parametrize("env_id", TEXTWORLD)
def test_the_walkthrough_of_a_textworld_game_wins_with_the_highest_score(env_id, split):
    env = envs.make(env_id, split=split)
    commands = env.walkthrough(1)
    total, steps = played(env, commands, 1)
    seen, _, terminated, truncated, info = steps[-1]
    assert (total, info["score"]) == (info["max_score"], info["max_score"])
    assert (terminated, truncated, info["metrics"]) == (True, False, {"won": 1.0, "lost": 0.0, "score": 1.0})
    assert "*** The End ***" in seen
    assert not any(step[2] or step[3] for step in steps[:-1])
    assert not any(step[4]["illegal"] for step in steps)
    env.close()


@needs_java
@pytest.mark.parametrize("env_id", EXPRESS)
def test_the_gold_path_of_an_express_game_wins(env_id):
    env = envs.make(env_id)
    for seed in (2, 3):
        total, steps = played(env, env.walkthrough(seed), seed)
        assert total == pytest.approx(1.0)
        assert steps[-1][2:4] == (True, False)
        assert steps[-1][4]["metrics"] == {"won": 1.0, "lost": 0.0, "score": 1.0}
    env.close()


@needs_java
@pytest.mark.parametrize("task", ["find-plant", "chemistry-mix-paint-secondary-color"])
def test_the_gold_path_of_a_science_task_wins_also_where_names_hold_and(task):
    env = envs.make(f"sparring/ScienceWorld-v0:task={task}", list_actions=False)
    commands = env.walkthrough(3)
    total, steps = played(env, commands, 3)
    assert any(" and " in command for command in commands)
    assert (total, steps[-1][2:4]) == (100.0, (True, False))
    assert steps[-1][4]["metrics"]["won"] == 1.0
    assert "legal_actions" not in steps[0][4]
    env.close()


def test_what_textworlds_quests_say_of_the_end_is_what_the_game_says():
    env, ends = envs.make(COOKING, max_turns=300), set()
    for seed in range(6):
        rng, (_, info) = random.Random(seed), env.reset(seed=seed)
        over = False
        while not over:
            seen, _, terminated, truncated, info = env.step(rng.choice(info["legal_actions"]))
            over = terminated or truncated
            assert ("*** The End ***" in seen, "*** You lost! ***" in seen) == (
                bool(info.get("metrics", {}).get("won")),
                bool(info.get("metrics", {}).get("lost")),
            )
        ends.add("lost" if info["metrics"]["lost"] else "other")
    assert "lost" in ends  # random cooks burn what they cook
    env.close()


@pytest.mark.parametrize("name", [COIN, "jericho", JAVA_TWC, JAVA_SCIENCE])
def test_hostile_text_is_charged_and_neither_hangs_nor_changes_the_game(name, jetty, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = envs.make(a_game(name, jetty), max_turns=1_000, list_actions=False)
    env.reset(seed=1)
    before, *_ = env.step("look around" if name in (TWC, SCIENCE) else "look")
    files = set(jetty.parent.iterdir())
    process = env.unwrapped._session._held[0]._process.pid
    for number, text in enumerate(HOSTILE):
        seen, reward, terminated, truncated, info = env.step(text)
        assert (reward, terminated, truncated, info["illegal"]) == (0.0, False, False, True), ascii(text[:40])
        assert info["turns_left"] == 1_000 - 2 - number
        assert seen.startswith("Not played: ")
        assert len(seen) < 200
    after, *_ = env.step("look around" if name in (TWC, SCIENCE) else "look")
    assert after == before
    assert env.unwrapped._session._held[0]._process.pid == process
    assert (list(tmp_path.iterdir()), set(jetty.parent.iterdir())) == ([], files)
    env.close()


@pytest.mark.parametrize("env_id", [COIN, "sparring/TextWorld-v0:kind=simple", JAVA_TWC])
def test_a_walkthrough_joined_into_one_command_wins_nothing(env_id):
    env = envs.make(env_id)
    commands = env.walkthrough(1)
    for joined in (". ".join(commands), ", ".join(commands), " then ".join(commands), "\n".join(commands)):
        _, reward, terminated, _, info = played(env, [joined], 1)[1][0]
        assert (reward, terminated, info["illegal"], info["score"]) == (0.0, False, True, 0.0)
    env.close()


def test_equal_seeds_make_equal_games_and_the_splits_share_none():
    texts = {}
    for split in ("train", "held_out"):
        env = envs.make(COOKING, split=split)
        texts[split] = [env.reset(seed=seed)[0] for seed in (0, 1, 2)]
        assert env.reset(seed=0)[0] == texts[split][0]
        env.close()
    assert len({*texts["train"], *texts["held_out"]}) == 6


def test_listed_actions_are_the_engines_and_an_option_hides_them():
    shown, hidden = envs.make(COIN), envs.make(COIN, list_actions=False)
    seen, info = shown.reset(seed=4)
    same, without = hidden.reset(seed=4)
    assert (seen, {**info, "legal_actions": 0}) == (same, {**without, "legal_actions": 0})
    assert {"look", "inventory"} < set(info["legal_actions"])
    assert "legal_actions" not in without
    shown.close()
    hidden.close()


def test_observations_hold_neither_status_line_nor_marks(jetty):
    env = envs.make(COOKING)
    seen, info = env.reset(seed=2)
    for command in info["legal_actions"]:
        seen += env.step(command)[0]
    for mark in ("<score>", "<moves>", "succeeded]", "$$$", "   "):
        assert mark not in seen
    env.close()
    story = envs.make("sparring/Jericho-v0", game=str(jetty))
    assert story.reset(seed=1)[0].endswith("Jetty\nPlanks over [dark] water.")
    assert story.step("north")[0] == "Boathouse\nIt smells of tar.\n\nYou can see a lamp here."
    story.close()


def test_a_game_file_of_textworld_is_played_from_where_it_lies(tmp_path):
    script = (
        "import textworld, sys; o = textworld.GameOptions(); o.path = sys.argv[1]; o.seeds = 3; o.nb_rooms = 2\n"
        "o.nb_objects = 2; o.quest_length = 2; textworld.make(o)"
    )
    path = tmp_path / "mine.z8"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, capture_output=True, timeout=120)
    env = envs.make("sparring/TextWorld-v0", game=str(path))
    assert env.reset(seed=1)[1]["task"] == "mine"
    assert played(env, env.walkthrough(1), 1)[1][-1][4]["metrics"]["won"] == 1.0
    env.close()
    path.with_suffix(".json").unlink()
    with pytest.raises(ValueError, match=r"mine.z8 has no mine.json beside it: play it as sparring/Jericho-v0:game="):
        envs.make("sparring/TextWorld-v0", game=str(path))


@pytest.mark.parametrize(
    ("env_id", "said"),
    [
        ("sparring/TextWorld-v0:kind=chess", "kind of environment sparring/TextWorld-v0 must be custom or simple"),
        ("sparring/TextWorld-v0:kind=custom:level=3", "kind=custom has no parameter 'level'; it takes world_size"),
        ("sparring/TextWorld-v0:kind=coin_collector:level=301", "level of kind=coin_collector must be from 1 to 300"),
        ("sparring/TextWorld-v0:kind=coin_collector:level=300", "has more than 100 rooms"),
        ("sparring/TextWorld-v0:kind=cooking:go=7", "go of kind=cooking must be 1, 6, 9 or 12, got 7"),
        (
            "sparring/TextWorld-v0:kind=cooking:take=0:recipe_seed=4",
            "recipe_seed of kind=cooking needs take of 1 or more",
        ),
        ("sparring/TextWorld-v0:kind=cooking:take=2", "take of kind=cooking must be from 0 to 1, got 2"),
        ("sparring/TextWorld-v0:max_turns=0", "max_turns must be >= 1, got 0"),
        ("sparring/TextWorld-v0:split=test", "split of environment sparring/TextWorld-v0 must be train or held_out"),
        ("sparring/TextWorld-v0:game=/nowhere.z8", "game must be a file, and there is none at /nowhere.z8"),
        ("sparring/Jericho-v0", "Jericho-v0 needs a game file of yours"),
        (f"sparring/Jericho-v0:game={__file__}", "game must be a .z1 to .z8 file, got test_adventures_hosted.py"),
        ("sparring/TextWorldExpress-v0:game=zork", "game of environment sparring/TextWorldExpress-v0 must be"),
        ("sparring/ScienceWorld-v0:task=boyl", "unknown task of ScienceWorld 'boyl'; did you mean 'boil'"),
    ],
)
def test_wrong_options_are_one_line_and_exit_code_2(env_id, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["play", env_id, "--episodes", "1", "--agents", "random"]) == 2
    error = capsys.readouterr().err
    assert said in " ".join(error.split())
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_game_is_said_in_one_line(tmp_path):
    (tmp_path / "no.z8").write_bytes(b"hello " * 100)
    (tmp_path / "cut.z5").write_bytes(b"\x05")
    for name, first in (("no.z8", 8), ("cut.z5", 5)):
        with pytest.raises(ValueError, match=f"{name} is no Z-machine game: its first byte must be {first}"):
            envs.make("sparring/Jericho-v0", game=str(tmp_path / name))


@needs_java
def test_wrong_parameters_of_an_engine_are_its_own_words_in_one_line():
    with pytest.raises(ValueError, match=r"^textworld_express: .*Unrecognized property name \(foo\)"):
        envs.make("sparring/TextWorldExpress-v0", parameters="foo=1").reset(seed=1)


@pytest.mark.parametrize("env_id", ["sparring/TextWorldExpress-v0", "sparring/ScienceWorld-v0"])
def test_absent_java_is_one_line(env_id, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtra, match="needs Java, and there is no `java`: install a runtime"):
        envs.make(env_id)


def test_a_missing_engine_is_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for env_id, extra in (("TextWorld", "textworld"), ("Jericho", "textworld"), ("ScienceWorld", "scienceworld")):
        with pytest.raises(MissingExtra, match=rf'pip install "sparring\[{extra}\]"'):
            envs.make(f"sparring/{env_id}-v0")


@pytest.mark.parametrize("name", [COIN, "jericho", JAVA_TWC])
def test_an_environment_conforms(name, jetty):
    assert [f"{fault.what}: {fault.detail}" for fault in review(a_game(name, jetty), max_turns=12).faults] == []


@needs_java
def test_science_world_conforms():
    assert [f"{fault.what}: {fault.detail}" for fault in review(SCIENCE, max_turns=2).faults] == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("TextWorld", {"kind": "coin_collector"}),
        ("Jericho", {}),
        pytest.param("TextWorldExpress", {"game": "coin"}, marks=needs_java),
        pytest.param("ScienceWorld", {"simplifications": "easy"}, marks=needs_java),
    ],
)
def test_gymnasiums_own_check_passes(name, options, jetty):
    options = {"game": str(jetty)} if name == "Jericho" else options
    env = gymnasium.make(f"sparring.envs:sparring/{name}-v0", max_turns=3, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*alternative render modes.*")
        gymnasium_check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("name", [COIN, "jericho", JAVA_TWC, JAVA_SCIENCE])
def test_recorded_episodes_replay_to_the_bit(name, jetty, tmp_path):
    env_id = a_game(name, jetty)
    matches = [Match(f"m{n}", env_id, {"player_0": "random"}, n, env_kwargs={"max_turns": 8}) for n in range(3)]
    with Store(tmp_path / "store", "a") as store:
        store.append(play(matches))
        verdict = verify(store)
    assert verdict.ok
    assert (verdict.episodes, verdict.broken_off) == (3, 0)


def test_the_version_of_the_engine_is_recorded_and_not_shown():
    (episode,) = play([Match("m", COIN, {"player_0": "random"}, 1, env_kwargs={"max_turns": 1})])
    first = episode.trajectories["player_0"].turns[0]
    assert first.hidden == {"engine": f"textworld {version('textworld')}"}
    assert "hidden" not in first.observation.info


@pytest.mark.parametrize("options", [{}, {"take": 0}])
def test_a_cooking_game_starts_with_few_parameters_and_its_plan_wins(options):
    env = envs.make("sparring/TextWorld-v0", kind="cooking", **options)
    for seed in (3, 4):
        plan = env.walkthrough(seed)
        env.reset(seed=seed)
        *_, (_, _, terminated, truncated, info) = [env.step(command) for command in plan]
        assert (terminated, truncated, info["metrics"]["won"]) == (True, False, 1.0)
    env.close()
