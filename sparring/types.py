"""What flows through Sparring, in the order it is made.

    Observation ─► Player ─► Reply (calls) ─► Turn ─► Trajectory (one seat) ─► Episode (all seats) ─► store

Token truth: the concatenated segments of a sample *are* what the model saw and wrote.
Nothing downstream re-tokenises or re-renders text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, dataclass_transform

from sparring.content import Blob, Content, canonical_json, plain, text_of
from sparring.situation import Situation

SegmentKind = Literal["prompt", "generated", "scaffold"]
Status = Literal["ok", "truncated", "env_error", "agent_error"]
FaultKind = Literal["environment", "agent", "sandbox", "engine", "server", "timeout", "capacity"]
Parents = tuple[tuple[str, str], ...]
"""(relation, trajectory id): reflection_of, refined_from, aggregated_from, retry_of, challenged_by, expert, others."""
SOUND = ("ok", "truncated")
"""The statuses of episodes that came to an end which the environment declared."""
TIMES = frozenset({"agent_seconds", "env_seconds"})
"""Fields that no hash covers."""
T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(kind: type[T]) -> type[T]:
    """A slotted dataclass that mypy keeps frozen, for what is made at every turn.

    Python does not keep it frozen: a frozen object of 11 fields takes eight times as long to make.
    """
    return dataclass(slots=True)(kind)


@record
class Observation:
    """What one seat sees when it is its turn."""

    content: Content
    """Text and blobs, in the environment's order; `text` has the text alone."""
    legal_actions: tuple[str, ...] | None = None
    """The very strings that are accepted, where they are finite; None where any text may be legal."""
    suggested_actions: tuple[str, ...] | None = None
    """Some accepted strings, not all of them, where `legal_actions` is None."""
    state_key: str | None = None
    """What the seat knows, as one string: equal keys are the same information state."""
    turn: int = 0
    """How many actions this seat has already taken in the episode."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """What the environment says beside the observation, as plain data: tools, what the last program came to."""
    situation: Situation | None = field(default=None, compare=False, repr=False)
    """The same for programs: vector, mask and position, worked out when they are asked for; never recorded."""

    @property
    def text(self) -> str:
        """The text of the content."""
        return text_of(self.content)


@record
class Seen:
    """An observation as it is recorded: all that decided it, and nothing that follows from the match."""

    content: Content
    legal_actions: tuple[str, ...] | None = None
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text of the content."""
        return text_of(self.content)


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of tokens with one origin: given (prompt), sampled (generated) or forced (scaffold)."""

    kind: SegmentKind
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None = None
    """[len(token_ids)], nats, under the sampling policy; generated segments only."""
    allowed: tuple[tuple[int, ...], ...] | None = None
    """Per generated token, the ids the sampler chose among, over which its distribution is renormalised. None: all."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one side of a conversation said: raw text, with its role."""

    role: str
    content: str


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
    tokenizer: str = ""
    """Fingerprint of what turns text into token ids; "" where there is none, or it is not known."""
    weights: str = ""
    """Fingerprint of the weights that were loaded; "" where it is not known, or training changed them."""


@dataclass(frozen=True, slots=True)
class Call:
    """One question to a model and its answer, under the weights of that moment."""

    policy: Policy
    sampling: Sampling | None = None
    segments: tuple[Segment, ...] = ()
    """What this call added to the tokens of the call that it continues."""
    messages: tuple[Message, ...] = ()
    """The same as text: what was said to the model since, and its raw answer."""
    purpose: str = "act"
    """act, query, critic, reflect, vote, ..."""
    continues: str | None = None
    """The id of an earlier call of the trajectory; None starts a sample. A call's id is its turn and place: `3.0`."""
    stop_reason: str = "action"
    """action, eos, length, or stop (a text that was to end it)."""


@record
class Reply:
    """An agent's answer: the action text for the environment, and the calls it came from (if any)."""

    action: str
    calls: tuple[Call, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    """The agent's own notes on this action (a node of its search, its votes), kept in `Turn.notes`. Plain JSON data."""

    def __post_init__(self) -> None:
        """Raises TypeError where `notes` holds what JSON cannot."""
        if self.notes:
            plain(self.notes, "Reply.notes")


@record
class Turn:
    """One action of one seat, and what came of it."""

    index: int
    """Position in the episode, over all seats."""
    observation: Seen
    action: str
    legal: bool
    reward: float
    """What the seat received from this action until its next one."""
    reward_parts: Mapping[str, float] = field(default_factory=dict)
    """What that reward is made of, where the environment says so."""
    hidden: Mapping[str, Any] = field(default_factory=dict)
    """What the environment knew at the observation and no agent sees: a gold answer, a predicate's truth."""
    calls: tuple[Call, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    """Of `Reply.notes`."""
    env_seconds: float = 0.0
    agent_seconds: float = 0.0

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Of all calls."""
        return tuple(segment for call in self.calls for segment in call.segments)


@record
class Trajectory:
    """One seat's view of an episode."""

    id: str
    seat: str
    agent: str
    turns: tuple[Turn, ...]
    reward: float
    """Sum over the episode: the payoff plus every named part."""
    last: Seen | None = None
    """What the seat saw at the end, and why it was won; None where the episode broke off before."""
    hidden: Mapping[str, Any] = field(default_factory=dict)
    """As `Turn.hidden`, at the end."""
    reward_parts: Mapping[str, float] = field(default_factory=dict)
    """What the reward is made of, summed: `payoff` (zero-sum where the game is) and penalties, each by name."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What the environment measured beside the reward, the latest value of each."""
    stop_reason: str = "terminated"
    parents: Parents = ()

    @property
    def calls(self) -> Iterator[tuple[str, Call]]:
        """(id, call) in the order in which they were made."""
        for number, turn in enumerate(self.turns):
            for place, call in enumerate(turn.calls):
                yield call_id(number, place), call

    @property
    def trainable(self) -> bool:
        """Whether weights that learn made any of its calls."""
        return any(call.policy.trainable for turn in self.turns for call in turn.calls)

    @property
    def outcomes(self) -> list[Mapping[str, Any]]:
        """Per turn, what the environment said after it: the info of the next observation, or of the last one."""
        after = [turn.observation.info for turn in self.turns[1:]]
        return [*after, self.last.info if self.last else {}][: len(self.turns)]


@record
class Episode:
    """One play of one environment, complete: the only thing that is stored."""

    id: str
    env_id: str
    env_version: str
    env_kwargs: Mapping[str, Any]
    seed: int
    """Decides the task: deal, map, question."""
    status: Status
    trajectories: Mapping[str, Trajectory]
    sample: int = 0
    """Which of several attempts at the task: decides the agents' randomness."""
    task: str | None = None
    """Episodes of one task share their initial state; intervals cluster on it."""
    group: str | None = None
    """Episodes of one group are compared with each other (group-relative advantages, mirrored seats)."""
    fault: FaultKind | None = None
    """Whose fault it was that it broke off; None where it did not."""
    error: str | None = None

    @property
    def sound(self) -> bool:
        """Whether it came to an end that the environment declared, and no fault broke it off."""
        return self.status in SOUND

    @property
    def hash(self) -> str:
        """SHA-256 over everything that decides what happened; wall-clock times are left out."""
        return hashlib.sha256(canonical_json(self, TIMES).encode()).hexdigest()

    @property
    def turns(self) -> list[tuple[str, Turn]]:
        """(seat, turn) over all seats, in the order they were played."""
        pairs = [(seat, turn) for seat, trajectory in self.trajectories.items() for turn in trajectory.turns]
        return sorted(pairs, key=lambda pair: pair[1].index)

    @property
    def blobs(self) -> Iterator[Blob]:
        """Everything that it saw and that is not text."""
        for trajectory in self.trajectories.values():
            for seen in (*[turn.observation for turn in trajectory.turns], trajectory.last):
                for part in seen.content if seen else ():
                    if isinstance(part, Blob):
                        yield part


def derive_seed(*parts: object) -> int:
    """A seed (63 bits) that depends on every part: the way one run seed becomes a seed per episode, seat and turn."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


Failure = TypeVar("Failure", bound=BaseException)


def mark_fault(error: Failure, kind: FaultKind) -> Failure:
    """Say whose fault an error is, for the status of the episode that it breaks off; what was said before stands."""
    if not hasattr(error, "fault_kind"):
        error.fault_kind = kind  # type: ignore[attr-defined]
    return error


def call_id(turn: int, place: int) -> str:
    """The id of the call that is so many calls into a seat's turn."""
    return f"{turn}.{place}"
