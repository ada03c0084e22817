"""The settings that every run has, whatever its method, and what of them cannot work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import tyro

from sparring import registry
from sparring.agents import models
from sparring.agents.models.weights.trained import settings_as_trained
from sparring.agents.prompts import template
from sparring.plurals import number_of
from sparring.store.run_files import is_run
from sparring.trainers.schedule import Shape
from sparring.trainers.settings import require_ranges, require_types
from sparring.trainers.tracking import Tracker

if TYPE_CHECKING:
    from sparring.agents.models.trainable import LocalModel, TrainableModel
    from sparring.trainers.learner import LearnerConfig


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A run. A method's own settings are a subclass; the docstring under each field is its help."""

    EXAMPLES: ClassVar[tuple[str, ...]] = ("--run runs/first", "--run runs/kuhn --model smollm2 --steps 60")
    """What can follow `sparring train METHOD`, shown by its help."""
    PLAYS: ClassVar[bool] = True
    """Whether an update plays, and so stores, episodes."""
    RANGES: ClassVar[Mapping[str, str]] = {
        "steps": ">= 1",
        "token_budget": ">= 0",
        "games_per_update": ">= 1",
        "checkpoint_every": ">= 1",
        "epochs": ">= 1",
        "max_new_tokens": ">= 1",
        "keep_checkpoints": ">= 1",
        "probe_games": ">= 1",
        "learning_rate": ">= 0",
        "learning_rate_decay": ">= 0",
        "warmup": ">= 0",
        "lora_rank": ">= 0",
        "lora_alpha": ">= 1",
        "pack_nodes": ">= 1",
        "evaluate_every": ">= 0",
        "evaluation_games": ">= 0",
        "probe_every": ">= 0",
        "reference_kl": ">= 0",
        "max_grad_norm": "> 0",
        "temperature": "> 0",
        "momentum": "in [0, 1)",
    }
    """Name -> rule, a key of `settings.RULES`."""
    USED_WITH: ClassVar[Mapping[str, tuple[str, tuple[object, ...]]]] = {
        "prompt": ("agent", ("choose",)),
        "momentum": ("optimizer", ("adamw",)),
        "lora_alpha": ("lora_rank", ()),
        "lora_targets": ("lora_rank", ()),
        "reference_estimator": ("reference_kl", ()),
    }
    """Name -> another setting, and the values of it with which the setting does something; none: all but 0 and ()."""
    OPTIONS: ClassVar[Mapping[str, str]] = {}
    """Name -> the option of the command line, where that is called otherwise."""

    model: str = "nano"
    """Model to train: nano (tiny, to try things out), smollm2, a model's folder, a run folder, or a hub id."""
    games: Annotated[
        tuple[str, ...],
        tyro.conf.arg(aliases=["--envs"], metavar="GAME,GAME", help_behavior_hint="(default: KuhnPoker)"),
    ] = ("sparring/KuhnPoker-v0",)
    """Games to train on, by commas, e.g. KuhnPoker,LeducPoker; `sparring envs` lists them. They take turns."""
    steps: int = 100
    """Updates: how often games are played and then learnt from."""
    token_budget: float = 0.0
    """The run ends, before --steps, once the model has generated so many tokens in its updates, e.g. 2e6; 0: no such
    limit."""
    games_per_update: int = 512
    """Games played before each update, over all of --games."""
    seed: int = 0
    """Decides everything: deals, actions, initial weights of nano."""
    learning_rate: Annotated[
        float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: by the model's size)")
    ] = None
    """The optimizer's step size after --warmup. Left out: 5e-4 for models under 10 million parameters, else 3e-5, or
    3e-4 with --lora-rank."""
    learning_rate_decay: float = 0.05
    """Share of the step size that is left at the last update."""
    schedule: Shape = "geometric"
    """How the step size falls to that share: geometric (to 0: linear), linear or cosine; constant: it does not fall."""
    warmup: int = 0
    """Updates in which the step size rises to --learning-rate, in equal steps, before it falls."""
    momentum: float = 0.0
    """AdamW's first moment. In self-play the opponent changes, and momentum still follows the old one."""
    optimizer: Literal["adamw", "adafactor"] = "adamw"
    """adafactor keeps the sums of rows and columns in place of a number a weight: hardly any memory, and no momentum.
    Its step size counts in the size of the weights; left out it is ten times that of adamw."""
    max_grad_norm: float = 0.5
    """Gradients that are longer are scaled down to this norm."""
    reference_kl: float = 0.0
    """Weight of the KL divergence from the model as it was at the start; 0: none. It takes a second copy of it, but
    not with --lora-rank. What that model says of each token is stored beside the episodes."""
    reference_estimator: Literal["k3", "k2"] = "k3"
    """Of that divergence, with d = log-probability - that of the start: k3, exp(-d) - 1 + d (GRPO); k2, d * d / 2."""
    lora_rank: int = 0
    """Train a LoRA adapter of this rank and leave the weights as they are; 0: train all weights."""
    lora_alpha: int = 32
    """The adapter counts alpha / rank."""
    lora_targets: Annotated[tuple[str, ...], tyro.conf.arg(metavar="LAYER,LAYER")] = ("all-linear",)
    """The layers that get an adapter, e.g. q_proj,v_proj; all-linear: every linear layer but the head."""
    gradient_checkpointing: bool = False
    """Keep only the inputs of each layer for the backward pass, and compute the rest again: about a third more time."""
    pack_nodes: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 1,024 on a CPU, 8,192 on a GPU)")
    ] = None
    """Tokens of one forward and backward pass. A longer sample has its own; gradients are summed over the passes."""
    epochs: int = 1
    """Optimizer steps on the games of one update."""
    game_weights: Annotated[
        tuple[float, ...],
        tyro.conf.arg(metavar="FLOAT,FLOAT", help_behavior_hint="(default: all games weigh the same)"),
    ] = ()
    """How much each of --games weighs in the loss against the others, one for each, e.g. 2,1."""
    reward_scales: Annotated[
        tuple[float, ...], tyro.conf.arg(metavar="FLOAT,FLOAT", help_behavior_hint="(default: by the method)")
    ] = ()
    """What the rewards of each of --games are divided by, one for each. Left out: in spiral the game's stake, where it
    is known; 1 elsewhere."""
    illegal: Literal["forfeit", "spiral", "retry", "noop"] = "forfeit"
    """Illegal actions: forfeit, the game is lost; spiral, so too, at the paper's price; retry, asked again; noop."""
    agent: Literal["choose", "chat", "react"] = "choose"
    """choose: a question a turn, whose answer is the action; chat: a conversation an episode; react: with thoughts."""
    decoding: Literal["legal", "free"] = "legal"
    """legal: the model chooses among the legal actions; free: it writes, and the action is read out of its text."""
    prompt: str = "bracket"
    """How the model is asked to answer: bracket, [bet]; boxed, \\boxed{bet}."""
    max_new_tokens: int = 64
    """Longest answer with --decoding free, in tokens."""
    temperature: float = 1.0
    """Sampling temperature, above 0; 1 is the model's own distribution."""
    evaluate_every: int = 1
    """Updates between exact evaluations (NashConv) where a game can be solved; 0: only at both ends of the run."""
    evaluation_games: int = 200
    """Games against random play for each of --games, before the first update and after the last; 0: none."""
    probe: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="AGENT,AGENT", help_behavior_hint="(default: random, in games that cannot be solved)"),
    ] = ()
    """Agents to play now and then without learning, to see progress in any game, e.g. random,minimax or runs/first."""
    probe_every: int = 10
    """Updates between such games; they are also played before the first update and after the last; 0: never."""
    probe_games: int = 100
    """Games against each of these agents in each game, always on the same deals, from every seat."""
    every_position: bool = False
    """When probes are played, also measure small games of perfect information (TicTacToe) exactly: how likely optimal
    moves are, how often value is given away, what a best response wins. It asks the model at all 4,520 positions."""
    best_by: str = ""
    """Figure in metrics.jsonl whose highest value makes checkpoints/best, e.g. "probe/ENV vs minimax"; with a minus in
    front the lowest. Left out: exact strength in the first game that can be solved, else the last weights."""
    checkpoint_every: int = 20
    """Updates between checkpoints, from which --resume goes on."""
    keep_checkpoints: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 2 while it trains, then 1)")
    ] = None
    """How many of the newest checkpoints stay on disk; where one is damaged, the one before it takes over."""
    track: Annotated[
        tuple[Tracker, ...], tyro.conf.arg(metavar="TRACKER,TRACKER", help_behavior_hint="(default: none)")
    ] = ()
    """Where metrics go too: tensorboard (into RUN/tensorboard), wandb (with WANDB_MODE=offline into RUN/wandb only)."""
    engine: Literal["transformers", "vllm"] = "transformers"
    """What samples for the model that learns: transformers, our own decoding; vllm, an engine in this process, which
    gets the new weights after each update."""
    device: str = "auto"
    """Where to compute: auto (CUDA if present), cpu, cuda, cuda:1, ..."""

    def __post_init__(self) -> None:
        """Raises ValueError naming the first setting that cannot work."""
        require_types(type(self), {field.name: getattr(self, field.name) for field in fields(self)})
        require_ranges(self, self.RANGES)
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be in [0, 2**63), got {self.seed}")
        if 0 < self.warmup >= self.steps:
            raise ValueError(f"warmup must be below steps, {self.steps}, got {self.warmup}")
        if not self.games:
            raise ValueError("games must name at least one environment")
        if len(set(self.games)) < len(self.games):
            twice = next(game for game in self.games if self.games.count(game) > 1)
            raise ValueError(f"games must name each environment once, got {twice} twice")
        for name in ("game_weights", "reward_scales"):
            values = getattr(self, name)
            if values and (len(values) != len(self.games) or min(values) <= 0):
                given = ", ".join(f"{value:g}" for value in values)
                raise ValueError(
                    f"{name} must be a number above 0 for each of {number_of(len(self.games), 'game')}, got {given}"
                )

    def env_kwargs(self) -> dict[str, object]:
        """What every environment is made with."""
        return {} if self.illegal == "forfeit" else {"illegal": self.illegal}


def require_training_tasks(config: RunConfig) -> None:
    """Raises ValueError where an environment is asked for its held-out tasks: a run measures itself on them."""
    for game in config.games:
        if registry.envs.row(game).kwargs.get("split") == "held_out":
            raise ValueError(f"{game} has held-out tasks, which are not to be trained on: leave out split=held_out")


def require_usable(config: RunConfig) -> None:
    """Raises ValueError, UnknownName, MissingExtra for settings that name what is not there, before a model is loaded.

    Every environment is made once: it may need an engine that is not installed.
    """
    template(config.prompt)
    _require_same_way_of_playing(config)
    require_device(config.device)
    for game in config.games:
        try:
            registry.envs.make(game, **config.env_kwargs()).close()
        except TypeError as error:
            raise ValueError(f"{game} cannot be made with {config.env_kwargs()}: {error}") from error


def require_used(config: RunConfig) -> None:
    """Raises ValueError for a setting that was given and that would do nothing beside the other ones."""
    for name, (other, values) in config.USED_WITH.items():
        given, beside = getattr(config, name), getattr(config, other)
        default = next(field.default for field in fields(config) if field.name == name)
        if given != default and not (beside in values if values else beside):
            called = config.OPTIONS.get(other, other)
            needed = f"{called} {' or '.join(map(str, values))}" if values else called
            raise ValueError(
                f"{name} is used only with {needed}: leave it out, got {name} {given!r}, {called} {beside!r}"
            )


def _require_same_way_of_playing(config: RunConfig) -> None:
    """Raises ValueError where a run folder is the model, and its weights were trained to play in another way."""
    run = Path(config.model)
    trained = settings_as_trained(run) if is_run(run) else {}
    for name in ("agent", "prompt", "decoding"):
        if name in trained and trained[name] != getattr(config, name):
            raise ValueError(
                f"{name}: the model {run} was trained with {name} {trained[name]!r}, got {getattr(config, name)!r}; "
                f"add --{name} {trained[name]}, or name its weights alone: --model {run / 'checkpoints' / 'best'}"
            )


def require_device(device: str) -> None:
    """Raises ValueError where torch cannot compute on the device."""
    import torch

    try:
        if device != "auto":
            torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"device must be auto, cpu, or one that torch finds here, got {device!r}: {reason}") from error


def load_model(config: RunConfig) -> LocalModel:
    """The model that the settings name, as it is at the start of the run."""
    from sparring.agents.models.adapter import Lora

    model = models.load_trainable(config.model, device=config.device, seed=config.seed)
    if config.lora_rank:
        model.add_adapter(Lora(config.lora_rank, config.lora_alpha, config.lora_targets, config.seed))
    if config.gradient_checkpointing:
        model.recompute_layers()
    return model


def learner_config(config: RunConfig, model: TrainableModel) -> LearnerConfig:
    """What the learner needs of the settings; the step size depends on the model's."""
    from sparring.agents.models.transformers import SMALL_MODEL
    from sparring.trainers.learner import LearnerConfig

    small = sum(parameter.numel() for parameter in model.module.parameters()) < SMALL_MODEL
    usual = 5e-4 if small else 3e-4 if config.lora_rank else 3e-5
    usual *= 10 if config.optimizer == "adafactor" else 1
    rate = usual if config.learning_rate is None else config.learning_rate
    betas = (config.momentum, 0.95)
    return LearnerConfig(
        learning_rate=rate,
        optimizer=config.optimizer,
        pack_nodes=config.pack_nodes,
        betas=betas,
        epochs=config.epochs,
        length=config.max_new_tokens,
        reference_kl=config.reference_kl,
        reference_estimator=config.reference_estimator,
        max_grad_norm=config.max_grad_norm,
    )
