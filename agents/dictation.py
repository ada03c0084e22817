"""How an agent says an action: the text that it would have written."""

from __future__ import annotations

from collections.abc import Sequence

from sparring.agents.players import WritingAgent
from sparring.agents.talking.agent import TalkingAgent
from sparring.agents.talking.reading import MARK


def answer_of(agent: WritingAgent | TalkingAgent, action: str, legal: Sequence[str] | None) -> str:
    """The shortest text out of which the agent reads the action; "" for a thought before a choice."""
    if isinstance(agent, WritingAgent):
        return agent.template.answer(action)
    if agent.sampling.decoding == "legal" and legal:
        return ""
    said = f"[{action}]" if legal else action
    return f"{MARK} {said}" if agent.kind == "react" else said
