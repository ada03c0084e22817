"""Environments of other libraries that speak by a table of words: shown, answered, refused, recorded, verified."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from sparring import Match, Observation, Reply, Store, envs, play, registry, verify
from sparring.agents.scripted import ScriptedAgent
from sparring.cli import arguments
from sparring.envs.conformance import review
from sparring.envs.words.numbers import UnfitWords
from sparring.envs.words.table import MOST_BYTES, read_words
from sparring.scoreboard.matches import seats_of

LAKE = 'rules = "Cross."\n[actions]\n0 = "west"\n1 = "south"\n2 = "east"\n3 = "north"\n'
TTT = "pettingzoo:classic.tictactoe_v3"
CHESS = "pettingzoo:classic.chess_v6"
HOSTED = [
    "gym:FrozenLake-v1",
    "gym:Blackjack-v1",
    "gym:CartPole-v1",
    "gym:Pendulum-v1",
    TTT,
    CHESS,
    "pettingzoo:classic.rps_v2",
    "textarena:GuessTheNumber-v0",
    "textarena:TowerOfHanoi-v0",
    "textarena:Mastermind-v0",
]


class Says(ScriptedAgent):
    """One text, always."""

    def __init__(self, text: str) -> None:
        super().__init__("says")
        self.text = text

    async def act(self, observation: Observation) -> Reply:
        return Reply(self.text)


def table(folder: Path, text: str, name: str = "words.toml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def ready_tables() -> list[tuple[str, str]]:
    folder = files("sparring.envs.words") / "tables"
    return sorted((lib.name, file.name.removesuffix(".toml")) for lib in folder.iterdir() for file in lib.iterdir())


def test_frozen_lake_speaks_words_out_of_the_box() -> None:
    env = envs.make("gym:FrozenLake-v1", is_slippery=False)
    text, info = env.reset(seed=0)
    assert info["legal_actions"] == ("left", "down", "right", "up")
    assert "You are at: row 1, column 1\nLegal actions: [left] [down] [right] [up]" in text
    assert "SFFF\nFHFH\nFFFH\nHFFG" in text
    text = env.step("[Down]")[0]
    assert "You are at: row 2, column 1" in text
    text, reward, terminated, _, info = env.step("right")
    assert (reward, terminated) == (0, True)
    assert "legal_actions" not in info
    assert "Legal actions" not in text


def test_words_none_gives_the_environment_as_it_is() -> None:
    env = envs.make("gym:FrozenLake-v1:words=none")
    assert isinstance(env.action_space, gymnasium.spaces.Discrete)
    assert env.reset(seed=0)[0] == 0


def test_words_may_be_none_or_a_path_object(tmp_path: Path) -> None:
    assert envs.make("gym:FrozenLake-v1", words=None).reset(seed=0)[0] == 0
    env = envs.make("gym:FrozenLake-v1", words=Path(table(tmp_path, LAKE)))
    assert env.reset(seed=0)[0].startswith("Cross.")
    assert registry.envs.row(TTT).given({"words": None}).seat_names == ("player_1", "player_2")


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    env = envs.make("gym:FrozenLake-v1", words=table(tmp_path, "\ufeff" + LAKE))
    assert env.reset(seed=0)[0].startswith("Cross.")


@pytest.mark.parametrize("words", ["none", "ready"])
def test_the_command_line_takes_words_by_name(words: str) -> None:
    assert arguments.env(f"gym:FrozenLake-v1:words={words}:is_slippery=false") == (
        "gym:FrozenLake-v1",
        {"words": words, "is_slippery": False},
    )


def test_our_words_leave_an_environment_alone_whose_options_make_it_another_size() -> None:
    env = envs.make("gym:FrozenLake-v1:map_name=8x8")
    assert env.observation_space == gymnasium.spaces.Discrete(64)
    assert "row 1, column 1" in envs.make("gym:FrozenLake8x8-v1").reset(seed=0)[0]


def test_an_answer_that_is_no_word_is_the_agents_illegal_action_and_ends_the_episode() -> None:
    (episode,) = play([Match("m", "gym:FrozenLake-v1", {"player_0": "me"}, 0)], {"me": Says("2")})
    (turn,) = episode.trajectories["player_0"].turns
    assert (episode.status, turn.legal, turn.reward) == ("truncated", False, 0.0)
    env = envs.make(TTT)
    env.reset(seed=0)
    env.step("4")
    assert env.infos["player_1"] == {"illegal": True}
    assert all(env.truncations.values())
    (episode,) = play([Match("m", TTT, {"player_1": "me", "player_2": "random"}, 0)], {"me": Says("top")})
    assert (episode.status, episode.trajectories["player_1"].turns[0].legal) == ("truncated", False)


def test_the_word_of_a_place_puts_the_mark_there() -> None:
    places = [f"{row} {column}" for row in ("top", "middle", "bottom") for column in ("left", "middle", "right")]
    places[4] = "center"
    for index, place in enumerate(places):
        env = envs.make(TTT)
        env.reset(seed=0)
        env.step(place)
        board = ["."] * 9
        board[index] = "M"
        rows = "\n".join(" ".join(board[row : row + 3]) for row in (0, 3, 6))
        assert f"Board:\n{rows}" in env.observe("player_1")
        assert env.observe("player_1") == env.observe("player_1").replace("Legal", "")  # not to move: none is listed


def test_moves_of_chess_are_what_the_drawing_shows() -> None:
    env = envs.make(CHESS)
    env.reset(seed=0)
    assert "You play white" in env.observe("player_0")
    for action, row in (
        ("e2 up 2", ". . . . P . . ."),
        ("g8 down 2 left 1", ". . . . . n . ."),
        ("g1 up 2 right 1", "N"),
    ):
        assert action in env.infos[env.agent_selection]["legal_actions"]
        env.step(action)
        assert row in env.observe("player_0")
    assert "You play black" in env.observe("player_1")
    assert len(env.infos["player_1"]["legal_actions"]) == 22


def test_every_word_of_chess_names_the_move_that_pettingzoo_plays() -> None:
    from pettingzoo.classic.chess import chess_utils

    chess_utils.legal_moves(__import__("chess").Board())
    for player, ranks, up in ((0, "12345678", 1), (1, "87654321", -1)):
        env = envs.make(CHESS)
        named = env._speakers[f"player_{player}"]._named
        for action, uci in chess_utils.actions_to_moves.items():
            place, *steps = named[action].replace(" as a ", " ").split()
            assert place == uci[0] + ranks[int(uci[1]) - 1]
            across, along = 0, 0
            for way, count in zip(steps[::2], steps[1::2], strict=False):
                across += int(count) * (("right" in way) - ("left" in way))
                along += int(count) * (("up" in way) - ("down" in way))
            assert (across, along * up) == (ord(uci[2]) - ord(uci[0]), int(uci[3]) - int(uci[1]))


@pytest.mark.parametrize(("library", "name"), ready_tables())
def test_every_table_of_ours_fits_its_environment_and_is_played(library: str, name: str) -> None:
    env_id = f"{library}:{name}"
    seats = seats_of(env_id)
    (episode,) = play([Match("m", env_id, dict.fromkeys(seats, "random"), 1, max_steps=12)])
    assert episode.sound, episode.error
    assert all(turn.legal for _, turn in episode.turns)
    assert "words" in episode.turns[0][1].observation.info
    assert ", words " in episode.env_version


def test_a_table_of_ones_own_names_actions_values_and_seats(tmp_path: Path) -> None:
    words = table(
        tmp_path,
        'rules = "Three in a row."\n[seats]\nplayer_1 = "cross"\n[seats.player_2]\nname = "nought"\n'
        'role = "You play second."\n[observation]\nmarks = ["+", "-"]\nempty = "_"\n',
    )
    env_id = f"{TTT}:words={words}"
    assert seats_of(env_id) == ["cross", "nought"] == seats_of(TTT, {"words": words})
    for match in (
        Match("a", env_id, {"cross": "random", "nought": "random"}, 0),
        Match("b", TTT, {"cross": "random", "nought": "random"}, 0, {"words": words}),
    ):
        (episode,) = play([match])
        assert episode.status == "ok", episode.error
        assert episode.trajectories["cross"].turns[0].observation.text == (
            "Three in a row.\n_ _ _\n_ _ _\n_ _ _\nLegal actions: [0] [1] [2] [3] [4] [5] [6] [7] [8]"
        )
        assert (
            episode.trajectories["nought"].turns[0].observation.text.startswith("Three in a row.\nYou play second.\n")
        )


def test_units_entries_and_full_precision_are_told(tmp_path: Path) -> None:
    words = table(tmp_path, '[observation]\nnames = ["a", "b", "c"]\nunits = ["", "", "rad/s"]\n')
    env = envs.make("gym:Pendulum-v1", words=words)
    text, info = env.reset(seed=4)
    lines = dict(line.split(": ") for line in text.splitlines())
    raw = gymnasium.make("Pendulum-v1").reset(seed=4)[0]
    assert [np.float32(lines[name].removesuffix(" rad/s")) for name in "abc"] == list(raw)
    assert lines["c"].endswith(" rad/s")
    assert info["suggested_actions"]
    assert env.step("0.5")[4].get("illegal") is None


def test_instructions_can_be_left_out_and_are_there_for_a_system_prompt() -> None:
    with_rules, without = envs.make("gym:Taxi-v4"), envs.make("gym:Taxi-v4", instructions=False)
    told, bare = with_rules.reset(seed=0)[0], without.reset(seed=0)[0]
    assert told == f"{without.instructions}\n{bare}"
    env = envs.make(CHESS, instructions=False)
    env.reset(seed=0)
    assert "You play black" in env.instructions("player_1")
    assert "You play" not in env.observe("player_1")


def test_policies_over_numbers_still_find_their_vector_and_mask() -> None:
    env = envs.make(TTT)
    env.reset(seed=0)
    env.step("center")
    situation = env.agent_situation("player_2")
    assert situation.vector().shape == (18,)
    assert list(situation.mask()) == [1, 1, 1, 1, 0, 1, 1, 1, 1]
    assert (situation.action_text(4), situation.action_text(8)) == ("", "bottom right")


@pytest.mark.parametrize("env_id", ["gym:Taxi-v4", TTT, "pettingzoo:classic.rps_v2"])
def test_an_environment_that_speaks_conforms(env_id: str) -> None:
    assert review(env_id).faults == []


def test_an_environment_that_speaks_begins_anew_after_an_answer_that_it_could_not_read() -> None:
    env = envs.make("gym:Blackjack-v1")
    first = env.reset(seed=3)
    assert env.step("fold")[2:4] == (False, True)
    assert env.step("hit")[1:4] == (0.0, False, True)
    assert env.reset(seed=3) == first
    assert env.step("stick")[2]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[actions\n", "is no TOML in UTF-8: Expected"),
        ("[actions]\n0 = 'a'\n0 = 'b'\n", "line 3"),
        ("#" * (MOST_BYTES + 1), "must have at most 200,000 bytes"),
        ("rule = 'x'\n", "the table: unknown key 'rule'; did you mean 'rules'?"),
        ("rules = 3\n", "rules must be text, got 3"),
        (f"rules = '{'x' * 10_001}'\n", "rules must have at most 10,000 characters, got 10,001"),
        ("drawing = 1\n", "drawing must be true or false, got 1"),
        ("actions = 3\n", "[actions] must be a table, got 3"),
        (LAKE + "4 = 'stay'\n", "[actions]: there is no 4, the numbers are 0 to 3"),
        (LAKE.replace("north", "West"), "[actions]: 0 and 3 have the same word 'West'"),
        (LAKE.replace('3 = "north"\n', ""), "[actions]: 3 has no word, and every action needs one"),
        (LAKE.replace("north", "a[1]"), "[actions] 3: an action's word has no brackets"),
        (LAKE.replace("3 =", "up ="), "[actions]: the key of a word is a whole number, got 'up'"),
        ("[actions]\nparts = [['a', 'b'], ['c', 'c']]\n", "two words of one part are the same"),
        ("[actions]\nparts = [['a', 'b']]\n", "parts must make the 4 numbers from 0, they make 2 from 0"),
        ("[actions]\nparts = [['a', 'ab'], ['bc', 'c']]\njoin = ''\n", "two actions have the same word"),
        ("[observation]\nnames = ['x']\n", "names must be one a number of Discrete(16), got 1"),
        ("[observation]\nmarks = ['x']\n", "marks must be one a plane of a board"),
        ("[observation]\nmarks = ['x']\nnames = ['x']\n", "give one of names and marks, not 2"),
        ("[actions]\n0 = 'caf\u00e9'\n1 = 'cafe\u0301'\n", "[actions]: 0 and 1 have the same word"),
        ("[actions]\n0 = 'stra\u00dfe'\n1 = 'STRASSE'\n", "[actions]: 0 and 1 have the same word 'STRASSE'"),
        ('[actions]\n0 = "a\\nb"\n', "has no brackets, line breaks, tabs and backslashes, and no blanks around it"),
        ("[actions]\nparts = [['a', 'b'], ['x', '\uff38']]\n", "two words of one part are the same"),
        ("[observation.words]\n16 = 'x'\n", "[observation]: there is no 16, the numbers are 0 to 15"),
        ("[observation.of.x]\nname = 'x'\n", "[observation].of: there is no 'x'"),
        ("[seats]\nplayer_0 = 'x'\n", "an environment of one seat has no 'player_0'"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line_with_file_and_place(tmp_path: Path, text: str, problem: str) -> None:
    words = table(tmp_path, text)
    with pytest.raises(UnfitWords) as caught:
        envs.make("gym:FrozenLake-v1", words=words)
    said = str(caught.value)
    assert said.startswith(words)
    assert problem in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[seats]\nplayer_3 = 'x'\n", "there is no 'player_3', the seats are player_1, player_2"),
        ("[seats]\nplayer_1 = 'player_2'\n", "two seats are called 'player_2'"),
        ("[seats]\nplayer_1 = 'Anna'\nplayer_2 = 'anna'\n", "two seats are called 'Anna'"),
        ("[seats]\nplayer_1 = 'a b'\n", "name must be text without blanks, commas, colons and brackets"),
    ],
)
def test_seats_that_cannot_be_renamed_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UnfitWords, match=problem):
        registry.envs.row(f"{TTT}:words={table(tmp_path, text)}")


def test_words_of_a_file_that_is_not_there_and_words_for_actions_that_are_no_numbers(tmp_path: Path) -> None:
    with pytest.raises(UnfitWords, match="cannot be read: No such file"):
        envs.make("gym:FrozenLake-v1", words=str(tmp_path / "none.toml"))
    with pytest.raises(UnfitWords, match="cannot be read"):
        read_words(tmp_path)
    with pytest.raises(UnfitWords, match=r"\[actions\]: only discrete numbers have words"):
        envs.make("gym:Pendulum-v1", words=table(tmp_path, LAKE))
    with pytest.raises(ValueError, match="words must be 'ready', 'none' or the path of a table, got 3"):
        envs.make("gym:Pendulum-v1", words=3)


def test_a_changed_table_is_named_by_verify(tmp_path: Path) -> None:
    words = table(tmp_path, LAKE)
    with Store(tmp_path / "store", "a") as store:
        store.append(play([Match("m", f"gym:FrozenLake-v1:words={words}", {"player_0": "random"}, 0)]))
        assert verify(store).ok
        table(tmp_path, LAKE + "# not a word has changed\n")
        (fault,) = verify(store).faults
        assert f"the table of words {words!r} is another one than the one that was recorded" in str(fault)
        Path(words).unlink()
        (fault,) = verify(store).faults
        assert not fault.compared
        assert "cannot be read" in fault.detail


@pytest.mark.parametrize("env_id", HOSTED)
def test_what_is_hosted_is_played_by_random_and_by_a_model_stored_and_verified(env_id: str, tmp_path: Path) -> None:
    if env_id.startswith("textarena:"):
        pytest.importorskip("textarena")
    model = "chat:nano:max_new_tokens=8" if env_id.startswith("textarena:") else "nano:max_new_tokens=8"
    agents = (
        [model] if env_id.startswith("textarena:") else [model, "random"]
    )  # no text is listed that random could say
    seats = seats_of(env_id)
    matches = [Match(one, env_id, {**dict.fromkeys(seats, "random"), seats[0]: one}, 5, max_steps=6) for one in agents]
    with Store(tmp_path, "a") as store:
        episodes = play(matches)
        assert all(episode.sound for episode in episodes), [episode.error for episode in episodes]
        store.append(episodes)
        result = verify(store)
    assert result.ok, result.faults


def test_tables_are_toml_of_a_size_that_a_person_can_read() -> None:
    folder = files("sparring.envs.words") / "tables"
    for library, name in ready_tables():
        text = (folder / library / f"{name}.toml").read_text()
        assert len(text) < 12_000
        assert tomllib.loads(text)["rules"]
