"""Whether the foreign engines are installed here."""

from __future__ import annotations

import shutil

from sparring.registry import MissingExtra, require_installed


def require_java(module: str, extra: str) -> None:
    """Raises MissingExtra where the engine's package, or Java, is not installed."""
    require_installed(module, extra)
    if shutil.which("java") is None:
        raise MissingExtra(f"{module} needs Java, and there is no `java`: install a runtime (openjdk-17-jre-headless)")
