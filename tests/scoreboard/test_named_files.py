"""Games by another table of words, or another template, are other games: a store's old ones do not pass for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparring.agents.models.scripted import ScriptedModel
from sparring.agents.players import WritingAgent
from sparring.cli.app import main
from sparring.scoreboard.matches import identity, settings_identity
from sparring.store.store import Store

LAKE = '[actions]\n0 = "west"\n1 = "south"\n2 = "east"\n3 = "north"\n'
OWN = 'prompt = "See: {observation}"\nanswer = "<act>{action}</act>"\n'


def games_of(store: Path) -> set[str]:
    with Store(store) as kept:
        return {episode.id for episode in kept}


def test_games_by_a_changed_table_of_words_are_played_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, store = tmp_path / "two.toml", tmp_path / "store"
    table.write_text(LAKE)
    words = ["play", f"gym:FrozenLake-v1:words={table}", "--agents", "constant:south", "--episodes", "2"]
    words += ["--store", str(store)]
    assert main(words) == 0
    first = games_of(store)
    assert main(words) == 0
    assert games_of(store) == first, "the same table: nothing to play"
    table.write_text(LAKE.replace('1 = "south"\n2 = "east"', '1 = "east"\n2 = "south"'))
    capsys.readouterr()
    assert main(words) == 0
    assert "already" not in capsys.readouterr().out
    assert len(games_of(store)) == 4
    with Store(store) as kept:
        digests = {
            json.dumps(turn.observation.info.get("words"), default=str)
            for episode in kept
            for _, turn in list(episode.turns)[:1]
        }
    assert len(digests) == 2


def test_games_by_a_changed_template_are_played_anew(tmp_path: Path) -> None:
    template, store = tmp_path / "t.toml", tmp_path / "store"
    template.write_text(OWN)
    words = ["play", "KuhnPoker", "--agents", f"nano:prompt={template},random", "--episodes", "2"]
    words += ["--store", str(store)]
    assert main(words) == 0
    template.write_text(OWN.replace("See", "Look"))
    assert main(words) == 0
    assert len(games_of(store)) == 4


def test_a_template_belongs_to_the_identity_of_an_agent_of_any_name(tmp_path: Path) -> None:
    template = tmp_path / "t.toml"

    def made() -> str:
        return identity(WritingAgent(ScriptedModel(lambda text: "bet"), prompt=str(template), name="me"))

    template.write_text(OWN)
    before = made()
    assert made() == before
    template.write_text(OWN.replace("See", "Look"))
    assert made() != before


@pytest.mark.parametrize(
    ("env_id", "options", "file"),
    [
        ("sparring/Adventure-v0", {"file": "{folder}/game.json"}, "game.json"),
        ("sparring/Search-v0", {"world": "hotpotqa+train={folder}/a.json+held_out={folder}/b.json"}, "b.json"),
        ("sparring/Search-v0:world=hotpotqa:train={folder}/a.json:held_out={folder}/b.json", {}, "b.json"),
        ("sparring/Search-v0", {"retriever": "{folder}"}, "manifest.json"),
    ],
)
def test_games_corpora_and_indexes_in_files_belong_to_the_identity(
    env_id: str, options: dict[str, str], file: str, tmp_path: Path
) -> None:
    for name in ("game.json", "a.json", "b.json", "manifest.json"):
        (tmp_path / name).write_text("{}")
    named = {option: value.format(folder=tmp_path) for option, value in options.items()}
    before = settings_identity(env_id.format(folder=tmp_path), named)
    (tmp_path / file).write_text('{"changed": 1}')
    after = settings_identity(env_id.format(folder=tmp_path), named)
    assert before.rpartition("@")[0] == after.rpartition("@")[0]
    assert before != after


def test_options_that_name_no_file_have_no_fingerprint() -> None:
    options = {"illegal": "retry", "size": 3, "deep": None, "long": "x" * 5_000, "odd": "a\0b", "empty": ""}
    assert "@" not in settings_identity("sparring/KuhnPoker-v0", options)
    assert "@" not in settings_identity("openspiel:hex(board_size=3)", {})
