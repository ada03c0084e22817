"""What of the foreign engines is installed here."""

from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError, version

from sparring.registry import MissingExtra, require_installed


def installed_version(distribution: str) -> str:
    """Of our environment and of the engine: another engine may play the same seeds otherwise."""
    try:
        return f"0, {distribution} {version(distribution)}"
    except PackageNotFoundError:
        return "0"


def require_java(module: str, extra: str) -> None:
    """Raises MissingExtra where the engine's package, or Java, is not installed."""
    require_installed(module, extra)
    if shutil.which("java") is None:
        raise MissingExtra(f"{module} needs Java, and there is no `java`: install a runtime (openjdk-17-jre-headless)")
