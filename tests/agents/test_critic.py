"""Critics: what they count, that they come back from the disk as they were, and that damage is said."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from sparring.agents.models import load_trainable
from sparring.agents.retrieval.critic import Case, Read, Round, critics
from sparring.agents.retrieval.trained.calibration import Calibration
from sparring.agents.retrieval.trained.critic import TrainedCritic, open_reading
from sparring.agents.retrieval.trained.features import COUNTS, Vocabulary
from sparring.agents.retrieval.trained.states import MOST_TOKENS, states_of
from sparring.agents.retrieval.trained.trees import Trees
from sparring.trainers.sim_rag.adapting import fit_adapted
from sparring.trainers.sim_rag.fitting import fit_counting, fit_reading


def evidence(question, rounds=(), answer="", rationale=""):
    return Case(question, rounds, answer, rationale)


AIRPORT = Read("Tarn Field", "Tarn Field is an airport. It serves the city of Ostrel.")
CITY = Read("Ostrel", "Ostrel is a city in Velm. It has 12 inhabitants.")
OTHER = Read("Government of Mirr", "The capital of Mirr is Sodd.")
QUESTION = "In which country is the city that Tarn Field serves?"
NOTHING = evidence(QUESTION)
ONE = evidence(QUESTION, (Round("Tarn Field", (AIRPORT, OTHER)),))
ALL = evidence(QUESTION, (Round("Tarn Field", (AIRPORT, OTHER)), Round("Ostrel", (CITY,))), answer="Velm")
HOSTILE = ("", "\0", "\ud800", "x" * 2_000_000, "Tarn Field " * 100_000, "</answer>", "\N{ZERO WIDTH JOINER}" * 5_000)


def counts(evidence):
    return dict(zip(COUNTS, Vocabulary((), ()).features(evidence), strict=True))


def practice(count=120):
    """Sufficient as soon as the country's passage is there."""
    points, labels = [], []
    for number in range(count):
        question = f"In which country is the city that Field {number} serves?"
        airport = Read(f"Field {number}", f"Field {number} serves Town{number}.")
        city = Read(f"Town{number}", f"Town{number} is a city in Land{number % 7}.")
        rounds = (Round(f"Field {number}", (airport,)), Round(f"Town{number}", (city,)))
        for done in range(3):
            points.append(evidence(question, rounds[:done]))
            labels.append(done == 2)
    return points, np.array(labels)


def test_a_passage_lies_one_deeper_than_where_its_title_was_mentioned():
    assert counts(NOTHING)["depth"] == 0
    assert counts(ONE)["depth"] == 1
    assert (counts(ALL)["depth"], counts(ALL)["linked passages"], counts(ALL)["unlinked passages"]) == (2, 2, 1)
    assert counts(ALL)["deepest is new"] == 1
    assert counts(ALL)["answer found"] == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_counted(text):
    found = evidence(text, (Round(text, (Read(text, text), Read(text, text))),), text, text)
    assert np.isfinite(Vocabulary(("country",), ("government",)).features(found)).all()


def test_trees_say_what_scikit_learn_says():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(400, 6)).round(1)
    labels = features[:, 0] * features[:, 1] > 0.1 * generator.normal(size=400)
    model = GradientBoostingClassifier(n_estimators=40, max_depth=3, random_state=0).fit(features, labels)
    trees = Trees.of(model)
    assert trees.log_odds(features) == pytest.approx(model.decision_function(features), abs=1e-9)
    again = Trees.read(trees.arrays())
    assert (again.log_odds(features) == trees.log_odds(features)).all()


def test_trees_that_lead_in_circles_are_refused():
    features, labels = np.arange(40.0).reshape(-1, 1), np.arange(40) % 3 == 0
    arrays = Trees.of(GradientBoostingClassifier(n_estimators=2).fit(features, labels)).arrays()
    with pytest.raises(ValueError, match="lead back"):
        Trees.read(arrays | {"left_TM": np.zeros_like(arrays["left_TM"])})
    del arrays["value_TM"]
    with pytest.raises(ValueError, match="lack value_TM"):
        Trees.read(arrays)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ({"temperature": 0.0}, "temperature must be > 0, got 0.0"),
        ({"scores": (1.0, 0.0), "probabilities": (0.0, 1.0)}, "must rise"),
        ({"scores": (1.0,)}, "a probability a score"),
    ],
)
def test_a_calibration_that_is_none_is_refused(broken, rule):
    with pytest.raises(ValueError, match=rule):
        Calibration(**broken)


def test_a_counting_critic_learns_and_comes_back_from_the_disk(tmp_path):
    points, labels = practice()
    critic = TrainedCritic(fit_counting(points, labels, seed=0), Calibration(2.0), 0.9, 0.1, max_rounds=2)
    said = critic.probabilities(points)
    assert (said[labels] > 0.9).all()
    assert (said[~labels] < 0.1).all()
    critic.save(tmp_path)
    again = critics.load(tmp_path)
    assert (again.probabilities(points) == said).all()
    assert (again.threshold, again.surrender, again.max_rounds) == (0.9, 0.1, 2)
    assert asyncio.run(again.verdict(points[2])) == said[2]


def test_a_reading_critic_learns_from_frozen_states_and_comes_back(tmp_path):
    points, labels = practice(30)
    model = load_trainable("nano", seed=3)
    critic = TrainedCritic(fit_reading(points, labels, model, "nano"), Calibration(), 0.5, 0.0, max_rounds=2)
    said = critic.probabilities(points)
    assert np.mean((said > 0.5) == labels) > 0.9
    critic.save(tmp_path)
    settings = json.loads((tmp_path / "critic.json").read_text())
    assert open_reading(tmp_path, settings, model).probabilities(points) == pytest.approx(said)
    with pytest.raises(ValueError, match="was trained with nano of the weights"):
        critics.load(tmp_path)  # nano of another seed


def test_an_adapter_that_is_trained_with_the_head_fits_better_and_comes_back(tmp_path):
    points, labels = practice(12)
    frozen = fit_reading(points, labels, load_trainable("nano", seed=3), "nano")
    adapted = fit_adapted(points, labels, load_trainable("nano", seed=3), "nano", rank=4, seed=0)

    def loss(score):
        z = np.where(labels, score.log_odds(points), -score.log_odds(points))
        return float(np.logaddexp(0.0, -z).mean())

    assert loss(adapted) < loss(frozen)
    again = fit_adapted(points, labels, load_trainable("nano", seed=3), "nano", rank=4, seed=0)
    assert (again.head.weights_D == adapted.head.weights_D).all(), "equal seeds, equal critics"
    critic = TrainedCritic(adapted, Calibration(), 0.5, 0.0, max_rounds=2)
    critic.save(tmp_path)
    assert critics.load(tmp_path).probabilities(points) == pytest.approx(critic.probabilities(points), abs=1e-5)


def test_states_do_not_depend_on_what_else_is_asked():
    model = load_trainable("nano")
    together = states_of(model, [NOTHING, ONE, ALL])
    alone = np.concatenate([states_of(model, [one]) for one in (NOTHING, ONE, ALL)])
    assert together == pytest.approx(alone, abs=1e-5)


def test_evidence_that_is_too_long_keeps_its_question_and_its_answer():
    model = load_trainable("nano")
    long = evidence("Which?", (Round("q", (Read("t", "word " * 20_000),)),), "right")
    other = evidence("Which?", (Round("q", (Read("t", "word " * 20_000),)),), "wrong")
    assert len(model.encode(long.text)) > MOST_TOKENS
    states = states_of(model, [long, other])
    assert np.abs(states[0] - states[1]).max() > 1e-4


def test_a_folder_without_a_critic_and_a_damaged_one_are_said(tmp_path):
    with pytest.raises(ValueError, match="is no critic"):
        critics.load(tmp_path)
    points, labels = practice()
    TrainedCritic(fit_counting(points, labels, seed=0), Calibration(), 0.9, 0.0, max_rounds=2).save(tmp_path)
    told = json.loads((tmp_path / "critic.json").read_text())
    fewer = told | {"vocabulary": {"question": [], "titles": []}}
    for broken, rule in (
        (told | {"version": 99}, "it has version 99"),
        ({"kind": "counting"}, "is damaged: 'vocabulary'"),
        (fewer, "ask for features that its vocabulary has not"),
    ):
        (tmp_path / "critic.json").write_text(json.dumps(broken))
        with pytest.raises(ValueError, match=rule):
            critics.load(tmp_path)
    (tmp_path / "critic.json").write_text(json.dumps(told))
    (tmp_path / "critic.npz").write_bytes(b"garbage")
    with pytest.raises(ValueError, match=r"is damaged: critic\.npz is no archive"):
        critics.load(tmp_path)
    (tmp_path / "critic.npz").unlink()
    with pytest.raises(ValueError, match="is damaged"):
        critics.load(tmp_path)
