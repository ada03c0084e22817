"""Where generated code runs, and nowhere else."""

from sparring.sandbox.sandbox import AsyncSandbox, Sandbox
from sparring.sandbox.session import Session
from sparring.sandbox.shell import Shell
from sparring.sandbox.types import (
    Answer,
    Limits,
    Outcome,
    SandboxError,
    SandboxUnavailable,
    SessionEnded,
    ToolError,
)

__all__ = [
    "Answer",
    "AsyncSandbox",
    "Limits",
    "Outcome",
    "Sandbox",
    "SandboxError",
    "SandboxUnavailable",
    "Session",
    "SessionEnded",
    "Shell",
    "ToolError",
]
