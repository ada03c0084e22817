"""Whether a model hub can be reached: without a network, libraries try again for the better part of a minute."""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.request

PATIENCE = 2.5
"""Seconds for the first word of the hub."""
UNREACHED = "the hub cannot be reached, only models that were loaded before are here"


def answers() -> bool:
    """Whether the hub of `HF_ENDPOINT` says anything in time; never where `HF_HUB_OFFLINE` is set."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    reached = threading.Event()
    # in a thread: no time-out covers the look-up of a name
    asked = threading.Thread(target=_ask, args=(endpoint, reached), daemon=True)
    asked.start()
    asked.join(PATIENCE)
    return reached.is_set()


def _ask(endpoint: str, reached: threading.Event) -> None:
    request = urllib.request.Request(endpoint, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE):
            reached.set()
    except urllib.error.HTTPError:
        reached.set()
    except (OSError, ValueError):
        return
