"""Games as compiled Inform 7 stories, the real ones: they play as the simulator does, and what is wrong is found."""

import os
import random
import signal

import pytest

from sparring import envs
from sparring.cli.app import main
from sparring.envs.adventures.hosted.session import Session
from sparring.envs.adventures.hosted.worker import workers
from sparring.envs.adventures.inform.build import GameNotCompiled, compile_story
from sparring.envs.adventures.inform.compiled import CompiledGame, CompiledStage, Disagreement, engine_of
from sparring.envs.adventures.inform.fuzz import HOSTILE, fuzz
from sparring.envs.adventures.inform.proofs import prove_compiled
from sparring.envs.adventures.worlds.compiler import compile_game
from sparring.envs.adventures.worlds.proofs import prove
from sparring.envs.adventures.worlds.rules import read_game
from sparring.envs.adventures.worlds.sampler import sample, sample_game
from sparring.envs.adventures.worlds.simulator import Stage
from sparring.envs.adventures.worlds.solver import solve
from sparring.envs.adventures.worlds.spec import Room
from sparring.envs.conformance import review
from sparring.registry import MissingExtra
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store

pytestmark = pytest.mark.slow
ID = "sparring/Adventure-v0"
SAMPLED = [("train", 7, 3), ("held_out", 2, 4)]
LAMP_IS_LIT = {"thing": "lit lamp", "state": "burning"}
ODD = {
    "title": "It's odd: 'quotes', {braces}, ~tildes~, ^carets^, @at, #5 & 100% <b>|",
    "theme": "oddities",
    "intro": "What a place! Is it real? 'Yes', said the owner's owl.",
    "start": "x-ray room",
    "rooms": [
        {"name": "x-ray room", "text": "Everything's odd here..."},
        {"name": "hall"},
        {"name": "unlit cellar", "text": "Dark?  No: dim."},
        {"name": "room of friends", "text": " "},
    ],
    "exits": [
        {"room": "x-ray room", "direction": "northeast", "to": "hall", "door": "well-kept gate"},
        {
            "room": "hall",
            "direction": "down",
            "to": "unlit cellar",
            "one_way": True,
            "requires": [{"thing": "lit lamp", "place": "reach"}, LAMP_IS_LIT],
            "refusal": "It's too dark!",
        },
        {"room": "unlit cellar", "direction": "west", "to": "x-ray room", "one_way": True},
        {
            "room": "hall",
            "direction": "east",
            "to": "room of friends",
            "requires": [{"thing": "coach", "place": "hall", "holds": False}],
        },
    ],
    "things": [
        {"name": "well-kept gate", "kind": "door", "openable": True, "locked": True, "key": "five pence"},
        {"name": "five pence", "place": "odd shoe box", "portable": True, "text": "'Heads', it says."},
        {"name": "odd shoe box", "kind": "container", "place": "x-ray room", "openable": True},
        {
            "name": "lit lamp",
            "place": "inventory",
            "portable": True,
            "states": [["unlighted", "burning", "burnt"], ["old", "polished"]],
        },
        {"name": "thing", "place": "nowhere", "portable": True, "states": [["inverted", "upright"]]},
        {"name": "container", "kind": "supporter", "place": "hall"},
        {"name": "person", "kind": "person", "place": "room of friends"},
        {"name": "unicorn hair", "portable": True, "place": "person"},
        {"name": "coach", "place": "hall"},
        {
            "name": "iron safe",
            "kind": "container",
            "place": "unlit cellar",
            "openable": True,
            "open": True,
            "key": "dozen keys",
        },
        {"name": "dozen keys", "place": "container", "portable": True},
        {"name": "observatory", "place": "hall", "states": [["shut-down", "humming"]]},
        {"name": "jack-o-lantern", "place": "hall", "portable": True},
        {"name": "basket", "kind": "container", "place": "x-ray room"},
        {"name": "umbrella", "place": "basket", "portable": True},
    ],
    "actions": [
        {
            "verb": "kindle",
            "thing": "lit lamp",
            "requires": [{"thing": "lit lamp", "state": "unlighted"}],
            "effects": [LAMP_IS_LIT],
            "reward": 2,
            "message": "It's alight.",
            "skill": "light",
        },
        {
            "verb": "kindle",
            "thing": "lit lamp",
            "requires": [{"room": "hall"}],
            "effects": [{"thing": "lit lamp", "state": "burnt"}],
            "message": "Too much!",
            "refusal": "Not here.",
            "skill": "light",
        },
        {
            "verb": "bewitch",
            "thing": "coach",
            "effects": [{"thing": "coach", "place": "unlit cellar"}, {"thing": "thing", "place": "here"}],
            "message": "",
            "reward": 1,
            "skill": "magic",
        },
        {
            "verb": "summon",
            "thing": "dozen keys",
            "effects": [{"thing": "coach", "place": "here"}],
            "message": "Rumble.",
            "skill": "magic",
        },
        {
            "verb": "hand",
            "thing": "thing",
            "preposition": "to",
            "second": "person",
            "effects": [{"thing": "thing", "place": "person"}, {"thing": "unicorn hair", "place": "inventory"}],
            "message": "Thanks!",
            "skill": "trade",
        },
        {
            "verb": "stash",
            "thing": "unicorn hair",
            "effects": [{"thing": "unicorn hair", "place": "nowhere"}, {"thing": "iron safe", "state": "locked"}],
            "message": "Gone.",
            "skill": "magic",
        },
        {
            "verb": "teleport",
            "thing": "observatory",
            "effects": [{"room": "unlit cellar"}],
            "message": "Whoosh? ",
            "skill": "magic",
        },
        {
            "verb": "hum",
            "thing": "observatory",
            "preposition": "with",
            "second": "jack-o-lantern",
            "effects": [
                {"thing": "observatory", "state": "humming"},
                {"thing": "jack-o-lantern", "place": "container"},
            ],
            "message": "Mmm.",
            "skill": "magic",
        },
        {
            "verb": "smite",
            "thing": "well-kept gate",
            "effects": [{"thing": "well-kept gate", "state": "open"}],
            "message": "Crash.",
            "skill": "force",
        },
    ],
    "milestones": [
        {"when": [{"room": "unlit cellar"}], "reward": 3, "message": "Deep!", "skill": "navigation"},
        {
            "when": [{"thing": "thing", "place": "iron safe"}, {"thing": "iron safe", "state": "closed"}],
            "reward": 0,
            "skill": "tidying",
        },
    ],
    "goal": {
        "text": "Lock 'it' up: the hair in the safe.",
        "reward": 4,
        "when": [{"thing": "unicorn hair", "place": "iron safe"}, {"thing": "iron safe", "state": "locked"}],
    },
    "fails": [
        {"when": [{"thing": "lit lamp", "state": "burnt"}], "message": "Dark for ever."},
        {"when": [LAMP_IS_LIT, {"room": "hall", "holds": False}], "turns": 6, "message": "The lamp's out."},
        {"when": [{"thing": "jack-o-lantern", "place": "inventory"}], "turns": 4, "message": "It bites!"},
        {"turns": 40, "message": "Dawn."},
    ],
    "limits": {"turns": 60, "dead_ends": True},
}
"""Everything that a game can have, and words at which a parser or a compiler may stumble."""


@pytest.fixture(scope="module", autouse=True)
def stories(tmp_path_factory):
    """Compiled games lie in a folder of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARRING_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
    workers.close_idle()


def stage_of(game):
    return Stage(compile_game(game))


@pytest.mark.parametrize("which", SAMPLED)
def test_both_backends_agree_in_sampled_games(which):
    found = sample(*which)
    played = fuzz(CompiledStage.of(Stage(found.machine)), found.plan.commands, 400, seed=1)
    assert played.disagreements == []
    assert 400 > played.accepted > 200


def test_both_backends_agree_in_a_game_with_everything():
    game = read_game(ODD)
    stage = stage_of(game)
    played = fuzz(CompiledStage.of(stage), solve(stage.machine).commands, 800, seed=2)
    assert played.disagreements == []
    assert played.won >= 1
    assert played.lost >= 5


def test_every_proof_of_a_sampled_game_passes_in_its_compiled_form_too():
    game = sample_game(*SAMPLED[0])
    manifest = prove_compiled(game, prove(game))
    assert [check for check in manifest.checks if check.status != "pass"] == []
    said = {check.name: check.evidence for check in manifest.checks}
    assert said["walkthrough, compiled"] == said["walkthrough"]
    assert "150 commands" in said["backends agree"]
    assert len(manifest.checks) == 16


def test_a_compiled_game_that_pays_otherwise_is_found_out():
    """The file of one game is played beside the simulator of another one, which pays more for the goal."""
    game = sample_game(*SAMPLED[0])
    other = game.model_copy(update={"goal": game.goal.model_copy(update={"reward": game.goal.reward + 1})})
    plan = prove(other).plan
    wrong = CompiledStage(stage_of(other), compile_story(game))
    played = CompiledGame(wrong)
    for command in plan[:-1]:
        played.submit(command)
    with pytest.raises(Disagreement, match=r"after .* are .* in the compiled game, .* in the simulator"):
        played.submit(plan[-1])
    assert fuzz(wrong, plan, 300).disagreements
    played.close()


def test_the_environment_says_and_pays_the_same_with_either_backend():
    native, compiled = (envs.make(ID, backend=backend, difficulty=3) for backend in ("native", "inform7"))
    rng, seed = random.Random(4), 7
    assert native.reset(seed=seed) == compiled.reset(seed=seed)
    _, info = native.reset(seed=seed)
    plan = info["hidden"]["plan"]
    for turn in range(len(plan) + 20):
        command = plan[turn - 20] if turn >= 20 else rng.choice((*HOSTILE, "look", "i", "x nothing", "take all"))
        ours, theirs = native.step(command), compiled.step(command)
        assert ours == theirs
    assert ours[2]
    assert ours[4]["metrics"]["won"] == 1.0
    assert native.step("look") == compiled.step("look")
    compiled.close()


def test_the_environment_conforms_with_the_compiled_backend():
    found = review(ID, backend="inform7", games=1, difficulty=3, max_turns=20)
    assert found.ok, found.faults


def test_recorded_episodes_of_the_compiled_backend_verify(tmp_path):
    options = {"backend": "inform7", "difficulty": 3, "games": 2, "max_turns": 15}
    episodes = play([Match(f"m{seed}", ID, {"player_0": "random"}, seed, options) for seed in range(6)])
    assert [episode.error for episode in episodes if not episode.sound] == []
    with Store(tmp_path / "store", "a") as store:
        store.append(episodes)
        verdict = verify(store)
    assert verdict.ok, verdict.faults
    assert verdict.episodes == 6


def test_a_story_that_the_cache_has_lost_is_compiled_again():
    found = sample(*SAMPLED[0])
    game = CompiledGame(CompiledStage.of(Stage(found.machine)))
    first = game.text
    game.compiled.file.unlink()
    assert game.reset() == first
    game.close()


def test_a_budget_of_ones_own_is_shown_and_truncates():
    env = envs.make(ID, backend="inform7", difficulty=3, max_turns=2)
    seen, _ = env.reset(seed=7)
    assert seen.endswith("turn 0 of 2.")
    env.step("look")
    seen, _, terminated, truncated, _ = env.step("[sparring 9 1 2 1 hall]")
    assert (terminated, truncated) == (False, True)
    assert seen.startswith("That is no command")
    assert seen.endswith("turn 2 of 2.")


def test_a_killed_process_costs_nothing_but_time():
    found = sample(*SAMPLED[0])
    game = CompiledGame(CompiledStage.of(Stage(found.machine)))
    for at, command in enumerate(found.plan.commands):
        if at == 5:
            os.kill(game._session._held[0]._process.pid, signal.SIGKILL)
            with pytest.warns(RuntimeWarning, match="SIGKILL"), pytest.raises(RuntimeError):
                game._session.step("look")
        game.submit(command)
    assert (game.ending, game.score, game.turn) == ("won", game.max_score, len(found.plan.commands))
    game.close()


def test_the_compiled_game_alone_keeps_its_score_from_who_types_its_marks():
    file = compile_story(sample_game(*SAMPLED[0]))
    session = Session(engine_of(file))
    first = session.reset(int(file.stem, 16))
    for turn, text in enumerate(("[sparring 9 1 1 1 x]", "sparring 9 1 1 1 x", "*** you have won ***", "restart"), 1):
        now = session.step(text)
        assert (now.score, now.won, now.understood, now.room, now.turn) == (0.0, False, False, first.room, turn)
    session.close()


def test_a_game_is_compiled_once():
    file = compile_story(sample_game(*SAMPLED[0]))
    before = file.stat().st_ino
    assert compile_story(sample_game(*SAMPLED[0])) == file
    assert file.stat().st_ino == before
    assert not list(file.parent.glob(".*"))


def test_what_inform_complains_of_names_the_part_of_the_game():
    game = read_game(ODD)
    rooms = (game.rooms[0], Room(name="hall", text="[if the moon is full]odd"), *game.rooms[2:])
    with pytest.raises(GameNotCompiled, match=r"^rooms\[1\] \(hall\): Inform 7 says: .*moon") as caught:
        compile_story(game.model_copy(update={"rooms": rooms}))
    assert all("source text" not in message for message in caught.value.messages)
    assert not list(compile_story(game).parent.glob(".*"))


def test_a_game_that_is_too_large_is_told_so_and_fails_its_proof():
    letters = "abcdefghijkl"
    names = [f"thing{first}{second}" for first in letters for second in letters[:10]]
    text = "It goes on and on. " * 31
    game = read_game(
        {
            **{"title": "Large", "theme": "size", "intro": "", "start": "hall", "rooms": [{"name": "hall"}]},
            "things": [
                {"name": name, "place": "hall", "text": f"{name} {text[:550]}", "states": [["raw", "done"]]}
                for name in names
            ],
            "actions": [
                {
                    **{"verb": "mend", "thing": name, "message": f"{name}: {text[:570]}", "skill": "mending"},
                    "effects": [{"thing": name, "state": "done"}],
                }
                for name in names
            ],
            "milestones": [
                {
                    **{"reward": 0, "message": f"{name}! {text[:570]}", "skill": "mending"},
                    "when": [{"thing": name, "state": "done"}],
                }
                for name in names[1:]
            ],
            "goal": {"text": "Mend it.", "when": [{"thing": names[0], "state": "done"}], "reward": 1},
        }
    )
    manifest = prove_compiled(game, prove(game))
    said = {check.name: (check.status, check.evidence) for check in manifest.checks}
    assert said["compiled"][0] == "fail"
    assert "1 rooms, 120 things, 120 actions do not fit into a Z-machine file: leave some out" in said["compiled"][1]
    assert said["backends agree"] == ("not run", "there is no compiled game")
    assert not manifest.ok


def test_without_the_compilers_the_rows_stay_not_run_and_say_what_to_install(monkeypatch):
    game = sample_game("train", 0, 1)
    manifest = prove(game)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    rows = {check.name: check for check in prove_compiled(game, manifest).checks}
    for name in ("compiled", "walkthrough, compiled", "backends agree", "admissible, compiled"):
        assert rows[name].status == "not run"
        assert 'run `pip install "sparring[textworld]"`' in rows[name].evidence
    with pytest.raises(MissingExtra, match=r'pip install "sparring\[textworld\]"'):
        envs.make(ID, backend="inform7")


def test_the_command_proves_the_compiled_game_too(tmp_path, capsys):
    file = tmp_path / "game.json"
    file.write_text(sample_game(*SAMPLED[1]).model_dump_json())
    assert main(["adventures", "prove", str(file), "--compile"]) == 0
    said = capsys.readouterr().out
    assert "16 pass" in said
    assert "3 compiled: pass" in said
