"""What a run will need, before it starts: parameters, memory by what takes it, store and disk. Nothing is written.

The model is not loaded. Its parameters are counted without values, what a backward pass keeps is counted in a forward
pass without values (PyTorch's fake tensors), and the size of the store is that of a few games that `nano` plays.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AutoModelForCausalLM

from sparring.agents import models
from sparring.agents.models.adapter import Lora, add_adapter
from sparring.agents.models.engine.decode import CACHE_BYTES, ROWS, cache_bytes
from sparring.agents.models.engine.forward import recompute_layers
from sparring.agents.models.engine.logprobs import CHUNK
from sparring.agents.models.engine.packing import nodes_for
from sparring.agents.models.tokenizer import Tokenizer
from sparring.agents.models.transformers import SMALL_MODEL, bf16_pays
from sparring.agents.models.weights.reading import pick_device, read_outline
from sparring.agents.players import make_player
from sparring.agents.prompts import template
from sparring.plurals import number_of
from sparring.rollout.loop import play
from sparring.rollout.match import Match
from sparring.scoreboard.matches import seats_of
from sparring.store.store import Store
from sparring.trainers.checkpoints import KEPT
from sparring.trainers.config import RunConfig, require_usable
from sparring.types import Episode, Sampling, derive_seed

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

GAMES = 16
"""Games of each environment that are played to see how long observations are, and how large a stored game is."""
TRIED_TOKENS = 32
"""Longest answers in these games; longer ones are reckoned from shorter ones."""
FP32 = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of parameters and tokens; everything else in bytes."""

    parameters: int
    trainable: int
    weights: int
    sampler: int
    """The copy of the weights that decodes."""
    gradients: int
    optimizer: int
    longest_pack: int
    """Tokens."""
    activations: int
    """What the backward pass of the longest pack needs, logits included."""
    cache: int
    """Keys and values of answers that are written freely."""
    store_per_update: int
    checkpoints: int
    """All that stands in `checkpoints/` while the run is under way, if no two files are equal and share their room."""

    @property
    def memory(self) -> int:
        """At most at one time: while it learns, or while it writes."""
        always = self.weights + self.sampler + self.optimizer
        return always + max(self.gradients + self.activations, self.cache)


def plan_of(config: RunConfig) -> Plan:
    """The plan of a run. Raises what a run would raise for settings that cannot work."""
    require_usable(config)
    shape, tokenizer = read_outline(config.model)
    parameters, trainable, adapter, factored = _parameters(shape, config)
    low = parameters >= SMALL_MODEL and (pick_device(config.device).startswith("cuda") or bf16_pays())
    dtype = torch.bfloat16 if low else torch.float32
    answer = config.max_new_tokens if config.decoding == "free" else TRIED_TOKENS
    games = {game: _played(config, game, GAMES, TRIED_TOKENS) for game in config.games}
    longest = max(_longest_prompt(tokenizer, config, episodes) for episodes in games.values()) + answer
    pack = max(config.pack_nodes or nodes_for(pick_device(config.device).partition(":")[0]), longest)
    learnt = FP32 * (adapter or parameters)
    moments = 2 if config.momentum else 1
    state = 2 * FP32 * trainable
    if config.optimizer == "adafactor":
        moments, state = 0, FP32 * factored
    return Plan(
        parameters=parameters,
        trainable=trainable,
        weights=FP32 * parameters,
        sampler=_sampler(shape, parameters - adapter, dtype),
        gradients=FP32 * trainable,
        optimizer=state,
        longest_pack=pack,
        activations=_activations(shape, config, dtype, pack),
        cache=_cache(shape, config, dtype),
        store_per_update=sum(_stored(config, game) for game in config.games) // len(config.games) * config.PLAYS,
        checkpoints=(config.keep_checkpoints or KEPT) * (1 + moments) * learnt
        + (1 + getattr(config, "league_size", 0)) * learnt,
    )


def _parameters(shape: PreTrainedConfig, config: RunConfig) -> tuple[int, int, int, int]:
    """All, those that are trained, those of the adapter, and the numbers that Adafactor keeps of those trained."""
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(shape)
    before = sum(parameter.numel() for parameter in module.parameters())
    if config.lora_rank:
        add_adapter(module, Lora(config.lora_rank, config.lora_alpha, config.lora_targets))
    every = sum(parameter.numel() for parameter in module.parameters())
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    factored = sum(sum(p.shape[-2:]) if p.dim() > 1 else p.numel() for p in trained)
    return every, sum(p.numel() for p in trained), every - before, factored


def _sampler(shape: PreTrainedConfig, parameters: int, dtype: torch.dtype) -> int:
    """Matrices in `dtype`; of embedding and head one copy each, the embedding in fp32."""
    text = shape.get_text_config()
    embedding = int(text.vocab_size * text.hidden_size)
    layers = parameters - embedding * (1 if shape.tie_word_embeddings else 2)
    return FP32 * embedding + dtype.itemsize * (embedding + layers)


def _cache(shape: PreTrainedConfig, config: RunConfig, dtype: torch.dtype) -> int:
    """Rows are decoded in turn where the keys and values of all would be too many."""
    if config.decoding != "free":
        return 0
    row = config.max_new_tokens * cache_bytes(shape, dtype)
    most = CACHE_BYTES["cuda" if pick_device(config.device).startswith("cuda") else "cpu"]
    return max(1, min(config.games_per_update, ROWS, most // row)) * row


def _activations(shape: PreTrainedConfig, config: RunConfig, dtype: torch.dtype, tokens: int) -> int:
    """A few chunks of logits, and what grows with the tokens; with recomputed layers all of one layer beside it."""
    text = shape.get_text_config()
    logits = 3 * FP32 * CHUNK * int(text.vocab_size)
    if not config.gradient_checkpointing:
        return logits + _kept(shape, config, False, dtype, tokens)
    one_layer = _kept(shape, config, False, dtype, tokens) // int(text.num_hidden_layers)
    return logits + _kept(shape, config, True, dtype, tokens) + one_layer


def _kept(shape: PreTrainedConfig, config: RunConfig, recomputed: bool, dtype: torch.dtype, tokens: int) -> int:
    """Bytes that autograd saves in a forward pass over one row, reckoned from two short rows.

    Matrices need their inputs whether they or the adapters beside them are trained; norms do not once they are frozen.
    """
    few, more = 64, 128
    with FakeTensorMode():
        module = AutoModelForCausalLM.from_config(shape).eval()
        for parameter in module.parameters():
            parameter.requires_grad_(not config.lora_rank or parameter.ndim > 1)
        if recomputed:
            recompute_layers(module)
        first, second = (_saved(module, count, dtype) for count in (few, more))
    return first + (second - first) * (tokens - few) // (more - few)


def _saved(module: PreTrainedModel, tokens: int, dtype: torch.dtype) -> int:
    own = {parameter.untyped_storage()._cdata for parameter in module.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    ids = torch.zeros(1, tokens, dtype=torch.long)
    visible = torch.ones(1, 1, tokens, tokens, dtype=torch.bool)
    precision = torch.autocast("cpu", torch.bfloat16) if dtype == torch.bfloat16 else nullcontext()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), precision:
        module.base_model(ids, position_ids=torch.arange(tokens)[None], attention_mask=visible, use_cache=False)
    return sum(storage.nbytes() for storage in kept.values())


def _played(config: RunConfig, game: str, count: int, tokens: int) -> list[Episode]:
    """Games in which nano, untrained, takes every seat with the prompt and the decoding of the run."""
    sampling = Sampling(config.temperature, max_new_tokens=tokens, decoding=config.decoding)
    agent = make_player(models.load("nano", device="cpu"), prompt=config.prompt, sampling=sampling, trainable=True)
    matches = [
        Match(f"plan/{index}", game, dict.fromkeys(seats_of(game), "nano"), derive_seed(config.seed, f"plan/{index}"),
              config.env_kwargs())
        for index in range(count)
    ]  # fmt: skip
    return play(matches, {"nano": agent})


def _longest_prompt(tokenizer: Tokenizer, config: RunConfig, episodes: list[Episode]) -> int:
    shape = template(config.prompt)
    seen = [turn.observation for episode in episodes for t in episode.trajectories.values() for turn in t.turns]
    shown = {(one.text, tuple(one.legal_actions or ()) if shape.lists_actions else ()) for one in seen}
    prompts = (shape.messages(text, actions) for text, actions in shown)
    return max((len(tokenizer.chat([dict(one) for one in messages])) for messages in prompts), default=0)


def _stored(config: RunConfig, game: str) -> int:
    """Bytes of the games of one update, as if all were of this environment."""
    fewer, tokens = TRIED_TOKENS // 2, config.max_new_tokens
    short = _size(_played(config, game, 3 * GAMES, fewer), config.games_per_update)
    if config.decoding != "free" or tokens <= fewer:
        return int(short)
    longer = _size(_played(config, game, 3 * GAMES, TRIED_TOKENS), config.games_per_update)
    return int(short + (longer - short) * (tokens - fewer) / (TRIED_TOKENS - fewer))


def _size(episodes: list[Episode], count: int) -> float:
    """Bytes that so many games take in a store that has some already, reckoned from few and more."""
    few, more = (_growth(episodes[:GAMES], episodes[GAMES : GAMES + n]) for n in (GAMES // 2, 2 * GAMES))
    return few + (more - few) * (count - GAMES // 2) / (2 * GAMES - GAMES // 2)


def _growth(before: list[Episode], episodes: list[Episode]) -> int:
    """Bytes by which a store grows with an update's games and a column beside them."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = []
        for one in (before, episodes):
            with Store(Path(folder) / "store", "a") as store:
                store.append(one)
                store.put_columns("plan", "advantage", {t.id: 0.1 for e in one for t in e.trajectories.values()})
            sizes.append(sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()))
    return sizes[1] - sizes[0]


def lines_of(plan: Plan, config: RunConfig) -> Iterator[str]:
    """The plan as people read it."""
    rows = {
        "weights": plan.weights,
        "the sampler's copy of them": plan.sampler,
        "optimizer": plan.optimizer,
        "gradients": plan.gradients,
        f"activations of a pack of {plan.longest_pack:,} tokens": plan.activations,
        f"keys and values of answers of {config.max_new_tokens:,} tokens": plan.cache,
    }
    yield f"parameters: {plan.parameters:,}, of which {plan.trainable:,} are trained"
    yield f"memory: about {_readable(plan.memory)}, beside Python and its libraries (about 0.6 GB)"
    yield from (f"  {name}: {_readable(size)}" for name, size in rows.items())
    stored = plan.store_per_update
    updates = number_of(config.steps, "update")
    yield f"store: about {_readable(stored)} an update, {_readable(stored * config.steps)} in {updates}"
    yield f"checkpoints: at most {_readable(plan.checkpoints)}"


def _readable(size: int) -> str:
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"
