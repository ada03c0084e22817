"""Agents of one growing conversation with the prompt of their paper: Search-R1, ConvSearch-R1's rewriter, IRanker.

Each is a `chat:MODEL` with another system prompt. What is retrieved comes as messages of the user: prompt segments,
which no method trains on.
"""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.agents.talking.agent import TalkingAgent, TalkingOptions, build

SEARCH_R1 = (
    "Answer the question. Whenever you have learnt something new, think about it first, between <think> and </think>. "
    "If you lack knowledge, search for it with <search>query</search>; what is found comes between <information> and "
    "</information>, and you may search as often as the message allows. When you need no more, write "
    "<answer>the answer</answer>, as short as possible and without an explanation. If it cannot be found, write "
    "<give_up/>."
)
REWRITE = (
    "You are shown a conversation. Rewrite its last question so that somebody who has not read the rest understands "
    "it: replace pronouns, and put in what was left out. Keep to the form that the message asks for."
)
ELIMINATE = (
    "You are shown a query and numbered candidates. Find the candidate that answers the query worst, and answer with "
    "its number alone."
)


def talker(name: str, system: str, model: str, options: TalkingOptions) -> TalkingAgent:
    """A talking agent with a system prompt of its own, unless one is given."""
    agent = build("chat", model, TalkingOptions(**{"system": system, **options}))
    agent.name = f"{name}:{agent.model.name}"
    return agent


@registry.agents.register("search-r1", family="retrieval", extra="train")
def search_r1(argument: str = "smollm2", **options: Unpack[TalkingOptions]) -> TalkingAgent:
    """Thinks, searches and answers between tags, as Search-R1 does: `search-r1:MODEL`, for style=tags."""
    return talker("search-r1", SEARCH_R1, argument, options)


@registry.agents.register("rewrite", family="retrieval", extra="train")
def rewrite(argument: str = "smollm2", **options: Unpack[TalkingOptions]) -> TalkingAgent:
    """Rewrites the last question of a conversation, for Rewrite-v0: `rewrite:MODEL`."""
    return talker("rewrite", REWRITE, argument, options)


@registry.agents.register("eliminate", family="retrieval", extra="train")
def eliminate(argument: str = "smollm2", **options: Unpack[TalkingOptions]) -> TalkingAgent:
    """Names the worst candidate, for Eliminate-v0: `eliminate:MODEL`. Chooses among the numbers by decoding=legal."""
    return talker("eliminate", ELIMINATE, argument, options)
