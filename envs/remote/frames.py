"""What a server says after a reset or a step, checked, and as our agents see it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from sparring.faults import ServerFailed
from sparring.types import derive_seed

Info = dict[str, object]
OURS = ("legal_actions", "reward_parts", "truncated", "illegal")
"""Names in a server's metadata that mean here what they mean there."""
NEW_EACH_TIME = ("episode_id",)
"""Names of what says nothing of an episode but which one it is: not recorded."""
SEEDS = 2**32


@dataclass(frozen=True, slots=True)
class Frame:
    """An answer to a reset or a step."""

    observation: object
    reward: float
    """0.0 after a reset, and where the server has no reward yet."""
    done: bool
    metadata: Mapping[str, object]

    @property
    def truncated(self) -> bool:
        """Whether a budget ended the episode."""
        return self.done and self.metadata.get("truncated") is True


def frame_of(place: str, data: Mapping[str, object], after_reset: bool = False) -> Frame:
    """The frame of an answer's data. Raises ServerFailed for what is none, as with a reward of NaN."""
    done, metadata = data.get("done"), metadata_of(data)
    if not isinstance(done, bool):
        raise ServerFailed(f"{place}: done must be true or false, got {done!r:.80}")
    if after_reset and done:
        raise ServerFailed(f"{place}: the episode is over at its reset")
    said = data.get("reward")
    reward = 0.0 if after_reset or (said is None and not done) else finite(place, "reward", said)
    parts = metadata.get("reward_parts")
    if isinstance(parts, dict) and reward:
        total = math.fsum(finite(place, f"part {name!r} of the reward", part) for name, part in parts.items())
        if parts and not math.isclose(total, reward, rel_tol=1e-9, abs_tol=1e-12):
            raise ServerFailed(f"{place}: the parts of the reward must sum to {reward}, got {parts}")
    return Frame(data.get("observation"), reward, done, metadata)


def metadata_of(data: Mapping[str, object]) -> Mapping[str, object]:
    """Beside the observation, or in it."""
    observation = data.get("observation")
    inside = observation.get("metadata") if isinstance(observation, Mapping) else None
    found = data.get("metadata", inside)
    return found if isinstance(found, Mapping) else {}


def legal_actions_of(observation: object, metadata: Mapping[str, object]) -> tuple[str, ...]:
    """The legal actions that an answer lists, in its metadata or its observation; numbers as agents write them."""
    inside = observation.get("legal_actions") if isinstance(observation, Mapping) else None
    legal = metadata.get("legal_actions", inside)
    if not isinstance(legal, list) or not all(type(one) in (str, int) for one in legal):
        return ()
    return tuple(map(str, legal))


def finite(place: str, name: str, value: object) -> float:
    """A number. Raises ServerFailed for true, false, null, NaN, an infinity and what is no number."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:  # an integer beyond all floats
        pass
    raise ServerFailed(f"{place}: the {name} must be a finite number, got {value!r:.80}")


def shown(frame: Frame) -> tuple[str, Info]:
    """What an agent reads, and what goes into `info`.

    A field `text` is the observation, the other fields go into `info`. One field that is text, with no other one that
    says something, is the observation too. Everything else is shown as JSON.
    """
    observation = frame.observation
    if isinstance(observation, str):
        return observation, _info(frame)
    if not isinstance(observation, Mapping):
        return _compact(observation), _info(frame)
    fields = {name: value for name, value in observation.items() if name != "metadata"}
    told = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
    text = fields.get("text")
    if isinstance(text, str):
        rest = {name: value for name, value in told.items() if name != "text"}
        return text, _info(frame) | ({"observation": rest} if rest else {})
    if len(told) == 1 and isinstance(only := next(iter(told.values())), str):
        return only, _info(frame)
    return _compact(fields or dict(frame.metadata)), _info(frame)


def _info(frame: Frame) -> Info:
    """What an answer says that is ours to use; the rest of its metadata is recorded, and no agent sees it."""
    metadata, info = frame.metadata, Info()
    parts = metadata.get("reward_parts")
    if legal := legal_actions_of(frame.observation, metadata):
        info["legal_actions"] = legal
    if isinstance(parts, dict) and parts and frame.reward:
        info["reward_parts"] = parts
    if metadata.get("illegal") is True:
        info["illegal"] = True
    rest = {name: value for name, value in metadata.items() if name not in OURS + NEW_EACH_TIME}
    return info | ({"hidden": {"metadata": rest}} if rest else {})


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def seed_of(seed: int) -> int:
    """A seed as servers take it, of 32 bits: small ones as they are, larger ones always the same way."""
    return seed if 0 <= seed < SEEDS else derive_seed("openenv", seed) % SEEDS
