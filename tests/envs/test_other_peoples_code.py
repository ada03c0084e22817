"""What RL libraries that we did not write rely on: shapes of infos, masks, seeds, one reward, errors before `reset`."""

import asyncio
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from pettingzoo.test import seed_test

from sparring import envs, registry
from sparring.agents.scripted import ScriptedAgent
from sparring.envs import hosted
from sparring.envs.conformance import check_env
from sparring.rollout.loop import Match, play
from sparring.scoreboard.matches import head_to_head, standing_by_place
from sparring.types import Reply

GAMES = sorted(row.name for row in registry.envs if row.name.startswith("sparring/") and row.family == "games")
SEATS = sorted(
    row.name for row in registry.envs if row.name.startswith("sparring/") and row.seats > 1 and not row.extra
)
KUHN, TTT = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0"


class Says(ScriptedAgent):
    def __init__(self, *answers):
        super().__init__("says")
        self.answers = answers

    async def act(self, observation):
        return Reply(self.answers[min(observation.turn, len(self.answers) - 1)])


def single(env_id, **kwargs):
    return gymnasium.make(f"sparring.envs:{env_id}", **kwargs)


def shapes(info):
    return {name: (np.asarray(value).shape, np.asarray(value).dtype.kind) for name, value in info.items()}


@pytest.mark.parametrize("env_id", GAMES)
def test_infos_of_the_discrete_view_hold_numbers_of_one_shape_from_the_first_to_the_last(env_id):
    env, rng = envs.make(env_id, view="discrete"), np.random.default_rng(0)
    expected = {"action_mask": ((env.game.num_actions,), "i")}
    for seed in range(5):
        env.reset(seed=seed)
        for seat in env.agent_iter():
            seen, _, terminated, truncated, info = env.last()
            assert shapes(info) == expected
            assert seen["action_mask"].tolist() == info["action_mask"].tolist()
            assert info["action_mask"].any(), f"{seat} finds nothing to choose"
            env.step(None if terminated or truncated else int(rng.choice(np.flatnonzero(info["action_mask"]))))


@pytest.mark.parametrize("seat", ["player_0", "player_1", "random"])
@pytest.mark.parametrize("env_id", GAMES)
def test_a_single_discrete_seat_always_shows_the_mask_of_now(env_id, seat):
    env, rng = single(env_id, opponent="random", seat=seat, view="discrete"), np.random.default_rng(0)
    size = int(env.action_space.n)
    expected = {"action_mask": ((size,), "i"), "illegal": ((), "b")}
    for seed in range(5):
        seen, info = env.reset(seed=seed)
        over = False
        while True:
            mask = env.get_wrapper_attr("action_masks")()
            assert shapes(info) == expected
            assert mask.any()
            assert seen["action_mask"].tolist() == info["action_mask"].tolist() == mask.astype(int).tolist()
            if over:
                break
            seen, _, terminated, truncated, info = env.step(int(rng.choice(np.flatnonzero(mask))))
            over = terminated or truncated


def test_a_seat_whose_opponent_forfeits_at_once_still_finds_a_choice():
    env = single(TTT, opponent=Says("boo"), seat="player_1", view="discrete")
    seen, info = env.reset(seed=0)
    assert seen["action_mask"].all()
    assert info["action_mask"].all()
    assert env.get_wrapper_attr("action_masks")().all()


def test_autoreset_lets_a_policy_act_on_the_final_observation():
    vector = gymnasium.make_vec(f"sparring.envs:{KUHN}", num_envs=2, view="discrete", opponent="random")
    seen, _ = vector.reset(seed=0)
    ends, rng = 0, np.random.default_rng(0)
    for _ in range(40):
        assert seen["action_mask"].any(axis=1).all()
        actions = [int(rng.choice(np.flatnonzero(mask))) for mask in seen["action_mask"]]
        seen, _, terminated, _, _ = vector.step(np.array(actions))
        ends += int(terminated.sum())
    assert ends > 10
    vector.close()


@pytest.mark.parametrize("seat", [None, "player_2"])
def test_a_hosted_game_of_other_seat_names_is_played_from_one_seat_with_its_mask(seat):
    pytest.importorskip("pygame")
    row = registry.envs.row("pettingzoo:classic.tictactoe_v3:words=none")
    with registry.envs.temporary(replace(row, name="test/Hosted-v0")):
        env = gymnasium.make("test/Hosted-v0", opponent="random", seat=seat).unwrapped
        for seed in range(5):
            seen, _ = env.reset(seed=seed)
            over = False
            while not over:
                assert env.action_masks().tolist() == seen["action_mask"].astype(bool).tolist()
                seen, _, terminated, truncated, _ = env.step(int(np.flatnonzero(seen["action_mask"])[0]))
                over = terminated or truncated
            assert env.action_masks().any()
            assert seen["action_mask"].any()


@pytest.mark.parametrize("view", ["text", "discrete"])
@pytest.mark.parametrize("env_id", GAMES)
def test_seeds_of_numpy_are_seeds_and_nothing_else_is(env_id, view):
    one, other = envs.make(env_id, view=view), envs.make(env_id, view=view)
    one.reset(seed=3)
    other.reset(seed=np.int64(3))
    assert repr(one.observe("player_0")) == repr(other.observe("player_0"))
    for wrong in ("3", 3.0, True):
        with pytest.raises(TypeError, match="a seed must be a whole number"):
            one.reset(seed=wrong)


def test_a_single_seat_takes_seeds_of_numpy():
    env = single(KUHN, opponent="random").unwrapped
    assert env.reset(seed=np.uint32(3))[0] == env.reset(seed=3)[0]
    with pytest.raises(TypeError, match="a seed must be a whole number, got str '3'"):
        env.reset(seed="3")


@pytest.mark.parametrize("env_id", GAMES)
def test_the_text_view_passes_pettingzoos_seed_test_and_the_loop_of_its_front_page(env_id):
    seed_test(lambda: envs.make(env_id), num_cycles=20)
    env = envs.make(env_id)
    env.reset(seed=1)
    for seat in env.agent_iter():
        _, _, terminated, truncated, info = env.last()
        assert "action_mask" not in info, "it would be that of the discrete view"
        mask = info.get("action_mask")
        env.step(None if terminated or truncated else env.action_space(seat).sample(mask))


@pytest.mark.parametrize("view", ["text", "discrete"])
def test_rewards_are_paid_once(view):
    env = single(KUHN, opponent=Says("check", "call"), view=view)
    env.reset(seed=0)
    action, over, paid = 1 if view == "discrete" else "bet", False, 0.0
    while not over:
        _, reward, over, _, _ = env.step(action)
        paid += reward
    assert abs(paid) == 2.0
    for _ in range(2):
        _, reward, terminated, truncated, info = env.step(action)
        assert (reward, terminated, truncated, info["illegal"]) == (0.0, True, False, False)


@pytest.mark.parametrize("env_id", SEATS)
def test_an_environment_of_several_seats_that_has_ended_takes_no_action_and_pays_nothing_more(env_id):
    env = envs.make(env_id, **({"illegal": "forfeit"} if env_id in GAMES else {}))
    env.reset(seed=0)
    for _ in range(10_000):
        if not env.agents or all(env.terminations[seat] or env.truncations[seat] for seat in env.agents):
            break
        env.step("no such action")
    with pytest.raises(ValueError, match="None"):
        env.step("again")


@pytest.mark.parametrize("waits", [True, False])
def test_an_opponent_is_asked_once_a_turn(waits):
    class Counting(ScriptedAgent):
        asked = 0

        async def act(self, observation):
            Counting.asked += 1
            if waits:
                await asyncio.sleep(0)
            return Reply(observation.legal_actions[0])

    Counting.waits = waits
    env = single(KUHN, opponent=Counting("counting"), seat="player_1")
    env.reset(seed=0)
    assert Counting.asked == 1
    _, _, terminated, _, _ = env.step("check")
    assert terminated
    assert Counting.asked == 1


@pytest.mark.parametrize("view", ["text", "discrete"])
@pytest.mark.parametrize(
    "use", [lambda env: env.observe("player_0"), lambda env: env.last(), lambda env: env.infos, lambda env: env.rewards]
)
def test_a_game_that_has_not_begun_says_so(view, use):
    env = envs.make(KUHN, view=view)
    with pytest.raises((AttributeError, RuntimeError), match=f"{KUHN} has not begun.*call reset"):
        use(env)
    with pytest.raises(RuntimeError, match="has not begun"):
        env.step(0 if view == "discrete" else "bet")


@pytest.mark.parametrize("mode", ["human", "rgb_array", "nonsense"])
def test_a_render_mode_that_there_is_not_is_refused(mode):
    for make in (lambda: envs.make(KUHN, render_mode=mode), lambda: single(KUHN, render_mode=mode).reset(seed=0)):
        with pytest.raises(ValueError, match=r"render_mode of sparring/KuhnPoker-v0 must be 'ansi' or None"):
            make()
    assert envs.make(KUHN, render_mode="ansi").render_mode == "ansi"


@pytest.mark.parametrize("action", [0.7, "0", True, np.float32(1), None.__class__, [0]])
def test_a_discrete_action_must_be_a_whole_number(action):
    env = envs.make(KUHN, view="discrete")
    env.reset(seed=0)
    with pytest.raises(TypeError, match="a discrete action must be a whole number"):
        env.step(action)


def test_a_row_that_is_added_is_in_the_registers_of_gymnasium_and_pettingzoo_at_once():
    row = registry.envs.row(KUHN)
    with registry.envs.temporary(replace(row, name="test/SpiralKuhn-v0", kwargs={"illegal": "spiral"})):
        env = gymnasium.make("test/SpiralKuhn-v0", opponent="random")
        env.reset(seed=0)
        assert env.step("nonsense")[1] == -1.5
        assert env.spec.id == "test/SpiralKuhn-v0"
        try:
            from pettingzoo.env_registry import registration
        except ImportError:
            pass
        else:
            assert registration.make("aec", "test/SpiralKuhn-v0").illegal == "spiral"
    assert "test/SpiralKuhn-v0" not in gymnasium.registry


def test_a_name_that_gymnasium_cannot_hold_is_refused_and_not_kept():
    row = registry.envs.row(KUHN)
    with pytest.raises(ValueError, match=r"environment 'not/an/id!' cannot be registered everywhere"):
        registry.envs.add(replace(row, name="not/an/id!"))
    with pytest.raises(registry.UnknownName):
        registry.envs.row("not/an/id!")


@pytest.mark.parametrize("env_id", ["gym:FrozenLake-v1", "pettingzoo:classic.tictactoe_v3"])
def test_the_check_for_users_judges_one_seat_and_a_mask_without_listed_actions(env_id):
    if env_id.startswith("pettingzoo"):
        pytest.importorskip("pygame")
    check_env(env_id)


def test_seats_of_other_names_meet_head_to_head_and_a_masked_action_is_illegal():
    pytest.importorskip("pygame")
    agents = {"first": Says("0"), "second": registry.make_agent("random")}
    row = registry.envs.row("pettingzoo:classic.tictactoe_v3:words=none")
    assert row.seat_names == ("player_1", "player_2")
    played = head_to_head(row.name, [agents["first"], agents["second"]], episodes=4, seed=0)
    assert sum(standing.broken_off for standing in standing_by_place(played, list(agents.values()))) == 0
    (episode,) = play(
        [Match("m", row.name, {"player_1": "first", "player_2": "again"}, 0)],
        {"first": Says("0"), "again": Says("0")},
    )
    assert [turn.legal for _, turn in episode.turns] == [True, False]
    with registry.envs.temporary(replace(row, name="test/Hosted-v0")):
        env = gymnasium.make("test/Hosted-v0", opponent="constant:4").unwrapped
        env.reset(seed=0)
        assert env.step(0)[4]["illegal"] is False
        assert env.step(4)[4]["illegal"] is True


@pytest.mark.parametrize("opponent", ["constant", "constant:"])
def test_an_opponent_without_its_argument_is_refused_in_a_line(opponent):
    with pytest.raises(ValueError, match="agent 'constant' needs an argument after a colon"):
        single(KUHN, opponent=opponent)


def test_a_package_that_an_environment_lacks_is_one_line(monkeypatch):
    def lacks(entry):
        raise gymnasium.error.DependencyNotInstalled("Box2D is not installed, run `pip install swig`\nand more")

    monkeypatch.setattr(hosted, "load_env_creator", lacks)
    with pytest.raises(registry.MissingExtra) as caught:
        envs.make("gym:CartPole-v1")
    assert str(caught.value) == "CartPole-v1 cannot be made: Box2D is not installed, run `pip install swig`"
