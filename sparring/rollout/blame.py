"""Whose fault it was that an episode broke off: the one place where errors become data."""

from __future__ import annotations

import traceback
from typing import Literal

from sparring import registry
from sparring.faults import ServerFailed
from sparring.types import FaultKind


class Fault(Exception):
    """Whose fault it was that an episode broke off: the one place where errors become data."""

    def __init__(self, status: Literal["env_error", "agent_error"], kind: FaultKind, text: str) -> None:
        super().__init__(text)
        self.status, self.kind, self.text = status, kind, text


def blamed(status: Literal["env_error", "agent_error"], error: BaseException) -> Fault:
    """An error as a fault; what says that something is not there, or that a fault is found already, is raised again."""
    if isinstance(error, (Fault, registry.MissingExtra, registry.UnknownName)):
        raise error
    text = "".join(traceback.format_exception_only(error)).strip() or type(error).__name__
    return Fault(status, _kind_of(error, status), text)


def _kind_of(error: BaseException, status: Literal["env_error", "agent_error"]) -> FaultKind:
    """Whose fault an error is: what it says itself, or what its kind says, else that of whom it came from."""
    said: FaultKind | None = getattr(error, "fault_kind", None)
    if said is not None:
        return said
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, MemoryError):
        return "capacity"
    if isinstance(error, ServerFailed):
        return "server"
    return "environment" if status == "env_error" else "agent"
