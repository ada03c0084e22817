"""Files that people ask for appear whole, or what was there stays."""

import os
import signal
import subprocess
import sys

import pytest

from sparring.scoreboard.output import require_output, write_parts

KILLED = """
import sys, time
from pathlib import Path
from sparring.scoreboard.output import write_parts

def parts():
    yield "half of it" * 10_000
    print("half", flush=True)
    time.sleep(60)

write_parts(Path(sys.argv[1]), parts())
"""


def test_parts_are_written_and_counted(tmp_path):
    assert write_parts(tmp_path / "out", ["one\n", "two\n"]) == 2
    assert (tmp_path / "out").read_text() == "one\ntwo\n"
    assert write_parts(tmp_path / "none", []) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_error_half_way_leaves_what_was_there(tmp_path):
    def parts():
        yield "half"
        raise RuntimeError("out of ink")

    (tmp_path / "out").write_text("before")
    with pytest.raises(RuntimeError, match="out of ink"):
        write_parts(tmp_path / "out", parts())
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "before")]


def test_a_kill_half_way_leaves_what_was_there(tmp_path):
    (tmp_path / "out").write_text("before")
    process = subprocess.Popen([sys.executable, "-P", "-c", KILLED, tmp_path / "out"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"half\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert (tmp_path / "out").read_text() == "before"


def test_a_draft_is_not_written_through_a_link_that_lies_in_wait(tmp_path):
    (tmp_path / "notes").write_text("years of work")
    (tmp_path / f".out.{os.getpid()}.partial").symlink_to(tmp_path / "notes")
    write_parts(tmp_path / "out", ["text"])
    assert (tmp_path / "notes").read_text() == "years of work"
    assert ((tmp_path / "out").read_text(), (tmp_path / "out").is_symlink()) == ("text", False)


def test_a_draft_that_a_killed_process_of_the_same_number_left_is_in_nobodys_way(tmp_path):
    (tmp_path / f".out.{os.getpid()}.partial").write_text("half of it")
    assert write_parts(tmp_path / "out", ["text"]) == 1
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "text")]


@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_a_link_is_refused_wherever_it_leads(tmp_path, target):
    (tmp_path / "there").write_text("ours")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError, match=f"it is a link, to {target}; name the file itself"):
        require_output(tmp_path / "link", "file of ours", lambda head: head == b"ours")
    require_output(tmp_path / "there", "file of ours", lambda head: head == b"ours")
