"""A run folder means the same to everybody: what is a run, what its files hold, and what is said where they do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sparring.agents import named
from sparring.agents.models.weights.trained import settings_as_trained
from sparring.cli.app import main
from sparring.cli.arguments import damage_of_settings, settings_of
from sparring.cli.watch import watch_run
from sparring.scoreboard.comparison import load_measured
from sparring.scoreboard.run_summary import summarise
from sparring.scoreboard.standings import load_run
from sparring.store.run_files import RunError, is_run, policies_of, read_config
from sparring.store.runs import find_runs
from sparring.trainers.run_folder import RunFolder

STARTED = json.dumps({"format": 3, "method": "spiral", "config": {"steps": 2, "model": "nano"}})
OF_A_MODEL = json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]})


def folder_with(path: Path, config: str | None, *beside: str) -> Path:
    path.mkdir()
    if config is not None:
        (path / "config.json").write_text(config)
    for name in beside:
        (path / name).write_text("") if "." in name else (path / name).mkdir()
    return path


@pytest.mark.parametrize(
    ("config", "beside", "run"),
    [
        (STARTED, (), True),
        (STARTED, ("metrics.jsonl", "episodes"), True),
        (OF_A_MODEL, (), False),
        (OF_A_MODEL, ("checkpoints",), False),
        ("{", (), False),
        ("{", ("episodes",), True),
        ("{}", ("metrics.jsonl",), False),
        ("[]", ("metrics.jsonl", "episodes"), True),
        (None, ("metrics.jsonl",), False),
        (None, ("metrics.jsonl", "checkpoints"), True),
        (None, ("checkpoints",), False),
    ],
)
def test_agents_and_the_list_of_runs_agree_on_what_is_a_run(
    tmp_path: Path, config: str | None, beside: tuple[str, ...], run: bool
) -> None:
    folder = folder_with(tmp_path / "folder", config, *beside)
    assert is_run(folder) == run
    assert find_runs(tmp_path) == [folder] * run


def test_a_model_beside_a_folder_of_checkpoints_is_loaded_as_a_model(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "model", OF_A_MODEL, "checkpoints")
    with pytest.raises(ValueError, match="is a model's folder, not a run's: write model:"):
        named.make(str(folder))


def test_a_run_that_lost_its_settings_is_called_damaged_and_not_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = folder_with(tmp_path / "run", None, "metrics.jsonl", "checkpoints")
    assert main(["eval", str(run)]) == 2
    assert " ".join(capsys.readouterr().err.split()) == f"sparring: {run} is damaged: it has no config.json"
    with pytest.raises(RunError, match=r"nowhere is not a run folder: it has no config\.json"):
        read_config(tmp_path / "nowhere")


READERS: dict[str, Callable[[Path], object]] = {
    "report": load_run,
    "compare": load_measured,
    "watch": lambda run: watch_run((run,)),
    "eval": settings_of,
    "play": settings_as_trained,
    "train": lambda run: RunFolder.open(run, "spiral"),
}
WRONG = [
    ("{", "config.json is damaged: it must hold format, method and config"),
    ("[1]", "config.json is damaged: it must hold format, method and config"),
    ("{}", "config.json is damaged: it must hold format, method and config"),
    (STARTED.replace('"spiral"', "3"), "config.json is damaged: method must be text, got 3"),
    (STARTED.replace("2", '"x"'), "config.json is damaged: steps must be a whole number, got 'x'"),
    (STARTED.replace("3", "99"), "was written in run format 99, this version reads format 3"),
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("config", "said"), WRONG)
def test_every_reader_says_the_same_of_wrong_settings(tmp_path: Path, reader: str, config: str, said: str) -> None:
    run = folder_with(tmp_path / "run", config, "metrics.jsonl", "episodes", "checkpoints")
    with pytest.raises(RunError) as caught:
        READERS[reader](run)
    assert said in str(caught.value)
    assert said in summarise(run).damage
    assert said in damage_of_settings(run)


@pytest.mark.parametrize("line", ["not JSON", "5", "{}", '{"update": "one"}'])
@pytest.mark.parametrize("reader", ["report", "compare", "watch"])
def test_every_reader_says_the_same_of_a_damaged_line(tmp_path: Path, reader: str, line: str) -> None:
    run = folder_with(tmp_path / "run", STARTED, "episodes")
    (run / "metrics.jsonl").write_text(f'{{"update": 0}}\n{line}\n{{"update": 2}}\n{{"upd')
    said = "metrics.jsonl line 2 is damaged: it is no JSON object of an update"
    with pytest.raises(RunError, match=said):
        READERS[reader](run)
    assert said in summarise(run).damage


@pytest.mark.parametrize("content", ["{", "[]", "3"])
def test_policies_that_are_no_json_object_are_named(tmp_path: Path, content: str) -> None:
    assert policies_of(tmp_path) == {}
    (tmp_path / "policies.json").write_text(content)
    with pytest.raises(RunError, match=r"policies\.json is damaged"):
        policies_of(tmp_path)
