"""What flows through Sparring, in the order it is made.

    Observation ─► Agent ─► Reply ─► Turn ─► Trajectory (one seat) ─► Episode (all seats) ─► store

Token truth: the concatenated segments of a sample *are* what the model saw and wrote.
Nothing downstream re-tokenises or re-renders text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

SegmentKind = Literal["prompt", "generated", "scaffold"]
Status = Literal["ok", "truncated", "env_error", "agent_error"]
RECORDED = frozenset({"stop_reason", "execution"})
"""What the recording itself writes into `Turn.info`."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one seat sees when it is its turn."""

    env_id: str
    seat: str
    text: str
    legal_actions: tuple[str, ...] | None = None
    """The very strings that are accepted, where they are finite; None where any text may be legal."""
    suggested_actions: tuple[str, ...] | None = None
    """Some accepted strings, not all of them, where `legal_actions` is None."""
    state_key: str | None = None
    """What the seat knows, as one string: equal keys are the same information state."""
    turn: int = 0
    """How many actions this seat has already taken in the episode."""
    seed: int = 0
    """The agent's randomness for this turn: equal observation and seed, equal reply."""
    episode: str = ""
    """Which episode this is, for agents that remember what they did in it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of tokens with one origin: given (prompt), sampled (generated) or forced (scaffold)."""

    kind: SegmentKind
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None = None
    """[len(token_ids)], nats, under the sampling policy; generated segments only."""
    allowed: tuple[tuple[int, ...], ...] | None = None
    """Per generated token, the ids the sampler chose among: its law is renormalised over them. None: the vocabulary."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How generated tokens were drawn."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_new_tokens: int = 64
    decoding: Literal["legal", "free"] = "legal"
    """legal: only tokens that spell a legal action; free: the whole vocabulary, then a parser."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which weights acted. `trainable` is False for frozen opponents and everything that is not a model."""

    model: str
    weights_version: str = "0"
    adapter: str | None = None
    trainable: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """An agent's answer: the action text for the environment, and the tokens it came from (if any)."""

    action: str
    segments: tuple[Segment, ...] = ()
    extends: bool = False
    """True if the segments continue the tokens of this seat's turn before; False starts a new training sample."""
    weights_version: str | None = None
    """The weights that generated, where they can change between turns."""
    stop_reason: str = "action"
    info: Mapping[str, Any] = field(default_factory=dict)
    """The agent's own notes on this action (a node of its search, its votes), kept in `Turn.info`. Plain JSON data."""

    def __post_init__(self) -> None:
        """Raises TypeError where `info` holds what JSON cannot, ValueError for a name that is the recording's."""
        if taken := RECORDED.intersection(self.info):
            raise ValueError(f"Reply.info may not hold {sorted(taken)}: the recording writes {sorted(RECORDED)} itself")
        if self.info:
            plain(self.info, "Reply.info")


@dataclass(frozen=True, slots=True)
class Turn:
    """One action of one seat, and what came of it."""

    index: int
    """Position in the episode, over all seats."""
    observation: str
    observation_hash: str
    """`hash_observation` of what the seat saw; `verify` must reproduce it."""
    legal_actions: tuple[str, ...] | None
    action: str
    legal: bool
    reward: float
    """What the seat received from this action until its next one."""
    segments: tuple[Segment, ...] = ()
    extends: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)
    """`stop_reason`, the notes of `Reply.info`, and `execution` where the environment ran a program."""
    env_seconds: float = 0.0
    agent_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One seat's view of an episode."""

    id: str
    seat: str
    agent: str
    policy: Policy
    sampling: Sampling | None
    turns: tuple[Turn, ...]
    reward: float
    """Sum over the episode: the payoff plus every named part."""
    reward_parts: Mapping[str, float] = field(default_factory=dict)
    """What the reward is made of: `payoff` (zero-sum where the game is) and penalties, each by name."""
    stop_reason: str = "terminated"
    parents: tuple[tuple[str, str], ...] = ()
    """(relation, trajectory id): reflection_of, refined_from, aggregated_from, retry_of, expert."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One play of one environment, complete: the only thing that is stored."""

    id: str
    env_id: str
    env_version: str
    env_kwargs: Mapping[str, Any]
    seed: int
    status: Status
    trajectories: Mapping[str, Trajectory]
    task: str | None = None
    """Episodes of one task share their initial state; intervals cluster on it."""
    group: str | None = None
    """Episodes of one group are compared with each other (group-relative advantages, mirrored seats)."""
    error: str | None = None

    @property
    def hash(self) -> str:
        """SHA-256 over everything that decides what happened; wall-clock times are left out."""
        return hashlib.sha256(canonical_json(_without_times(episode_to_dict(self))).encode()).hexdigest()

    @property
    def turns(self) -> list[tuple[str, Turn]]:
        """(seat, turn) over all seats, in the order they were played."""
        pairs = [(seat, turn) for seat, trajectory in self.trajectories.items() for turn in trajectory.turns]
        return sorted(pairs, key=lambda pair: pair[1].index)


class Agent(Protocol):
    """Anything that answers what a seat sees. Async, so that thousands of episodes meet in one batch."""

    @property
    def name(self) -> str:
        """What tables and reports call it."""
        ...

    @property
    def policy(self) -> Policy:
        """Which weights act now."""
        ...

    @property
    def sampling(self) -> Sampling | None:
        """How its tokens are drawn; None where there are no tokens."""
        ...

    async def act(self, observation: Observation) -> Reply:
        """The reply to one observation. Must be a function of the observation (its seed included) and the weights."""
        ...


def hash_observation(text: str, legal_actions: tuple[str, ...] | None, arrays: bytes = b"") -> str:
    """64 bits, in hex, over what a seat saw; `arrays` are the bytes of what was seen beside the text."""
    legal = "" if legal_actions is None else "\x1f".join(legal_actions)
    content = f"{text}\x1e{legal}".encode("utf-8", "surrogatepass") + arrays
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def derive_seed(*parts: object) -> int:
    """A seed (63 bits) that depends on every part: the way one run seed becomes a seed per episode, seat and turn."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def samples(trajectory: Trajectory) -> Iterator[list[Segment]]:
    """The token sequences of a trajectory: turns that extend each other are one, every other turn starts its own."""
    sample: list[Segment] = []
    for turn in trajectory.turns:
        if not turn.extends and sample:
            yield sample
            sample = []
        sample = [*sample, *turn.segments]
    if sample:
        yield sample


def canonical_json(value: object) -> str:
    """One text per value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def plain(value: object, name: str) -> Any:
    """The value as JSON gives it back: an own copy. Raises TypeError naming the place that JSON cannot hold."""
    _require_plain(value, name)
    return json.loads(canonical_json(value))


def _require_plain(value: object, name: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the keys of {name} must be strings, got {key!r}")
            _require_plain(item, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            _require_plain(item, f"{name}[{position}]")
    elif not isinstance(value, str | int | float | None):
        raise TypeError(f"{name} must be plain data that JSON can hold, got {type(value).__name__} {value!r:.80}")


def episode_to_dict(episode: Episode) -> dict[str, Any]:
    """Plain data that JSON can hold; `episode_from_dict` is its inverse."""
    return asdict(episode)


def episode_from_dict(data: Mapping[str, Any]) -> Episode:
    """The episode that `episode_to_dict` wrote."""
    trajectories = {seat: _trajectory_from_dict(t) for seat, t in data["trajectories"].items()}
    return Episode(**{**data, "trajectories": trajectories})


def _trajectory_from_dict(data: Mapping[str, Any]) -> Trajectory:
    return Trajectory(
        **{
            **data,
            "policy": Policy(**data["policy"]),
            "sampling": None if data["sampling"] is None else Sampling(**data["sampling"]),
            "turns": tuple(_turn_from_dict(turn) for turn in data["turns"]),
            "parents": tuple((relation, other) for relation, other in data["parents"]),
        }
    )


def _turn_from_dict(data: Mapping[str, Any]) -> Turn:
    legal = data["legal_actions"]
    return Turn(
        **{
            **data,
            "legal_actions": None if legal is None else tuple(legal),
            "segments": tuple(_segment_from_dict(segment) for segment in data["segments"]),
        }
    )


def _segment_from_dict(data: Mapping[str, Any]) -> Segment:
    allowed, logprobs = data["allowed"], data["logprobs"]
    return Segment(
        kind=data["kind"],
        token_ids=tuple(data["token_ids"]),
        logprobs=None if logprobs is None else tuple(logprobs),
        allowed=None if allowed is None else tuple(tuple(ids) for ids in allowed),
    )


def _without_times(data: dict[str, Any]) -> dict[str, Any]:
    for trajectory in data["trajectories"].values():
        for turn in trajectory["turns"]:
            turn.pop("env_seconds")
            turn.pop("agent_seconds")
    return data
