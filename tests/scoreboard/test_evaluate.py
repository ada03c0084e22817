"""What `eval` says is what was measured: exact figures for what acts, and failures that do not look like results."""

import gymnasium
import pytest

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.cli.app import main
from sparring.scoreboard.evaluate import evaluate
from sparring.types import Reply

KUHN = "sparring/KuhnPoker-v0"


class Writer(ScriptedAgent):
    """Plays the first legal action and shows no distribution."""

    def __init__(self):
        super().__init__("writer")

    async def act(self, observation):
        return Reply((observation.legal_actions or ("right",))[0])


class Broken(Writer):
    async def act(self, observation):
        raise OSError("the model is gone")


class Guess(gymnasium.Env):
    """One seat: "right" is worth 1."""

    def __init__(self):
        self.action_space = self.observation_space = gymnasium.spaces.Text(100)

    def reset(self, *, seed=None, options=None):
        return "Guess.", {}

    def step(self, action):
        return "", float(action == "right"), True, False, {}


@pytest.fixture(autouse=True)
def cast():
    with (
        registry.envs.temporary(registry.EnvironmentRow("test/Guess-v0", Guess)),
        registry.agents.temporary(registry.AgentRow("test-writer", Writer)),
        registry.agents.temporary(registry.AgentRow("test-broken", Broken)),
    ):
        yield


@pytest.fixture
def said(capsys):
    """Runs a command and gives what was printed, on one line; nothing that people read is ever "nan" or "inf"."""

    def run(*words, code=0):
        capsys.readouterr()
        assert main([str(word) for word in words]) == code
        printed = capsys.readouterr()
        text = " ".join((printed.out + printed.err).split())
        assert "Traceback" not in text
        assert not {"nan", "inf", "-inf", "+nan"} & set(text.replace("(", " ").replace(")", " ").split())
        return text

    return run


def test_what_shows_no_distribution_is_measured_by_play_alone(said):
    measured = evaluate(Writer(), KUHN, games=4, seed=0)
    assert (measured.nash_conv, measured.against_uniform, measured.policy) == (None, None, {})
    assert measured.no_exact == "writer shows no distribution over the legal actions, so its exact strength is unknown"
    shown = said("eval", "test-writer", "--games", 4)
    assert measured.no_exact in shown
    assert "cannot be solved" not in shown


def test_a_game_that_cannot_be_solved_is_named_and_not_the_agent(said):
    shown = said("eval", "random", "--env", "ConnectFour", "--games", 4)
    assert "the game cannot be solved exactly: sparring/ConnectFour-v0 has more than 20000 positions" in shown
    assert "distribution" not in shown


def test_games_that_all_broke_off_fail_the_command_and_are_counted_and_named(said):
    shown = said("eval", "test-broken", "--games", 6, code=1)
    assert "played 0 games against uniform: nothing was measured" in shown
    assert "6 of 6 episodes broke off and are not counted" in shown
    assert "agent_error: OSError: the model is gone" in shown


def test_play_in_which_everything_broke_off_has_no_figures(said):
    shown = said("play", "KuhnPoker", "--agents", "test-broken,random", "--episodes", 6, code=1)
    assert "6 of 6 episodes broke off and are not counted" in shown
    assert "no episodes" in shown
    assert " %" not in shown.replace("95 % interval", "")


def test_an_agent_alone_is_measured_by_its_reward(said):
    shown = said("eval", "test-writer", "--env", "test/Guess-v0", "--games", 3)
    assert "played 3 episodes alone: reward +1.000 (no interval: all tasks gave the same)" in shown
    assert "win rate" not in shown


def test_a_single_deal_has_words_and_no_infinite_interval(said):
    shown = said("play", "SimpleNegotiation", "--agents", "constant:pass,constant:pass", "--episodes", 1)
    assert "two tasks" in shown


def test_nothing_to_measure_is_refused(said):
    shown = said("eval", "test-writer", "--games", 0, code=2)
    assert "there is nothing to measure: writer shows no distribution" in shown
    assert "a suite needs games >= 1, got 0" in said("eval", "random", "--suite", "code", "--games", 0, code=2)


def test_a_person_who_does_not_answer_has_left_and_no_illegal_action_is_shown(said, monkeypatch):
    def leave(prompt):
        raise EOFError

    monkeypatch.setattr("builtins.input", leave)
    shown = said("play", "KuhnPoker", "--agents", "human,random", "--episodes", 2, code=130)
    assert shown.endswith("sparring: you left the game: the input has ended")


def test_exact_figures_are_those_of_the_options_that_are_played():
    cfr = registry.make_agent("cfr")
    kuhn = evaluate(cfr, KUHN, 0, 0).nash_conv
    assert evaluate(cfr, "sparring/OpenSpiel-v0", 0, 0, env_kwargs={"game": "kuhn_poker"}).nash_conv == kuhn
    with pytest.warns(UserWarning, match="textarena"):
        other = evaluate(cfr, KUHN, 2, 0, env_kwargs={"payoffs": "textarena"})
    assert other.nash_conv is None
    assert "cannot be solved exactly" in other.no_exact
