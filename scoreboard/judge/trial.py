"""A server on trial: sessions on it, and the episodes that graders compare."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from typing import TypeGuard

from sparring.envs.remote.actions import ActionForm, action_form
from sparring.envs.remote.connection import NO_ROOM, Data, Refused
from sparring.envs.remote.frames import NEW_EACH_TIME, OURS, legal_actions_of, metadata_of
from sparring.faults import ServerFailed
from sparring.scoreboard.judge.client import Client, Session

MOST_STEPS = 50
"""Of an episode that does not end by itself."""
FULL_SECONDS = 5.0
"""How long a server may need to free the slot of a session that was closed."""
Payload = dict[str, object]


@dataclass(slots=True)
class Transcript:
    """An episode as it went."""

    seed: int
    start: Data
    """The answer to the reset."""
    actions: list[Payload] = field(default_factory=list)
    answers: list[Data] = field(default_factory=list)
    """To every action; {"error": code} where it was refused."""

    @property
    def is_over(self) -> bool:
        """Whether the server said done."""
        return bool(self.answers) and self.answers[-1].get("done") is True

    @property
    def rewards(self) -> list[object]:
        """Of the steps that were not refused, as they came."""
        return [answer.get("reward") for answer in self.answers if "error" not in answer]

    @property
    def total(self) -> float:
        """The sum of the rewards that are finite numbers."""
        return math.fsum(filter(is_finite, self.rewards))


@dataclass
class Trial:
    """A server, the actions to play, and how many episodes are played for the statistics."""

    client: Client
    given: Sequence[str] = ()
    """Actions that somebody wrote down; else those that the server lists, or words."""
    count: int = 20
    wait: float = FULL_SECONDS

    @cached_property
    def facts(self) -> Mapping[str, object]:
        """What `/metadata` says."""
        status, said = self.client.get("/metadata")
        return said if status == 200 and isinstance(said, dict) else {}

    @cached_property
    def form(self) -> ActionForm:
        """How its actions are written. Raises ServerFailed where it does not say."""
        status, said = self.client.get("/schema")
        action = said.get("action") if isinstance(said, dict) else None
        if not isinstance(action, dict):
            raise ServerFailed(f"GET /schema answers {status} and no JSON schema of the action")
        return action_form(action)

    @cached_property
    def episodes(self) -> list[Transcript]:
        """Random play, one episode a seed, all on one session."""
        with self.session(0) as (session, _):
            return [self.played(session, seed) for seed in range(self.count)]

    @cached_property
    def comes_again(self) -> bool:
        """Whether the first episode comes again on a new session: else nothing can be said of what disturbs it."""
        first = self.episodes[0]
        with self.session(first.seed) as (session, _):
            return not difference(first, self.replayed(session, first))

    @cached_property
    def most_at_once(self) -> int:
        """1 where the server has no second session, else 2."""
        with self.session(0):
            try:
                second = self.client.open()
                second.ask("reset", {"seed": 0})
            except Refused as error:
                if error.code != NO_ROOM:
                    raise
                return 1
            second.close()
            return 2

    @contextmanager
    def session(self, seed: int | None, **asked: object) -> Iterator[tuple[Session, Data]]:
        """A new session with its first episode; closed at the end. Raises as `asked`."""
        session, start = self.asked("reset", asked if seed is None else {"seed": seed, **asked})
        try:
            yield session, start
        finally:
            session.close()

    def asked(self, kind: str, data: Data) -> tuple[Session, Data]:
        """A new session with the answer to the first question on it; where all slots are taken, it waits a little.

        Raises Refused, ServerFailed, TimeoutError.
        """
        deadline = time.monotonic() + self.wait
        while True:
            session = self.client.open()
            try:
                return session, session.ask(kind, data)
            except Refused as error:
                session.drop()
                if error.code != NO_ROOM or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def played(self, session: Session, seed: int, constant: Payload | None = None) -> Transcript:
        """An episode of random actions, or of one action again and again."""
        rng = random.Random(f"judge/{seed}")
        made = Transcript(seed, session.ask("reset", {"seed": seed}))
        while not made.is_over and len(made.actions) < MOST_STEPS:
            before = made.answers[-1] if made.answers else made.start
            self.step(session, made, self.action(before, rng) if constant is None else constant)
        return made

    def replayed(self, session: Session, recorded: Transcript) -> Transcript:
        """The actions of an episode again, from its seed."""
        made = Transcript(recorded.seed, session.ask("reset", {"seed": recorded.seed}))
        for action in recorded.actions:
            self.step(session, made, action)
        return made

    def step(self, session: Session, made: Transcript, action: Payload) -> None:
        """Play an action and write down what came. Raises ServerFailed, TimeoutError where the session is lost."""
        made.actions.append(action)
        try:
            made.answers.append(session.ask("step", action))
        except Refused as error:
            made.answers.append({"error": error.code})

    def action(self, before: Data, rng: random.Random) -> Payload:
        """One of the actions given, else of those that are listed, else of what the schema allows."""
        texts = self.given or listed(before) or self.form.choices
        return self.form.payload(rng.choice(texts)) if texts else self.form.sample(rng)


def is_finite(value: object) -> TypeGuard[float]:
    """Whether it is a number that a float can hold; true and false are none."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def listed(answer: Data) -> Sequence[str]:
    """The legal actions that an answer names."""
    return legal_actions_of(answer.get("observation"), metadata_of(answer))


def difference(one: Transcript, other: Transcript) -> str:
    """Where two episodes differ first, and how; "" where they are the same. Metadata count as far as they are used."""
    rows = zip_longest((one.start, *one.answers), (other.start, *other.answers), fillvalue={"nothing": True})
    for number, (left, right) in enumerate(rows):
        if found := first_path(compared(left), compared(right)):
            return f"after {'the reset' if number == 0 else f'step {number}'}: {found}"
    return ""


def aside(one: Transcript, other: Transcript) -> str:
    """Where the metadata that nobody here uses differ first."""
    for left, right in zip((one.start, *one.answers), (other.start, *other.answers), strict=False):
        if found := first_path(_unused(left), _unused(right), "metadata"):
            return found
    return ""


def _unused(answer: Data) -> Payload:
    return {name: value for name, value in metadata_of(answer).items() if name not in OURS + NEW_EACH_TIME}


def compared(answer: Data) -> Payload:
    """What of an answer must come again."""
    observation = answer.get("observation")
    if isinstance(observation, Mapping):
        observation = {name: value for name, value in observation.items() if name != "metadata"}
    used = {name: value for name, value in metadata_of(answer).items() if name in OURS}
    rest = {name: value for name, value in answer.items() if name not in ("observation", "metadata")}
    return {**rest, "observation": observation, "metadata": used}


def first_path(left: object, right: object, path: str = "") -> str:
    """The first place at which two JSON values differ, with both; "" where they are equal. NaN equals itself."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for name in [*left, *(key for key in right if key not in left)]:
            if found := first_path(left.get(name), right.get(name), f"{path}.{name}" if path else str(name)):
                return found
        return ""
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for place, (one, other) in enumerate(zip(left, right, strict=True)):
            if found := first_path(one, other, f"{path}[{place}]"):
                return found
        return ""
    before, after = json.dumps(left), json.dumps(right)
    return "" if before == after else f"{path} is {before[:80]} and then {after[:80]}"
