"""AdventureDuel-v0: who is paid for what, PettingZoo's own tests, the conformance suite, hostile players."""

import json
import random

import pytest
from pettingzoo.test import api_test, seed_test

from sparring import envs, registry
from sparring.envs.adventures.adventure_duel import SOLVER, WRITER, AdventureDuel
from sparring.envs.adventures.worlds.rules import read_game
from sparring.envs.adventures.writing import stock
from sparring.envs.conformance import review
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.run import Run

ID = "sparring/AdventureDuel-v0"


def written(seed=1, **options):
    """A duel whose game is written by the first choices, and the plan that wins it."""
    env = AdventureDuel(**options)
    env.reset(seed=seed)
    while env.agent_selection == WRITER:
        env.step(env.infos[WRITER]["legal_actions"][0])
    return env, env.infos[SOLVER]["hidden"]["plan"]


def solve(env, plan):
    for command in plan:
        env.step(command)


def give_up(env):
    """Waste the attempt."""
    attempt = env.infos[SOLVER]["attempt"]
    while not env.terminations[SOLVER] and not env.truncations[SOLVER] and env.infos[SOLVER]["attempt"] == attempt:
        env.step("look")


def paid(env):
    return {seat: env._cumulative_rewards[seat] for seat in (WRITER, SOLVER)}


def test_the_writer_is_paid_for_a_game_that_is_lost_first_and_won_later():
    env, plan = written()
    give_up(env)
    assert (env.agent_selection, env.infos[SOLVER]["attempt"], env.infos[SOLVER]["turns_left"]) == (
        SOLVER,
        2,
        2 * len(plan),
    )
    solve(env, plan)
    assert env.terminations == {WRITER: True, SOLVER: True}
    assert env.rewards[WRITER] == 1.0
    assert env.infos[WRITER]["metrics"] == {"proven": 1.0, "won_later": 1.0}
    assert env.infos[SOLVER]["metrics"] == {"won": 1.0, "score": 1.0, "attempts": 2.0}


def test_a_game_that_is_won_at_once_pays_the_solver_alone():
    env, plan = written()
    total = 0.0
    for command in plan:
        env.step(command)
        total += env.rewards[SOLVER]
    assert (total, env.rewards[WRITER], env.terminations[SOLVER]) == (pytest.approx(1.0), 0.0, True)


def test_a_game_that_is_never_won_pays_the_best_attempt_and_is_truncated():
    env, plan = written()
    total = 0.0
    for _ in range(3):
        for command in plan[:-1]:
            env.step(command)
            total += env.rewards[SOLVER]
        give_up(env)
    assert env.truncations == {WRITER: True, SOLVER: True}
    assert 0 < total < 1
    assert total == pytest.approx(env.infos[SOLVER]["metrics"]["score"])
    assert env.rewards[WRITER] == 0.0


def test_a_game_that_cannot_be_written_ends_and_pays_nobody():
    env = AdventureDuel(words="own")
    env.reset(seed=2)
    while env.agent_selection == WRITER and not env.terminations[WRITER]:
        env.step("\x00")
    assert env.terminations == {WRITER: True, SOLVER: True}
    assert paid(env) == {WRITER: 0.0, SOLVER: 0.0}
    assert env.infos[WRITER]["metrics"]["proven"] == 0.0
    assert env.infos[WRITER]["hidden"]["reasons"]


def test_the_game_and_the_plan_are_hidden_and_the_game_can_be_read():
    env, plan = written(seed=5)
    solve(env, plan)
    game = read_game(json.loads(env.infos[WRITER]["hidden"]["game"]))
    assert game.title.rstrip(".") in {title.rstrip(".") for _, title in stock.known_titles()}
    assert game.max_score >= 1
    assert plan[-1] not in env.observe(WRITER)


def test_the_solver_sees_how_the_last_attempt_ended():
    env, plan = written()
    env.step(plan[0])
    give_up(env)
    assert env.observe(SOLVER).startswith("Attempt 2 of 3.\nThe last attempt ended like this:")
    env.step(plan[0])
    assert "The last attempt" not in env.observe(SOLVER)


@pytest.mark.parametrize("options", [{}, {"words": "own", "difficulty": 2}, {"attempts": 2, "attempt_turns": 3}])
def test_it_conforms(options):
    found = review(ID, **options)
    assert found.ok, found.faults


@pytest.mark.filterwarnings("ignore")
def test_pettingzoo_is_content(as_numbers):
    api_test(as_numbers(AdventureDuel)(), num_cycles=200)
    seed_test(as_numbers(AdventureDuel), num_cycles=30)


def test_no_hostile_text_raises_or_earns_anything():
    rng = random.Random(3)
    pieces = ["\x00", "\ud800", "take all", ". ", "save", "x" * 10_000, "[", "\n", "go north. go south"]
    for words in ("stock", "own"):
        env = AdventureDuel(words=words, max_turns=300)
        env.reset(seed=4)
        while not (env.terminations[WRITER] or env.truncations[WRITER]):
            env.step("".join(rng.choices(pieces, k=rng.randint(0, 3))))
        assert paid(env)[WRITER] == 0.0


def test_random_play_comes_to_its_end_and_verifies(tmp_path):
    episodes = play(Match(f"m/{seed}", ID, {WRITER: "random", SOLVER: "random"}, seed) for seed in range(12))
    assert {one.error for one in episodes} == {None}
    assert all(0 <= one.trajectories[SOLVER].reward <= 1 + 1e-9 for one in episodes)
    with Store(tmp_path, "a") as store:
        store.append(episodes)
    with Store(tmp_path) as store:
        assert verify(store).ok


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"attempts": 1}, "attempts must be >= 2"),
        ({"difficulty": 6}, "difficulty must be from 1 to 5, got 6"),
        ({"words": "mine"}, "words must be 'stock' or 'own', got 'mine'"),
        ({"attempt_turns": 0}, "attempt_turns must be >= 1, got 0"),
    ],
)
def test_options_that_cannot_work_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        envs.make(ID, **options)


def test_self_play_learns_from_both_seats(tmp_path):
    games = (registry.envs.row(f"{ID}:attempts=2:attempt_turns=3").name,)
    config = Config(games=games, steps=2, games_per_update=2, evaluation_games=0, probe_every=0, device="cpu")
    run = Run.start(Spiral, config, tmp_path / "run")
    rows = []
    assert run.run(rows.append)
    assert len(rows) == 3
    for row in rows[:2]:
        assert (row["faults"], row["illegal_share"], row["skipped_steps"]) == (0, 0.0, 0.0)
        assert {f"reward/{games[0]}/{seat}" for seat in (WRITER, SOLVER)} <= set(row)


def test_a_step_before_reset_is_refused():
    with pytest.raises(RuntimeError, match="before reset"):
        AdventureDuel().step("look")
