"""OpenEnv's protocol (version 0.10.0), without OpenEnv: one JSON frame each way, one session a seat.

    {"type": "reset", "data": {"seed": 7, "opponent": "random"}}   ─►  {"type": "observation", "data": {...}}
    {"type": "step", "data": {"action": "bet"}}                    ─►  {"type": "observation", "data": {...}}

A step before a reset, or after the end, is an error: OpenEnv's client opens a new session by itself when an answer is
late, and would otherwise take another game's observation for its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sparring.kinds import shown
from sparring.serve.hall import Full
from sparring.serve.mcp import answer_rpc
from sparring.serve.sessions import Session, metadata, read_action
from sparring.serve.tables import BrokeOff, Told
from sparring.serve.wishes import read_wish

Frame = dict[str, Any]
TEXT = {"type": "string"}
SCHEMA = {
    "action": {
        "title": "Action",
        "type": "object",
        "properties": {"action": {**TEXT, "description": "What the seat does, in the words of the observation."}},
        "required": ["action"],
        "additionalProperties": False,
    },
    "observation": {
        "title": "Observation",
        "type": "object",
        "properties": {
            "text": {**TEXT, "description": "What the seat sees."},
            "done": {"type": "boolean"},
            "reward": {"type": "number"},
            "metadata": {"type": "object"},
        },
        "required": ["text"],
        "additionalProperties": False,
    },
    "state": {
        "title": "State",
        "type": "object",
        "properties": {"episode_id": {"type": ["string", "null"]}, "step_count": {"type": "integer", "minimum": 0}},
        "required": ["episode_id", "step_count"],
    },
}
"""JSON schemas of what is sent and received."""


async def answer(session: Session, text: str | bytes) -> Frame | None:
    """The frame that answers a frame; None where the client says goodbye. Never raises for what a client sends."""
    with session.busy():
        return await _answer(session, text)


async def _answer(session: Session, text: str | bytes) -> Frame | None:
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return error("a frame must be JSON, got text that is none", "INVALID_JSON")
    if not isinstance(frame, Mapping) or not isinstance(frame.get("type"), str):
        return error('a frame must be an object with a "type"', "VALIDATION_ERROR")
    try:
        return await _done(session, frame["type"], frame.get("data") or {})
    except Full as full:
        return error(str(full), "CAPACITY_REACHED")
    except BrokeOff as fault:
        return error(str(fault), "EXECUTION_ERROR")
    except (ValueError, IndexError) as wrong:
        return error(str(wrong), "VALIDATION_ERROR")


async def _done(session: Session, kind: str, data: Any) -> Frame | None:
    if kind == "reset":
        return observation(await session.reset(read_wish(data)), session)
    if kind == "step":
        return observation(await session.step(read_action(data)), session)
    if kind == "state":
        return {"type": "state", "data": session.state()}
    if kind == "mcp":
        return {"type": "mcp", "data": await answer_rpc(session, data)}
    if kind == "close":
        return None
    return error(f"type must be reset, step, state, mcp or close, got {shown(kind)}", "UNKNOWN_TYPE")


def observation(told: Told, session: Session) -> Frame:
    """The frame that shows what a client is told."""
    data = {"observation": {"text": told.seen.text}, "reward": told.reward, "done": told.done}
    return {"type": "observation", "data": {**data, "metadata": metadata(told, session)}}


def error(message: str, code: str) -> Frame:
    """The frame that says what is wrong."""
    return {"type": "error", "data": {"message": message, "code": code}}
