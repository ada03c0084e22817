"""An agent loop for verl (0.9): one seat of one of our environments, with agents of ours in the others.

    # agent_loop_config_path: a YAML list
    - name: sparring
      _target_: sparring.interop.verl.SparringAgentLoop
      env_id: sparring/KuhnPoker-v0
      opponent: random

A row of the dataset has `agent_name: sparring`, `raw_prompt` (whose system prompt, if it has one, is the model's), and
`extra_info: {"seed": 7, "seat": "player_0"}`. verl's server writes the tokens; the row that verl learns from has them
as they were written, and what the environment said is masked out. A fault is raised, and verl drops the row's group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import numpy as np
from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopMetrics, AgentLoopOutput

from sparring import registry
from sparring.agents.models.tokenizer import FastTokenizer
from sparring.agents.talking.agent import TalkingAgent
from sparring.interop.alone import played
from sparring.interop.rows import row_of
from sparring.protocols import Completion, Ids
from sparring.rollout.loop import Match
from sparring.types import Sampling


class ServedModel:
    """verl's server as a language model of ours: token ids in, token ids and log-probabilities out."""

    name, weights_version, weights_fingerprint = "verl", "0", ""
    shows_logprobs = True

    def __init__(self, server: Any, tokenizer: Any, sampling: Mapping[str, Any], context: int) -> None:
        self._server, self._sampling, self.context = server, {**sampling, "logprobs": True}, context
        self._tokenizer = FastTokenizer(tokenizer, (int(tokenizer.eos_token_id),))
        self.tokenizer_fingerprint = self._tokenizer.fingerprint
        self._request = uuid4().hex
        """One for the conversation: its turns go to the server that has the beginning in its cache."""

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        return self._tokenizer.encode(text)

    def decode(self, token_ids: Ids) -> str:
        """The text of token ids."""
        return self._tokenizer.decode(token_ids)

    def chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Token ids of a conversation."""
        return self._tokenizer.chat([dict(message) for message in messages])

    async def generate(self, prompt: Ids, sampling: Sampling, seed: int) -> Completion:
        """What the server writes, sampled as verl says."""
        asked = {**self._sampling, "max_tokens": sampling.max_new_tokens}
        answer = await self._server.generate(request_id=self._request, prompt_ids=list(prompt), sampling_params=asked)
        ids = tuple(answer.token_ids)
        logprobs = tuple(answer.log_probs or ())
        if len(logprobs) != len(ids):
            raise ValueError(f"the server gave {len(logprobs)} log-probabilities for {len(ids)} tokens")
        stop = "eos" if ids and ids[-1] in self._tokenizer.eos_ids else "length"
        return Completion(ids, logprobs, stop, self.weights_version)

    async def score(self, prompt: Ids, continuations: Sequence[Ids]) -> list[np.ndarray]:
        """verl's server only writes."""
        raise TypeError("verl's server shows no probabilities of given texts")


class SparringAgentLoop(AgentLoopBase):
    """Plays one seat to the end of its episode."""

    def __init__(
        self,
        *args: Any,
        env_id: str = "sparring/KuhnPoker-v0",
        opponent: str = "random",
        max_new_tokens: int = 64,
        env_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """`max_new_tokens`: of one answer. Raises UnknownName, ValueError."""
        super().__init__(*args, **kwargs)
        row = registry.envs.row(env_id).given(dict(env_kwargs or {}))
        self.seats = row.seat_ids
        self.env_id, self.env_kwargs, self.opponent = env_id, dict(env_kwargs or {}), registry.make_agent(opponent)
        self.max_new_tokens = max_new_tokens

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> AgentLoopOutput:
        """The row that verl learns from. Raises RuntimeError where the episode broke off."""
        extra = row.get("extra_info") or {}
        seat, seed = extra.get("seat", self.seats[0]), int(extra.get("seed", 0))
        limits = self.rollout_config
        context = int(limits.prompt_length) + int(limits.response_length)
        model = ServedModel(self.server_manager, self.tokenizer, sampling_params, context)
        said = [message["content"] for message in row["raw_prompt"] if message["role"] == "system"]
        temperature = float(sampling_params.get("temperature", 1.0))
        sampling = Sampling(temperature, max_new_tokens=self.max_new_tokens, decoding="free")
        learner = TalkingAgent(model, sampling=sampling, system=said[0] if said else None, trainable=True)
        agents = {one: learner if one == seat else self.opponent for one in self.seats}
        names = {one: agent.name for one, agent in agents.items()}
        match = Match(f"verl/{uuid4().hex}", self.env_id, names, seed, self.env_kwargs)
        episode = await played(match, agents)
        flat = row_of(episode, seat, (int(self.tokenizer.eos_token_id),))
        longest = int(limits.response_length)
        return AgentLoopOutput(
            prompt_ids=flat.prompt_ids,
            response_ids=flat.completion_ids[:longest],
            response_mask=flat.mask[:longest],
            response_logprobs=flat.logprobs[:longest],
            reward_score=flat.payoff,
            num_turns=2 * len(episode.trajectories[seat].turns),
            metrics=AgentLoopMetrics(),
            extra_fields={"status": episode.status},
        )
