"""SearchDuel-v0: whose turn it is, who is paid for what, and what each seat sees."""

import pytest
from pettingzoo.test import api_test, seed_test

from sparring import envs, registry
from sparring.envs.conformance import check_env
from sparring.envs.retrieval.search_duel import SearchDuel
from sparring.envs.retrieval.types import Hit, Passage, Question, RetrieverFailed
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store

ENV = "sparring/SearchDuel-v0"
SEARCH_1, SEARCH_2 = "<search>Tarn</search>", "<search>Ostrel</search>"
RIGHT, WRONG = "<answer>mira</answer><rationale>Ostrel pays with it</rationale>", "<answer>dollar</answer>"


class NeedsBoth:
    strength = "supports"

    def holds(self, passages):
        return {"p1", "p2"} <= {passage.id for passage in passages}


class Small:
    """Even numbers ask what two passages answer, odd ones what none does; from 100 on nothing is known of the proof."""

    name = "small"
    passages = (
        Passage("p1", "Tarn", "Tarn is the capital of Ostrel. <answer>42</answer>"),
        Passage("p2", "Ostrel", "Ostrel pays with the mira."),
    )

    def question(self, split, number):
        proof = NeedsBoth() if number < 100 else None
        if number % 2:
            return Question(f"q{number}", "Who rules Tarn?", (), "unanswerable", 1, proof)
        return Question(f"q{number}", "With what does Tarn's country pay?", ("mira",), "chain", 2, proof)


class ByTitle:
    fingerprint = "by title"

    def search(self, queries, k):
        return [[Hit(one, 1.0) for one in Small.passages if one.title in query][:k] for query in queries]


def played(*actions, seed=0, **options):
    env = envs.make(ENV, world=Small(), retriever=ByTitle(), **options)
    env.reset(seed=seed)
    paid = {seat: {} for seat in env.possible_agents}
    for action in actions:
        env.step(action)
        for seat, reward in env.rewards.items():
            parts = env.infos[seat].get("reward_parts", {}) if reward else {}
            for name, part in parts.items():
                paid[seat][name] = round(paid[seat].get(name, 0.0) + part, 9)
    return env, paid


SIXTH = round(1 / 6, 9)


@pytest.mark.parametrize(
    ("seed", "actions", "reasoner", "critic"),
    [
        (0, [RIGHT, "accept"], {"correct": 1.0}, {"agreement": -SIXTH}),  # right, and nothing was read: a lucky guess
        (0, [WRONG, "accept"], {}, {"agreement": -SIXTH}),
        (
            0,
            [WRONG, "reject", SEARCH_1, WRONG, "reject", SEARCH_2, RIGHT, "accept"],
            {"rounds": -0.1, "correct": 1.0},
            {"agreement": round(3 / 6, 9)},
        ),
        (0, [WRONG, "reject", SEARCH_1 + "x", WRONG, "accept"], {"rounds": -0.05}, {"agreement": 0.0}),
        (0, [WRONG, "hm", "gibberish", WRONG, "reject"], {"rounds": -0.05}, {"agreement": 0.0}),
    ],
)
def test_each_seat_is_paid_as_the_table_says(seed, actions, reasoner, critic):
    _, paid = played(*actions, seed=seed)
    assert paid["reasoner"] == pytest.approx(reasoner)
    assert paid["critic"] == pytest.approx(critic, abs=1e-8)


@pytest.mark.parametrize("seed", [1, 101])
def test_rejecting_the_last_answer_gives_up_which_is_right_where_there_is_no_answer(seed):
    env, paid = played(WRONG, "reject", SEARCH_1, WRONG, "reject", seed=seed, max_rounds=1)
    assert paid["reasoner"] == {"rounds": -0.05, "correct": 1.0}
    assert paid["critic"] == {"agreement": 1.0}
    assert all(env.terminations.values())
    assert env.infos["reasoner"]["metrics"]["gave_up"] == 1


def test_rejecting_the_last_answer_to_a_question_with_an_answer_pays_the_reasoner_nothing():
    _, paid = played(WRONG, "reject", SEARCH_1, RIGHT, "reject", max_rounds=1)
    assert "correct" not in paid["reasoner"]


def test_where_sufficiency_is_unknown_the_exact_match_decides():
    _, paid = played(RIGHT, "accept", seed=100)
    assert paid["critic"] == {"agreement": SIXTH}
    _, paid = played(WRONG, "accept", seed=100)
    assert paid["critic"] == {"agreement": -SIXTH}


def test_the_honest_critic_earns_the_most_that_can_be_earned():
    """A critic cannot gain by prolonging the episode, nor by ending it early."""
    rounds = [SEARCH_1, SEARCH_2, SEARCH_2, SEARCH_2, SEARCH_2]

    def earned(accept_after):
        actions = [RIGHT]
        for number, query in enumerate(rounds):
            actions += ["accept"] if number == accept_after else ["reject", query, RIGHT]
            if number == accept_after:
                break
        else:
            actions += ["reject"]
        return played(*actions)[1]["critic"]["agreement"]

    assert max(range(6), key=earned) == 2


def test_seats_take_turns_and_each_sees_what_it_needs():
    env, _ = played(WRONG, "reject", SEARCH_1)
    assert env.agent_selection == "reasoner"
    seen = env.observe("reasoner")
    assert "\u2039answer\u203a42" in seen
    assert "<answer>42" not in seen
    env.step("<answer>the <b>mira</b></answer><rationale>because</rationale>")
    assert env.agent_selection == "critic"
    assert "Answer: the \u2039b\u203amira\u2039/b\u203a\n\nRationale: because" not in env.observe("reasoner")
    assert "Rationale: because" in env.observe("critic")
    assert "<b>" not in env.observe("critic")
    assert env.infos["critic"]["legal_actions"] == ["accept", "reject"]


def test_the_environment_conforms():
    check_env(ENV)
    check_env(ENV, max_rounds=1, kinds="chain", token_cost=0.01)


@pytest.mark.filterwarnings("ignore")
def test_the_checks_of_pettingzoo_pass(as_numbers):
    api_test(as_numbers(SearchDuel)(), num_cycles=200)
    seed_test(as_numbers(SearchDuel), num_cycles=30)


def test_recorded_episodes_come_out_the_same_again_and_the_index_is_in_them(tmp_path):
    matches = [Match(f"m{seed}", ENV, {"reasoner": "random", "critic": "random"}, seed) for seed in range(6)]
    episodes = play(matches)
    for episode in episodes:
        assert len(episode.trajectories["reasoner"].turns[0].observation.info["index"]) == 64
        assert "hidden" not in episode.trajectories["critic"].turns[0].observation.info
    with Store(tmp_path, "a") as store:
        store.append(episodes)
    with Store(tmp_path) as store:
        assert verify(store).ok


def test_a_fault_of_the_retriever_is_one_of_the_environment():
    class Down(ByTitle):
        def search(self, queries, k):
            raise RetrieverFailed("http://127.0.0.1:1 does not answer")

    def build(**options):
        return SearchDuel(world=Small(), retriever=Down(), **options)

    row = registry.EnvironmentRow("test/D-v0", build, seats=2, seat_names=("reasoner", "critic"), family="retrieval")
    with registry.envs.temporary(row):
        players = {"reasoner": "random", "critic": "constant:reject"}
        (episode,) = play([Match("m", "test/D-v0", players, 0)])
    assert episode.status == "env_error"
    assert "does not answer" in episode.error
