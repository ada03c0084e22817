"""`openenv:URL`: a server's environment plays as any other one; what goes wrong there is a fault, never a score."""

import json
import time

import pytest

from sparring import registry
from sparring.cli.app import main
from sparring.envs.conformance import review
from sparring.envs.remote import connection
from sparring.faults import ServerFailed
from sparring.rollout import crowds
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store


def episodes(server, count=1, agent="random", **kwargs):
    id = f"openenv:{server.url}"
    return play([Match(f"m{seed}", id, {"player_0": agent}, seed, kwargs) for seed in range(count)])


def test_a_served_game_holds_what_the_review_asks_for(serve, guess):
    found = review(f"openenv:{serve(guess).url}")
    assert found.ok, found.faults


def test_what_the_server_says_becomes_ours(serve, guess):
    server = serve(guess)
    (episode,) = episodes(server, agent="constant:0")
    seat = episode.trajectories["player_0"]
    assert (episode.status, episode.env_version, seat.reward) == ("truncated", "openenv 1", 0.0)
    assert [turn.observation.legal_actions for turn in seat.turns] == [tuple("0123456789")] * 5
    assert seat.turns[1].observation.content == ("Wrong.",)
    assert seat.turns[1].observation.info == {"observation": {"tries": 1}}
    assert seat.turns[0].hidden["metadata"]["solution"] != ["None"]  # recorded, and no agent sees it


def test_options_and_the_seed_reach_the_reset(serve, guess):
    asked = []

    class Asked(guess):
        def reset(self, **data):
            asked.append(data)
            return super().reset(**data)

    server = serve(Asked)
    env = registry.envs.make(f"openenv:{server.url}:split=test:index=3:level=hard")
    for seed in (7, 2**62, 2**62, 2**62 + 1):
        env.reset(seed=seed)
    env.close()
    assert asked[0] == {"seed": 7, "split": "test", "index": 3, "level": "hard"}
    small, again, other = (data["seed"] for data in asked[1:])
    assert small == again != other
    assert all(0 <= seed < 2**32 for seed in (small, other))


def test_a_session_serves_many_episodes_and_a_dropped_one_is_opened_again(serve, guess):
    opened = []

    class Opened(guess):
        def __init__(self):
            opened.append(self)
            super().__init__()

    server = serve(Opened)
    env = registry.envs.make(f"openenv:{server.url}")
    env.reset(seed=1)
    env.reset(seed=2)
    assert len(opened) == 1
    env._connection.drop()
    assert env.reset(seed=2)[0] == env.reset(seed=2)[0]
    assert len(opened) == 2
    env.close()
    with pytest.raises(RuntimeError, match="call reset first"):
        env.step("1")


@pytest.mark.parametrize("reward", [float("nan"), float("inf"), True, None, "1", 10**400])
def test_a_reward_that_is_no_finite_number_is_a_fault(serve, guess, reward):
    class Paid(guess):
        def step(self, action):
            return super().step(action) | {"reward": reward}

    (episode,) = episodes(serve(Paid))
    assert (episode.status, episode.fault) == ("env_error", "server")
    assert "the reward must be a finite number" in episode.error
    assert episode.trajectories["player_0"].reward == 0.0


def test_a_reward_that_is_not_there_yet_is_nothing_paid(serve, guess):
    class Late(guess):
        def step(self, action):
            answer = super().step({"message": "nothing"})
            return answer | {"reward": None if not answer["done"] else 0.5}

    (episode,) = episodes(serve(Late))
    assert (episode.status, episode.trajectories["player_0"].reward) == ("truncated", 0.5)


def hangs_up(game):
    raise ConnectionError


def breaks(game):
    raise RuntimeError("out of memory")


@pytest.mark.parametrize(("step", "said"), [(hangs_up, "is lost"), (breaks, "EXECUTION_ERROR: out of memory")])
def test_a_lost_connection_and_an_error_of_the_server_are_faults(serve, guess, step, said):
    class Broken(guess):
        def step(self, action):
            return step(self)

    (episode,) = episodes(serve(Broken))
    assert (episode.status, episode.fault) == ("env_error", "server")
    assert said in episode.error


def test_parts_that_do_not_sum_to_the_reward_are_a_fault(serve, guess):
    class Parts(guess):
        def step(self, action):
            answer = super().step(action) | {"reward": 1.0}
            answer["metadata"]["reward_parts"] = {"payoff": 0.5}
            return answer

    (episode,) = episodes(serve(Parts))
    assert episode.fault == "server"
    assert "must sum to 1.0" in episode.error


def test_a_late_answer_loses_the_episode_and_is_never_read_as_the_next(serve, guess, monkeypatch):
    """The protocol has no request ids: whoever goes on after a time-out reads every answer one step late."""

    class Slow(guess):
        def step(self, action):
            answer = super().step({"message": "nothing"})
            answer["observation"]["text"] = f"You said {action['message']}."
            answer["metadata"].pop("legal_actions")
            if action["message"] == "slow":
                time.sleep(0.6)
            return answer

    server = serve(Slow)
    monkeypatch.setattr(connection.Connection.__init__, "__defaults__", (0.3,))
    env = registry.envs.make(f"openenv:{server.url}")
    env.reset(seed=1)
    assert env.step("quick")[0] == "You said quick."
    with pytest.raises(TimeoutError, match=r"did not answer within 0\.3 s; the session is dropped"):
        env.step("slow")
    with pytest.raises(RuntimeError, match="call reset first"):
        env.step("quick")
    env.reset(seed=1)
    time.sleep(0.5)
    assert env.step("new")[0] == "You said new."
    env.close()
    Slow.schema = {**guess.schema, "properties": {"message": {"type": "string", "enum": ["slow"]}}}
    (episode,) = episodes(server)
    assert (episode.status, episode.fault) == ("env_error", "timeout")


def test_an_answer_that_nobody_asked_for_loses_the_session(serve, guess):
    class Twice(guess):
        def frames(self, answer):
            return [answer, answer]

    (episode,) = episodes(serve(Twice))
    assert episode.fault == "server"
    assert "said something that nobody asked for" in episode.error


def test_what_is_no_json_is_a_fault(serve, guess):
    class Garbled(guess):
        def frames(self, answer):
            return ["<html>"]

    (episode,) = episodes(serve(Garbled))
    assert (episode.fault, "must answer with JSON" in episode.error) == ("server", True)


def test_a_full_server_is_a_fault_of_capacity(serve, guess, monkeypatch):
    monkeypatch.setattr(crowds, "PAUSE", 0.0)
    (episode,) = episodes(serve(guess, most_sessions=0))
    assert (episode.fault, "CAPACITY_REACHED" in episode.error) == ("capacity", True)


class Column:
    """One column of seven; the schema says which there are."""

    schema = {
        "type": "object",
        "properties": {"column": {"$ref": "#/$defs/Column"}, "metadata": {"type": "object"}},
        "required": ["column"],
        "$defs": {"Column": {"type": "integer", "minimum": 0, "maximum": 6}},
    }

    def reset(self, seed=None, **rest):
        return {"observation": {"board": [0] * 7, "message": "Go."}, "reward": None, "done": False}

    def step(self, action):
        if set(action) != {"column"} or action["column"] not in range(7) or action["column"] is True:
            raise ValueError("VALIDATION_ERROR")
        return {"observation": {"board": [1] * 7}, "reward": 1, "done": True}


def test_a_field_with_few_values_lists_them(serve):
    env = registry.envs.make(f"openenv:{serve(Column).url}")
    seen, info = env.reset(seed=1)
    assert (json.loads(seen), info) == (
        {"board": [0] * 7, "message": "Go."},
        {"legal_actions": ("0", "1", "2", "3", "4", "5", "6")},
    )
    assert env.step("3")[:4] == ('{"board":[1,1,1,1,1,1,1]}', 1.0, True, False)
    env.reset(seed=1)
    assert env.step('{"column": 3}')[1] == 1.0
    env.close()


@pytest.mark.parametrize("action", ["9", "true", "left", "", "[" * 10_000, '{"row": 1}', "\ud800", "x" * 1_000_001])
def test_what_is_no_action_is_illegal_and_ends_the_episode_without_a_fault(serve, action):
    env = registry.envs.make(f"openenv:{serve(Column).url}")
    env.reset(seed=1)
    _, reward, terminated, truncated, info = env.step(action)
    assert (reward, terminated, truncated, info) == (0.0, False, True, {"illegal": True})
    env.reset(seed=1)  # the server lives on
    assert env.step("3")[2]
    env.close()


def test_an_action_of_several_fields_is_json_and_the_first_observation_says_so(serve):
    class Move(Column):
        schema = {
            "type": "object",
            "properties": {"x": {"type": "integer"}, "why": {"type": "string"}},
            "required": ["x", "why"],
        }

        def step(self, action):
            return {"observation": {"message": f"{action['x'] + 1}"}, "reward": 0.0, "done": False}

    env = registry.envs.make(f"openenv:{serve(Move).url}")
    assert env.reset(seed=1)[0].endswith('An action is JSON with these fields: {"x": "integer", "why": "string"}')
    assert env.step('{"x": 1, "why": "so"}')[0] == "2"
    assert env.step("1")[4] == {"illegal": True}
    env.close()


def test_verify_says_how_far_the_server_plays_the_same_again(serve, guess, tmp_path, capsys):
    class Drifting(guess):
        times = 0

        def step(self, action):
            answer = super().step(action)
            if self.state["step_count"] == 3:
                Drifting.times += 1
                answer["observation"]["text"] += f" {Drifting.times}"
            return answer

    sound, drifting = serve(guess), serve(Drifting)
    for name, server in (("sound", sound), ("drifting", drifting)):
        with Store(tmp_path / name, "a") as store:
            store.append(episodes(server, 3, agent="constant:0"))
    assert main(["verify", str(tmp_path / "sound")]) == 0
    assert "3 episodes, 15 turns re-executed" in (printed := capsys.readouterr()).out
    assert "all as recorded" in printed.out
    with Store(tmp_path / "drifting") as store:
        faults = verify(store).faults
    assert [fault.what for fault in faults] == ["observation"] * 3
    assert all(fault.detail.startswith("the server differs from turn 3: recorded") for fault in faults)
    for server in (sound, drifting):
        server.stop()
    assert main(["verify", str(tmp_path / "sound")]) == 1
    printed = capsys.readouterr()
    assert "3 could NOT BE COMPARED" in printed.out
    assert "connection refused" in printed.err
    assert "damaged" not in printed.out + printed.err


def test_a_server_that_is_not_there_is_one_line(capsys):
    assert main(["play", "openenv:http://127.0.0.1:9", "--agents", "random"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "sparring: the OpenEnv server at http://127.0.0.1:9 failed: connection refused"
    ]
    with pytest.raises(ServerFailed):
        registry.envs.row("openenv:http://127.0.0.1:9")


@pytest.mark.parametrize("room", [1, 3])
def test_matches_wait_where_the_server_has_little_room(serve, guess, room):
    at_once = []

    class Counted(guess):
        def step(self, action):
            at_once.append(server.sessions)
            return super().step(action)

    server = serve(Counted, most_sessions=room)
    assert {episode.status for episode in episodes(server, 30)} == {"ok", "truncated"}
    assert max(at_once) <= room


def test_room_that_an_episode_which_broke_off_held_is_given_to_the_next(serve, guess):
    class Breaks(guess):
        def step(self, action):
            if action["message"] == "0":
                raise RuntimeError("a zero")
            return super().step(action)

    server = serve(Breaks, most_sessions=1)
    found = episodes(server, 12)
    assert {episode.fault for episode in found} == {None, "server"}
