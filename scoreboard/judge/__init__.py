"""Grades a server that speaks OpenEnv's wire, whoever wrote it: `sparring check http://127.0.0.1:8000`.

Each grade says what was done, what was seen, and what would be right. A grader is a function of a `Trial`: a client of
the server, and the actions that are played.
"""

from __future__ import annotations

from sparring.scoreboard.judge.client import Client, OpenEnvClient
from sparring.scoreboard.judge.graders import judge
from sparring.scoreboard.judge.grades import Grade, Report

__all__ = ["Client", "Grade", "OpenEnvClient", "Report", "judge"]
