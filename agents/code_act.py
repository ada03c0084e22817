"""CodeAct (arXiv 2402.01030): code as the action, turn by turn, in one growing conversation.

The model writes a program, sees what it printed, and goes on until it gives an answer. There is one line of thought,
so this is the greedy baseline that a tree is measured against. The paper's few-shot examples and its `python` session
are left out: whether programs share their variables is up to the environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sparring import registry
from sparring.agents.code_program import CodeProgram, EpisodeMemory, read_program
from sparring.agents.code_prompts import code_act_prompt
from sparring.agents.models import Completion, LanguageModel, check_sampling, policy_of
from sparring.agents.models.batching import Batched
from sparring.agents.models.conversation import Conversation, message
from sparring.agents.models.openai import OpenAIModel
from sparring.types import Observation, Policy, Reply, Sampling, call_id

SERVED = "openai:"
WRITING = Sampling(temperature=0.1, max_new_tokens=512, decoding="free")


@dataclass(frozen=True, slots=True)
class _Dialogue:
    """An episode between two turns."""

    conversation: Conversation
    completion: Completion | None = None
    programs: int = 0


class CodeAct:
    """Plays environments that run programs. `trainable=False` freezes it."""

    def __init__(
        self,
        model: LanguageModel | Batched,
        *,
        sampling: Sampling = WRITING,
        most_prompt_tokens: int = 6_000,
        name: str | None = None,
        trainable: bool = False,
    ) -> None:
        """`most_prompt_tokens`: a longer conversation starts anew with the task and the last exchange."""
        self._batched = model if isinstance(model, Batched) else Batched(model)
        self.model = self._batched.model
        self.sampling = check_sampling(sampling, self.model)
        self.name = name or f"code-act:{self.model.name}"
        self._most_prompt_tokens = most_prompt_tokens
        self._trainable = trainable
        self._memory: EpisodeMemory[_Dialogue] = EpisodeMemory()

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Which weights act now."""
        return (policy_of(self.model, self._trainable),)

    async def act(self, observation: Observation) -> Reply:
        """Write the next program, or the answer."""
        dialogue = self._heard(self._memory.recall(observation), observation.text)
        conversation = dialogue.conversation
        completion = await self._batched.generate(conversation.tokens, self.sampling, observation.seed)
        written = read_program(self.model.decode(completion.token_ids))
        answered = written.kind == "answer"
        said = replace(dialogue, completion=completion, programs=dialogue.programs + (not answered))
        self._memory.keep(observation, said, answered)
        call = conversation.call(
            self.model,
            completion,
            self.sampling,
            trainable=self._trainable,
            continues=call_id(observation.turn - 1, 0),
        )
        return Reply(written.action, (call,), _notes(written, said.programs))

    def _heard(self, dialogue: _Dialogue | None, text: str) -> _Dialogue:
        """The dialogue after an observation: the task, or what the last program printed."""
        if dialogue is None or dialogue.completion is None:
            return _Dialogue(Conversation.of(self.model, message("user", code_act_prompt(text))))
        after = dialogue.conversation.after(self.model, dialogue.completion, text, self._most_prompt_tokens)
        return replace(dialogue, conversation=after)


def _notes(written: CodeProgram, programs: int) -> dict[str, Any]:
    """A program is a node of a tree without branches; an answer hangs on the last one."""
    if written.kind == "answer":
        return {"parent": programs or None, "abstained": not written.content}
    return {"node": programs, "parent": programs - 1 or None, "depth": programs}


def load_models(names: Sequence[str], device: str = "auto") -> list[LanguageModel]:
    """Models by name, path or hub id; `openai:NAME` is one behind a server. Raises MissingExtra."""
    return [_load_model(name, device) for name in names]


def _load_model(name: str, device: str) -> LanguageModel:
    if name.startswith(SERVED):
        return OpenAIModel(name.removeprefix(SERVED))
    registry.require("torch", "train")
    registry.require("transformers", "train")
    from sparring.agents.models.transformers import TransformersModel

    return TransformersModel(name, device=device)


@registry.agents.register("code-act", family="code", extra="train")
def code_act(argument: str = "smollm2", *, device: str = "auto") -> CodeAct:
    """One program a turn, with its output fed back, until the model answers: `code-act:MODEL`."""
    return CodeAct(load_models([argument], device)[0])
