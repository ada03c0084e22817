"""Programs of others in a seat: what they read and write, what is their fault, and that none is left behind."""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sparring import registry
from sparring.agents import processes, programs
from sparring.agents.models.scripted import ScriptedModel
from sparring.agents.programs import ProgramAgent
from sparring.rollout.hosts import PROCESSES
from sparring.rollout.loop import Match, play
from sparring.scoreboard.matches import identity

MODEL = ScriptedModel(lambda prompt, seed: "bet")
ASK = """
import json, os, sys, urllib.request

def ask(text):
    body = {"model": os.environ["OPENAI_MODEL"], "messages": [{"role": "user", "content": text}]}
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions", json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    )
    return json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"]
"""


def written(folder, code):
    """The command of a Python program."""
    file = folder / "program.py"
    file.write_text(ASK + code)
    return f"{sys.executable} {shlex.quote(str(file))}"


def game(command, model=MODEL, seed=3, **options):
    """A game of Kuhn poker against one that always passes."""
    agents = {
        "player_0": ProgramAgent(command, model, **options),
        "player_1": registry.make_agent("constant:check/fold"),
    }
    match = Match("m", "sparring/KuhnPoker-v0", {seat: seat for seat in agents}, seed)
    (episode,) = play([match], agents)
    return episode


def test_a_program_asks_its_model_and_plays(tmp_path):
    code = """
for line in sys.stdin:
    seen = json.loads(line)
    assert seen["turn"] == 0 and seen["seat"] == "player_0" and seen["legal_actions"] == ["check", "bet"]
    print(ask(seen["text"]), flush=True)
"""
    episode = game(written(tmp_path, code), trainable=True)
    assert episode.status == "ok", episode.error
    (turn,) = episode.trajectories["player_0"].turns
    assert turn.action == "bet"
    (call,) = turn.calls
    assert [said.content for said in call.messages] == [turn.observation.text, "bet"]
    assert call.policy.trainable
    assert episode.trajectories["player_0"].trainable


def test_one_process_plays_one_episode_with_one_conversation_of_its_own(tmp_path):
    code = """
heard = []
for line in sys.stdin:
    heard.append(json.loads(line)["turn"])
    print(json.dumps({"action": "line\\nbreak"} if len(heard) > 1 else "go north"), flush=True)
    print(heard, file=sys.stderr)
"""
    agent = ProgramAgent(written(tmp_path, code), MODEL)
    match = Match("m", "sparring/Adventure-v0", {"player_0": "me"}, 1, max_steps=3)
    episodes = play([match, Match("n", match.env_id, match.agents, 2, max_steps=3)], {"me": agent})
    for episode in episodes:
        assert episode.status == "truncated", episode.error
        actions = [turn.action for turn in episode.trajectories["player_0"].turns]
        assert actions == ['"go north"', "line\nbreak", "line\nbreak"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("sh -c 'echo why >&2; exit 3'", "it ended with code 3; it said: why"),
        ("sh -c 'kill -9 $$'", "it was ended by signal 9"),
        ("true", "it ended with code 0"),
        ("sh -c 'exec >&-; sleep 60'", "it closed its output"),
        ("sh -c 'exec >&-; yes >&2'", "it closed its output; it said: "),
        ("sh -c 'read line; cat /dev/zero'", "wrote a line of more than 1048576 bytes"),
        (
            "sh -c 'read line; printf a\\\\nb; sleep 60'",
            "must write one line for an observation, its action, and it also wrote 'b'",
        ),
        ("/nowhere/program", "the program '/nowhere/program' did not start: No such file"),
    ],
)
def test_what_a_program_does_wrong_is_its_own_fault(command, said):
    episode = game(command)
    assert (episode.status, episode.fault) == ("agent_error", "agent")
    assert said in episode.error


@pytest.mark.parametrize("command", ["sleep 60", "sh -c 'yes >&2'", "sh -c 'read line; printf half; sleep 60'"])
def test_a_program_that_does_not_answer_costs_its_episode(command):
    episode = game(command, timeout=0.5)
    assert (episode.status, episode.fault) == ("agent_error", "timeout")


def test_a_line_too_many_is_no_answer_to_the_next_observation(tmp_path):
    code = """
import time
for line in sys.stdin:
    print("look", flush=True)
    time.sleep(0.2)
    print("late", flush=True)
"""
    process = processes.Process(shlex.split(written(tmp_path, code)), {"KEY": "k" * 30}, mark="k" * 30)
    try:
        assert process.ask(b"{}\n", 10) == b"look"
        while process._out not in process._ready(1.0):
            pass
        with pytest.raises(processes.ProgramFailed, match="it also wrote 'late"):
            process.ask(b"{}\n", 10)
    finally:
        process.kill()


def test_a_model_that_fails_is_no_fault_of_the_program(tmp_path):
    def fail(prompt, seed):
        raise RuntimeError("out of paper")

    episode = game(written(tmp_path, "print(ask(sys.stdin.readline()), flush=True)"), ScriptedModel(fail))
    assert (episode.status, episode.fault) == ("agent_error", "engine")
    assert "out of paper" in episode.error


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes that left the group are found in /proc")
def test_no_process_of_it_is_left(tmp_path):
    left = tmp_path / "left"
    code = f"""
import time
if not os.fork():
    os.setsid()
    if not os.fork():
        open({str(left)!r}, "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
while not os.path.exists({str(left)!r}) or not open({str(left)!r}).read(): time.sleep(0.05)
for line in sys.stdin: print("bet", flush=True)
"""
    assert game(written(tmp_path, code)).status == "ok"
    deadline = time.monotonic() + 10
    while (state := _state(int(left.read_text()))) not in ("", "Z") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert state in ("", "Z")


def _state(pid):
    """As ps has it; "" where there is no such process."""
    done = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1]


def test_the_program_sees_no_key_of_another_model(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a real key")
    monkeypatch.setenv("OPENAI_ORG_ID", "ours")
    seen = tmp_path / "seen"
    code = f"sys.stdin.readline(); open({str(seen)!r}, 'w').write(json.dumps(dict(os.environ))); print('bet')"
    assert game(written(tmp_path, code)).status == "ok"
    environment = json.loads(seen.read_text())
    assert {name for name in environment if name.startswith("OPENAI_")} == {
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_MODEL",
    }
    assert environment["OPENAI_API_KEY"].startswith("sk-sparring-")
    assert environment["OPENAI_BASE_URL"].startswith("http://127.0.0.1:")


def test_a_spec_must_allow_that_it_runs_with_ones_own_rights():
    with pytest.raises(ValueError, match=r"program:python x.py would run with your rights, .* add :as_user=true"):
        registry.make_agent("program:python x.py:model=nano")
    agent = registry.make_agent("program:python x.py --n=3:model=nano:as_user=true:timeout=5")
    assert (agent.words, agent.timeout, agent.model.name) == (["python", "x.py", "--n=3"], 5.0, "nano")


def test_a_changed_program_plays_other_games(tmp_path):
    command = written(tmp_path, "print('bet')  # once")
    before = identity(ProgramAgent(command, MODEL))
    assert identity(ProgramAgent(command, MODEL)) == before
    written(tmp_path, "print('check')")
    assert identity(ProgramAgent(command, MODEL)) != before


def test_no_more_games_are_played_at_one_time_than_there_may_be_processes(monkeypatch):
    alive, most = set(), []

    class Counted(processes.Process):
        def __init__(self, *args):
            super().__init__(*args)
            alive.add(self)
            most.append(len(alive))

        def kill(self):
            alive.discard(self)
            super().kill()

    monkeypatch.setattr(programs, "Process", Counted)
    agents = {
        "player_0": ProgramAgent("sh -c 'read line; echo bet'", MODEL),
        "player_1": registry.make_agent("constant:call"),
    }
    count = 3 * PROCESSES
    matches = [Match(f"m{i}", "sparring/KuhnPoker-v0", {seat: seat for seat in agents}, i) for i in range(count)]
    assert {episode.status for episode in play(matches, agents)} == {"ok"}
    assert len(most) == count
    assert max(most) <= PROCESSES
    assert not alive


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [("", {}, "must name it"), ("a 'b", {}, "No closing quotation"), ("a", {"timeout": 0}, "timeout must be > 0")],
)
def test_a_command_or_time_that_is_none(command, options, said):
    with pytest.raises(ValueError, match=said):
        ProgramAgent(command, MODEL, **options)
