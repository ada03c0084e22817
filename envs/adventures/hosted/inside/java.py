"""The Java machine of an engine: how large it may be, and that it ends with this process."""

from __future__ import annotations

import os


def bound_memory(megabytes: int) -> None:
    """Of Java machines that are started from now on. One thread collects garbage: others need the cores too."""
    os.environ["JDK_JAVA_OPTIONS"] = f"-Xmx{megabytes}m -XX:+UseSerialGC"
