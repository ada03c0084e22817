"""What an agent notes and what an environment says of a program is kept with the turn, or refused where it is made."""

import json
import pickle

import gymnasium
import pytest

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.content import plain
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.types import Reply, Seen


class Echo(gymnasium.Env):
    """Two turns; says what it was told to say of each program."""

    def __init__(self, execution=None):
        self.action_space = self.observation_space = gymnasium.spaces.Text(100)
        self.execution = {"status": "ok", "output": "3"} if execution is None else {execution}

    def reset(self, *, seed=None, options=None):
        self.turns = 0
        return "task", {"execution": {"status": "of the reset"}}

    def step(self, action):
        self.turns += 1
        info = {"execution": self.execution, "other": object()} if self.turns == 1 else {}
        return "more", 0.0, self.turns == 2, False, info


class Noting(ScriptedAgent):
    def __init__(self, *infos):
        super().__init__("noting")
        self.infos, self.seen, self.seats = infos, [], []

    def open(self, seat):
        self.seats.append(seat)
        return super().open(seat)

    async def act(self, observation):
        self.seen.append(observation)
        return Reply("go", notes=self.infos[observation.turn % len(self.infos)])


@pytest.fixture(autouse=True)
def echo():
    with registry.envs.temporary(registry.EnvironmentRow("test/Echo-v0", Echo)):
        yield


def played(agent, **kwargs):
    (episode,) = play([Match("some match", "test/Echo-v0", {"player_0": "player_0"}, 1, kwargs)], {"player_0": agent})
    return episode


def test_notes_stand_with_their_turn_and_what_the_environment_said_with_the_next_observation():
    episode = played(Noting({"node": 1, "parent": None}, {"votes": {"3": 2}}))
    trajectory = episode.trajectories["player_0"]
    assert [turn.notes for turn in trajectory.turns] == [{"node": 1, "parent": None}, {"votes": {"3": 2}}]
    assert trajectory.turns[0].observation.info == {"execution": {"status": "of the reset"}}
    assert trajectory.outcomes == [{"execution": {"status": "ok", "output": "3"}}, {}]
    assert trajectory.last == Seen(("more",))


def test_an_agent_is_told_which_episode_it_plays():
    agent = Noting({})
    played(agent)
    assert [(seat.episode, seat.seat) for seat in agent.seats] == [("some match", "player_0")]


def test_episodes_with_notes_are_stored_and_verified(tmp_path):
    episode = played(Noting({"pair": (1, "\ud83d\ude00"), "nan": [float("inf"), None, True]}))
    assert episode.turns[0][1].notes["pair"] == [1, "\N{GRINNING FACE}"]
    with Store(tmp_path, "a") as store:
        store.append([episode])
        assert store.get(episode.id) == episode
        assert verify(store).ok


@pytest.mark.parametrize(
    ("info", "error"),
    [
        ({"a": {1, 2}}, r"Reply.notes\['a'\] must be plain data that JSON can hold, got set"),
        ({"a": [{"b": object}]}, r"Reply.notes\['a'\]\[0\]\['b'\] must be plain data"),
        ({"a": {1: 2}}, r"the keys of Reply.notes\['a'\] must be strings, got 1"),
        ({"a": b"bytes"}, "got bytes"),
    ],
)
def test_notes_that_json_cannot_hold_are_refused_where_they_are_made(info, error):
    with pytest.raises(TypeError, match=error):
        Reply("go", notes=info)


def test_an_agent_with_impossible_notes_is_at_fault_itself():
    episode = played(Noting({"a": {1}}))
    assert (episode.status, episode.turns) == ("agent_error", [])


def test_what_json_cannot_hold_is_left_out_of_an_environments_words():
    agent = Noting({})
    episode = played(agent, execution="a set")
    assert episode.status == "ok"
    assert [seen.info for seen in agent.seen] == [{"execution": {"status": "of the reset"}}, {}]


def test_plain_data_is_copied():
    notes = {"list": [1]}
    copy = plain(notes, "notes")
    notes["list"].append(2)
    assert copy == {"list": [1]} == json.loads('{"list": [1]}')


class Scribbling(ScriptedAgent):
    def __init__(self):
        super().__init__("scribbling")

    async def act(self, observation):
        observation.info["mine"] = "written by the agent"
        return Reply("go")


def test_an_agent_cannot_write_into_the_empty_info_of_a_record():
    turns = played(Noting({})).trajectories["player_0"].turns
    for mapping in (turns[0].notes, turns[0].hidden, turns[0].reward_parts):
        assert mapping == {}
        assert json.dumps(mapping) == "{}"
        assert pickle.loads(pickle.dumps(mapping)) == {}
        for write in (lambda m: m.update(a=1), lambda m: m.setdefault("a", 1), lambda m: m.__setitem__("a", 1)):
            with pytest.raises(TypeError, match="takes no entries"):
                write(mapping)
    (episode,) = play(
        [Match("m", "sparring/KuhnPoker-v0", dict.fromkeys(("player_0", "player_1"), "s"), 1)], {"s": Scribbling()}
    )
    assert episode.status == "agent_error"
    assert all(trajectory.last is None and not trajectory.turns for trajectory in episode.trajectories.values())
