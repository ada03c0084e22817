"""The one door to language models: a spec becomes a model.

smollm2        nano:seed=3        runs/kuhn        ./my-model:device=cpu        owner/name
vllm:smollm2:cache_gb=2        openai:NAME:url=http://localhost:8000/v1
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack, cast
from weakref import WeakValueDictionary

from sparring.agents.models.trainable import LocalModel
from sparring.protocols import LanguageModel
from sparring.registry import require
from sparring.specs import parse_spec, require_options, typed_options
from sparring.store.run_files import BEST, CHECKPOINTS, is_run

if TYPE_CHECKING:
    from sparring.agents.models.transformers import TransformersModel

SERVED, VLLM = "openai", "vllm"
_SHARED: WeakValueDictionary[str, LanguageModel] = WeakValueDictionary()
AGENT = "model:"
"""How an agent's spec begins that names a model; `chat:model:PATH` is `chat:PATH`."""


class LocalOptions(TypedDict, total=False):
    """How a model in this process is loaded."""

    device: str
    """auto (CUDA where present, else the CPU), cpu, cuda, cuda:1."""
    precision: Literal["auto", "fp32", "bf16"]
    seed: int
    """Of nano's weights."""


class VllmOptions(LocalOptions, total=False):
    """How vLLM runs a model in this process."""

    cache_gb: float
    """GiB of keys and values that it keeps; it bounds the context too. Left out: 1 on a CPU, 8 on a GPU."""


class ServedOptions(TypedDict, total=False):
    """How a model behind a server is asked."""

    url: str
    """Where the server is; else `OPENAI_BASE_URL` says it."""
    timeout: float
    """Seconds that a request has."""
    tokenizer: str
    """The model whose tokenizer the server's is. The server is then asked for tokens and their log-probabilities."""
    token_ids: bool
    """Whether chats are recorded in the server's own tokens, with their log-probabilities, which it must then show."""


class ModelOptions(VllmOptions, ServedOptions, total=False):
    """What a model may be given, whichever kind it is."""


def load(spec: str, **options: Unpack[ModelOptions]) -> LanguageModel:
    """The model of a spec: `smollm2`, `nano`, a folder, a run folder, a hub id, `vllm:` before one of these,
    `openai:NAME`. `options` go before those that the spec names.

    Raises: UnknownName (no such short name), MissingExtra (the package to install), FileNotFoundError (a path or hub id
    that leads to no model; the message says why), ValueError (an option that is wrong, or that this kind has not).
    """
    scheme, name, written = _parsed(spec)
    builders: Mapping[str, Callable[..., LanguageModel]] = {"": _local, SERVED: _served, VLLM: _by_vllm}
    build = builders[scheme]
    require_options(f"model {spec!r}", build, options)
    return build(name, **{**typed_options(f"model {spec!r}", build, written), **options})


def load_shared(spec: str, **options: Unpack[ModelOptions]) -> LanguageModel:
    """As `load`, for players whose weights stay as they are: one model a process, for as long as somebody holds it.

    A folder whose files have changed since is loaded anew.
    """
    key = repr((model_name(spec), sorted(options.items()), _stamp(spec)))
    model = _SHARED.get(key)
    if model is None:
        model = _SHARED[key] = load(spec, **options)
    return model


def _stamp(spec: str) -> tuple[tuple[str, int, int], ...]:
    """What tells a model's folder from what it was before: names, sizes and times of its files."""
    _, name, _ = _parsed(spec)
    folder = Path(name)
    folder = folder / CHECKPOINTS / BEST if is_run(folder) else folder
    files = [(path.name, path.stat()) for path in sorted(folder.iterdir())] if folder.is_dir() else []
    return tuple((file, stat.st_size, stat.st_mtime_ns) for file, stat in files)


def load_trainable(spec: str, **options: Unpack[LocalOptions]) -> LocalModel:
    """As `load`, a model whose weights can be trained. Raises ValueError for one behind a server too."""
    scheme, name, written = _parsed(spec)
    if scheme == VLLM:
        raise ValueError(
            f"vLLM samples and does not train, got {spec!r}: name {name!r} itself, and let vLLM play with --engine vllm"
        )
    if scheme:
        raise ValueError(f"a model to be trained must be in this process, and {spec!r} is behind a server")
    require_options(f"model {spec!r}", _local, options)
    build: Callable[..., LocalModel] = _local
    return build(name, **{**typed_options(f"model {spec!r}", build, written), **options})


def with_engine(model: LocalModel, engine: str) -> LocalModel:
    """The model, sampled by vLLM from now on if the engine is `vllm`. Raises MissingExtra, and ValueError where it does
    not fit."""
    if engine == VLLM:
        from sparring.agents.models.vllm.opening import open_engine

        ours = cast("TransformersModel", model)
        ours.sample_with(open_engine(ours))
    return model


def model_name(spec: str) -> str:
    """What a person calls a model, without the `model:` that its agent's spec begins with."""
    return spec if Path(spec).is_dir() else spec.removeprefix(AGENT)


def _parsed(spec: str) -> tuple[str, str, Mapping[str, str]]:
    """The scheme of a spec ("": in this process), the name, the options as text."""
    spec = model_name(spec)
    if Path(spec).is_dir():  # whatever colons its name has
        return "", spec, {}
    parsed = parse_spec(spec)
    if parsed.name not in (SERVED, VLLM):
        return "", parsed.name if parsed.argument is None else f"{parsed.name}:{parsed.argument}", parsed.options
    if not parsed.argument:
        raise ValueError(f"the name of a model must follow `{parsed.name}:`, got {spec!r}")
    return parsed.name, parsed.argument, parsed.options


def _local(argument: str, **options: Unpack[LocalOptions]) -> LocalModel:
    """A model whose weights live in this process."""
    require("torch", "train")
    require("transformers", "train")
    if not 0 <= (seed := options.get("seed", 0)) < 2**63:
        raise ValueError(f"seed of model {argument!r} must be in [0, 2**63), got {seed}")
    from sparring.agents.models.transformers import TransformersModel

    return TransformersModel(argument, **options)


def _by_vllm(argument: str, *, cache_gb: float | None = None, **options: Unpack[LocalOptions]) -> LanguageModel:
    """A model that vLLM runs in this process, with weights that stay as they are."""
    from sparring.agents.models.vllm.opening import open_engine, require_vllm

    require_vllm()
    model = cast("TransformersModel", _local(argument, **options))
    model.leave_to(open_engine(model, cache_gb))
    model.name = f"{VLLM}:{model.name}"
    return model


def _served(argument: str, **options: Unpack[ServedOptions]) -> LanguageModel:
    """A model behind a server."""
    from sparring.agents.models.openai import OpenAIModel

    url, timeout = options.get("url"), options.get("timeout")
    if options.get("token_ids"):
        from sparring.agents.models.chat_tokens import ChatTokens

        if "tokenizer" in options:
            raise ValueError(f"openai:{argument} takes tokenizer, which sends tokens, or token_ids, and not both")
        return ChatTokens(argument, url, timeout)
    if "tokenizer" in options:
        from sparring.agents.models.served_tokens import ServedTokens

        return ServedTokens(argument, options["tokenizer"], url, timeout)
    return OpenAIModel(argument, url, timeout)
