"""`writer:MODEL`: a language model that writes text adventures slot by slot, for `AdventureWriter-v0`.

Each prompt shows all that a slot needs, so nothing is remembered. Where a slot is a choice, a model in this process
chooses by its own distribution over the choices. A model behind a server is asked for JSON of a schema that lists them,
and for one text elsewhere; what it sends is read as text where it is no such JSON.
"""

from __future__ import annotations

import json
from typing import Unpack, cast

from sparring import registry
from sparring.agents import models
from sparring.agents.models.conversation import Conversation
from sparring.agents.models.loading import ModelOptions, model_name
from sparring.agents.models.openai import OpenAIModel, Schema
from sparring.agents.talking.agent import Answer, TalkingAgent
from sparring.agents.talking.reading import read
from sparring.protocols import LanguageModel
from sparring.types import Observation, Sampling, Segment

SYSTEM = (
    "You write small text adventures. Each message shows what is decided so far and asks for one thing. Answer with "
    "that thing alone: a few words for a name, one sentence where a sentence is asked for."
)
KEY = "answer"
LONGEST_TEXT = 300


class WriterOptions(ModelOptions, total=False):
    """How a model is loaded, and how it writes."""

    temperature: float
    top_p: float
    max_new_tokens: int


class SchemaWriter(TalkingAgent):
    """A model behind a server that answers in JSON of a schema."""

    model: OpenAIModel

    async def answer(self, conversation: Conversation, observation: Observation, tools: bool, seed: int) -> Answer:
        """The answer in the JSON that the model sent, or in its text."""
        schema = schema_of(observation)
        completion = await self.model.generate_as(conversation.tokens, self.sampling, seed, schema)
        written = self.model.decode(completion.token_ids)
        _, action = read(self.kind, said_in(written), observation.legal_actions, tools)
        return Answer(completion, (Segment("generated", completion.token_ids, completion.logprobs),), action)


def schema_of(observation: Observation) -> Schema:
    """The JSON schema of an answer: one of the legal actions, or a text."""
    text: dict[str, object] = {"type": "string", "maxLength": LONGEST_TEXT}
    kind = {"type": "string", "enum": list(observation.legal_actions)} if observation.legal_actions else text
    return {"type": "object", "properties": {KEY: kind}, "required": [KEY], "additionalProperties": False}


def said_in(written: str) -> str:
    """The answer in a JSON object; the whole text where it is none."""
    try:
        found = json.loads(written)[KEY]
    except (ValueError, RecursionError, LookupError, TypeError):
        return written
    return found if isinstance(found, str) else written


@registry.agents.register("writer", family="language model", extra="train")
def writer(argument: str = "smollm2", **options: Unpack[WriterOptions]) -> TalkingAgent:
    """Writes text adventures, slot by slot: `writer:MODEL`."""
    loading = {name: value for name, value in options.items() if name in ModelOptions.__annotations__}
    model: LanguageModel = models.load_shared(model_name(argument), **cast("ModelOptions", loading))
    sampling = Sampling(
        options.get("temperature", 0.7),
        options.get("top_p", 0.95),
        options.get("max_new_tokens", 32),
        "legal" if model.shows_logprobs else "free",
    )
    kind = SchemaWriter if isinstance(model, OpenAIModel) else TalkingAgent
    return kind(model, sampling=sampling, system=SYSTEM, history=0, name=f"writer:{model.name}")
