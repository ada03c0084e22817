"""The grader of many sessions: slots are there, and come back when clients vanish."""

from __future__ import annotations

import time

from sparring.envs.remote.connection import NO_ROOM, Refused
from sparring.scoreboard.judge.client import Session
from sparring.scoreboard.judge.grades import Seen
from sparring.scoreboard.judge.trial import Trial

SESSIONS = 64
BACK_SECONDS = 10.0
"""Until the slots of vanished clients must be free."""
PAUSE = 0.25
"""Seconds between two tries."""


def slots_come_back(trial: Trial) -> Seen:
    """Up to 64 sessions at once, with an episode in each; all are dropped without a word, and opened again."""
    opened, refusal = _opened(trial)
    for session in opened:
        session.drop()
    if refusal not in ("", NO_ROOM):
        return Seen(f"session {len(opened) + 1} is refused by {refusal}, not by {NO_ROOM}", False)
    deadline, again = time.monotonic() + BACK_SECONDS, 0
    while again < len(opened) and time.monotonic() < deadline:
        sessions, _ = _opened(trial, len(opened))
        again = max(again, len(sessions))
        for session in sessions:
            session.drop()
        time.sleep(PAUSE)
    at_once = f"{len(opened)} at once" + (f", the next one is refused by {NO_ROOM}" if refusal else "")
    if again < len(opened):
        return Seen(f"{at_once}; {BACK_SECONDS:g} s after these vanished only {again} can be opened", False)
    return Seen(f"{at_once}; after these vanished as many can be opened", bool(opened))


def _opened(trial: Trial, most: int = SESSIONS) -> tuple[list[Session], str]:
    """Sessions in play, and the code that refused the next one. Others raise."""
    sessions: list[Session] = []
    while len(sessions) < most:
        session = trial.client.open()
        try:
            session.ask("reset", {"seed": len(sessions)})
        except Refused as error:
            session.drop()
            return sessions, error.code
        sessions.append(session)
    return sessions, ""
