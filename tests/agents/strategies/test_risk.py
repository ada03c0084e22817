"""The risk of an answer: rules, the harmoniser that is fitted to them, and the second question where it is high."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from sparring.agents.models.scripted import ScriptedModel
from sparring.agents.strategies.harmoniser import RULES, Harmoniser, fit, objective, stored_values
from sparring.agents.strategies.risk import Risk
from sparring.agents.talking.agent import TalkingAgent
from sparring.protocols import Completion, Seat
from sparring.registry import make_agent
from sparring.rollout.loop import Match, act_now, play
from sparring.types import Observation, Sampling

FREE = Sampling(max_new_tokens=64, decoding="free")


class Unsure(ScriptedModel):
    """Gives these answers, with these log-probabilities of the first token."""

    def __init__(self, answers, logprobs=()):
        self.answers, self.logprobs, self.asked = list(answers), list(logprobs), []
        super().__init__(self._next)

    def _next(self, prompt, seed):
        self.asked.append(prompt)
        return self.answers.pop(0)

    def generate_batch(self, prompts, sampling, seeds):
        written = super().generate_batch(prompts, sampling, seeds)
        if not self.logprobs:
            return written
        return [
            Completion(one.token_ids, (self.logprobs.pop(0), *one.logprobs[1:]), one.stop_reason, one.weights_version)
            for one in written
        ]


def answered(model, legal=None, **options):
    strategy = Risk(TalkingAgent(model, kind="chat", sampling=FREE), **options)
    return act_now(strategy.open(Seat("test/Asks-v0", "player_0", seed=1)), Observation(("What is 2 + 3?",), legal))


def test_where_all_agree_and_nothing_objects_the_risk_is_low():
    reply = answered(Unsure(["5", "5", "5"]))
    assert reply.notes["rules"] == {"legal": None, "agreement": 1.0, "likelihood": 1.0, "length": 1.0}
    assert reply.notes["risk"] == pytest.approx(1 / (1 + np.exp(1.5)), abs=1e-9), "three of four rules, each 1 x 0.5"
    assert (reply.action, reply.notes["asked_again"], len(reply.calls)) == ("5", False, 3)


def test_where_the_risk_is_high_the_model_is_told_why_and_asked_again():
    model = Unsure(["4", "5", "6", "5"], [-40.0, -40.0, -40.0, -40.0])
    reply = answered(model)
    assert reply.notes["rules"]["agreement"] == pytest.approx(1 / 3)
    assert reply.notes["rules"]["likelihood"] == pytest.approx(np.exp(-20.0)), "two tokens: the digit, and the end"
    assert (reply.action, reply.notes["asked_again"]) == ("5", True)
    assert (reply.calls[-1].purpose, reply.calls[-1].continues) == ("refine", "0.0")
    assert "asked again, you mostly gave other answers" in model.asked[-1]
    assert "you were unsure of its words" in model.asked[-1]
    assert "- 5\n- 6" in model.asked[-1]


def test_what_is_illegal_or_cut_off_is_objected_to():
    reply = answered(Unsure(["z" * 100, "[left]"]), ("left", "right"), samples=1, threshold=0.5)
    assert reply.notes["rules"] == {"legal": 0.0, "agreement": None, "likelihood": 1.0, "length": 0.0}
    assert reply.action == "left"


def test_a_threshold_of_one_never_asks_again_and_of_zero_always_does():
    assert len(answered(Unsure(["4", "5"]), samples=2, threshold=1).calls) == 2
    assert len(answered(Unsure(["5", "5", "5"]), samples=2, threshold=0).calls) == 3


def test_a_rule_of_ones_own_is_listened_to():
    rules = {**RULES, "digit": lambda seen, said, samples: float(said.action.isdigit())}
    reply = answered(Unsure(["five", "5"]), samples=1, rules=rules, harmoniser=Harmoniser({"digit": 4.0}))
    assert (reply.action, reply.notes["risk"]) == ("5", pytest.approx(1 / (1 + np.exp(-2.0))))


def test_a_rule_that_gives_no_share_is_named():
    with pytest.raises(ValueError, match="rule 'odd' must give a number from 0 to 1, or None, got 7"):
        answered(Unsure(["5"]), samples=1, rules={"odd": lambda seen, said, samples: 7})


def attempts(count, seed=0):
    """Answers of which 60 % are right; three rules say so, correctly in 85, 70 and 50 % of the cases."""
    chance = np.random.default_rng(seed)
    right = chance.random(count) < 0.6
    said = []
    for truth in right:
        votes = {
            name: float(truth if chance.random() < quality else not truth)
            for name, quality in (("good", 0.85), ("fair", 0.7), ("coin", 0.5))
        }
        said.append({**votes, "fair": votes["fair"] if chance.random() < 0.7 else None})
    return right, said


def test_the_gradient_of_the_objective_is_that_of_its_finite_differences():
    _, said = attempts(50)
    table = np.array(
        [[np.nan if one[name] is None else one[name] for name in ("good", "fair", "coin")] for one in said]
    )
    at = np.array([0.3, -0.2, 0.7, 0.1])
    numeric = approx_fprime(at, lambda parameters: objective(parameters, table)[0], 1e-6)
    assert objective(at, table)[1] == pytest.approx(numeric, rel=1e-3)


def test_the_objective_is_the_mean_square_of_the_summed_cross_entropies():
    table = np.array([[1.0, 0.25], [0.0, np.nan]])
    bias, weights = 0.4, np.array([1.0, -2.0])
    expected = 0.0
    for row in table:
        heard = ~np.isnan(row)
        right = 1 / (1 + np.exp(-(bias + weights[heard] @ (row[heard] - 0.5))))
        sources = [1.0, *row[heard]]
        expected += sum(-v * np.log(right) - (1 - v) * np.log(1 - right) for v in sources) ** 2 / len(table)
    found, _ = objective(np.array([bias, *weights]), table)
    assert found == pytest.approx(expected + 1e-3 * (bias**2 + weights @ weights))


def test_no_other_harmoniser_agrees_better_with_the_sources_than_the_fitted_one():
    _, said = attempts(200)
    fitted = fit(said)
    names = sorted(fitted.weights)
    table = np.array([[np.nan if one[name] is None else one[name] for name in names] for one in said])
    best = np.array([fitted.bias, *(fitted.weights[name] for name in names)])
    chance = np.random.default_rng(1)
    least = objective(best, table)[0]
    assert all(objective(best + chance.normal(0, 0.3, 4), table)[0] > least for _ in range(100))


def test_without_one_known_answer_wrong_answers_get_the_higher_risk():
    right, said = attempts(600)
    fitted = fit(said[:300])
    risks = np.array([fitted.risk(one) for one in said[300:]])
    wrong, fine = risks[~right[300:]], risks[right[300:]]
    auroc = np.mean(wrong[:, None] > fine[None, :]) + np.mean(wrong[:, None] == fine[None, :]) / 2
    assert auroc > 0.75


def test_a_harmoniser_is_fitted_to_what_was_stored_and_changes_the_risk(tmp_path):
    agent = make_agent("risk:nano:samples=2:max_new_tokens=6")
    seats = {"player_0": "us", "player_1": "random"}
    matches = [Match(str(n), "sparring/TicTacToe-v0", seats, n) for n in range(4)]
    episodes = play(matches, {"us": agent})
    stored = list(stored_values(episodes))
    assert len(stored) == sum(len(episode.trajectories["player_0"].turns) for episode in episodes) > 8
    fit(stored).save(tmp_path / "fitted.json")
    loaded = make_agent(f"risk:nano:harmoniser={tmp_path / 'fitted.json'}")
    assert loaded.harmoniser == fit(stored)
    assert loaded.harmoniser.risk(stored[0]) != agent.harmoniser.risk(stored[0])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weights": {"a": "x"}, "bias": 0}', '{"weights": {}, "bias": NaN}'])
def test_a_file_that_holds_no_harmoniser_is_named(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"bad\.json must hold"):
        Harmoniser.load(path)


def test_nothing_to_fit_to_is_said():
    with pytest.raises(ValueError, match="at least one answer with rules"):
        fit([])


def test_other_answers_are_shown_as_they_were_given():
    model = Unsure(["a b", "It is 'five'.", "7", "5"], [-40.0] * 4)
    answered(model, samples=3)
    assert "Other answers that you gave:\n- It is 'five'.\n- 7\n" in model.asked[-1]
