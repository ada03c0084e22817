"""The settings of SPIRAL, and what of them cannot work."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from sparring import registry
from sparring.agents.prompts import template
from sparring.trainers.settings import require_ranges, require_types

if TYPE_CHECKING:
    from sparring.agents.models.transformers import TransformersModel
    from sparring.trainers.learner import LearnerConfig

RANGES = {
    ">= 1": (
        *("steps", "games_per_update", "league_every", "league_size", "checkpoint_every", "epochs", "max_new_tokens"),
    ),
    ">= 0": (
        *(
            "magnet",
            "magnet_final",
            "learning_rate",
            "learning_rate_decay",
            "evaluate_every",
            "evaluation_games",
            "probe_every",
        ),
    ),
    "> 0": ("temperature",),
    "in [0, 1]": ("league_share",),
    "in [0, 1)": ("baseline_decay", "momentum"),
}


@dataclass(frozen=True, slots=True)
class Config:
    """Self-play by SPIRAL."""

    model: str = "nano"
    """Language model: nano, smollm2, a local path or a hub id."""
    games: tuple[str, ...] = ("sparring/KuhnPoker-v0",)
    """Environment ids, played in turn."""
    steps: int = 100
    """Updates."""
    games_per_update: int = 512
    """Episodes played before each update, over all games."""
    seed: int = 0
    """Decides everything: deals, actions, initial weights of nano."""
    estimator: Literal["rae", "reinforce", "group"] = "rae"
    """Baseline: rae (SPIRAL's: a moving average per game and seat), reinforce (none), group (the update's mean)."""
    baseline_decay: float = 0.95
    """Decay of the moving averages of rae."""
    learning_rate: float | None = None
    """AdamW step size at the first update. None: 5e-4 for models under 10 million parameters, else 3e-5."""
    learning_rate_decay: float = 0.05
    """Share of the step size left at the last update; in between it falls geometrically (to 0: linearly)."""
    momentum: float = 0.0
    """AdamW's first moment. In self-play the opponent changes, and momentum still follows the old one."""
    magnet: float = 0.5
    """Weight of the regulariser KL(policy || uniform) at the first update; 0 switches it off."""
    magnet_final: float = 0.1
    """Weight of the regulariser at the last update; in between it falls geometrically (to 0: linearly)."""
    epochs: int = 1
    """Optimizer steps per update."""
    league_share: float = 0.2
    """Share of the matches in which a frozen past checkpoint (of the league) plays one seat."""
    league_every: int = 10
    """Updates between snapshots for the league."""
    league_size: int = 4
    """Snapshots that the league keeps."""
    illegal: Literal["forfeit", "spiral", "retry", "noop"] = "forfeit"
    """What an illegal action leads to; spiral is the paper's -1.5 / +0.5."""
    decoding: Literal["legal", "free"] = "legal"
    """Choose among the legal actions, or write freely and parse."""
    prompt: str = "bracket"
    """Prompt template: bracket or boxed."""
    max_new_tokens: int = 64
    """Longest answer when writing freely, tokens."""
    temperature: float = 1.0
    """Sampling temperature."""
    evaluate_every: int = 1
    """Updates between exact evaluations (NashConv) on the games that can be solved; 0: only first and last."""
    evaluation_games: int = 200
    """Games per environment against uniform play, before the first and after the last update."""
    probe_every: int = 10
    """Updates between such games in environments that cannot be solved exactly; 0: only first and last."""
    checkpoint_every: int = 20
    """Updates between checkpoints."""
    device: str = "auto"
    """auto (CUDA if present), cpu, cuda, cuda:1, ..."""

    def __post_init__(self) -> None:
        """Raises ValueError naming the first setting that cannot work."""
        require_types(type(self), {field.name: getattr(self, field.name) for field in fields(self)})
        require_ranges(self, RANGES)
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be in [0, 2**63), got {self.seed}")
        if not self.games:
            raise ValueError("games must name at least one environment")

    def env_kwargs(self) -> dict[str, Any]:
        """What every environment is made with."""
        return {} if self.illegal == "forfeit" else {"illegal": self.illegal}


def require_usable(config: Config) -> None:
    """Raises ValueError, UnknownName, MissingExtra for settings that name what is not there, before a model is loaded.

    Every environment is made once: it may need an engine that is not installed.
    """
    template(config.prompt)
    require_device(config.device)
    for game in config.games:
        seats = registry.envs.row(game).seats
        if seats < 2:
            raise ValueError(f"spiral needs games of two seats or more, {game} has {seats}")
        try:
            registry.envs.make(game, **config.env_kwargs()).close()
        except TypeError as error:
            raise ValueError(f"{game} cannot be made with {config.env_kwargs()}: {error}") from error


def require_device(device: str) -> None:
    """Raises ValueError where torch cannot compute on the device."""
    import torch

    try:
        if device != "auto":
            torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"device must be auto, cpu, or one that torch finds here, got {device!r}: {reason}") from error


def learner_config(config: Config, model: TransformersModel) -> LearnerConfig:
    """What the learner needs of the settings; the step size depends on the model's."""
    from sparring.agents.models.transformers import SMALL_MODEL
    from sparring.trainers.learner import LearnerConfig

    small = sum(parameter.numel() for parameter in model.module.parameters()) < SMALL_MODEL
    rate = config.learning_rate if config.learning_rate is not None else (5e-4 if small else 3e-5)
    betas = (config.momentum, 0.95)
    return LearnerConfig(learning_rate=rate, betas=betas, epochs=config.epochs, length=config.max_new_tokens)
