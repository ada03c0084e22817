"""`sparring serve` as a process: the address, a client, Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from sparring import Store
from sparring.cli.app import main


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_played(tmp_path: Path) -> None:
    store = tmp_path / "store"
    command = [sys.executable, "-m", "sparring", "serve", "--envs", "KuhnPoker,TicTacToe", "--port", "0"]
    server = subprocess.Popen([*command, "--store", str(store)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = server.stdout.readline().split()[-1]
    with connect(f"{address.replace('http', 'ws')}/KuhnPoker/ws") as socket:
        socket.send(json.dumps({"type": "reset", "data": {"seed": 1}}))
        legal = json.loads(socket.recv())["data"]["metadata"]["legal_actions"]
        socket.send(json.dumps({"type": "step", "data": {"action": legal[0]}}))
        socket.recv()
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    with Store(store) as kept:
        assert len(kept) == 1


@pytest.mark.slow
def test_a_model_is_served_as_openais_are() -> None:
    command = [sys.executable, "-m", "sparring", "serve", "--model", "nano", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = server.stdout.readline().split()[3].rstrip(",")
    asked = {"model": "nano", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    answer = httpx.post(f"{address}/chat/completions", json=asked, timeout=30).json()
    assert answer["choices"][0]["message"]["role"] == "assistant"
    server.send_signal(signal.SIGINT)
    assert server.wait(30) == 0


def test_a_family_is_all_of_it_that_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    from sparring.cli import serve

    names = [one.name for one in serve._environments("games,Answer:task=numbers")]
    assert {"KuhnPoker", "TicTacToe", "Answer"} <= set(names)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--envs", "KuhnPokr"], "did you mean"),
        (["--envs", "KuhnPoker,KuhnPoker"], "named twice"),
        (["--envs", ","], "must name an environment"),
        ([], "name what is to be served"),
        (["--envs", "KuhnPoker", "--model", "nano"], "one of the two"),
        (["--model", "nanoo"], "nanoo"),
        (["--model", "nano", "--store", "s"], "a served model records nothing"),
        (["--envs", "KuhnPoker", "--host", "0.0.0.0"], "SPARRING_TOKEN"),
        (["--port", "70000"], "0..65535"),
        (["--idle-seconds", "0"], "> 0"),
        (["--max-sessions", "0"], ">= 1"),
        (["--envs", "KuhnPoker", "--opponents", "randm"], "did you mean"),
    ],
)
def test_what_cannot_be_served_is_refused(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", *argv]) == 2
    assert said in capsys.readouterr().err
