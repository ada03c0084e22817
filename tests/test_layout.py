"""The folders on disk, the list of packages and the links must agree: a package that is not listed misses the wheel."""

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


@pytest.mark.parametrize("package", ["sparring", "sparring.envs", "sparring.rollout", "sparring.scoreboard.store"])
def test_light_packages_import_no_heavy_ones(package):
    heavy = "{'torch', 'transformers', 'pyspiel', 'vllm'}"
    code = f"import sys, {package}; found = {heavy} & set(sys.modules); sys.exit(', '.join(found) if found else 0)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
