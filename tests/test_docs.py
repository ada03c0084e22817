"""What the documents say is true: links lead somewhere, code runs, commands parse, everything registered is named."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from sparring import registry
from sparring.cli.app import main
from sparring.store.run_files import metrics_of

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
AT_THE_ROOT = ("README.md", "PAPERS.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "AGENTS.md")
DOCUMENTS = [*PAGES, *(ROOT / name for name in AT_THE_ROOT)]
OWN = ROOT / "docs" / "add-your-own.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```python\n(.*?)^```$(?:\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE_NAME = re.compile(r"`([\w/]+\.py)(?:: ([\w.]+))?")
FIGURE = re.compile(r"^\| (.+?) \| (.*?\d.*?) \| `(.+)` \|$", re.MULTILINE)
"""A row of a table of figures: what, figure, command."""
WRITES = ("--run", "--store", "-o", "--jsonl", "--junit")
"""Options that name what a command writes."""
FILE_NAME = re.compile(r"# ([\w/]+\.py)\n")
"""The first line of a block that the page tells its reader to save."""
DOTTED = re.compile(r"`(?:[a-z_]+\.)*([a-z_]+)\.([A-Za-z_]+)[`(]")
"""An owner, and what it has."""
OTHERS = (
    "copy", "export", "gymnasium", "jit", "os", "registration", "self", "spaces", "sys", "torch", "unwrapped",
    "vec_env", "vector_env",
)  # fmt: skip
"""Owners that are not ours."""
SUFFIXES = ("json", "jsonl", "md", "parquet", "py", "toml", "txt", "yml", "zst")
NESTED = (["sandbox"], ["store"], ["adventures"], ["retrieval"], ["robot"])
"""Commands that have commands of their own."""
IN_ITS_OWN_ENVIRONMENT = re.compile(
    r"\b(?:tianshou|torchrl|ray\.rllib|openenv|agentenv|inspect_ai|sparring\.interop|skyrl_gym)\b"
)
"""Blocks that `make test-rl` runs, with the libraries that they need."""
LOADS_TORCH = re.compile(
    r"models\.load|TransformersModel|sparring\.trainers|\"nano\"|\"smollm2\"|cloning|import torch|stable_base|sb3_"
)


def fences(document: Path) -> list[tuple[str, str]]:
    """(language, content) of every fenced block, in order."""
    return FENCE.findall(document.read_text())


def examples(page: Path) -> list[tuple[str, str]]:
    """(python block, the output that the page shows right below it or "")."""
    return EXAMPLE.findall(page.read_text())


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands() -> Iterator[tuple[str, str]]:
    """(document, command) for every `sparring ...` in a shell block or in inline code."""
    for document in DOCUMENTS:
        shell = [content for language, content in fences(document) if language in ("sh", "bash", "console")]
        lines = [line.strip().removeprefix("$ ") for content in shell for line in content.splitlines()]
        inline = re.findall(r"`(sparring [^`]+)`", FENCE.sub("", document.read_text()))
        for line in [*lines, *inline]:
            if line.startswith("sparring "):
                yield document.name, line


def subcommand(command: str) -> str:
    """What to ask `--help` of, e.g. "play" or "train spiral"; a method that a page defines is taken for spiral."""
    words = [word for word in shlex.split(command, comments=True)[1:] if not word.startswith("-")]
    if words[:1] == ["train"] and words[1:]:
        return "train spiral" if f'trainers.register("{words[1]}"' in OWN.read_text() else f"train {words[1]}"
    return " ".join(words[:2]) if words[:1] in NESTED else words[0] if words else ""


@cache
def help_of(name: str) -> str:
    """What `sparring NAME --help` prints, "" where there is no such command."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        try:
            code = main([*name.split(), "--help"])
        except SystemExit as end:
            code = int(end.code or 0)
    return printed.getvalue() if code == 0 else ""


@cache
def sources() -> dict[Path, str]:
    """Every source file and its text."""
    folders = ("agents", "envs", "sandbox", "scoreboard", "sparring", "trainers")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return {path: path.read_text() for path in files}


def blocks() -> list[object]:
    """(document, Python block, output shown) for every block; those that load a language model are slow."""
    found: list[object] = []
    for page in DOCUMENTS:
        for number, (block, expected) in enumerate(examples(page), 1):
            if IN_ITS_OWN_ENVIRONMENT.search(block):
                continue
            marks = [pytest.mark.slow] if LOADS_TORCH.search(block) else []
            found.append(pytest.param(page, block, expected, id=f"{page.stem}-{number}", marks=marks))
    return found


def save_files(page: Path, folder: Path) -> None:
    """Do what the page tells its reader: save the blocks that begin with the name of a file."""
    for block, _ in examples(page):
        if name := FILE_NAME.match(block):
            path = folder / name[1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(block)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_relative_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    for link in LINK.findall(FENCE.sub("", document.read_text())):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = document.parent / path if path else document
        assert target.exists(), f"{document.name}: {link} leads to no file"
        assert not anchor or anchor in anchors(target), f"{document.name}: {link} leads to no heading"


@pytest.mark.parametrize(("page", "block", "expected"), blocks())
def test_a_block_runs_by_itself_and_prints_what_the_page_shows(
    page: Path, block: str, expected: str, tmp_path: Path
) -> None:
    save_files(page, tmp_path)
    script = tmp_path / "copied.py"
    script.write_text(block)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, script.name]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{page.name} shows\n{block}\nwhich fails with\n{done.stderr}"
    matches = doctest.OutputChecker().check_output(expected, done.stdout, doctest.ELLIPSIS)
    assert matches or not expected, f"{page.name} shows\n{expected}\nbut\n{block}\nprints\n{done.stdout}"


@pytest.mark.parametrize("name", sorted({subcommand(command) for _, command in commands()}))
def test_every_command_shown_exists_and_knows_its_flags(name: str) -> None:
    text = help_of(name)
    assert text, f"there is no `sparring {name}`"
    for document, command in commands():
        if subcommand(command) == name:
            for flag in re.findall(r"(?<![\w-])(--?[a-z][\w-]*)", command.partition("#")[0]):
                assert flag in ("--help", "-h") or flag in text, f"{document}: `{command}`: no {flag} in\n{text}"


def test_the_commands_page_has_every_command() -> None:
    known = set(re.findall(r"^  (\w+)  ", help_of(""), re.MULTILINE))
    assert "play" in known
    text = (ROOT / "docs" / "command-line.md").read_text()
    for name in {*known, "train"}:
        assert f"\n## {name}\n" in text, f"docs/command-line.md says nothing of {name}"


@pytest.mark.parametrize("kind", ["envs", "agents", "trainers"])
def test_everything_registered_is_in_the_docs(kind: str) -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    for row in getattr(registry, kind):
        if row.name.startswith("sparring/") or row.build.__module__.startswith("sparring."):
            assert re.search(rf"`{re.escape(row.name)}\b", text), f"no page names the {kind} row {row.name}"


def test_every_file_and_name_that_the_papers_point_to_exists() -> None:
    found = CODE_NAME.findall((ROOT / "PAPERS.md").read_text())
    assert len(found) > 20
    for file, name in found:
        path = ROOT / file
        assert path.is_file(), f"PAPERS.md points to {file}, which does not exist"
        last = name.rpartition(".")[2]
        defined = rf"^\s*(?:def|class) {last}\b|^\s*{last}\s*[:=]"
        assert not name or re.search(defined, path.read_text(), re.MULTILINE), f"PAPERS.md: no {name} in {file}"


def test_contributing_shows_the_layers_that_ci_checks() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    shown = next(content for language, content in fences(ROOT / "CONTRIBUTING.md") if language == "text")
    assert shown.splitlines() == [layer.replace("sparring.", "") for layer in layers]


def test_every_module_of_the_package_has_a_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    named = {module.strip().removeprefix("sparring.") for layer in layers for module in layer.split("|")}
    parts = {path.stem for path in (ROOT / "sparring").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert parts - {"__init__", "__pycache__"} == named


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_name_of_a_module_or_a_type_that_a_page_mentions_exists(document: Path) -> None:
    """`standings.rows`, `models.load(...)`, `turn.notes`: a module and what it has, or a type and its field."""
    for owner, name in DOTTED.findall(FENCE.sub("", document.read_text())):
        if owner not in OTHERS and name not in SUFFIXES:
            where = [text for path, text in sources().items() if owner in (path.stem, path.parent.name)]
            where += [text for text in sources().values() if re.search(rf"class \w*{owner.title()}\b", text)]
            assert any(re.search(rf"\b{name}\b", text) for text in where), f"there is no {owner}.{name}"


@pytest.mark.slow
def test_the_page_on_trainers_explains_every_metric_of_a_run(tmp_path: Path) -> None:
    words = ("--steps", "1", "--games-per-update", "8", "--evaluation-games", "8", "--probe", "random", "--json")
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["train", "spiral", "--run", str(tmp_path / "run"), "--device", "cpu", *words]) == 0
    kinds = {name.partition("/")[0] for row in metrics_of(tmp_path / "run") for name in row}
    page = (ROOT / "docs" / "trainer.md").read_text()
    table = page[page.index("| metric | meaning |") :].partition("\n\n")[0]
    assert kinds - {"update"} == {name for name in re.findall(r"`(\w+)(?:/[^`]*)?`", table) if name in kinds}


def test_every_figure_has_one_row_and_the_command_that_measures_it() -> None:
    everything = (ROOT / "docs" / "measured.md").read_text()
    rows = FIGURE.findall((ROOT / "README.md").read_text())
    assert 8 <= len(rows) <= 12
    for what, figure, command in [*rows, *FIGURE.findall(everything)]:
        script = re.search(r"benchmarks/\w+\.py|sparring sandbox", command)
        assert script, f"{what}: no command measures it"
        assert script[0] == "sparring sandbox" or (ROOT / script[0]).is_file(), f"{what}: there is no {script[0]}"
        assert re.findall(r"[\d.,]+", figure), f"{what}: {figure!r} is no figure"
    for what, figure, command in rows:
        number = re.findall(r"[\d.,]+", figure)[0]
        assert command.startswith("sparring") or number in everything, f"{what}: docs/measured.md has no {number}"


def readme_commands() -> list[list[str]]:
    """The words of every command in the shell blocks of README."""
    blocks = [content for language, content in fences(ROOT / "README.md") if language == "console"]
    lines = [line.removeprefix("$ ") for content in blocks for line in content.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("sparring ")]


def test_the_programs_that_readme_runs_are_in_the_repository():
    programs = [words[3] for words in readme_commands() if words[:3] == ["sparring", "sandbox", "run"]]
    assert programs
    assert [program for program in programs if not (ROOT / program).is_file()] == []


def test_git_ignores_what_the_commands_of_readme_write():
    written = {words[at + 1] for words in readme_commands() for at, word in enumerate(words) if word in WRITES}
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    places = {f"/{Path(name).parts[0]}{'' if Path(name).suffix else '/'}" for name in written}
    assert {"/runs/", "/cup/", "/cup.html", "/report.html"} <= places
    assert places - set(ignored) == set()
    assert "/ladder.html" in ignored
