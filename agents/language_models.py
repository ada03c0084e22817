"""Language models as agents by name: how a model is loaded, and how it plays."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypedDict, Unpack, cast, get_type_hints

from sparring import registry
from sparring.agents import models
from sparring.agents.models.loading import SERVED, VLLM, LocalOptions, ServedOptions, VllmOptions
from sparring.agents.models.weights.trained import settings_as_trained
from sparring.agents.players import WritingAgent, make_player
from sparring.agents.talking.agent import TalkingAgent
from sparring.store.run_files import is_run
from sparring.types import Sampling

CHOOSES = "choose"
"""The kind of agent that remembers nothing, beside those that talk: chat, react."""


class PlayingOptions(TypedDict, total=False):
    """How a model plays."""

    prompt: str
    decoding: Literal["legal", "free"]
    temperature: float
    max_new_tokens: int


class PlayerOptions(LocalOptions, PlayingOptions, total=False):
    """How a model in this process is loaded and plays."""


class VllmPlayerOptions(VllmOptions, PlayingOptions, total=False):
    """How vLLM runs a model, and how it plays."""


def build(model: str, **options: Unpack[VllmPlayerOptions]) -> WritingAgent | TalkingAgent:
    """A frozen player from a model's name, path or hub id, `vllm:` before it or not, for matches and evaluation.

    Of a run folder its best checkpoint, which plays as it was trained where `options` do not say otherwise.
    """
    registry.require("torch", "train")
    registry.require("transformers", "train")
    if is_run(run := Path(model.removeprefix(f"{VLLM}:"))):
        trained = settings_as_trained(run)
        kind = trained.pop("agent", CHOOSES)
        if kind != CHOOSES:
            if "prompt" in options:
                raise ValueError(f"prompt: {model} was trained as agent {kind}, which has a system prompt instead")
            return cast("TalkingAgent", registry.agents.make(str(kind), argument=model, **options))
        options = cast("VllmPlayerOptions", trained | options)
    decoding = options.get("decoding", "legal")
    if decoding not in ("legal", "free"):
        raise ValueError(f"decoding must be legal or free, got {decoding!r}")
    sampling = Sampling(
        options.get("temperature", 1.0), max_new_tokens=options.get("max_new_tokens", 64), decoding=decoding
    )
    loading = {name: value for name, value in options.items() if name in get_type_hints(VllmOptions)}
    loaded = models.load_shared(model, **cast("VllmOptions", loading))
    return make_player(loaded, prompt=options.get("prompt", "bracket"), sampling=sampling)


@registry.agents.register("smollm2", family="language model", extra="train")
def smollm2(**options: Unpack[PlayerOptions]) -> WritingAgent | TalkingAgent:
    """SmolLM2-135M-Instruct, choosing among the legal actions."""
    return build("smollm2", **options)


@registry.agents.register("nano", family="language model", extra="train")
def nano(**options: Unpack[PlayerOptions]) -> WritingAgent | TalkingAgent:
    """A tiny transformer with random weights: for tests and quick runs."""
    return build("nano", **options)


@registry.agents.register("model", family="language model", extra="train")
def model(argument: str, **options: Unpack[PlayerOptions]) -> WritingAgent | TalkingAgent:
    """Any causal language model: `model:PATH` or `model:HUB-ID`."""
    return build(argument, **options)


@registry.agents.register("vllm", family="language model", extra="train")
def vllm(argument: str, **options: Unpack[VllmPlayerOptions]) -> WritingAgent | TalkingAgent:
    """A model that vLLM runs in this process: `vllm:smollm2`, `vllm:PATH`."""
    return build(f"{VLLM}:{argument}", **options)


@registry.agents.register("openai", family="language model", extra="openai")
def served(
    argument: str,
    *,
    prompt: str = "boxed",
    temperature: float = 1.0,
    max_new_tokens: int = 1024,
    **options: Unpack[ServedOptions],
) -> WritingAgent:
    """A model behind an OpenAI-compatible server, writing freely: `openai:NAME:url=http://localhost:8000/v1`."""
    sampling = Sampling(temperature, max_new_tokens=max_new_tokens, decoding="free")
    return WritingAgent(models.load_shared(f"{SERVED}:{argument}", **options), prompt=prompt, sampling=sampling)
