"""The folders on disk, the list of packages and the links must agree: a package that is not listed misses the wheel."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
LINKED = ("agents", "envs", "sandbox", "scoreboard", "trainers")


def test_every_package_on_disk_is_listed():
    found = {"sparring"}
    for init in (ROOT / "sparring").glob("*/__init__.py"):
        if not init.parent.is_symlink():
            found.add(f"sparring.{init.parent.name}")
    for folder in LINKED:
        for init in (ROOT / folder).rglob("__init__.py"):
            found.add("sparring." + ".".join(init.parent.relative_to(ROOT).parts))
    assert found == set(SETTINGS["packages"])


def test_every_folder_is_mapped_and_linked():
    assert {f"sparring.{folder}": folder for folder in LINKED} == SETTINGS["package-dir"]
    for folder in LINKED:
        link = ROOT / "sparring" / folder
        assert link.is_symlink()
        assert str(link.readlink()) == f"../{folder}"


def test_tests_lie_in_folders_that_are_named_like_what_they_test():
    sources = {*LINKED, "benchmarks", "interop", "rl", "vllm"}
    sources |= {init.parent.name for init in (ROOT / "sparring").glob("*/__init__.py")}
    folders = {str(file.parent.relative_to(ROOT / "tests")) for file in (ROOT / "tests").rglob("test_*.py")}
    sources |= {folder for folder in folders if (ROOT / folder / "__init__.py").is_file()}
    assert folders - {"."} <= sources


@pytest.mark.parametrize(
    ("folder", "ours"),
    [("sandbox/inside", "sparring.sandbox.inside"), ("sparring/answers", "sparring.answers")],
)
def test_what_stands_alone_imports_the_standard_library_and_itself_only(folder, ours):
    imported = {
        name
        for file in (ROOT / folder).glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        for name in _modules_of(node)
    }
    foreign = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if name != ours and not name.startswith(f"{ours}.")} == set()


def _modules_of(node):
    if isinstance(node, ast.ImportFrom):
        return [node.module]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


@pytest.mark.parametrize("package", ["sparring", "sparring.envs", "sparring.rollout.loop", "sparring.store.store"])
def test_light_packages_import_no_heavy_ones(package):
    heavy = "{'torch', 'transformers', 'pyspiel', 'vllm'}"
    code = f"import sys, {package}; found = {heavy} & set(sys.modules); sys.exit(', '.join(found) if found else 0)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
