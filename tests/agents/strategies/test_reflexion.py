"""What an attempt leaves in words, and which later attempts at the same task read it."""

import gymnasium
import pytest
from gymnasium import spaces

from sparring import registry
from sparring.agents.models.scripted import ScriptedModel
from sparring.agents.strategies import attempts
from sparring.agents.strategies.attempts import Attempts
from sparring.agents.strategies.reflexion import Reflexion
from sparring.agents.talking.agent import TalkingAgent
from sparring.protocols import Seat
from sparring.registry import EnvironmentRow
from sparring.rollout.loop import Match, act_now, play, run_coroutine
from sparring.samples import cost_by_purpose
from sparring.types import Observation, Sampling, Seen

FREE = Sampling(max_new_tokens=4096, decoding="free")
ENV = "test/Code-v0"


class Code(gymnasium.Env):
    """A secret word opens the door; a wrong word is answered by what is right."""

    observation_space = action_space = spaces.Text(100)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.word = f"word{seed}"
        return "Say the word.", {}

    def step(self, action):
        opened = action == self.word
        seen = "The door opens." if opened else f"Wrong, it was {self.word}."
        return seen, float(opened), True, False, {"feedback": "opened" if opened else "shut"}


class Learner(ScriptedModel):
    """Says what its notes tell it; notes the word that it was told."""

    def __init__(self):
        self.asked = []
        super().__init__(self._write)

    def _write(self, prompt, seed):
        self.asked.append(prompt)
        if "It ended so:" in prompt:
            return "The word is " + prompt.partition("it was ")[2].partition(".")[0]
        return prompt.partition("The word is ")[2].partition("\n")[0].partition("<|")[0] or "abracadabra"


@pytest.fixture(autouse=True)
def _code():
    with registry.envs.temporary(EnvironmentRow(ENV, Code)):
        yield


def agent(**options):
    return Reflexion(TalkingAgent(Learner(), kind="chat", sampling=FREE), **options)


def match(seed, sample):
    return Match(f"{seed}/{sample}", ENV, {"player_0": "us"}, seed, sample=sample, task=f"t{seed}")


def attempt(strategy, *matches, concurrency=256):
    episodes = play(matches, {"us": strategy}, concurrency)
    assert [episode.error for episode in episodes] == [None] * len(matches)
    return [episode.trajectories["player_0"] for episode in episodes]


def test_the_next_attempt_reads_what_was_learnt_from_the_last():
    first, second = attempt(agent(), match(1, 0), match(1, 1))
    assert (first.reward, second.reward) == (0.0, 1.0)
    assert second.turns[0].notes["reflections"] == ["The word is word1"]
    assert [(call.purpose, call.continues) for _, call in second.calls] == [("reflect", None), ("act", None)]
    assert "Wrong, it was word1." in second.turns[0].calls[0].messages[1].content
    assert '"feedback": "shut"' in second.turns[0].calls[0].messages[1].content


def test_attempts_that_are_played_at_once_learn_as_those_that_are_played_one_after_another():
    matches = [match(seed, sample) for seed in range(3) for sample in range(3)]
    at_once = attempt(agent(), *matches)
    in_turn = attempt(agent(), *matches, concurrency=1)
    assert [one.turns[0].notes for one in at_once] == [one.turns[0].notes for one in in_turn]
    assert [one.reward for one in at_once] == [0.0, 1.0, 1.0] * 3


def test_an_attempt_learns_neither_from_later_ones_nor_from_other_tasks():
    strategy = agent()
    attempt(strategy, match(1, 5))
    (earlier,) = attempt(strategy, match(1, 0))
    (other,) = attempt(strategy, match(2, 6))
    assert ["reflections" in one.turns[0].notes for one in (earlier, other)] == [False, False]


def test_each_attempt_is_reflected_on_once_and_the_latest_are_remembered():
    strategy = agent(memory=2)
    played = attempt(strategy, *(match(1, sample) for sample in range(5)))
    reflections = [cost_by_purpose(one.turns).get("reflect") for one in played]
    assert reflections[0] is None
    assert [cost.calls for cost in reflections[1:]] == [1, 1, 1, 1]
    assert [len(one.turns[0].notes.get("reflections", [])) for one in played] == [0, 1, 2, 2, 2]


def test_nothing_is_learnt_from_an_attempt_that_broke_off():
    strategy = agent()
    player = strategy.open(Seat(ENV, "player_0", seed=1, sample=0))
    act_now(player, Observation(("Say the word.",)))
    player.close(None)
    later = strategy.open(Seat(ENV, "player_0", seed=1, sample=1))
    assert "reflections" not in act_now(later, Observation(("Say the word.",))).notes


def test_a_player_that_is_dropped_is_not_waited_for():
    strategy = agent()
    strategy.open(Seat(ENV, "player_0", seed=1, sample=0))
    later = strategy.open(Seat(ENV, "player_0", seed=1, sample=1))
    assert act_now(later, Observation(("Say the word.",))).action == "abracadabra"


def test_waiting_for_an_attempt_that_never_ends_is_a_time_out(monkeypatch):
    monkeypatch.setattr(attempts, "PATIENCE", 0.02)
    strategy = agent()
    held = strategy.open(Seat(ENV, "player_0", seed=1, sample=0))
    later = strategy.open(Seat(ENV, "player_0", seed=1, sample=1))
    with pytest.raises(TimeoutError, match="sample 1 waited"):
        act_now(later, Observation(("Say the word.",)))
    held.close(None)


def test_tasks_are_told_apart_by_environment_options_seat_and_seed():
    known = Attempts()
    base = Seat(ENV, "player_0", seed=1, sample=0, env_kwargs={"a": 1})
    known.end(base, known.begin(base), Seen(("end",)))
    others = [
        Seat(ENV, "player_0", seed=1, sample=1, env_kwargs={"a": 1}),
        Seat(ENV, "player_0", seed=1, sample=1, env_kwargs={"a": 2}),
        Seat(ENV, "player_1", seed=1, sample=1, env_kwargs={"a": 1}),
        Seat(ENV, "player_0", seed=2, sample=1, env_kwargs={"a": 1}),
        Seat("test/Other-v0", "player_0", seed=1, sample=1, env_kwargs={"a": 1}),
    ]
    found = [len(run_coroutine(known.before(one, 3))) for one in others]
    assert found == [1, 0, 0, 0, 0]


def test_the_task_that_was_met_longest_ago_is_forgotten(monkeypatch):
    monkeypatch.setattr(attempts, "MOST_TASKS", 2)
    known = Attempts()
    for seed in (1, 2, 3):
        seat = Seat(ENV, "player_0", seed=seed)
        known.end(seat, known.begin(seat), Seen(("end",)))
    later = [Seat(ENV, "player_0", seed=seed, sample=1) for seed in (1, 2, 3)]
    assert [len(run_coroutine(known.before(seat, 3))) for seat in later] == [0, 1, 1]


@pytest.mark.parametrize("said", ["", "\x00\ud800", "z" * 100_000])
def test_a_worthless_reflection_takes_at_most_its_share_of_the_context(said):
    class Talks(Learner):
        def _write(self, prompt, seed):
            self.asked.append(prompt)
            return said if "It ended so:" in prompt else "x"

    model = Talks()
    strategy = Reflexion(TalkingAgent(model, kind="chat", sampling=FREE, context=4000))
    _, second = attempt(strategy, match(1, 0), match(1, 1))
    assert len(model.asked[-1].encode("utf-8", "surrogatepass")) < 4000 / 4 + 600
    assert second.turns[0].action == "x"
