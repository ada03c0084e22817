import asyncio
import signal
import threading
import time
from dataclasses import replace

import gymnasium
import pytest
from pettingzoo import AECEnv

from sparring import registry
from sparring.agents.scripted import RandomAgent, ScriptedAgent
from sparring.encoding import episode_from_dict, episode_to_dict
from sparring.protocols import Seat
from sparring.rollout.loop import Match, act_now, play, rollout, run_matches
from sparring.samples import samples
from sparring.types import Call, Observation, Policy, Reply, Segment, call_id

KUHN = "sparring/KuhnPoker-v0"


class Fragile(AECEnv):
    """Two turns, then over; breaks, hangs or runs out of time when told to."""

    metadata = {"name": "fragile"}

    def __init__(self, fault=""):
        self.possible_agents = ["player_0", "player_1"]
        self.fault = fault
        self.metadata = {"name": "fragile", "slow": fault == "hang"}

    def reset(self, seed=None, options=None):
        self.agents, self.agent_selection, self.count = list(self.possible_agents), "player_0", 0
        for name, value in (("rewards", 0.0), ("terminations", False), ("truncations", False)):
            setattr(self, name, dict.fromkeys(self.agents, value))
        self.infos = {seat: {"legal_actions": ("go",)} for seat in self.agents}
        self._cumulative_rewards = dict(self.rewards)
        self.breaks = seed is not None and seed % 3 == 0

    def observe(self, agent):
        return f"turn {self.count}"

    def action_space(self, agent):
        return gymnasium.spaces.Text(10)

    def step(self, action):
        if action is None:
            return self._was_dead_step(action)
        self.count += 1
        if self.breaks and self.fault == "crash":
            raise RuntimeError("the board fell off the table")
        if self.breaks and self.fault == "hang":
            asyncio.run(asyncio.sleep(1.5))
        self.rewards = {"player_0": 0.5, "player_1": -0.5}
        self.agent_selection = self.possible_agents[self.count % 2]
        if self.count == 2:
            ends = self.truncations if self.fault == "budget" else self.terminations
            ends.update(dict.fromkeys(self.agents, True))


@pytest.fixture
def fragile():
    with registry.envs.temporary(registry.EnvironmentRow("test/Fragile-v0", Fragile, seats=2)) as row:
        yield row.name


def matches(env_id, count, **kwargs):
    seats = {"player_0": "random", "player_1": "random"}
    return [Match(f"m{seed}", env_id, seats, seed, kwargs) for seed in range(count)]


def test_a_crashed_environment_costs_its_own_episode(fragile):
    episodes = play(matches(fragile, 9, fault="crash"))
    assert [episode.status for episode in episodes] == ["env_error", "ok", "ok"] * 3
    assert "fell off the table" in episodes[0].error
    assert all(trajectory.reward == 0 for trajectory in episodes[0].trajectories.values())


def test_a_hung_environment_costs_its_own_episode(fragile, monkeypatch):
    monkeypatch.setattr("sparring.rollout.hosts.STEP_TIMEOUT_SECONDS", 0.5)
    episodes = play(matches(fragile, 3, fault="hang"))
    assert [episode.status for episode in episodes] == ["env_error", "ok", "ok"]
    assert "did not answer within 0.5 s" in episodes[0].error


def test_an_agents_error_is_its_own_and_what_was_played_is_kept(fragile):
    class Forgetful(ScriptedAgent):
        async def act(self, observation):
            raise ValueError("forgot the rules")

    seats = {"player_0": RandomAgent(), "player_1": Forgetful("forgetful")}
    (episode,) = play([Match("m", fragile, {seat: seat for seat in seats}, 1)], seats)
    assert (episode.status, len(episode.turns)) == ("agent_error", 1)
    assert "forgot the rules" in episode.error


def test_a_turn_budget_is_a_truncation(fragile):
    (episode,) = play(matches(fragile, 1, fault="budget"))
    assert episode.status == "truncated"


def test_rewards_land_on_the_turn_that_earned_them(fragile):
    (episode,) = play(matches(fragile, 1))
    first, second = episode.trajectories.values()
    assert (first.reward, second.reward) == (1.0, -1.0)
    assert [turn.reward for turn in first.turns] == [1.0]
    assert [turn.reward for turn in second.turns] == [-0.5], "what came before its first turn is on no turn"


def test_equal_seeds_give_equal_episodes_whatever_runs_beside_them():
    alone = [play(matches(KUHN, 30)[i : i + 1])[0].hash for i in range(30)]
    together = [episode.hash for episode in play(matches(KUHN, 30), concurrency=7)]
    assert alone == together
    assert len(set(alone)) == 30


def test_episodes_survive_json_exactly():
    for episode in play(matches(KUHN, 5)):
        again = episode_from_dict(episode_to_dict(episode))
        assert again == episode
        assert again.hash == episode.hash


def test_the_hash_covers_actions_and_not_times():
    (episode,) = play(matches(KUHN, 1))
    seat, turn = episode.turns[0]
    trajectory = episode.trajectories[seat]

    def with_turn(changed):
        turns = (changed, *trajectory.turns[1:])
        return replace(episode, trajectories={**episode.trajectories, seat: replace(trajectory, turns=turns)})

    assert with_turn(replace(turn, agent_seconds=9.0)).hash == episode.hash
    assert with_turn(replace(turn, action="other")).hash != episode.hash


def test_episodes_stream_as_they_finish():
    async def first_three():
        found = []
        async for episode in rollout(KUHN, {"player_0": RandomAgent(), "player_1": RandomAgent()}, range(10**9)):
            found.append(episode)
            if len(found) == 3:
                return found

    assert len({episode.id for episode in asyncio.run(first_three())}) == 3


def test_gymnasium_environments_are_hosted_as_they_are():
    with registry.envs.temporary(registry.EnvironmentRow("test/Taxi", lambda: gymnasium.make("Taxi-v4"))):
        (episode,) = play([Match("m", "test/Taxi", {"player_0": "random"}, 3)])
    env = gymnasium.make("Taxi-v4")
    env.reset(seed=3)
    rewards = [env.step(int(turn.action))[1] for _, turn in episode.turns]
    assert episode.error is None
    assert episode.trajectories["player_0"].reward == sum(rewards)
    assert [turn.reward for _, turn in episode.turns] == rewards


def test_an_agent_can_be_asked_from_inside_a_running_loop():
    seat, observation = Seat(KUHN, "player_0"), Observation(("",), ("a", "b"))

    class Waiting(RandomAgent):
        waits = True

        async def act(self, observation):
            await asyncio.sleep(0)
            return await super().act(observation)

    async def ask():
        return act_now(Waiting().open(seat), observation)

    assert (
        asyncio.run(ask())
        == act_now(Waiting().open(seat), observation)
        == act_now(RandomAgent().open(seat), observation)
    )


def test_a_missing_agent_is_named():
    (episode,) = play([Match("m", KUHN, {"player_0": "player_0"}, 1)], {"player_0": RandomAgent()})
    assert episode.status == "env_error"
    assert "no agent for seat 'player_1'" in episode.error


def test_concurrency_must_be_positive():
    async def none():
        return [episode async for episode in run_matches([], concurrency=0)]

    with pytest.raises(ValueError, match="concurrency must be >= 1"):
        asyncio.run(none())


def test_samples_join_turns_that_extend_each_other():
    class Talker(ScriptedAgent):
        async def act(self, observation):
            before = call_id(observation.turn - 1, 0) if observation.turn else None
            return Reply(
                "check", (Call(Policy("m"), None, (Segment("prompt", (observation.turn,)),), continues=before),)
            )

    (episode,) = play(
        [Match("m", KUHN, {"player_0": "player_0", "player_1": "player_1"}, 11)],
        {"player_0": Talker("t"), "player_1": RandomAgent()},
    )
    turns = episode.trajectories["player_0"].turns
    (joined,) = samples(episode.trajectories["player_0"])
    assert [segment.token_ids for segment in joined.segments] == [(turn,) for turn in range(len(turns))]


def test_ctrl_c_ends_play_that_was_started_in_a_notebook():
    class Slow(RandomAgent):
        waits = True

        async def act(self, observation):
            await asyncio.sleep(30)
            return await super().act(observation)

    async def notebook_cell():
        return play(
            [Match("m", KUHN, {"player_0": "player_0", "player_1": "player_1"}, 1)],
            {"player_0": Slow(), "player_1": Slow()},
        )

    main = threading.main_thread().ident
    threading.Timer(0.3, signal.pthread_kill, [main, signal.SIGINT]).start()
    loop, started = asyncio.new_event_loop(), time.monotonic()  # a notebook's loop leaves Ctrl-C to Python
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(notebook_cell())
    loop.close()
    assert time.monotonic() - started < 10


class Vandal(RandomAgent):
    """Overwrites what it was shown after it has seen it."""

    async def act(self, observation):
        reply = await super().act(observation)
        observation.content, observation.legal_actions = ("I never saw that",), ()
        return reply


def test_an_agent_cannot_change_the_record_of_what_it_was_shown():
    seats = {"player_0": "agent", "player_1": "agent"}
    vandal, plain = (play([Match("one", KUHN, seats, 3)], {"agent": agent})[0] for agent in (Vandal(), RandomAgent()))
    assert vandal.status == "ok"
    assert vandal.hash == plain.hash


class Sealed(ScriptedAgent):
    """Opens in the first seat only, and notes which of its players are closed."""

    def __init__(self):
        super().__init__("sealed")
        self.closed = []

    def open(self, seat):
        if seat.seat == "player_1":
            raise ValueError("only one seat")
        return super().open(seat)

    def close(self, last):
        self.closed.append(self.seat.seat)


def test_a_player_that_was_opened_is_closed_though_a_later_one_does_not_open():
    agent = Sealed()
    seats = {"player_0": "agent", "player_1": "agent"}
    (episode,) = play([Match("one", KUHN, seats, 0)], {"agent": agent})
    assert episode.status == "agent_error"
    assert agent.closed == ["player_0"]


def test_an_environment_is_asked_for_its_spaces_once_however_many_episodes_it_plays():
    asked = []

    class Asked(Fragile):
        def action_space(self, agent):
            asked.append(agent)
            return super().action_space(agent)

    seats = {"player_0": "random", "player_1": "random"}
    matches = [Match(str(seed), "test/Asked-v0", seats, seed) for seed in range(5)]
    with registry.envs.temporary(registry.EnvironmentRow("test/Asked-v0", Asked, seats=2)):
        assert {episode.status for episode in play(matches, concurrency=1)} == {"ok"}
    assert asked == ["player_0", "player_1"]
