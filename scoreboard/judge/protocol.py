"""Graders of the protocol itself: the pages, a session, and what a server makes of garbage."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping

from sparring.envs.remote.connection import Data, Refused
from sparring.faults import ServerFailed
from sparring.scoreboard.judge.client import Session
from sparring.scoreboard.judge.grades import Seen, Skip
from sparring.scoreboard.judge.trial import Transcript, Trial, difference

LONG = 10 * 2**20
"""Characters of a text that is far too long."""


def pages_are_there(trial: Trial) -> Seen:
    """The pages that `openenv validate --url` asks for."""
    wrong = []
    status, said = trial.client.get("/health")
    if status != 200 or not isinstance(said, dict) or said.get("status") != "healthy":
        wrong.append(f'/health answers {status} {_short(said)}, not {{"status": "healthy"}}')
    facts = trial.facts
    if not all(isinstance(facts.get(name), str) and facts.get(name) for name in ("name", "description")):
        wrong.append(f"/metadata names no name and description: {_short(facts)}")
    status, said = trial.client.get("/schema")
    found = said if isinstance(said, dict) else {}
    if missing := [name for name in ("action", "observation", "state") if not isinstance(found.get(name), dict)]:
        wrong.append(f"/schema answers {status} without {', '.join(missing)}")
    status, said = trial.client.post("/mcp", {})
    if status != 200 or not isinstance(said, dict) or said.get("jsonrpc") != "2.0":
        wrong.append(f'POST /mcp {{}} answers {status} {_short(said)}, not jsonrpc "2.0"')
    if wrong:
        return Seen("; ".join(wrong), False)
    return Seen(f"all four; it is {facts['name']}, version {facts.get('version') or 'not said'}")


def a_reset_answers_an_observation(trial: Trial) -> Seen:
    """A new session, and a reset."""
    with trial.session(0) as (_, start):
        if "observation" not in start or start.get("done") is not False:
            return Seen(f"the answer to a reset is {_short(start)}", False)
        return Seen(f"{_short(start['observation'])}")


def a_step_before_a_reset_is_an_error(trial: Trial) -> Seen:
    """A new session, and a step at once. A client whose socket broke would play on in an episode that nobody began."""
    with trial.session(0) as (session, start):
        made = Transcript(0, start)
        trial.step(session, made, trial.action(start, random.Random(0)))
    (action,) = made.actions
    if not made.rewards:
        raise Skip(f"the action {_short(action)} is refused after a reset too; give others with --actions FILE")
    try:
        session, answer = trial.asked("step", action)
    except Refused as error:
        return Seen(f"the error {error.code}")
    session.close()
    return Seen(f"the step was taken, and answered by {_short(answer)}", False)


def garbage_is_an_error(trial: Trial) -> Seen:
    """Each of them on a session in play; then the same server must play as before."""
    wrong, lost = list[str](), list[str]()
    came_again = trial.comes_again
    for what, text in _garbage(trial):
        with trial.session(0) as (session, _):
            answer = _answer(session, text)
            if answer is None:
                wrong.append(f"{what}: the connection was cut without an error")
            elif answer.get("type") != "error":
                wrong.append(f"{what}: answered by {_short(answer)}")
            elif not _goes_on(session):
                lost.append(what)
    if found := _plays_otherwise(trial, came_again):
        wrong.append(f"afterwards an episode differs {found}")
    if wrong:
        return Seen("; ".join(wrong), False)
    return Seen("errors, and it plays as before" + (f"; these end the session: {', '.join(lost)}" if lost else ""))


def a_long_text_does_no_harm(trial: Trial) -> Seen:
    """A step with ten million characters; the server may refuse it, cut the connection, or play it."""
    name, came_again = trial.form.only or next(iter(trial.form.fields), "text"), trial.comes_again
    with trial.session(0) as (session, _):
        answer = _answer(session, json.dumps({"type": "step", "data": {name: "x" * LONG}}))
    if found := _plays_otherwise(trial, came_again):
        return Seen(f"afterwards an episode differs {found}", False)
    said = "the connection was cut" if answer is None else f"answered by {_short(answer)}"
    return Seen(f"{said}, and it plays as before")


def _garbage(trial: Trial) -> list[tuple[str, str]]:
    name = trial.form.only or next(iter(trial.form.fields), "text")
    return [
        ("broken JSON", '{"type": "step"'),
        ("a JSON list", "[1, 2]"),
        ("a message of an unknown type", '{"type": "dance"}'),
        ("a step without an action", '{"type": "step"}'),
        ("an action of a wrong type", json.dumps({"type": "step", "data": {name: {"not": ["what", "is", "wanted"]}}})),
        ("an action that is a number", '{"type": "step", "data": 5}'),
    ]


def _answer(session: Session, text: str) -> Data | None:
    """The frame that answers a text; None where the connection is cut. Raises TimeoutError."""
    try:
        return session.exchange(text)
    except ServerFailed:
        return None


def _goes_on(session: Session) -> bool:
    try:
        session.ask("reset", {"seed": 0})
    except (ServerFailed, TimeoutError):
        return False
    return True


def _plays_otherwise(trial: Trial, came_again: bool) -> str:
    """Where an episode differs now; "" where it comes as before, or did not come again before either."""
    first = trial.episodes[0]
    with trial.session(first.seed) as (session, _):
        found = difference(first, trial.replayed(session, first))
    return found if came_again else ""


def _short(value: object) -> str:
    text = json.dumps(dict(value) if isinstance(value, Mapping) else value)
    return text if len(text) <= 120 else f"{text[:117]}..."
