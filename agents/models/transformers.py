"""Any causal language model that `transformers` can hold, in this process.

Scoring packs the prompts into a prefix trie (`packing`), generation runs our own decode loop (`decode`). The module's
parameters are the fp32 master weights, which the learner trains in place; forward passes run in bf16 where the
processor has it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sparring.agents.models.adapter import Lora, adapter_weights, add_adapter, merged_weights, switched_off
from sparring.agents.models.batching import Batched
from sparring.agents.models.engine.decode import Engine, Generated, generate
from sparring.agents.models.engine.forward import Forward, context_of, recompute_layers
from sparring.agents.models.engine.logprobs import Head, chosen_logprobs
from sparring.agents.models.engine.packing import Pack, pack
from sparring.agents.models.engine.selftest import right_pass
from sparring.agents.models.rounds import Refused, require_wanted
from sparring.agents.models.sampler import Question, Sampler
from sparring.agents.models.tokenizer import Tools
from sparring.agents.models.weights.reading import Loaded, pick_device, read_model
from sparring.protocols import Completion, Ids
from sparring.types import Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SMALL_MODEL = 10_000_000
"""Below this many parameters bf16 gains no time, so fp32 is used."""


class TransformersModel(Batched):
    """A language model whose weights live in this process.

    Raises what `reading.read_model` raises, and ValueError where we cannot compute what the model itself computes.
    """

    shows_logprobs = True
    adapter: str | None = None

    def __init__(self, name: str, device: str = "auto", precision: str = "auto", seed: int = 0) -> None:
        self._adopt(read_model(name, device=device, seed=seed), precision)

    @classmethod
    def from_loaded(cls, loaded: Loaded, precision: str = "auto") -> TransformersModel:
        """A model that is already in memory."""
        self = cls.__new__(cls)
        self._adopt(loaded, precision)
        return self

    def _adopt(self, loaded: Loaded, precision: str) -> None:
        self._loaded = loaded
        self.name, self.tokenizer = loaded.name, loaded.tokenizer
        self.module = loaded.model
        self.weights_version = loaded.fingerprint[:12]
        self.weights_fingerprint, self.tokenizer_fingerprint = loaded.fingerprint, loaded.tokenizer.fingerprint
        self.device: torch.device = next(self.module.parameters()).device
        self.precision = _choose_precision(self.module, self.device) if precision == "auto" else precision
        if self.precision not in ("fp32", "bf16"):
            raise ValueError(f"precision must be auto, fp32 or bf16, got {precision!r}")
        self._forward: Forward = right_pass(self.module)
        self.context = context_of(self.module.config)
        self._engine: Engine | None = None
        self.sampler: Sampler | None = None
        self._engine_version = ""

    def to_bytes(self) -> bytes:
        """The whole model, for another process of the same versions: `from_bytes` makes it again.

        Raises ValueError where another engine samples for it, which stays in its process.
        """
        if self.sampler is not None:
            raise ValueError(
                f"the engine that samples for {self.name} cannot go to other machines: with --ray leave out "
                "--engine vllm, and name a model without vllm:"
            )
        buffer = BytesIO()
        torch.save({**vars(self), "_engine": None}, buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, packed: bytes, device: str = "auto") -> TransformersModel:
        """The model that `to_bytes` packed, on a device here. Only for bytes of one's own: they are unpickled."""
        self, there = cls.__new__(cls), pick_device(device)
        vars(self).update(torch.load(BytesIO(packed), map_location=there, weights_only=False))
        if self.device.type != (here := next(self.module.parameters()).device).type:
            self.precision = _choose_precision(self.module, here)
        self.device = here
        return self

    def add_adapter(self, lora: Lora) -> None:
        """Train a small adapter from now on, and leave the weights as they are. Raises ValueError, MissingExtra."""
        if self.adapter is not None:
            raise ValueError(f"{self.name} has an adapter already, {self.adapter}")
        add_adapter(self.module, lora)
        self.adapter, self._engine = lora.name, None

    def sample_with(self, sampler: Sampler) -> None:
        """Let another engine generate and score from now on. It is given the weights before its next question."""
        self.sampler, self._engine = sampler, None

    def leave_to(self, sampler: Sampler) -> None:
        """As `sample_with`, for good: the weights go to the other engine now, and are kept here no longer."""
        self.sample_with(sampler)
        self.synced_sampler()
        self.module.to("meta")

    def recompute_layers(self) -> None:
        """Spend a forward pass more to train in less memory. Raises ValueError where the model's layers cannot."""
        recompute_layers(self.module)

    def reference(self) -> TransformersModel | None:
        """The same weights with the adapter switched off; None where there is no adapter."""
        if self.adapter is None:
            return None
        without = copy.copy(self)
        without.adapter, without._forward = None, partial(_without_adapter, self._forward)
        return without

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, no special tokens added."""
        return self.tokenizer.encode(text)

    def decode(self, token_ids: Ids) -> str:
        """The text of token ids, special tokens left out."""
        return self.tokenizer.decode(token_ids)

    def chat(self, messages: Sequence[Mapping[str, str]], tools: Tools = ()) -> list[int]:
        """Token ids of a conversation, up to where the assistant's answer begins."""
        return self.tokenizer.chat([dict(message) for message in messages], tools)

    def shows_tools(self, tools: Tools) -> bool:
        """Whether the chat template shows these tools."""
        return self.tokenizer.shows_tools(tools)

    def sync(self, weights: Mapping[str, Tensor] | None, version: str) -> None:
        """Take new weights; None says that the module's own were trained in place."""
        if weights is not None:
            missing, unexpected = self.module.load_state_dict(weights, strict=False)
            if unexpected or set(missing) & set(self.weights()):
                raise ValueError(f"weights do not fit {self.name}: missing {missing[:3]}, unexpected {unexpected[:3]}")
        self.weights_version, self.weights_fingerprint = version, ""

    def weights(self) -> dict[str, Tensor]:
        """The parameters by name, a tied one under one of its names; of a model with an adapter, those of the adapter.

        `sync` takes them back.
        """
        if self.adapter is not None:
            return adapter_weights(self.module)
        tied = self._tied()
        return {name: value for name, value in self.module.state_dict().items() if name not in tied}

    def _tied(self) -> set[str]:
        """Names of parameters that have another name too."""
        return set(self.module._tied_weights_keys or ()) if self.module.config.tie_word_embeddings else set()

    def save(self, folder: Path) -> None:
        """Write what `models.load(str(folder))` loads again: weights, config and tokenizer, or the adapter alone."""
        if self.adapter is None:
            self._loaded.save(folder)
        else:
            self._loaded.save_adapter(folder)

    def autocast(self) -> AbstractContextManager[object]:
        """bf16 matrix products over fp32 weights, or nothing."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    @property
    def head(self) -> Head:
        """What makes logits of hidden states."""
        return Head.of(self.module)

    def hidden(self, packed: Pack) -> Tensor:
        """Final hidden states [N, D] of a pack's nodes. Call inside `autocast()`.

        Raises ValueError where a sequence is longer than the context.
        """
        if packed.positions.max() >= self.context:
            raise ValueError(f"a sequence has {packed.positions.max() + 1} tokens, the context is {self.context}")
        if self.sampler is not None:
            self.sampler.rest()
        return self._forward(self.module, packed)

    def generate_batch(self, prompts: Sequence[Ids], sampling: Sampling, seeds: Sequence[int]) -> list[Completion]:
        """One completion a prompt; see `decode.generate`. Raises Refused."""
        self._require_room(prompts, [sampling.max_new_tokens] * len(prompts))
        version = self.weights_version
        if self.sampler is not None:
            generated = self.synced_sampler().generate(prompts, sampling, seeds)
        else:
            generated = self._decode(prompts, sampling, seeds)
        return [Completion(tuple(g.token_ids), tuple(g.logprobs), g.stop_reason, version) for g in generated]

    def _decode(self, prompts: Sequence[Ids], sampling: Sampling, seeds: Sequence[int]) -> list[Generated]:
        if self._engine is None:
            self._engine = Engine(self.module, torch.bfloat16 if self.precision == "bf16" else torch.float32)
        elif self._engine_version != self.weights_version:
            self._engine.sync(self.module)
        self._engine_version = self.weights_version
        return generate(
            self._engine,
            prompts,
            max_new_tokens=sampling.max_new_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            eos_ids=self.tokenizer.eos_ids,
            seeds=seeds,
        )

    def synced_sampler(self) -> Sampler:
        """The other engine, with the present weights. Raises ValueError where there is none."""
        if (sampler := self.sampler) is None:
            raise ValueError(f"{self.name} has no other engine to sample for it: give it one with sample_with")
        if sampler.version != self.weights_version:
            merged, tied = merged_weights(self.module), self._tied()
            weights = ((name, merged[name]) for name in merged if name not in tied)
            sampler.sync(weights, self.weights_version, self._score)
        return sampler

    def score_batch(self, prompts: Sequence[Ids], continuations: Sequence[Sequence[Ids]]) -> list[list[np.ndarray]]:
        """Log-probability of every token of every continuation; equal questions in one call are computed once.

        Raises Refused.
        """
        self._require_room(prompts, [max(map(len, cs), default=0) for cs in continuations])
        asked = [[(tuple(p), tuple(c)) for c in cs] for p, cs in zip(prompts, continuations, strict=True)]
        distinct = dict.fromkeys(key for keys in asked for key in keys)
        for prompt, continuation in distinct:
            if not prompt or not continuation:
                raise ValueError("a prompt and a continuation must each have at least one token")
        score = self._score if self.sampler is None else self.synced_sampler().score
        scores = dict(zip(distinct, score(list(distinct)), strict=True))
        return [[scores[key] for key in keys] for keys in asked]

    def _require_room(self, prompts: Sequence[Ids], following: Sequence[int]) -> None:
        """Raise Refused for prompts that, with so many tokens after them, are longer than the context."""
        reasons = {
            index: f"the prompt has {len(prompt)} tokens and up to {more} follow, the context of {self.name} "
            f"is {self.context}"
            for index, (prompt, more) in enumerate(zip(prompts, following, strict=True))
            if len(prompt) + more > self.context
        }
        if reasons:
            raise Refused(reasons)

    @torch.no_grad()
    def _score(self, keys: list[Question]) -> list[np.ndarray]:
        """Per question, the log-probability of each token of the continuation."""
        scores: dict[Question, np.ndarray] = {}
        for packed in pack([prompt + continuation[:-1] for prompt, continuation in keys]):
            require_wanted()
            members = [keys[index] for index in packed.sequences]
            nodes = np.concatenate(
                [path[len(prompt) - 1 :] for (prompt, _), path in zip(members, packed.nodes, strict=True)]
            )
            tokens = torch.tensor([token for _, continuation in members for token in continuation])
            with self.autocast():
                hidden_MD = self._forward(self.module, packed)[torch.from_numpy(nodes).to(self.device)]
                logprobs_M = chosen_logprobs(hidden_MD, self.head, tokens.to(self.device)).cpu().double().numpy()
            ends = np.cumsum([len(continuation) for _, continuation in members])[:-1]
            scores.update(zip(members, np.split(logprobs_M, ends), strict=True))
        return [scores[key] for key in keys]


def _without_adapter(forward: Forward, module: PreTrainedModel, packed: Pack) -> Tensor:
    with torch.no_grad(), switched_off(module):
        return forward(module, packed)


def bf16_pays() -> bool:
    """Whether this processor multiplies bf16 matrices in hardware; elsewhere bf16 is many times slower than fp32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _choose_precision(module: torch.nn.Module, device: torch.device) -> str:
    """bf16 on CUDA devices and on processors where it pays, for models that are large enough to gain."""
    if sum(parameter.numel() for parameter in module.parameters()) < SMALL_MODEL:
        return "fp32"
    return "bf16" if device.type == "cuda" or bf16_pays() else "fp32"
