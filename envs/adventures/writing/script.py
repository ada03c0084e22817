"""The order in which a writer is asked: title, rooms, the end of the game, what stands in the way, what lies around.

A generator of slots; each answer that it is sent was read and checked already. What one answer decides, the choices of
later slots are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from sparring.envs.adventures.worlds.spec import NOWHERE, PlaceFact, Room, StateFact
from sparring.envs.adventures.writing import stock
from sparring.envs.adventures.writing.sketch import IDLE, RUNNING, Sketch
from sparring.envs.adventures.writing.slots import Slot

Asking = Generator[Slot, str, str]
Scene = Generator[Slot, str, None]
ROOMS = (3, 4, 5, 6, 8)
OBSTACLES = (1, 3, 4, 6, 8)
LENGTHS = ((4, 10), (8, 15), (12, 21), (16, 28), (22, 45))
"""Per difficulty: rooms, obstacles, and commands of the shortest plan, at least and at most."""
NAMES_SHOWN, SENTENCES_SHOWN = 4, 2
"""Examples in a prompt."""


@dataclass(frozen=True, slots=True)
class Script:
    """Asks for one game."""

    sketch: Sketch
    difficulty: int

    def play(self) -> Scene:
        """Every slot of a game."""
        sketch = self.sketch
        sketch.title = yield from self._line("title", "Write a title of three to six words.", stock.known_titles())
        sketch.title = sketch.title.rstrip(".") or sketch.idea
        sketch.intro = yield from self._line("intro", "Write how it begins, in one sentence.", stock.known_intros())
        for number in range(ROOMS[self.difficulty - 1]):
            sketch.rooms.append((yield from self._room(f"room {number + 1}")))
        yield from self._ending()
        for _ in range(OBSTACLES[self.difficulty - 1]):
            yield from self.obstacle()
        yield from self.scatter()

    def obstacle(self) -> Scene:
        """One more thing that stands in the way, of something that lies nowhere or in the open."""
        sketch = self.sketch
        among = sketch.wanted or [name for name, thing in sketch.things.items() if self._lies_open(thing.place, name)]
        item = yield from self._choose("obstacle for", "Which thing shall be harder to get?", among)
        sketch.wanted += [] if item in sketch.wanted else [item]
        ways: dict[str, Callable[[str], Scene]] = {
            "hidden, and a tool is needed": self._buried,
            "locked in a box": self._boxed,
            "somebody has it": self._traded,
            "made of two parts": self._joined,
        }
        if len(sketch.wanted) > 1:  # something is left for the next obstacle
            ways["hidden"] = self._hidden
        if sketch.vault is None:
            ways["behind a locked door"] = self._behind_door
        how = yield from self._choose("obstacle", f"Why is the {item} hard to get?", list(ways))
        yield from ways[how](item)

    def scatter(self) -> Scene:
        """Places for what is wanted and has none, and one thing of no use."""
        sketch = self.sketch
        for item in list(sketch.wanted):
            sketch.settle(item, (yield from self._where(item)))
        if not any(one.portable and not self._is_needed(name) for name, one in sketch.things.items()):
            name = yield from self._name("clutter", "thing", "A thing that lies around and is of no use")
            sketch.add(name, (yield from self._where(name)), portable=True)

    def _lies_open(self, place: str, name: str) -> bool:
        return place in {room.name for room in self.sketch.rooms} and self._is_needed(name) and self._is_portable(name)

    def _is_portable(self, name: str) -> bool:
        return self.sketch.things[name].portable

    def _is_needed(self, name: str) -> bool:
        keys = {thing.key for thing in self.sketch.things.values()}
        named = {one.thing for one in self.sketch.actions} | {one.second for one in self.sketch.actions}
        made = {fact.thing for one in self.sketch.actions for fact in one.effects if isinstance(fact, PlaceFact)}
        goal = {fact.thing for fact in self.sketch.goal if isinstance(fact, PlaceFact | StateFact)}
        return name in keys | named | made | goal

    # Endings.

    def _ending(self) -> Scene:
        ways: dict[str, Callable[[], Scene]] = {
            "bring a thing to its place": self._bring,
            "hand a thing to somebody": self._hand,
            "prepare a thing": self._prepare,
            "start a machine": self._start,
        }
        how = yield from self._choose("ending", "What must the player do at the end to win?", list(ways))
        yield from ways[how]()
        asked = "Write how it ends well, in one sentence."
        self.sketch.won = yield from self._line("ending: won", asked, stock.known_endings())

    def _bring(self) -> Scene:
        sketch = self.sketch
        item = yield from self._name("goal thing", "thing", "A thing that can be carried and that matters in the story")
        sketch.want(item)
        place = yield from self._fixture("goal place", "furniture", "A piece of furniture on which it must be put")
        sketch.change(place, kind="supporter")
        sketch.goal, sketch.task = (PlaceFact(thing=item, place=place),), f"Put the {item} on the {place}."

    def _hand(self) -> Scene:
        sketch = self.sketch
        item = yield from self._name("goal thing", "thing", "A thing that can be carried and that somebody longs for")
        sketch.want(item)
        person = yield from self._fixture("goal person", "person", f"The person who longs for the {item}")
        sketch.change(person, kind="person")
        verb = yield from self._choose("goal verb", "Which verb fits best for giving it?", stock.HANDS)
        message = yield from self._message("goal", f"{verb} the {item} to the {person}")
        given = PlaceFact(thing=item, place=person)
        sketch.act((verb, item, "to", person), message, "helping", [given])
        sketch.goal, sketch.task = (given,), f"Get the {item} and {verb} it to the {person}."

    def _prepare(self) -> Scene:
        sketch = self.sketch
        item = yield from self._name("goal thing", "thing", "A thing that can be carried and that must be worked on")
        sketch.want(item)
        changes = {str(change): change for change in stock.CHANGES}
        how = yield from self._choose("goal change", f"What must the player do with the {item}?", list(changes))
        change = changes[how]
        station = yield from self._fixture(
            "goal station", "fixture", f"The thing at which it is done, such as {change.station}"
        )
        message = yield from self._message("goal", f"{change.verb} the {item} at the {station}")
        done = sketch.treat(item, change, station, message)
        sketch.goal, sketch.task = (done,), f"Get the {item} and {change.verb} it at the {station}."

    def _start(self) -> Scene:
        sketch = self.sketch
        machine = yield from self._fixture("goal machine", "machine", "A machine or device that does not work now")
        part = yield from self._name("goal thing", "thing", f"The part that the {machine} lacks")
        sketch.want(part)
        fit = yield from self._choose("goal verb", f"How is the {part} put in?", stock.FITS)
        start = yield from self._choose("start verb", f"How is the {machine} started?", stock.STARTS)
        sketch.change(machine, states=(("faulty", "ready"), (IDLE, RUNNING)))
        ready, running = StateFact(thing=machine, state="ready"), StateFact(thing=machine, state=RUNNING)
        message = yield from self._message("fit", f"{fit} the {part} into the {machine}")
        gone = PlaceFact(thing=part, place=NOWHERE)
        sketch.act((fit, part, "into", machine), message, "repairing", [ready, gone])
        refusal = f"The {machine} does not move: something is missing."
        sketch.act((start, machine, "", ""), f"The {machine} starts.", "operating", [running], [ready], refusal)
        sketch.goal, sketch.task = (running,), f"Mend the {machine} and {start} it."

    # Obstacles.

    def _hidden(self, item: str) -> Scene:
        place = yield from self._fixture(f"hides {item}", "fixture", f"A big thing in which the {item} is hidden")
        verb = yield from self._search(place)
        message = yield from self._message(place, f"{verb} the {place}")
        self.sketch.hide(item, (verb, place, "", ""), message)

    def _buried(self, item: str) -> Scene:
        place = yield from self._fixture(f"hides {item}", "fixture", f"A big thing in which the {item} is hidden")
        tool = yield from self._name(f"tool for {place}", "thing", f"A tool to search the {place} with")
        verb = yield from self._search(place)
        message = yield from self._message(place, f"{verb} the {place} with the {tool}")
        self.sketch.want(tool)
        self.sketch.hide(item, (verb, place, "with", tool), message)

    def _search(self, place: str) -> Asking:
        taken = {one.verb for one in self.sketch.actions}
        verbs = [verb for verb in stock.SEARCHES if verb not in taken] or stock.SEARCHES
        return (yield from self._choose(f"searching {place}", f"How does the player search the {place}?", verbs))

    def _boxed(self, item: str) -> Scene:
        box = yield from self._name(f"box of {item}", "box", f"A box or cupboard in which the {item} is locked")
        key = yield from self._name(f"key of {box}", "key", f"The key that opens the {box}")
        self.sketch.lock_up(item, box, (yield from self._where(box)), key)

    def _traded(self, item: str) -> Scene:
        person = yield from self._fixture(f"has {item}", "person", f"The person who has the {item}")
        self.sketch.change(person, kind="person")
        price = yield from self._name(f"wish of {person}", "thing", f"A thing to carry that the {person} wants")
        verb = yield from self._choose(f"giving {price}", f"Which verb fits best for giving the {price}?", stock.HANDS)
        message = yield from self._message(person, f"{verb} the {price} to the {person}")
        self.sketch.trade(item, person, verb, price, message)

    def _joined(self, item: str) -> Scene:
        first = yield from self._name(f"part of {item}", "thing", f"A small part of which the {item} is made")
        second = yield from self._name(f"other part of {item}", "thing", f"Another part of which the {item} is made")
        verb = yield from self._choose(f"making {item}", "How are the two put together?", stock.JOINS)
        message = yield from self._message(item, f"{verb} the {first} with the {second}")
        self.sketch.join(item, first, second, verb, message)

    def _behind_door(self, item: str) -> Scene:
        vault = yield from self._room("locked room")
        self.sketch.vault = vault
        door = yield from self._name("door", "door", f"The door in front of the {vault.name}")
        key = yield from self._name(f"key of {door}", "key", f"The key that opens the {door}")
        self.sketch.shut_away(item, vault, door, key)

    # Slots.

    def _room(self, slot: str) -> Generator[Slot, str, Room]:
        name = yield from self._name(slot, "room", "A room or place of this game")
        return Room(name=name, text=(yield from self._sentence(name)))

    def _fixture(self, slot: str, kind: stock.Stock, question: str) -> Asking:
        """Something that stays where it is: its name, its room, a sentence."""
        name = yield from self._name(slot, kind, question)
        room = yield from self._where(name)
        self.sketch.add(name, room, text=(yield from self._sentence(name)))
        return name

    def _name(self, slot: str, kind: stock.Stock, question: str) -> Asking:
        label = f"{'An' if kind[0] in 'aeiou' else 'A'} {kind}"
        examples = tuple((label, name) for name in stock.some_names(self.sketch.rng, kind, NAMES_SHOWN))
        asked = f"{question}. Answer with a name of one to three words."
        return (yield Slot(slot, asked, "name", examples=examples, label=label, stock=kind))

    def _where(self, name: str) -> Asking:
        rooms = [room.name for room in self.sketch.rooms]
        return (yield from self._choose(f"where {name}", f"In which room is the {name}?", rooms))

    def _message(self, about: str, deed: str) -> Asking:
        examples = stock.some(self.sketch.rng, stock.known_deeds(), SENTENCES_SHOWN)
        return (
            yield Slot(f"message: {about}", "Write what happens then, in one sentence.", "sentence", (), examples, deed)
        )

    def _sentence(self, name: str) -> Asking:
        examples = stock.some(self.sketch.rng, stock.known_places(), SENTENCES_SHOWN)
        asked = f"Describe the {name} in one sentence."
        return (yield Slot(f"sentence: {name}", asked, "sentence", (), examples, f"the {name}"))

    def _line(self, slot: str, asked: str, examples: tuple[stock.Example, ...]) -> Asking:
        shown = stock.some(self.sketch.rng, examples, SENTENCES_SHOWN)
        return (yield Slot(slot, asked, "sentence", (), shown, self.sketch.idea))

    def _choose(self, slot: str, question: str, choices: Sequence[str]) -> Asking:
        if len(choices) == 1:
            return choices[0]
        return (yield Slot(slot, question, "choice", tuple(choices)))
