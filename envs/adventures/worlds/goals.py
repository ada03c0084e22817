"""What a sampled game asks for: things brought somewhere, handed over in order, controls worked in order, a machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparring.envs.adventures.worlds.draft import Draft
from sparring.envs.adventures.worlds.narrator import listed
from sparring.envs.adventures.worlds.spec import Fact, Milestone, PlaceFact, StateFact
from sparring.envs.adventures.worlds.themes import Engine

IDLE, RUNNING = "idle", "running"


@dataclass(frozen=True, slots=True)
class Aim:
    """A goal, or a part of one."""

    kind: str
    task: str
    facts: tuple[Fact, ...]
    won: str


@dataclass(frozen=True, slots=True)
class _Want:
    """A thing as a goal wants it."""

    item: str
    words: str
    facts: tuple[Fact, ...]


def deliver(draft: Draft, size: int) -> Aim | None:
    """Things in their right states, on one supporter."""
    row = draft.rng.choice(draft.theme.deliveries)
    if not draft.fixture(row.place, draft.last_stage, "supporter"):
        return None
    wants = _wants(draft, size)
    facts: list[Fact] = []
    for want in wants:
        placed = (PlaceFact(thing=want.item, place=row.place), *want.facts)
        draft.milestones.append(Milestone(when=placed, reward=1, skill="placing"))
        facts += placed
    return Aim("deliver", _filled(row.task, wants), tuple(facts), row.won) if wants else None


def hand_over(draft: Draft, size: int) -> Aim | None:
    """Things in their right states, one after another, to one person."""
    row = draft.rng.choice(draft.theme.rounds)
    if not draft.fixture(row.receiver, draft.last_stage, "person"):
        return None
    wants = _wants(draft, max(2, size))
    given: list[PlaceFact] = []
    for want in wants:
        fact = PlaceFact(thing=want.item, place=row.receiver)
        draft.act(
            row.verb,
            want.item,
            row.preposition,
            row.receiver,
            message=f"The {row.receiver} takes {want.words}.",
            skill="sequencing",
            requires=(*want.facts, *given[-1:]),
            effects=(fact,),
            refusal=f"Not like this, or not yet, says the {row.receiver}.",
        )
        given.append(fact)
    task = _filled(row.task, wants, in_order=True)
    return Aim("hand_over", task, (given[-1],), row.won) if wants else None


def work_controls(draft: Draft, size: int) -> Aim | None:
    """Fixed things in different rooms, each worked once, in order; a wrong one undoes all."""
    rows = [row for row in draft.theme.controls if not set(row.names) & draft.things.keys()]
    if not rows:
        return None
    row = draft.rng.choice(rows)
    names = draft.rng.sample(row.names, min(len(row.names), size + 1))
    for name in names:
        draft.fixture(name, draft.last_stage, states=((row.before, row.after),))
    undone = tuple(StateFact(thing=name, state=row.before) for name in names)
    for at, name in enumerate(names):
        earlier = tuple(StateFact(thing=one, state=row.after) for one in names[:at])
        draft.act(
            row.verb,
            name,
            message=f"The {name} is {row.after}.",
            skill="sequencing",
            requires=(undone[at], *earlier[-1:]),
            effects=(StateFact(thing=name, state=row.after),),
        )
        draft.act(row.verb, name, message=row.wrong, skill="sequencing", reward=0, effects=undone)
    done = tuple(StateFact(thing=name, state=row.after) for name in names)
    words = " and then ".join(f"the {name}" for name in names)
    return Aim("controls", row.task.replace("{items}", words), done, row.won)


def start_engine(draft: Draft, size: int) -> Aim | None:
    """A machine with flaws; when all are mended it can be set going."""
    rows = [row for row in draft.theme.engines if row.name not in draft.things]
    if not rows:
        return None
    row = draft.rng.choice(rows)
    flaws = draft.rng.sample(row.flaws, min(len(row.flaws), size + 1))
    groups = (*((flaw.before, flaw.after) for flaw in flaws), (IDLE, RUNNING))
    if not draft.fixture(row.name, draft.last_stage, states=groups):
        return None
    mended = []
    for flaw in flaws:
        if not draft.obtain(flaw.item, draft.last_stage):
            return None
        mended.append(StateFact(thing=row.name, state=flaw.after))
        draft.act(
            flaw.verb,
            flaw.item,
            flaw.preposition,
            row.name,
            message=flaw.message,
            skill=flaw.skill,
            effects=(mended[-1], PlaceFact(thing=flaw.item, place="nowhere")),
        )
    return _started(draft, row, mended)


def _started(draft: Draft, row: Engine, mended: Sequence[StateFact]) -> Aim:
    running = StateFact(thing=row.name, state=RUNNING)
    draft.act(
        row.verb,
        row.name,
        message=f"The {row.name} starts.",
        skill="operating",
        requires=tuple(mended),
        effects=(running,),
        refusal=f"The {row.name} does not move: something is still wrong with it.",
    )
    return Aim("engine", row.task, (running,), row.won)


GOALS: tuple[Callable[[Draft, int], Aim | None], ...] = (deliver, hand_over, work_controls, start_engine)


def _wants(draft: Draft, size: int) -> list[_Want]:
    """Things that a goal asks for: made, treated, measured, or just found."""
    wants: list[_Want] = []
    makers = [_treated, _treated, _mixed, _measured, _found]
    for _ in range(20):
        if len(wants) == size:
            break
        want = draft.rng.choice(makers)(draft)
        if want is not None:
            wants.append(want)
    return wants


def _treated(draft: Draft) -> _Want | None:
    rows = [row for row in draft.theme.transforms if row.item not in draft.things]
    if not rows:
        return None
    row = draft.rng.choice(rows)
    stands = draft.things.get(row.second)
    if stands is not None and not stands.portable and draft.map.stages[stands.place] > draft.last_stage:
        return None
    if not draft.obtain(row.item, draft.last_stage):
        return None
    fact = draft.prepare(row, draft.last_stage)
    return _Want(row.item, f"the {row.after} {row.item}", (fact,))


def _mixed(draft: Draft) -> _Want | None:
    names = [row.product for row in draft.theme.mixes]
    name = draft.rng.choice(names)
    return _Want(name, f"the {name}", ()) if draft.obtain(name, draft.last_stage) else None


def _measured(draft: Draft) -> _Want | None:
    row = draft.rng.choice(draft.theme.measures)
    if not draft.obtain(row.vessel, draft.last_stage):
        return None
    fact = draft.measure(row, draft.last_stage)
    return _Want(row.vessel, f"the {row.vessel} ({fact.state})", (fact,))


def _found(draft: Draft) -> _Want | None:
    names = [*draft.theme.perishables, *draft.theme.clutter]
    name = draft.rng.choice(names)
    return _Want(name, f"the {name}", ()) if draft.obtain(name, draft.last_stage) else None


def _filled(task: str, wants: Sequence[_Want], in_order: bool = False) -> str:
    words = [want.words for want in wants]
    return task.replace("{items}", " and then ".join(words) if in_order else listed(words or [""]))
