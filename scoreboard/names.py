"""What people call environments, models, settings and metrics."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from unicodedata import category

from sparring import registry

UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode's categories of what cannot be seen."""
MODELS = {"smollm2": "SmolLM2-135M"}
METRICS = {
    "nash_conv": "NashConv of the policy",
    "nash_conv_average": "NashConv of the average of all policies",
    "optimal": "Probability of an optimal move",
    "blunders": "Moves that give away value, share",
    "exploitability": "What a best response wins",
    "against_uniform": "Reward against uniform play",
    "reward": "Reward by seat",
    "illegal_share": "Illegal actions, share",
    "tokens_per_second": "Tokens per second",
    "turns_per_second": "Turns per second",
    "loss": "Loss",
    "entropy": "Entropy of the policy, nats",
    "grad_norm": "Gradient norm",
    "episodes": "Episodes",
    "faults": "Episodes that broke off",
    "turns": "Turns",
    "tokens": "Tokens written",
    "seconds": "Seconds an update",
    "samples": "Samples trained on",
    "distinct": "Different samples",
    "nodes": "Tokens computed (shared prefixes once)",
    "broken_prefixes": "Turns that begin a new sample",
    "sampler_mismatch": "Difference between sampler and learner, nats",
    "importance": "Mean importance weight",
    "importance_capped": "Importance weights at the cap",
    "staleness": "Age of the weights that played, updates",
    "skipped_steps": "Optimizer steps left out (not finite)",
    "magnet": "Pull towards uniform play",
    "learning_rate": "Learning rate",
}


@dataclass(frozen=True, slots=True)
class PlayWords:
    """What people of a family call an episode, and actions that count and that do not."""

    episode: str
    legal: str
    illegal: str
    contested: bool = True
    """Whether seats play against each other: else nobody wins or loses."""


GAMES = PlayWords("game", "legal", "illegal")
WORDS_OF_FAMILIES = {
    "retrieval": PlayWords("question", "readable", "unreadable"),
    "robot": PlayWords("episode", "readable", "unreadable", contested=False),
}
"""Of families in which nothing is a game."""


def visible(text: str) -> str:
    """Control characters, and characters that have no width or turn the direction of text, as `⟨U+202E⟩`."""
    return "".join(f"⟨U+{ord(one):04X}⟩" if category(one) in UNSEEN else one for one in text)


def play_words(*env_ids: str) -> PlayWords:
    """The words of the family of all these environments; those of games where there are several, or none."""
    families = {_family(env_id) for env_id in env_ids}
    return WORDS_OF_FAMILIES.get(families.pop(), GAMES) if len(families) == 1 else GAMES


def _family(env_id: str) -> str:
    try:
        return registry.envs.row(env_id).family
    except registry.UnknownName:
        return ""


def env_words(env_id: str) -> str:
    """ "Kuhn poker" for "sparring/KuhnPoker-v0"; others keep their namespace."""
    space, _, name = env_id.rpartition("/")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", re.sub(r"-v\d+$", "", name)).split(" ")
    said = " ".join([*words[:1], *(word if word.isupper() else word.lower() for word in words[1:])])
    return said if space in ("", "sparring") else f"{space}/{said}"


def model_words(model: str) -> str:
    """A known model's name, the last part of a path."""
    return MODELS.get(model) or PurePath(model).name or model


def metric_words(key: str) -> str:
    """What a column of the metrics is; what belongs to one environment or seat names it."""
    name, _, rest = key.partition("/")
    known = METRICS.get(name)
    if known is None:
        return key
    return f"{known}: {', '.join(_place_words(rest))}" if rest else known


def unit_of(env_id: str) -> str:
    """What the rewards of an environment count: chips in poker, "reward" elsewhere."""
    try:
        return registry.envs.row(env_id).unit
    except registry.UnknownName:
        return "reward"


def is_won_or_lost(env_id: str) -> bool:
    """Whether a win is all that an episode can pay, so that shares of wins say everything."""
    try:
        return registry.envs.row(env_id).reward_range == (-1.0, 1.0)
    except registry.UnknownName:
        return False


def _place_words(rest: str) -> list[str]:
    env_id, slash, seat = rest.rpartition("/")
    return [env_words(env_id), seat] if slash and re.fullmatch(r"player_\d+", seat) else [env_words(rest)]
