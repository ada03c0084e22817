"""A client plays over a real socket: what it sees, what is recorded of it, and what it may not do."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from sparring import Match, Observation, Reply, Store, play, registry
from sparring.agents.scripted import ScriptedAgent
from sparring.cli.app import main
from sparring.registry import EnvironmentRow
from sparring.scoreboard.verify import verify

TICTACTOE = "sparring/TicTacToe-v0"


def until(holds: Any) -> None:
    """Waits, 10 s at most."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


class FirstLegal(ScriptedAgent):
    """Plays as the client of these tests does."""

    async def act(self, observation: Observation) -> Reply:
        assert observation.legal_actions is not None
        return Reply(observation.legal_actions[0])


class Bets(ScriptedAgent):
    """Bets, whatever is offered."""

    async def act(self, observation: Observation) -> Reply:
        return Reply("bet")


def test_a_game_is_recorded_as_play_records_it(running: Any, tmp_path: Path) -> None:
    with Store(tmp_path / "store", "a") as store:
        with running("TicTacToe", keep=store.append) as serving, serving.client() as client:
            for seed in range(5):
                seen = client.play(seed=seed)
                assert seen[-1]["metadata"]["total_reward"] == sum(one["reward"] for one in seen)
        kept = sorted(store, key=lambda episode: episode.seed)
        assert not verify(store).faults
    seats = {"player_0": "client", "player_1": "random"}
    matches = [Match(episode.id, TICTACTOE, seats, episode.seed, task=episode.task) for episode in kept]
    assert [episode.seed for episode in kept] == list(range(5))
    assert [episode.hash for episode in kept] == [one.hash for one in play(matches, {"client": FirstLegal("client")})]


def test_one_seed_is_one_game_and_another_sample_another_opponent(kuhn: Any) -> None:
    with kuhn.client("TicTacToe") as one, kuhn.client("TicTacToe") as other:
        first = [(seen["observation"], seen["reward"]) for seen in one.play(seed=3)]
        assert first == [(seen["observation"], seen["reward"]) for seen in other.play(seed=3)]
        others = [[seen["observation"] for seen in one.play(seed=3, sample=sample)] for sample in range(1, 6)]
        assert any(game != [seen for seen, _ in first] for game in others)


def test_a_listed_action_may_stand_in_brackets(kuhn: Any) -> None:
    with kuhn.client("KuhnPoker") as client:
        assert "bet" in client.reset(seed=1)["metadata"]["legal_actions"]
        assert client.step("I think that I [bet] here")["metadata"]["illegal"] is False


def test_an_illegal_action_has_the_environments_own_consequence(kuhn: Any) -> None:
    with kuhn.client("KuhnPoker") as client:
        client.reset(seed=1)
        seen = client.step("I fold the universe")
        assert seen["done"]
        assert seen["metadata"]["illegal"]
        assert seen["reward"] < 0


@pytest.mark.parametrize("first", ["step", "after the end"])
def test_a_step_without_an_episode_is_an_error_and_never_an_observation(kuhn: Any, first: str) -> None:
    with kuhn.client("KuhnPoker") as client:
        if first == "after the end":
            client.play(seed=1)
        with pytest.raises(RuntimeError, match=r"VALIDATION_ERROR.*reset"):
            client.step("bet")
        assert client.play(seed=2)[-1]["done"]


def test_the_state_echoes_the_episode_and_counts_steps(kuhn: Any) -> None:
    with kuhn.client("TicTacToe") as client:
        assert client.state()["step_count"] == 0
        seen = client.reset(seed=1, episode_id="mine")
        assert (client.state()["episode_id"], client.state()["step_count"], client.state()["done"]) == (
            "mine",
            0,
            False,
        )
        client.step(seen["metadata"]["legal_actions"][0])
        assert client.state()["step_count"] == 1


def test_two_sessions_play_at_one_table(running: Any, tmp_path: Path) -> None:
    with Store(tmp_path / "store", "a") as store:
        with running("TicTacToe", keep=store.append) as serving:
            ends: dict[str, Any] = {}

            def player(seat: str) -> None:
                with serving.client() as client:
                    ends[seat] = client.play(seed=4, table="ours", seat=seat, agent=f"me {seat}")

            threads = [threading.Thread(target=player, args=(f"player_{number}",)) for number in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
        (episode,) = store
    payoffs = {seat: sum(seen["reward"] for seen in told) for seat, told in ends.items()}
    assert payoffs == {seat: one.reward for seat, one in episode.trajectories.items()}
    assert sum(payoffs.values()) == 0
    assert [one.agent for one in episode.trajectories.values()] == ["me player_0", "me player_1"]


def test_a_taken_seat_and_another_task_are_refused(kuhn: Any) -> None:
    with kuhn.client("TicTacToe") as one, kuhn.client("TicTacToe") as other:
        one.reset(table="t", seat="player_0", seed=1)
        with pytest.raises(RuntimeError, match="taken"):
            other.reset(table="t", seat="player_0")
        with pytest.raises(RuntimeError, match="another task"):
            other.reset(table="t", seat="player_1", seed=2)


def test_a_client_that_names_no_seat_gets_a_free_one(kuhn: Any) -> None:
    with kuhn.client("TicTacToe") as one, kuhn.client("TicTacToe") as other:
        first = one.reset(table="free", seed=1)
        assert first["metadata"]["seat"] == "player_0"
        other.socket.send(json.dumps({"type": "reset", "data": {"table": "free"}}))
        one.socket.send(json.dumps({"type": "step", "data": {"action": "4"}}))
        assert json.loads(other.socket.recv(timeout=10))["data"]["metadata"]["seat"] == "player_1"
        other.socket.close()
        said = json.loads(one.socket.recv(timeout=10))["data"]["message"]
        assert said.endswith("(agent_error, server): the connection of its client is lost")


@pytest.mark.parametrize(
    ("data", "said"),
    [({"action": 5}, "action must be text"), ({"action": "a", "x": 1}, "got 'x' too"), ([], "must be {")],
)
def test_a_step_says_what_is_wrong_with_it(kuhn: Any, data: object, said: str) -> None:
    with kuhn.client("KuhnPoker") as client:
        client.reset(seed=1)
        assert said in client.ask({"type": "step", "data": data or "[]"})["data"]["message"]


def test_a_lost_client_is_a_fault_and_leaves_nothing(running: Any, tmp_path: Path) -> None:
    with Store(tmp_path / "store", "a") as store:
        with running("TicTacToe", keep=store.append) as serving:
            with serving.client() as client:
                client.step(client.reset(seed=1)["metadata"]["legal_actions"][0])
                client.socket.socket.close()
            until(lambda: not serving.server.sessions and not serving.hall.playing)
        (episode,) = store
    assert (episode.status, episode.fault) == ("agent_error", "server")
    assert "lost" in (episode.error or "")


def test_a_reset_in_the_middle_begins_another_game(kuhn: Any) -> None:
    with kuhn.client("TicTacToe") as client:
        for seed in range(20):
            client.reset(seed=seed)
        assert client.play(seed=1)[-1]["done"]
        until(lambda: kuhn.hall.playing == 0)


def test_a_silent_session_gives_its_place_back(running: Any) -> None:
    with running("KuhnPoker", idle_seconds=0.2, most_sessions=1) as serving, serving.client() as client:
        client.reset(seed=1)
        with serving.client() as other:
            assert json.loads(other.socket.recv(timeout=10))["data"]["code"] == "CAPACITY_REACHED"
        assert json.loads(client.socket.recv(timeout=10))["data"]["code"] == "SESSION_ERROR"
        until(lambda: not serving.server.sessions and not serving.hall.playing)
        with serving.client() as other:
            assert other.play(seed=1)


def test_a_table_at_which_nobody_sits_down_is_broken_up(running: Any) -> None:
    with running("TicTacToe", idle_seconds=0.3) as serving, serving.client() as client:
        seen = client.reset(table="lonely", seat="player_0")
        with pytest.raises(RuntimeError, match=r"EXECUTION_ERROR.*nobody took seat player_1"):
            client.step(seen["metadata"]["legal_actions"][0])


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"seed": "7"}, "seed must be a whole number"),
        ({"seed": 2**63}, "seed must be a whole number"),
        ({"seat": "player_9"}, "player_0 or player_1"),
        ({"seat": ""}, "seat must be text"),
        ({"opponent": "model:/etc/passwd"}, "opponent must be one of random, constant:bet"),
        ({"opponent": {"player_1": "sb3:evil.zip"}}, "opponent must be one of"),
        ({"split": "held_out"}, "split of KuhnPoker must be train"),
        ({"index": 2**40}, "index must be"),
        ({"prompt": "/etc/passwd"}, "reset takes seed"),
        ({"agent": "x" * 500}, "agent must be text"),
        ({"agent": "two\nlines"}, "printable characters"),
        ({"agent": "random"}, "random plays here itself: take another name"),
        ({"opponent": {"player_7": "random"}}, "seat of KuhnPoker must be"),
        ({"opponent": {"player_0": "random"}, "seat": "player_0"}, "the client's own"),
        ({"table": "t", "opponent": "random"}, "at a table the other seats are for clients"),
    ],
)
def test_what_cannot_be_is_refused_in_words(kuhn: Any, wish: dict[str, Any], said: str) -> None:
    with kuhn.client("KuhnPoker") as client:
        with pytest.raises(RuntimeError, match=f"VALIDATION_ERROR.*{said}"):
            client.reset(**wish)
        assert client.play(seed=1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
KINDS = st.sampled_from(["reset", "step", "state", "mcp", "nothing"])


FRAMES = st.builds(dict, type=KINDS, data=JSON)


@given(st.one_of(st.text(max_size=50), JSON.map(json.dumps), FRAMES.map(json.dumps)))
def test_any_frame_is_answered(kuhn: Any, text: str) -> None:
    with kuhn.client("KuhnPoker") as client:
        assert client.ask(text)["type"] in ("error", "observation", "state", "mcp")
        assert client.ask({"type": "reset", "data": {"seed": 1}})["type"] == "observation"


def test_a_frame_that_is_too_large_ends_its_own_session_only(kuhn: Any) -> None:
    with kuhn.client("KuhnPoker") as steady:
        steady.reset(seed=1)
        with kuhn.client("KuhnPoker") as client:
            client.reset(seed=1)
            with pytest.raises(ConnectionClosed):
                client.step("x" * 10_000_000)
        assert steady.step("bet")["observation"]
    with kuhn.client("KuhnPoker") as client:
        client.reset(seed=1)
        assert client.step("x" * 1_000_000)["metadata"]["illegal"]


def test_many_frames_at_once_are_answered_in_order(kuhn: Any) -> None:
    with kuhn.client("TicTacToe") as client:
        for seed in range(200):
            client.socket.send(json.dumps({"type": "reset", "data": {"seed": seed, "episode_id": f"e{seed}"}}))
        told = [json.loads(client.socket.recv(timeout=20))["data"]["metadata"]["episode_id"] for _ in range(200)]
    assert told == [f"e{seed}" for seed in range(200)]


def test_a_token_is_asked_for(running: Any) -> None:
    with running("KuhnPoker", token="secret") as serving:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "secret"},
            {"Authorization": "Basic secret"},
        ):
            with pytest.raises(Exception, match=r"HTTP 403|4401"), serving.client(additional_headers=headers) as client:
                client.reset(seed=1)
        with serving.client(additional_headers={"Authorization": "bearer secret"}) as client:
            assert client.play(seed=1)


def test_an_address_that_there_is_not(kuhn: Any) -> None:
    for path in ("Nothing", "../etc", "%2e%2e/KuhnPoker", "KuhnPoker/../../x"):
        with pytest.raises(Exception, match=r"40[34]"), connect(f"{kuhn.address.replace('http', 'ws')}/{path}/ws"):
            pass


def test_a_broken_environment_is_an_error_and_others_play_on(running: Any) -> None:
    class Broken:
        possible_agents = ("player_0",)

        def __init__(self) -> None:
            raise RuntimeError("no screws left")

    row = EnvironmentRow("test/Broken-v0", Broken)
    with registry.envs.temporary(row), running("KuhnPoker", ("Broken", row.name, {})) as serving:
        broken = r"EXECUTION_ERROR.*environment.*no screws left"
        with serving.client("Broken") as client, pytest.raises(RuntimeError, match=broken):
            client.reset(seed=1)
        with serving.client("KuhnPoker") as client:
            assert client.play(seed=1)


def test_what_cannot_be_stored_waits_until_it_can(running: Any, tmp_path: Path) -> None:
    is_full = True
    kept: list[Any] = []

    def keep(episodes: Any) -> None:
        if is_full:
            raise OSError("the disk is full")
        kept.extend(episodes)

    with running("KuhnPoker", keep=keep) as serving, serving.client() as client:
        client.play(seed=1)
        until(lambda: "the disk is full" in serving.hall.trouble)
        is_full = False
        until(lambda: not serving.hall.trouble)
    assert len(kept) == 1


@pytest.mark.parametrize("scheme", ["openenv:{}/KuhnPoker", "agentgym:{}/KuhnPoker/agentgym"])
def test_our_clients_send_the_token_of_the_environment_and_no_record_holds_it(
    running: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    secret, agents = "a secret of 25 characters", {"bets": Bets("bets")}
    monkeypatch.setenv("SPARRING_TOKEN", secret)
    with running("KuhnPoker", token=secret) as serving:
        (episode,) = play([Match("m", scheme.format(serving.address), {"player_0": "bets"}, 1)], agents)
        monkeypatch.setenv("SPARRING_TOKEN", "another one")
        (refused,) = play([Match("n", scheme.format(serving.address), {"player_0": "bets"}, 1)], agents)
    assert episode.sound
    with Store(tmp_path / "store", "a") as store:
        store.append([episode, refused])
    with Store(tmp_path / "store") as store:
        assert secret not in repr(list(store))
    assert not refused.sound
    assert "set SPARRING_TOKEN to the token that it asks for" in str(refused.error)
    assert "another one" not in str(refused.error)


def test_a_server_is_graded_only_with_its_token(
    running: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running("KuhnPoker", token="secret") as serving:
        address = f"{serving.address}/KuhnPoker"
        assert main(["check", address]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == (
            f"sparring: the OpenEnv server at {address} answers 401; set SPARRING_TOKEN to the token that it asks for\n"
        )
        monkeypatch.setenv("SPARRING_TOKEN", "secret")
        assert main(["check", address, "--episodes", "5"]) == 0
