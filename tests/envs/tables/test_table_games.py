"""Games of a table are those of `sparring.make`, seed for seed and action for action."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sparring
from sparring.envs.rng import Rng
from sparring.envs.tables import TableGames, compile_game
from sparring.envs.tables.streams import Streams

KUHN, TTT, LEDUC = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0", "sparring/LeducPoker-v0"
SMALL = [
    (KUHN, {}),
    (LEDUC, {}),
    (TTT, {}),
    ("sparring/Nim-v0", {"piles": "1-3-5"}),
    ("sparring/Hex-v0", {"board_size": 3}),
    ("sparring/RockPaperScissors-v0", {}),
    ("sparring/Goofspiel-v0", {"num_cards": 3}),
    ("sparring/MultiplayerKuhnPoker-v0", {}),
    ("openspiel:liars_dice(dice_sides=3)", {}),
    ("openspiel:matrix_pd", {}),
]
NAMES = [env_id.partition("(")[0].removeprefix("sparring/") for env_id, _ in SMALL]
SEEDS = st.integers(-(2**70), 2**70)


def chosen(games, rng, illegal=0.0):
    """A legal action for each game; with that probability any number."""
    legal = (games.action_mask * rng.random(games.action_mask.shape)).argmax(axis=1)
    anything = rng.integers(-3, games.table.num_actions + 3, games.num_games)
    return np.where(rng.random(games.num_games) < illegal, anything, legal)


def require_equal_games(env_id, options, seed, number, episodes, illegal, rng):
    """So many games at once and one after another, each for some episodes without a further seed."""
    games = TableGames(env_id, number, seed, **options)
    single = [sparring.make(env_id, view="discrete", **options) for _ in range(number)]
    for place, env in enumerate(single):
        env.reset(seed=seed + place)
    table = games.table
    for episode in range(episodes):
        while not games.done.all():
            mover, state, seen, mask = games.mover, games.information_state, games.observation, games.action_mask
            for place, env in enumerate(single):
                if games.done[place]:
                    continue
                seat = env.agent_selection
                assert table.seats[mover[place]] == seat
                assert table.information_states[state[place]] == (seat, env.game.infos[seat]["state_key"])
                assert set(table.actions[state[place]].values()) == set(env.game.infos[seat]["legal_actions"])
                np.testing.assert_array_equal(seen[place], env.observe(seat)["observation"])
                np.testing.assert_array_equal(mask[place], env.action_mask(seat))
            actions, over = chosen(games, rng, illegal), games.done
            games.step(actions)
            for place in np.flatnonzero(~over):
                env = single[place]
                env.step(int(actions[place]))
                assert games.done[place] == any(env.terminations.values())
                assert games.reward[place].tolist() == [env.rewards[seat] for seat in table.seats]
                for number_of, seat in enumerate(table.seats):
                    if games.done[place]:
                        seen = games.observe(np.full(games.num_games, number_of))[place]
                        np.testing.assert_array_equal(seen, env.observe(seat)["observation"])
            assert (games.reward[over] == 0.0).all()
        if episode < episodes - 1:
            games.reset()
            for env in single:
                env.reset()


@pytest.mark.parametrize(("env_id", "options"), SMALL, ids=NAMES)
@settings(max_examples=5, deadline=None)
@given(seed=SEEDS, choices=st.integers(0, 2**32))
def test_equal_seeds_and_actions_give_equal_games(env_id, options, seed, choices):
    require_equal_games(env_id, options, seed, 20, 2, 0.0, np.random.default_rng(choices))


@pytest.mark.slow
@pytest.mark.parametrize(("env_id", "options"), SMALL, ids=NAMES)
def test_so_do_thousands(env_id, options):
    require_equal_games(env_id, options, 7, 1_000, 3, 0.02, np.random.default_rng(7))


@pytest.mark.parametrize(("env_id", "options"), SMALL, ids=NAMES)
def test_illegal_actions_forfeit_as_in_the_game(env_id, options):
    require_equal_games(env_id, options, 3, 30, 2, 0.3, np.random.default_rng(3))


@given(seeds=st.lists(SEEDS, min_size=1, max_size=20), draws=st.integers(1, 4))
def test_streams_draw_what_one_generator_draws(seeds, draws):
    streams, places = Streams(len(seeds)), np.arange(len(seeds))
    streams.seed(places, seeds)
    drawn = np.array([streams.uniform(places) for _ in range(draws)])
    for place, seed in enumerate(seeds):
        rng = Rng()
        rng.seed(seed)
        assert drawn[:, place].tolist() == [rng.uniform() for _ in range(draws)]


def test_a_game_is_the_same_whatever_the_others_are():
    many, one = TableGames(LEDUC, 50, seed=100), TableGames(LEDUC, 1, seed=117)
    rng = np.random.default_rng(0)
    for _ in range(12):
        actions = chosen(many, rng)
        many.step(actions)
        one.step(actions[17:18])
        assert many.information_state[17] == one.information_state[0]
        assert many.reward[17].tolist() == one.reward[0].tolist()
        if one.done[0]:
            one.reset()
        many.reset(games=np.flatnonzero(many.done))


def test_games_without_a_seed_differ():
    deals = {tuple(TableGames(LEDUC, 20).information_state) for _ in range(3)}
    assert len(deals) == 3


def test_what_was_read_stays_as_it_was():
    games = TableGames(TTT, 2, seed=0)
    held = (games.mover, games.observation, games.action_mask, games.reward, games.done, games.illegal)
    kept = [array.copy() for array in held]
    games.step(np.array([0, -1]))
    for before, after in zip(held, kept, strict=True):
        np.testing.assert_array_equal(before, after)
    assert games.illegal.tolist() == games.done.tolist() == [False, True]
    assert games.reward.tolist() == [[0.0, 0.0], [-1.0, 1.0]]
    assert games.mover.tolist() == [1, -1]
    assert games.action_mask.tolist() == [[0, *[1] * 8], [1] * 9]


def test_some_games_step_and_begin_anew_alone():
    games = TableGames(TTT, 3, seed=0)
    games.step(np.array([4]), games=np.array([1]))
    assert games.mover.tolist() == [0, 1, 0]
    games.reset(games=np.array([1]))
    assert games.mover.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda: TableGames(KUHN, 0), ValueError, "num_games must be >= 1, got 0"),
        (lambda: TableGames(KUHN, 2.5), TypeError, "num_games must be a whole number >= 1, got 2.5"),
        (lambda: TableGames(KUHN, 2, seed=[1]), ValueError, "seed must be one number, or 2, one a game, got 1"),
        (lambda: TableGames(KUHN, 2, seed=1.5), TypeError, "a seed must be a whole number, got float 1.5"),
        (lambda: TableGames(KUHN, 2).step([1]), ValueError, r"actions must be 2, one a game, got an array .* \(1,\)"),
        (lambda: TableGames(KUHN, 2).step([0.0, 1.0]), TypeError, "actions must be whole numbers, got float64"),
        (lambda: TableGames(KUHN, 2).step([True, False]), TypeError, "actions must be whole numbers, got bool"),
    ],
)
def test_what_does_not_fit_is_refused(use, error, message):
    with pytest.raises(error, match=message):
        use()


def test_information_states_are_rows_of_a_policy():
    table, games = compile_game(KUHN), TableGames(KUHN, 100, seed=0)
    policy = table.uniform_policy()
    assert (policy[games.information_state] == 0.5).all()
