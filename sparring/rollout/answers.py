"""The action in what another program, or its model, answers."""

from __future__ import annotations

import re
from collections.abc import Sequence

BRACKETS = re.compile(r"\[([^\[\]]{1,2000})\]")


def read(text: str, legal_actions: Sequence[str] | None) -> str:
    """A listed action as it stands, or in the only brackets of the answer, `[bet]`; else all of the text."""
    if legal_actions is None or text in legal_actions:
        return text
    found = {match.strip() for match in BRACKETS.findall(text)}
    return inner if len(found) == 1 and (inner := found.pop()) in legal_actions else text
