"""What agents that compute find beside the text: the vector and mask of the discrete view, and the position."""

import copy
import pickle

import gymnasium
import numpy as np
import pytest

from sparring import envs, registry
from sparring.agents.scripted import RandomAgent, ScriptedAgent
from sparring.registry import EnvironmentRow
from sparring.rollout.loop import Match, play
from sparring.types import Reply

GAMES = ("sparring/TicTacToe-v0", "sparring/KuhnPoker-v0", "sparring/SimpleNegotiation-v0", "sparring/ConnectFour-v0")


class Looks(ScriptedAgent):
    """Plays the first legal action by its number, and keeps what it was shown."""

    def __init__(self):
        super().__init__("looks")
        self.seen = []

    async def act(self, observation):
        situation = observation.situation
        mask = situation.mask()
        action = int(np.flatnonzero(mask)[0])
        self.seen.append((observation, situation.seen(), situation.vector(), mask, situation.action_text(action)))
        return Reply(situation.action_text(action))


@pytest.mark.parametrize("env_id", GAMES)
def test_text_play_shows_what_the_discrete_view_shows(env_id):
    agent = Looks()
    (episode,) = play([Match("m", env_id, {"player_0": "looks", "player_1": "looks"}, 5)], {"looks": agent})
    assert episode.error is None
    view = envs.make(env_id, view="discrete")
    view.reset(seed=5)
    for _, seen, vector, mask, _ in agent.seen:
        wanted, *_ = view.last()
        for name, array in wanted.items():
            assert np.array_equal(seen[name], array)
            assert seen[name].dtype == array.dtype
        assert np.array_equal(vector, wanted["observation"])
        assert np.array_equal(mask, wanted["action_mask"])
        view.step(int(np.flatnonzero(mask)[0]))
    assert not view.agents or all(view.terminations.values())
    assert all(turn.legal for _, turn in episode.turns)


def test_nothing_is_worked_out_for_agents_that_do_not_ask(monkeypatch):
    from sparring.envs.games.open_spiel import OpenSpielGame

    def refuse(*_):
        raise AssertionError("asked")

    monkeypatch.setattr(OpenSpielGame, "tensor", refuse)
    monkeypatch.setattr(OpenSpielGame, "search_state", refuse)
    (episode,) = play([Match("m", GAMES[0], {"player_0": "a", "player_1": "a"}, 1)], {"a": RandomAgent()})
    assert episode.error is None


def test_a_situation_is_read_at_its_turn_only():
    env = envs.make(GAMES[0])
    env.reset(seed=1)
    situation = env.agent_situation("player_0")
    assert situation.vector().shape == (27,)
    env.step("4")
    for ask in (situation.vector, situation.mask, situation.state):
        with pytest.raises(RuntimeError, match="this situation of sparring/TicTacToe-v0 is over"):
            ask()
    later = env.agent_situation("player_1")
    env.reset(seed=1)
    with pytest.raises(RuntimeError, match="is over"):
        later.mask()


def test_a_state_is_a_copy_that_leaves_the_game_as_it_is():
    env = envs.make(GAMES[0])
    env.reset(seed=1)
    before = env.observe("player_0")
    state = env.agent_situation("player_0").state()
    state.apply_action(4)
    assert env.observe("player_0") == before
    assert env.agent_situation("player_0").state().legal_actions() == list(range(9))


def test_masks_are_the_agents_own():
    env = envs.make(GAMES[0])
    env.reset(seed=1)
    env.agent_situation("player_0").mask()[:] = 0
    assert env.agent_situation("player_0").mask().sum() == 9


def test_every_listed_information_state_has_its_own_situation():
    env = envs.make("sparring/KuhnPoker-v0")
    vectors = {}
    for _, observation in env.information_states():
        vector = observation.situation.vector()
        names = [observation.situation.action_text(int(at)) for at in np.flatnonzero(observation.situation.mask())]
        assert set(names) == set(observation.legal_actions)
        vectors[observation.state_key] = tuple(vector)
    assert len(vectors) == len(set(vectors.values())) == 12


def test_copies_elsewhere_have_none_and_equality_does_not_look_at_it():
    agent = Looks()
    play([Match("m", GAMES[0], {"player_0": "looks", "player_1": "looks"}, 5)], {"looks": agent})
    observation = agent.seen[0][0]
    for other in (pickle.loads(pickle.dumps(observation)), copy.deepcopy(observation)):
        assert other.situation is None
        assert other == observation
    assert "situation" not in repr(observation)


class Keeps(ScriptedAgent):
    """Plays the action 0 and keeps the observations."""

    def __init__(self):
        super().__init__("keeps")
        self.seen = []

    async def act(self, observation):
        self.seen.append(observation)
        return Reply(observation.situation.action_text(0))


@pytest.mark.parametrize(("id", "shape", "actions"), [("CartPole-v1", (4,), 2), ("FrozenLake-v1", (1,), 4)])
def test_hosted_environments_show_their_own_observations(id, shape, actions):
    agent = Keeps()
    (episode,) = play([Match("m", f"gym:{id}", {"player_0": "keeps"}, 1, max_steps=3)], {"keeps": agent})
    assert episode.error is None
    situation = agent.seen[0].situation
    assert situation.vector().shape == shape
    assert situation.vector().dtype == np.float32
    assert np.array_equal(situation.seen(), gymnasium.make(id).reset(seed=1)[0])
    assert situation.mask().tolist() == [1] * actions
    with pytest.raises(ValueError, match="no position that can be searched"):
        situation.state()


class Words(gymnasium.Env):
    """Text in, text out, one turn."""

    observation_space = action_space = gymnasium.spaces.Text(20)

    def reset(self, *, seed=None, options=None):
        return "Say something.", {}

    def step(self, action):
        return "Thanks.", 1.0, True, False, {}


def test_an_environment_of_words_has_no_vector_and_no_mask():
    agent = Keeps()
    with registry.envs.temporary(EnvironmentRow("test/Words-v0", Words)):
        (episode,) = play([Match("m", "test/Words-v0", {"player_0": "keeps"}, 1)], {"keeps": agent})
    assert episode.status == "agent_error"
    assert "actions are not numbered" in episode.error
    with pytest.raises(ValueError, match=r"shows no numbers but str: 'Say something\.'"):
        agent.seen[0].situation.vector()
