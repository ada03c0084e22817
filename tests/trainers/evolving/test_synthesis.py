"""SELF-GUIDE, Ensemble-Instruct, Self-Specialization: what is written, dropped, answered and learnt."""

import json
import random
import re
from collections import Counter

import pytest
import torch

from sparring import registry
from sparring.agents.models.scripted import ScriptedModel
from sparring.agents.talking.agent import TalkingAgent
from sparring.envs.reflection.instructions import gold_of, is_held_out
from sparring.envs.retrieval.index.folder import build_index
from sparring.envs.retrieval.types import Passage
from sparring.samples import samples
from sparring.store.store import Store
from sparring.trainers.evolving.seeds import bundled_seeds, read_seeds, without_inputs
from sparring.trainers.methods.ensemble_instruct import Config as EnsembleConfig
from sparring.trainers.methods.ensemble_instruct import EnsembleInstruct
from sparring.trainers.methods.self_guide import Config as GuideConfig
from sparring.trainers.methods.self_guide import SelfGuide
from sparring.trainers.methods.self_specialize import Config as SpecializeConfig
from sparring.trainers.methods.self_specialize import SelfSpecialize
from sparring.trainers.run import Run

torch.set_num_threads(1)
ADD, ANSWER = "Add the two numbers", "sparring/Answer-v0"
QUIET = {"evaluation_games": 0, "probe_every": 0, "device": "cpu", "learning_rate": 1e-3, "checkpoint_every": 1}
SMALL = {"games": (f"{ANSWER}:task=add",), "fit_updates": 2, "fit_batch": 4, "seed": 7, **QUIET}
SEEDS = [
    {"instruction": "Name the colour of the thing", "examples": [{"input": "grass", "output": "green"}]},
    {"instruction": "Name the sound of the animal", "examples": [{"input": "sheep", "output": "baa"}]},
    {"instruction": "Name the taste of the food", "examples": [{"input": "lemon", "output": "sour"}]},
]


def played(method, config, path, write):
    """A run whose texts a function writes: prompt, seed -> text."""
    run, rows = Run.start(method, config, path), []
    run.player = run.agent(ScriptedModel(write), "scripted", trainable=True)
    run.run(rows.append)
    run.store = Store(run.folder.episodes)
    return run, rows


def adder(prompt, seed):
    """Inputs in one of six states, and outputs that are right but for every third."""
    rng = random.Random(seed)
    if "Write one more input" in prompt:
        a, b = rng.randint(1, 99), rng.randint(1, 99)
        given = re.search(r"Input: (.*)", prompt)[1]
        return rng.choice([f"{a} + {b}", f"{a} + {b}", "", "Here is one: 3 + 4", "1 + 1 + 1 + 1 + 1 + 1 + 1", given])
    asked = re.findall(r"Input: (.*)", prompt)[-1]
    return f"Output: {gold_of(ADD, asked) if rng.random() < 0.7 else 11}\nThat is the sum."


@pytest.fixture(scope="module")
def guided(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "guide"
    return played(SelfGuide, GuideConfig(steps=8, games_per_update=60, **SMALL), path, adder)


def text(row):
    return row.trajectory.turns[0].observation.text


def test_inputs_that_are_empty_noisy_too_long_repeated_or_held_out_are_counted_and_never_asked_about(guided):
    run, rows = guided
    method = run.method
    written = [row.actions[0] for row in method.attempts(0, "inputs")]
    counts = {reason: rows[2][f"inputs_{reason}"] for reason in ("kept", "empty", "noise", "length", "held_out")}
    counts["duplicate"] = rows[2]["inputs_duplicate"]
    assert sum(counts.values()) == len(written) == 60
    assert counts["empty"] == written.count("")
    assert counts["noise"] == written.count("Here is one: 3 + 4")
    assert counts["length"] == written.count("1 + 1 + 1 + 1 + 1 + 1 + 1")
    assert min(counts.values()) > 0
    asked = [episode.env_kwargs["input"] for episode in method.played(0, "outputs")]
    assert len(asked) == len(set(asked)) == counts["kept"]
    assert not any(is_held_out(ADD, one) for one in asked)
    assert any(is_held_out(ADD, one) for one in written)


def test_the_answer_is_written_with_the_examples_shown_and_learnt_without_them(guided):
    run, _ = guided
    (seed,) = bundled_seeds(run.config.games, 7)
    rows = run.method.select(run.method.stage(2))
    assert rows
    for row in rows:
        shown = run.store.get(row.episode.id).trajectories["player_0"]
        assert all(
            f"Input: {one.input}\nOutput: {one.output}" in shown.turns[0].observation.text for one in seed.examples
        )
        assert text(row) == f"Task: {ADD}\nInput: {row.episode.env_kwargs['input']}\nOutput:"
        assert "That is the sum" in shown.turns[0].action
        told, said = run.method.retelling.retold(row.episode, "player_0")
        assert said == [1.0]
        (sample,) = samples(told)
        prompt = [t for call in sample.calls for s in call.segments if s.kind == "prompt" for t in s.token_ids]
        assert not any(one.input in run.model.decode(prompt) for one in seed.examples)
        written = [t for call in sample.calls for s in call.segments if s.kind == "generated" for t in s.token_ids]
        assert run.model.decode(written).startswith(row.actions[0])
        assert re.fullmatch(r"\d+", row.actions[0])


def test_an_answer_names_the_input_that_it_answers(guided):
    run, _ = guided
    links = run.store.links("answer_to")
    assert links
    for link in links:
        asked = run.store.get(link.child.rpartition("/")[0]).env_kwargs["input"]
        assert run.store.get(link.parent.rpartition("/")[0]).trajectories["player_0"].turns[0].action == asked


def test_how_often_what_is_learnt_is_right_is_measured_and_never_used(guided):
    run, rows = guided
    learnt = run.method._chosen(0).rows
    assert rows[2]["outputs_kept"] == rows[2]["selected"] == len(learnt)
    right = [row.actions[0] == gold_of(ADD, row.episode.env_kwargs["input"]) for row in learnt]
    assert 0 < sum(right) < len(right), "the seed of this test gives both"
    assert rows[2]["kept_right"] == pytest.approx(sum(right) / len(right))


def test_a_later_round_repeats_no_input_and_learns_those_of_all_rounds(guided):
    run, rows = guided
    first, second = ({row.actions[0] for row in run.method.kept(n, "inputs").rows} for n in (0, 1))
    assert first
    assert second
    assert not first & second
    shown = {
        example["input"] for episode in run.method.played(1, "inputs") for example in episode.env_kwargs["examples"]
    }
    assert shown & first
    assert rows[6]["selected"] == rows[2]["selected"] + rows[6]["outputs_kept"]


def test_outputs_unlike_the_seeds_are_counted_and_not_learnt(tmp_path):
    def write(prompt, seed):
        return (
            adder(prompt, seed) if "Write one more input" in prompt else "As an AI, I cannot add." if seed % 2 else ""
        )

    _, rows = played(SelfGuide, GuideConfig(steps=3, games_per_update=40, **SMALL), tmp_path / "run", write)
    assert rows[2]["outputs_kept"] == rows[2]["selected"] == 0
    assert rows[2]["outputs_noise"] > 0
    assert rows[2]["outputs_empty"] > 0
    assert rows[2]["outputs_noise"] + rows[2]["outputs_empty"] == rows[2]["inputs_kept"]


def test_hostile_texts_of_a_model_are_dropped_and_an_empty_round_is_said(tmp_path, caplog):
    texts = ["\x00", "[" * 500, "\ud800", "Output: Output:", " \n\t", "🙂" * 40, "{0.__class__}%s%n"]

    def write(prompt, seed):
        return texts[seed % len(texts)]

    config = GuideConfig(steps=3, games_per_update=30, **SMALL | {"fit_updates": 1})
    _, rows = played(SelfGuide, config, tmp_path / "run", write)
    assert rows[2]["selected"] == rows[2]["outputs_kept"] == 0
    assert sum(value for name, value in rows[2].items() if name.startswith("inputs_")) == 30
    assert min(rows[2][f"inputs_{reason}"] for reason in ("empty", "noise", "length")) > 0
    assert "round 0 selected nothing for fit: nothing is learnt" in caplog.text


def seeds_file(path, seeds=SEEDS):
    path.write_text("\n".join(map(json.dumps, seeds)), encoding="utf-8")
    return str(path)


TASKS = ("Name the shape of the thing", "Name the owner of the house", "Name the end of the story")

BARE = ("Say a colour aloud", "Say it backwards", "Say nothing at all")


def domain(prompt, seed):
    """New instructions, inputs for them, and answers that agree on some questions."""
    rng = random.Random(seed)
    if "Write one more task" in prompt:
        return rng.choice(BARE if "Task: Say" in prompt else TASKS)
    if "Write one more input" in prompt:
        return rng.choice(["wheel", "tower", "river"])
    if any(task in prompt for task in BARE):
        return "once"
    return rng.choice(["round", "tall"]) if "Input: wheel" in prompt else rng.choice(["salt", "mild", "dark", "grey"])


@pytest.fixture(scope="module")
def agreed(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs")
    bare = {"instruction": "Say the first word", "examples": [{"output": "word"}]}
    more = {"instruction": "Say the last word", "examples": [{"output": "last"}]}
    seeds = seeds_file(path / "seeds.jsonl", [*SEEDS, bare, more])
    config = EnsembleConfig(steps=5, games_per_update=36, attempts=3, seeds=seeds, **SMALL)
    return played(EnsembleInstruct, config, path / "run", domain)


def test_one_pipeline_writes_inputs_and_the_other_has_none(agreed):
    run, rows = agreed
    questions = run.method.questions(0)
    kinds = Counter(bool(one.input) for one in questions)
    assert kinds[True] > 0
    assert kinds[False] > 0
    assert all(one.instruction in (TASKS if one.input else BARE) for one in questions)
    kept = {row.actions[0] for row in run.method.kept(0, "instructions").rows}
    assert kept == {*TASKS[1:], *BARE}, "the first one has 5 of the 6 words of a seed"
    assert rows[3]["instructions_kept"] == len(kept)
    assert rows[3]["instructions_duplicate"] > 0
    assert {link.relation for link in run.store.links()} == {"input_of", "answer_to"}


def test_the_answer_is_kept_on_which_most_agree_and_none_where_all_differ(agreed):
    run, rows = agreed
    answers, learnt = {}, {}
    for episode in run.method.played(0, "outputs"):
        trajectory = episode.trajectories["player_0"]
        answers.setdefault(trajectory.parents[0][1], []).append(trajectory.turns[0].action)
    for row in run.method.select(run.method.stage(3)):
        learnt[row.parent] = row.actions[0]
    for question, said in answers.items():
        assert len(said) == 3
        most, times = Counter(said).most_common(1)[0]
        assert learnt.get(question) == (most if times > 1 else None)
    assert rows[3]["outputs_disagreement"] == len(answers) - len(learnt)
    assert rows[3]["outputs_kept"] == len(learnt) > 0


def test_other_models_answer_as_well_and_are_learnt_from_in_the_models_own_words(tmp_path):
    def write(prompt, seed):
        return domain(prompt, seed) if "Write one more" in prompt else "salt"

    def always(**options):
        return TalkingAgent(ScriptedModel(lambda prompt, seed: "Output: salt"), name="always")

    seeds = seeds_file(tmp_path / "seeds.jsonl")
    config = EnsembleConfig(
        steps=4, games_per_update=12, attempts=1, answerers=("test-always",), seeds=seeds, **SMALL | {"fit_updates": 1}
    )
    with registry.agents.temporary(registry.AgentRow("test-always", always)):
        run, rows = played(EnsembleInstruct, config, tmp_path / "run", write)
        answers = run.method.played(0, "outputs")
        learnt = run.method.select(run.method.stage(3))
    agents = Counter(trajectory.agent for episode in answers for trajectory in episode.trajectories.values())
    assert set(agents) == {"always", "scripted (answerer)"}
    assert len(set(agents.values())) == 1
    assert rows[3]["outputs_kept"] == len(learnt) > 0
    assert {row.actions for row in learnt} == {("salt",)}
    assert all(run.method.retelling.retold(row.episode, "player_0")[1] == [1.0] for row in learnt)


def test_passages_of_the_domain_help_to_answer_and_are_not_learnt(tmp_path):
    passages = [Passage("1", "Wheel", "A wheel is round."), Passage("2", "Tower", "A tower is tall.")]
    build_index(passages, tmp_path / "index")
    config = SpecializeConfig(
        steps=4,
        games_per_update=12,
        passages=1,
        seeds=seeds_file(tmp_path / "seeds.jsonl"),
        retriever=str(tmp_path / "index"),
        **SMALL | {"fit_updates": 1},
    )

    def write(prompt, seed):
        if "Write one more" in prompt:
            return domain(prompt, seed).replace("river", "wheel")
        return re.search(r"A \w+ is (\w+)\.", prompt)[1]

    run, rows = played(SelfSpecialize, config, tmp_path / "run", write)
    learnt = run.method.select(run.method.stage(3))
    assert rows[3]["outputs_kept"] == len(learnt) > 0
    for row in learnt:
        assert row.actions[0] == {"wheel": "round", "tower": "tall"}[row.episode.env_kwargs["input"]]
        assert len(row.episode.env_kwargs["passages"]) == 1
        assert "What is known" not in text(row)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "must hold at least one instruction with examples, got none"),
        ("[]", r"line 1 must be an object with instruction and examples"),
        ("{", r"line 1 must be a JSON object"),
        ("[" * 100_000, r"line 1 must be a JSON object"),
        ('\n{"instruction": " ", "examples": []}', "line 2: instruction must be text that says something"),
        ('{"instruction": "x", "examples": []}', "line 1: examples must be at least one, each with an output"),
        ('{"instruction": "x", "examples": [{"input": "y"}]}', "each with an output"),
        ('{"instruction": "x", "examples": [{"input": 5}]}', "line 1: the input of an example must be text, got 5"),
    ],
)
def test_a_wrong_file_of_seeds_is_refused_by_its_line_before_anything_is_made(lines, message, tmp_path):
    (tmp_path / "seeds.jsonl").write_text(lines)
    with pytest.raises(ValueError, match=message):
        Run.start(SelfGuide, GuideConfig(seeds=str(tmp_path / "seeds.jsonl"), **SMALL), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("method", "config", "message"),
    [
        (SelfGuide, GuideConfig(seeds="nowhere.jsonl"), "seeds: nowhere.jsonl cannot be read"),
        (SelfGuide, GuideConfig(games=("sparring/Critique-v0",)), "envs must be sparring/Answer-v0, with its options"),
        (SelfGuide, GuideConfig(decoding="legal"), "decoding must be free, since texts are written, got legal"),
        (SelfGuide, GuideConfig(attempts=16), "attempts must be <= 8, got 16"),
        (EnsembleInstruct, EnsembleConfig(attempts=1), r"must be in \[2, 8\], so that answers can agree, got 1"),
        (SelfSpecialize, SpecializeConfig(retriever="nowhere"), "nowhere"),
    ],
)
def test_settings_that_cannot_work_are_named_before_anything_is_made(method, config, message, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        Run.start(method, config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_seeds_without_inputs_are_refused_where_inputs_are_written(tmp_path):
    seeds = seeds_file(tmp_path / "seeds.jsonl", [{"instruction": "Say it", "examples": [{"output": "it"}]}])
    for method, config in ((SelfGuide, GuideConfig), (SelfSpecialize, SpecializeConfig)):
        with pytest.raises(ValueError, match="needs seeds with inputs, got none"):
            Run.start(method, config(seeds=seeds, **SMALL), tmp_path / "run")
    assert len(read_seeds(seeds)) == 1


def test_a_bundled_instruction_with_its_input_in_it_needs_none():
    (seed,) = bundled_seeds((f"{ANSWER}:task=add",), 0)
    for one, example in zip(without_inputs(seed), seed.examples, strict=True):
        assert one.instruction == f"{ADD}: {example.input}"
        assert not one.inputs
        assert gold_of(one.instruction, "") == one.outputs[0] == example.output


@pytest.mark.parametrize("method", [SelfGuide, EnsembleInstruct, SelfSpecialize])
def test_each_is_found_by_its_name(method):
    assert registry.trainers.row(method.name).build is method
