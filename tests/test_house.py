"""The files for strangers agree with what they repeat: versions, commands, strengths, what a change needs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
PLACEHOLDER = "URL-OF-THIS-REPOSITORY"
HOUSE = [
    *(ROOT / name for name in ("AGENTS.md", "CITATION.cff", "SECURITY.md", "mkdocs.yml", ".pre-commit-config.yaml")),
    *sorted(path for path in (ROOT / ".github").rglob("*") if path.is_file()),
]


def read_yaml(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text())


def section(page: str, heading: str) -> str:
    """The text below a heading of a page, up to the next heading."""
    return (ROOT / page).read_text().split(f"## {heading}\n")[1].split("\n## ")[0]


def test_pre_commit_runs_the_versions_that_ci_installs() -> None:
    repositories = read_yaml(".pre-commit-config.yaml")["repos"]
    revisions = {repository["repo"].rpartition("/")[2]: repository["rev"] for repository in repositories}
    assert revisions["ruff-pre-commit"] == f"v{PINS['ruff']}"
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", revision) for revision in revisions.values())


def test_every_dependency_for_development_has_a_pin() -> None:
    pinned = {re.sub(r"[-_.]+", "-", name).lower() for name in PINS}
    for requirement in PROJECT["optional-dependencies"]["dev"]:
        assert re.split(r"[<>=\[;]", requirement)[0].strip() in pinned, (
            f"constraints.txt has no version of {requirement}"
        )


def test_the_citation_has_the_required_fields_and_the_version_of_the_package() -> None:
    citation = read_yaml("CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert citation["message"]
    assert citation["title"].startswith("Sparring")
    assert all(author["name"] for author in citation["authors"])
    for field in ("version", "license", "keywords"):
        assert citation[field] == PROJECT[field], field


def test_the_workflow_runs_ci_and_nothing_of_its_own() -> None:
    workflow = read_yaml(".github/workflows/ci.yml")
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML 1.1 reads the key `on` as true
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    assert [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step] == ["actions/checkout"]
    assert workflow["permissions"] == {"contents": "read"}


def test_ci_sources_only_files_that_exist() -> None:
    sourced = re.findall(r"^\. (\S+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert sourced
    assert all((ROOT / path).is_file() for path in sourced)


@pytest.mark.parametrize("form", [form for form in FORMS if form.name != "config.yml"], ids=lambda form: form.stem)
def test_an_issue_form_has_what_github_asks_for(form: Path) -> None:
    fields = yaml.safe_load(form.read_text())
    assert fields["name"]
    assert fields["description"]
    questions = [part for part in fields["body"] if part["type"] != "markdown"]
    assert any(part.get("validations", {}).get("required") for part in questions)
    assert len({part["id"] for part in questions}) == len(questions)
    assert all(part["attributes"]["label"] for part in questions)


def test_the_pull_request_form_asks_for_every_file_that_contributing_names() -> None:
    form = (ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md").read_text()
    wanted = set(re.findall(r"[\w/-]+\.(?:md|toml|txt)\b", section("CONTRIBUTING.md", "Adding things")))
    assert len(wanted) >= 5
    for file in wanted - {"docs/add-your-own.md", "docs/environment.md"}:  # the guide, and one page of `docs/`
        assert file in form, f"the pull-request form does not ask for {file}"


@pytest.mark.parametrize("page", ["AGENTS.md", "CONTRIBUTING.md"])
def test_every_make_target_and_file_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^make (\w+)|`make (\w+)", text, re.MULTILINE))
    assert {first or second for first, second in named} <= targets
    for path in re.findall(r"`((?:tests|docs|envs|agents|trainers|sandbox|scoreboard|benchmarks|\.ci)/[\w/.]*)`", text):
        assert (ROOT / path).exists() or "something" in path, f"{page} names {path}, which does not exist"


def test_the_security_page_decides_every_strength_of_the_sandbox() -> None:
    strengths = re.findall(r"^\| (\w\d?) \|", section("docs/sandbox.md", "How strong it is here"), re.MULTILINE)
    decided = re.findall(r"^\| (\w\d?) \|", section("SECURITY.md", "What is in scope"), re.MULTILINE)
    assert decided == strengths
    assert len(strengths) == 4


@pytest.mark.parametrize("file", HOUSE, ids=lambda path: path.name)
def test_no_file_invents_an_owner_of_the_repository(file: Path) -> None:
    for line in file.read_text().splitlines():
        for address in re.findall(r"github\.com/[\w-]+/[\w.-]+", line):
            assert address.split("/")[1] in ("astral-sh", "pre-commit"), f"{file.name} names {address}"
    if file.name == "SECURITY.md":
        assert PLACEHOLDER in file.read_text()


@pytest.mark.parametrize(("lines", "code"), [(125, 0), (124, 1)])
def test_lint_refuses_more_than_eight_any_in_a_thousand_lines(tmp_path: Path, lines: int, code: int) -> None:
    """Imports, strings and comments do not count; a link to a folder that was counted already does not either."""
    source = ["from typing import Any", "import typing", "# Any", '"""Any text."""', "x: typing.Any = 1"]
    folder = tmp_path / "envs"
    folder.mkdir()
    (folder / "one.py").write_text("\n".join([*source, *["x = 1"] * (lines - len(source))]) + "\n")
    (tmp_path / "sparring").mkdir()
    (tmp_path / "sparring" / "envs").symlink_to(folder)
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "count_any"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stderr
    assert f"(1 in {lines})" in done.stdout
    assert ("envs/one.py" in done.stdout) == bool(code)


def test_lint_counts_any() -> None:
    assert ".ci/count_any" in (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
