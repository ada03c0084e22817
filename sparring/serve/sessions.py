"""One client's place, whatever protocol it speaks, and what it is told beside the text."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sparring.content import Blob
from sparring.kinds import shown
from sparring.serve.hall import Hall
from sparring.serve.served import Served
from sparring.serve.tables import Table, Told
from sparring.serve.wishes import Wish
from sparring.types import Observation

Json = dict[str, Any]


class Session:
    """A client's place: at most one seat of one table at a time."""

    def __init__(self, hall: Hall, served: Served) -> None:
        self.hall, self.served = hall, served
        self._since: float | None = time.monotonic()
        """Since when the client says nothing; None while it waits for us."""
        self.table: Table | None = None
        self.seat, self.episode_id = "", ""

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While the client waits for us."""
        self._since = None
        try:
            yield
        finally:
            self._since = time.monotonic()

    def idle(self) -> float:
        """For how many seconds the client has said nothing."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    async def reset(self, wish: Wish) -> Told:
        """Begin an episode; one that is in play is left. Raises ValueError, Full, BrokeOff."""
        self.leave("its client began another episode")
        self.table, self.seat = self.hall.sit(self.served, wish)
        self.episode_id = wish.episode_id or self.table.match.id
        return await self.table.next(self.seat)

    async def step(self, action: str) -> Told:
        """Play an action. Raises ValueError where there is nothing to play, BrokeOff."""
        if self.table is None:
            raise ValueError("a step before a reset: this session has no episode")
        chair = self.table.chairs[self.seat]
        if not chair.to_move:
            raise ValueError("the episode is over: reset begins another one")
        chair.answer(action)
        return await self.table.next(self.seat)

    def state(self) -> Json:
        """What OpenEnv calls the state: of the episode, not of the game."""
        table = self.table
        if table is None:
            return {"episode_id": None, "step_count": 0, "env": self.served.env_id}
        match, chair = table.match, table.chairs[self.seat]
        return {
            "episode_id": self.episode_id,
            "step_count": chair.steps,
            "env": match.env_id,
            "seat": self.seat,
            "seed": match.seed,
            "record": match.id,
            "to_move": chair.to_move,
            "done": table.over.is_set(),
        }

    def leave(self, why: str) -> None:
        """Leave the table, whose game breaks off unless it is over."""
        if self.table is not None and not self.table.over.is_set():
            self.table.chairs[self.seat].leave(why)


def read_action(data: object) -> str:
    """The text of an action. Raises ValueError for what is not `{"action": TEXT}`."""
    if not isinstance(data, Mapping):
        raise ValueError(f'the data of a step must be {{"action": TEXT}}, got {shown(data)}')
    if more := sorted(map(str, set(data) - {"action", "metadata"})):
        raise ValueError(f"a step has an action and nothing else, got {more[0]!r:.80} too")
    if not isinstance(data.get("action"), str):
        raise ValueError(f"action must be text, got {shown(data.get('action'))}")
    return str(data["action"])


def metadata(told: Told, session: Session) -> Json:
    """What an observation has beside its text."""
    seen, episode = told.seen, told.episode
    said: Json = {
        "episode_id": session.episode_id,
        "seat": session.seat,
        "truncated": False,
        "legal_actions": seen.legal_actions,
        "illegal": not told.legal,
        "reward_parts": dict(told.reward_parts),
        "info": dict(seen.info),
    }
    if isinstance(seen, Observation) and seen.suggested_actions is not None:
        said["suggested_actions"] = seen.suggested_actions
    if arrays := [_as_data(part) for part in seen.content if isinstance(part, Blob)]:
        said["arrays"] = arrays
    if episode is not None:
        trajectory = episode.trajectories[session.seat]
        said["truncated"] = episode.status == "truncated"
        said["stop_reason"] = trajectory.stop_reason
        said["total_reward"] = trajectory.reward
        said["metrics"] = dict(trajectory.metrics)
    return said


def _as_data(blob: Blob) -> Json:
    data = base64.b64encode(blob.data or b"").decode()
    return {"name": blob.name, "dtype": blob.dtype, "shape": blob.shape, "base64": data}
