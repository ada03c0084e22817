"""An OpenAI-compatible endpoint in front of any model here, which records what other people's agents ask of it.

    program (OpenAI's SDK, a command-line agent) ─► /v1/chat/completions ─► model ─► Session ─► calls, token for token

`capture` lends a program a session; `serve_model` is a server for whoever holds its token, which records nothing.
"""

from sparring.agents.endpoint.server import Server, capture, serve_model
from sparring.agents.endpoint.session import Session

__all__ = ["Server", "Session", "capture", "serve_model"]

REGISTERS = False
