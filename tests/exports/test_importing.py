"""Files of other trainers in a store: what comes back, what is refused, and in which words."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from sparring.content import Blob
from sparring.exports.exporting import export
from sparring.exports.formats import FORMATS
from sparring.exports.importing import import_file
from sparring.exports.selection import Selection
from sparring.store.store import Store
from sparring.trainers.batch import signals_of
from sparring.types import Message

CHAT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": "5", "weight": 0},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "4"},
    ]
}
SHAREGPT = {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]}
AGENTGYM = {
    "item_id": "babyai_12",
    "conversations": [
        {"from": "human", "loss": None, "value": "You are in a room."},
        {"from": "gpt", "loss": False, "value": "OK"},
        {"from": "human", "loss": None, "value": "Go."},
        {"from": "gpt", "loss": True, "value": "Thought: go\n\nAction: go"},
    ],
}


def imported(tmp_path, name, text, store="imported"):
    file = tmp_path / "file"
    file.write_text(text)
    return import_file(file, FORMATS[name], tmp_path / store)


def exported(run, name, output):
    with Store(run) as store:
        export(Selection(store), FORMATS[name], output)
    return output.read_text()


def stored(path):
    with Store(path) as store:
        return list(store)


def test_an_export_of_verifiers_comes_back_with_every_hash(made_up, tmp_path, episodes):
    found = imported(tmp_path, "verifiers", exported(made_up, "verifiers", tmp_path / "out"))
    sound = [one for one in episodes if one.sound]
    assert (found.episodes, found.new) == (len(sound), len(sound))
    assert [one.hash for one in stored(tmp_path / "imported")] == [one.hash for one in sound]


def test_training_traces_come_back_with_equal_segments_rewards_and_seats(made_up, tmp_path, episodes):
    imported(tmp_path, "training-trace", exported(made_up, "training-trace", tmp_path / "out"))
    before = {one.id: one for one in episodes}
    after = stored(tmp_path / "imported")
    assert [one.id for one in after] == ["two/1", "two/2", "right", "wrong"]
    for one in after:
        assert list(one.trajectories) == ["player_0"]
        assert one.trajectories["player_0"] == before[one.id].trajectories["player_0"]


def test_seats_of_one_episode_are_put_together(tmp_path, episodes):
    seats = {name: replace(one, agent="twin") for name, one in episodes[0].trajectories.items()}
    learner = seats["player_0"].turns[0].calls[0].policy
    turns = tuple(
        replace(turn, calls=tuple(replace(call, policy=learner) for call in turn.calls))
        for turn in seats["player_1"].turns
    )
    whole = replace(episodes[0], trajectories={**seats, "player_1": replace(seats["player_1"], turns=turns)})
    with Store(tmp_path / "store", "a") as store:
        store.append([whole])
    text = exported(tmp_path / "store", "training-trace", tmp_path / "out")
    assert len(text.splitlines()) == 2
    imported(tmp_path, "training-trace", text)
    assert [one.hash for one in stored(tmp_path / "imported")] == [whole.hash]


def test_an_import_that_is_repeated_adds_nothing(tmp_path):
    text = json.dumps(CHAT) + "\n\n" + json.dumps(CHAT)
    assert imported(tmp_path, "openai", text).new == 1
    again = imported(tmp_path, "openai", text)
    assert (again.episodes, again.new) == (2, 0)


def test_answers_that_are_not_to_be_learnt_are_part_of_what_was_said_before(tmp_path):
    imported(tmp_path, "openai", json.dumps(CHAT))
    (episode,) = stored(tmp_path / "imported")
    (seat,) = episode.trajectories.values()
    (turn,) = seat.turns
    assert [one.content for one in turn.calls[0].messages] == ["Be brief.", "2 + 2?", "5", "Sure?", "4"]
    assert (turn.action, turn.legal, seat.reward, seat.stop_reason) == ("4", True, 1.0, "imported as text")
    assert not seat.trainable
    assert json.loads(exported(tmp_path / "imported", "openai", tmp_path / "again")) == CHAT


def test_content_of_parts_is_read_as_its_texts(tmp_path):
    def parts(*texts):
        return [{"type": "text", "text": text} for text in texts]

    asked = {"role": "user", "content": parts("Look:", "2 + 2?")}
    answer = {"role": "assistant", "content": parts("4"), "tool_calls": None, "function_call": None}
    imported(tmp_path, "openai", json.dumps({"messages": [asked, answer]}))
    again = json.loads(exported(tmp_path / "imported", "openai", tmp_path / "again"))
    assert again["messages"] == [
        {"role": "user", "content": "Look:\n2 + 2?"},
        {"role": "assistant", "content": "4"},
    ]


@pytest.mark.parametrize(("name", "row"), [("sharegpt", SHAREGPT), ("agentgym", AGENTGYM)])
def test_conversations_come_back_as_they_were(tmp_path, name, row):
    imported(tmp_path, name, json.dumps([row]))
    text = exported(tmp_path / "imported", name, tmp_path / "again")
    (again,) = json.loads(text) if name == "agentgym" else [json.loads(text)]
    assert again["conversations"] == row["conversations"]


def test_trainers_refuse_text_in_one_line(tmp_path):
    imported(tmp_path, "agentgym", json.dumps([AGENTGYM]))
    (episode,) = stored(tmp_path / "imported")
    assert episode.task == "babyai_12"
    with pytest.raises(ValueError, match="player_0 is text without token ids: only exports take it"):
        signals_of(episode.trajectories["player_0"], 1.0)


ASKED = '{"role":"user","content":"x"}'
CALLED = '{"role":"assistant","content":"y","tool_calls":[{"id":"1"}]}'
TOOL = "messages[1] is a call of a tool or its answer, which are not imported: leave the row out"
WRONG = [
    ("openai", "{}", "row 1 is no row of openai: it must have messages"),
    ("openai", "nonsense", "line 1 is no JSON"),
    ("openai", "3", "line 1 must be a JSON object, got 3"),
    ("openai", "", "holds nothing to import"),
    ("openai", '{"messages":[{"role":"user","content":"x"}]}', "it has no answer of an assistant that is to be learnt"),
    ("openai", '{"messages":[{"role":"me","content":"x"}]}', "messages[0] must have a role, one of developer, system"),
    ("openai", '{"messages":[{"role":["me"]}]}', "messages[0] must have a role"),
    ("openai", '{"messages":[{"role":"user","content":[]}]}', "messages[0].content must be text, got []"),
    ("openai", f'\n{{"messages":[{ASKED},{{"role":"tool","content":"x"}}]}}', f"row 2 is no row of openai: {TOOL}"),
    ("openai", f'{{"messages":[{ASKED},{CALLED}]}}', f"row 1 is no row of openai: {TOOL}"),
    ("openai", '{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}', "of type 'text', got 'image_url' in"),
    ("openai", '{"messages":[{"role":"user","content":["x"]}]}', "may only have parts of type 'text', got None in 'x'"),
    ("openai", '{"messages":[{"role":"user","content":[{"type":"text"}]}]}', "of type 'text' must be text, got None"),
    ("sharegpt", '{"conversations":[{"from":"me","value":"x"}]}', "a message must be from one of system, human"),
    ("sharegpt", '{"messages":[]}', "it must have conversations, each with from and value"),
    ("agentgym", "[1]", "row 1 must be a JSON object, got 1"),
    ("agentgym", "[", "is no JSON"),
    ("openai", "[" * 200_000, "is no JSON"),
    ("openai", '{"messages":' * 200_000, "line 1 is no JSON"),
    ("agentgym", json.dumps([SHAREGPT]), "item_id must be text, got None"),
    ("verifiers", '{"traces":[]}', "it has no 'sparring': of this format only what `sparring export` wrote"),
    ("verifiers", "{}", "it lacks 'traces'"),
    ("training-trace", '{"trace":{"turns":[]}}', "it has no 'sparring'"),
]


@pytest.mark.parametrize(("name", "text", "said"), WRONG)
def test_a_wrong_file_is_one_line_that_names_the_row(tmp_path, name, text, said):
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        imported(tmp_path, name, text)
    assert str(tmp_path / "file") in str(error.value)
    assert not (tmp_path / "imported").exists()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["verifiers", "training-trace"])
def test_what_another_program_has_changed_is_refused(made_up, tmp_path, name):
    row = json.loads(exported(made_up, name, tmp_path / "out").splitlines()[0])
    tokens, rewards = json.loads(json.dumps(row)), json.loads(json.dumps(row))
    if name == "verifiers":
        tokens["traces"][0]["nodes"][0]["token_ids"].append(7)
        rewards["traces"][0]["rewards"]["reward"]["score"] = 9.0
    else:
        tokens["trace"]["turns"][0]["prompt_token_ids"].append(7)
        rewards["reward"] = 9.0
    with pytest.raises(ValueError, match=r"call 0\.0 has \d tokens, and 5 were exported"):
        imported(tmp_path, name, json.dumps(tokens))
    with pytest.raises(ValueError, match=r"reward .*is 9\.0, and 1\.0 was exported"):
        imported(tmp_path, name, json.dumps(rewards))


def test_an_episode_that_saw_images_cannot_come_back(tmp_path, episodes):
    blob = Blob.of(np.zeros((4, 4, 3), np.uint8), "image")
    seat = episodes[6].trajectories["player_0"]
    turn = replace(seat.turns[0], observation=replace(seat.turns[0].observation, content=("look", blob)))
    seen = replace(episodes[6], trajectories={"player_0": replace(seat, turns=(turn,))})
    with Store(tmp_path / "store", "a") as store:
        store.append([seen])
    text = exported(tmp_path / "store", "verifiers", tmp_path / "out")
    with pytest.raises(ValueError, match="episode right saw images, whose bytes no export holds"):
        imported(tmp_path, "verifiers", text)


def test_a_message_of_a_tool_is_somebody_who_speaks_to_the_model(tmp_path, episodes):
    seat = episodes[6].trajectories["player_0"]
    call = replace(seat.turns[0].calls[0], messages=(Message("tool", "42"), Message("assistant", "so")))
    turn = replace(seat.turns[0], calls=(call,))
    one = replace(episodes[6], trajectories={"player_0": replace(seat, turns=(turn,))})
    with Store(tmp_path / "store", "a") as store:
        store.append([one])
    rows = exported(tmp_path / "store", "openai", tmp_path / "out")
    assert [said["role"] for said in json.loads(rows)["messages"]] == ["user", "assistant"]
    imported(tmp_path, "verifiers", exported(tmp_path / "store", "verifiers", tmp_path / "v"))
    assert stored(tmp_path / "imported")[0].hash == one.hash
