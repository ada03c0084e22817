"""CodeAct (arXiv 2402.01030): code as the action, turn by turn, in one growing conversation.

The model writes a program, sees what it printed, and goes on until it gives an answer. There is one line of thought,
so this is the greedy baseline that a tree is measured against. The paper's few-shot examples and its `python` session
are left out: whether programs share their variables is up to the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from sparring import registry
from sparring.agents import models
from sparring.agents.code.program import CodeProgram, read_program
from sparring.agents.code.prompts import code_act_prompt
from sparring.agents.models.conversation import Conversation, message
from sparring.agents.models.loading import ModelOptions
from sparring.notes import ProgramNote
from sparring.protocols import Completion, LanguageModel, Seat
from sparring.types import Observation, Policy, Reply, Sampling, Seen, call_id

WRITING = Sampling(temperature=0.1, max_new_tokens=512, decoding="free")


class CodeAct:
    """Plays environments that run programs. `trainable=False` freezes it."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        sampling: Sampling = WRITING,
        most_prompt_tokens: int = 6_000,
        name: str | None = None,
        trainable: bool = False,
    ) -> None:
        """`most_prompt_tokens`: a longer conversation starts anew with the task and the last exchange."""
        self.model = model
        self.sampling = models.check_sampling(sampling, self.model)
        self.name = name or f"code-act:{self.model.name}"
        self.most_prompt_tokens = most_prompt_tokens
        self.trainable = trainable

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Which weights act now."""
        return (models.policy_of(self.model, self.trainable),)

    def open(self, seat: Seat) -> CodeActPlayer:
        """A new conversation."""
        return CodeActPlayer(self, seat)

    async def write(self, conversation: Conversation, seed: int) -> Completion:
        """What the model says next."""
        return await self.model.generate(conversation.tokens, self.sampling, seed)


class CodeActPlayer:
    """One conversation."""

    def __init__(self, agent: CodeAct, seat: Seat) -> None:
        self._agent, self._seat, self._programs = agent, seat, 0
        self._conversation: Conversation | None = None
        self._completion: Completion | None = None

    async def act(self, observation: Observation) -> Reply:
        """Write the next program, or the answer."""
        agent, turn = self._agent, observation.turn
        conversation = self._heard(observation.text)
        completion = await agent.write(conversation, self._seat.turn_seed(turn))
        written = read_program(agent.model.decode(completion.token_ids))
        self._conversation, self._completion = conversation, completion
        self._programs += written.kind != "answer"
        call = conversation.call(
            agent.model, completion, agent.sampling, trainable=agent.trainable, continues=call_id(turn - 1, 0)
        )
        return Reply(written.action, (call,), _notes(written, self._programs))

    def close(self, last: Seen | None) -> None:
        """Nothing is held open."""

    def _heard(self, text: str) -> Conversation:
        """The conversation after an observation: the task, or what the last program printed."""
        model = self._agent.model
        if self._conversation is None or self._completion is None:
            return Conversation.of(model, message("user", code_act_prompt(text)))
        return self._conversation.after(model, self._completion, text, self._agent.most_prompt_tokens)


def _notes(written: CodeProgram, programs: int) -> Mapping[str, object]:
    """A program is a node of a tree without branches; an answer hangs on the last one."""
    if written.kind == "answer":
        return {"parent": programs or None, "abstained": not written.content}
    return ProgramNote(programs, programs - 1 or None, programs).to_notes()


@registry.agents.register("code-act", family="code", extra="train")
def code_act(argument: str = "smollm2", **options: Unpack[ModelOptions]) -> CodeAct:
    """One program a turn, with its output fed back, until the model answers: `code-act:MODEL`."""
    return CodeAct(models.load_shared(argument, **options))
