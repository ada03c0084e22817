"""The root filesystem of every sandbox: this Python and what it needs, and nothing else of the machine.

Built once from the running interpreter (no registry, no image to download), kept in a cache folder, mounted read-only
by the namespaces backend and imported as an image by the Docker backend.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from sparring.files import build_folder, cache_folder
from sparring.sandbox.types import SandboxUnavailable

INSIDE = Path(__file__).with_name("inside")
"""The package of ours that runs inside: all that is copied, and all that it may import."""
LEFT_OUT = shutil.ignore_patterns(
    "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip",
    "lib2to3", "pydoc_data", "config-*", "_test*.so", "_tkinter*.so", "*.a", "_sysconfigdata*", "__pycache__",
)  # fmt: skip
PYTHON = f"/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
LIBRARIES = "/libraries"
ENVIRONMENT = {
    "HOME": "/work",
    "LANG": "C.UTF-8",
    "LD_BIND_NOW": "1",  # else every fork looks the same functions up anew
    "LD_LIBRARY_PATH": LIBRARIES,
    "PATH": "/python/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONHOME": "/python",
    "PYTHONPATH": "/server",
    "PYTHONUTF8": "1",
    "TMPDIR": "/tmp",
}
COMMANDS = (
    "awk", "base64", "basename", "bash", "cat", "chmod", "cmp", "comm", "cp", "cut", "date", "dd", "df", "diff",
    "dirname", "du", "echo", "egrep", "env", "expand", "expr", "false", "fgrep", "find", "fold", "grep", "gunzip",
    "gzip", "head", "hostname", "id", "install", "join", "kill", "ln", "ls", "md5sum", "mkdir", "mkfifo", "mktemp",
    "mv", "nice", "nl", "nohup", "nproc", "od", "paste", "pgrep", "pkill", "printenv", "printf", "ps", "pwd",
    "readlink", "realpath", "rm", "rmdir", "sed", "seq", "setsid", "sh", "sha1sum", "sha256sum", "shuf", "sleep",
    "sort", "split", "stat", "stdbuf", "tac", "tail", "tar", "tee", "test", "timeout", "touch", "tr", "true", "uname",
    "uniq", "unlink", "wc", "which", "whoami", "xargs", "yes",
)  # fmt: skip
"""What a sandbox for commands holds of this machine's programs, as far as they are there."""
COMMAND_ENVIRONMENT = {
    "HOME": "/work",
    "LANG": "C.UTF-8",
    "LD_LIBRARY_PATH": LIBRARIES,
    "PATH": "/usr/bin:/python/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": "/packages",
    "PYTHONUTF8": "1",
    "TMPDIR": "/tmp",
}
COMMAND = (PYTHON, "-P", "-s", "-S", "-m", "sparring.sandbox.inside.server")
PACKAGES = "/packages"


def python_path() -> tuple[str, ...]:
    """Where programs inside import from, after their own folder."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    library = f"/python/lib/python{version}"
    return (f"/python/lib/python{version.replace('.', '')}.zip", library, f"{library}/lib-dynload", PACKAGES)


def rootfs(packages: Sequence[str] = (), commands: bool = False) -> Path:
    """The folder of a root filesystem with these packages, and a shell and tools where commands are to run; built if
    need be. Raises SandboxUnavailable, OSError."""
    kind = "commands" if commands else "root"
    return build_folder(cache_folder() / f"{kind}-{_key(packages)}", partial(_build, packages, commands))


def _key(packages: Sequence[str]) -> str:
    parts = [sys.version, sys.base_prefix]
    parts += [f"{name} {_version(name)}" for name in sorted(packages)]
    parts += [f"{file.name} {file.read_text()}" for file in (Path(__file__), *sorted(INSIDE.glob("*.py")))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise SandboxUnavailable(
            f"the sandbox was asked to offer {package!r}, which is not installed here: pip install {package}"
        ) from None


def _build(packages: Sequence[str], commands: bool, root: Path) -> None:
    for name in ("box", "run/sparring"):
        (root / name).mkdir(parents=True)
    interpreter = bare_python(root)
    (root / "tmp").symlink_to("/box/now/tmp")
    (root / "work").symlink_to("/box/now/work")
    for package in packages:
        copy_package(package, root / "packages")
    _copy_ours(root / "server/sparring/sandbox/inside")
    programs = _copy_commands(root) if commands else []
    copy_libraries([root / PYTHON[1:], *programs, *root.rglob("*.so*")], root)
    subprocess.run([interpreter, "-I", "-S", "-m", "compileall", "-q", "-j", "2", "--invalidation-mode",
                    "unchecked-hash", "-s", root, "-p", "/", root / "python", root / "server", root / "packages"],
                   check=False, stdout=subprocess.DEVNULL)  # fmt: skip
    make_readable(root)


def bare_python(root: Path, left_out: Callable[[str, list[str]], set[str]] = LEFT_OUT) -> Path:
    """This Python with its own library in a root filesystem; returns the interpreter that it was copied from.

    `left_out`: as `ignore` of `shutil.copytree`.
    """
    for name in ("proc", "dev", "etc", "libraries", "packages", "python/bin", "python/lib"):
        (root / name).mkdir(parents=True)
    (root / "etc/passwd").write_text("sandbox:x:1000:1000::/work:/bin/false\n")
    (root / "etc/group").write_text("sandbox:x:1000:\n")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    shutil.copy2(interpreter, root / "python/bin" / version)
    shutil.copytree(Path(sys.base_prefix) / "lib" / version, root / "python/lib" / version, ignore=left_out)
    return interpreter


def copy_package(name: str, target: Path) -> None:
    """What the distribution says it installed."""
    _version(name)
    for file in importlib.metadata.files(name) or []:
        if file.parts[0] in ("..", "bin") or file.suffix == ".pyc" or {"tests", "test"} & set(file.parts):
            continue
        destination = target / file
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(str(file.locate()), destination)


def _copy_ours(target: Path) -> None:
    shutil.copytree(INSIDE, target, ignore=shutil.ignore_patterns("__pycache__"))
    for package in (target.parent, target.parent.parent):
        (package / "__init__.py").touch()


def _copy_commands(root: Path) -> list[Path]:
    """This machine's shell and tools, and Python, where programs look for them; returns those that need libraries."""
    folder = root / "usr/bin"
    folder.mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    for name in ("usr/lib", "usr/lib64"):
        (root / name).symlink_to(LIBRARIES)  # found without a variable too
    found = {name: shutil.which(name, path="/usr/bin:/bin") for name in COMMANDS}
    for name, path in found.items():
        if path is not None:
            shutil.copy(Path(path).resolve(), folder / name)
    for name in ("python", "python3"):
        (folder / name).symlink_to(PYTHON)
    return [folder / name for name, path in found.items() if path is not None]


def copy_libraries(binaries: Iterable[Path], root: Path) -> None:
    """Shared libraries of the binaries, flat; the dynamic loader where the binaries look for it."""
    listed = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout
    for line in sorted(set(listed.splitlines())):
        words = line.split()
        path = words[2] if len(words) > 2 and words[1] == "=>" else words[0] if words else ""
        if not path.startswith("/") or path.endswith(":") or not os.path.exists(path) or path.startswith(str(root)):
            continue
        loader = "=>" not in line
        destination = root / path[1:] if loader else root / LIBRARIES[1:] / Path(path).name
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(path).resolve(), destination)


def make_readable(root: Path) -> None:
    for folder, _, files in os.walk(root):
        os.chmod(folder, 0o755)
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, 0o755 if os.access(path, os.X_OK) else 0o644)
