"""What agents note of their programs is read back as it was written; what means something else is read as nothing."""

from __future__ import annotations

from typing import Any

import pytest

from sparring.notes import ProgramNote, VoteNote


def test_a_node_is_read_back_as_it_was_written() -> None:
    note = ProgramNote(4, 2, depth=2, prompt="plan", model="m")
    assert note.to_notes() == {"node": 4, "parent": 2, "depth": 2, "prompt": "plan", "model": "m"}
    assert ProgramNote.from_notes(note.to_notes()) == note
    first = ProgramNote(1, None)
    assert first.to_notes() == {"node": 1, "parent": None}
    assert ProgramNote.from_notes(first.to_notes()) == first


@pytest.mark.parametrize(
    "notes",
    [
        {},
        {"node": 1},
        {"node": 7, "visits": 12},
        {"node": "1", "parent": None},
        {"node": True, "parent": None},
        {"node": 0, "parent": None},
        {"node": 2, "parent": True},
        {"node": 2, "parent": "1"},
        {"node": 2, "parent": [1]},
        {"node": 2, "parent": 2},
        {"node": 2, "parent": 3},
        {"node": 2, "parent": -1},
        {"node": 2, "parent": 1, "depth": "two"},
        {"node": 2, "parent": 1, "prompt": {"text": "plan"}},
        {"node": 2, "parent": 1, "model": None},
    ],
)
def test_a_note_that_is_damaged_or_of_another_agent_is_no_node(notes: dict[str, Any]) -> None:
    assert ProgramNote.from_notes(notes) is None


def test_a_vote_is_read_back_as_it_was_written() -> None:
    vote = VoteNote({"42": (1, 4), "0": (6,)}, "42", abstained=False, rejected={7: "hides every error"})
    assert vote.to_notes() == {
        "votes": {"42": 2, "0": 1},
        "voters": {"42": [1, 4], "0": [6]},
        "chosen": "42",
        "abstained": False,
        "rejected": {"7": "hides every error"},
    }
    assert VoteNote.from_notes(vote.to_notes()) == vote
    assert vote.winners == (1, 4)


def test_damaged_parts_of_a_vote_are_left_out_and_what_is_no_vote_is_none() -> None:
    notes = {"voters": {"a": 1, "b": ["x", True, 3]}, "chosen": ["b"], "rejected": {"x": "why", "4": "no"}}
    assert VoteNote.from_notes(notes) == VoteNote({"b": (3,)}, None, abstained=False, rejected={4: "no"})
    assert VoteNote.from_notes({"voters": 3, "chosen": "a"}) is None
    assert VoteNote.from_notes({"parent": 2, "abstained": True}) is None
