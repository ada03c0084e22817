"""The compiled machine against a slow reading of the spec: what may be done, what it does, pays and ends."""

import random

import pytest

from sparring.envs.adventures.worlds.compiler import compile_game
from sparring.envs.adventures.worlds.rules import read_game
from sparring.envs.adventures.worlds.sampler import sample_game
from sparring.envs.adventures.worlds.simulator import Simulator, Stage
from sparring.envs.adventures.worlds.spec import OPPOSITE, Action, Game, PlaceFact, RoomFact, StateFact

LOOKING = ("look", "inventory", "examine")


class Reading:
    """A game as the words of its spec say, with dictionaries instead of bits."""

    def __init__(self, game: Game) -> None:
        self.game, self.room, self.score, self.ending = game, game.start, 0, ""
        self.things = {thing.name: thing for thing in game.things}
        self.place = {thing.name: thing.place for thing in game.things}
        self.state = {thing.name: [group[0] for group in thing.states] for thing in game.things}
        self.open = {thing.name for thing in game.things if thing.open}
        self.locked = {thing.name for thing in game.things if thing.locked}
        self.paid: set[int] = set()
        self.counts = [0] * len(game.fails)

    def holds(self, fact) -> bool:
        if isinstance(fact, RoomFact):
            return (self.room == fact.room) == fact.holds
        if isinstance(fact, PlaceFact):
            there = self.reachable(fact.thing) if fact.place == "reach" else self.place[fact.thing] == fact.place
            return there == fact.holds
        name = fact.thing
        words = {"open": name in self.open, "closed": name not in self.open}
        words |= {"locked": name in self.locked, "unlocked": name not in self.locked}
        return words.get(fact.state, fact.state in self.state[name]) == fact.holds

    def reachable(self, name: str) -> bool:
        thing = self.things[name]
        if thing.kind == "door":
            return any(way.door == name and self.room in (way.room, way.to) for way in self.game.exits)
        return self.place[name] == ("inventory" if thing.portable else self.room)

    def become(self, fact, here: str) -> None:
        if isinstance(fact, RoomFact):
            self.room = fact.room
        elif isinstance(fact, PlaceFact):
            self.place[fact.thing] = here if fact.place == "here" else fact.place
        elif fact.state in ("open", "closed", "locked", "unlocked"):
            (self.open.add if fact.state == "open" else self.open.discard)(
                fact.thing
            ) if fact.state != "unlocked" else 0
            (self.locked.add if fact.state == "locked" else self.locked.discard)(
                fact.thing
            ) if fact.state != "closed" else 0
        else:
            groups = self.things[fact.thing].states
            at = next(at for at, group in enumerate(groups) if fact.state in group)
            self.state[fact.thing][at] = fact.state

    def action(self, command: str) -> Action | None:
        for one in self.game.actions:
            names = [name for name in (one.thing, one.second) if name]
            if one.command == command and all(map(self.reachable, names)) and all(map(self.holds, one.requires)):
                return one
        return None

    def commands(self) -> set[str]:
        found = {one.command for one in self.game.actions if self.action(one.command)}
        found |= {f"go {direction}" for direction in self.ways()}
        here = [thing for thing in self.game.things if thing.openable and self.reachable(thing.name)]
        for thing in here:
            name, key = thing.name, f" with {thing.key}"
            is_open, is_locked = name in self.open, name in self.locked
            found |= {f"close {name}"} if is_open else set() if is_locked else {f"open {name}"}
            if thing.key and self.place[thing.key] == "inventory" and not is_open:
                found |= {f"{'unlock' if is_locked else 'lock'} {name}{key}"}
        holders = [
            one
            for one in self.game.things
            if one.kind in ("container", "supporter") and self.place[one.name] == self.room
        ]
        holders = [one for one in holders if not one.openable or one.name in self.open]
        for thing in (thing for thing in self.game.things if thing.portable):
            name, place = thing.name, self.place[thing.name]
            found |= {f"take {name}"} if place == self.room else set()
            found |= {f"take {name} from {one.name}" for one in holders if place == one.name}
            if place == "inventory":
                found |= {f"drop {name}"}
                found |= {f"put {name} {'in' if one.kind == 'container' else 'on'} {one.name}" for one in holders}
        return found

    def ways(self) -> dict[str, str]:
        found = {}
        for way in self.game.exits:
            passable = all(map(self.holds, way.requires)) and (way.door is None or way.door in self.open)
            if passable and way.room == self.room:
                found[way.direction] = way.to
            if passable and way.to == self.room and not way.one_way:
                found[OPPOSITE[way.direction]] = way.room
        return found

    def step(self, command: str) -> None:
        self.do(command)
        for at, one in enumerate(self.game.milestones):
            if at not in self.paid and all(map(self.holds, one.when)):
                self.paid.add(at)
                self.score += one.reward
        if all(map(self.holds, self.game.goal.when)):
            self.score, self.ending = self.score + self.game.goal.reward, "won"
        for at, fail in enumerate(self.game.fails):
            self.counts[at] = self.counts[at] + 1 if all(map(self.holds, fail.when)) else 0
            if not self.ending and self.counts[at] > fail.turns:
                self.ending = "lost"

    def do(self, command: str) -> None:
        verb, *_ = words = command.split(" ")
        if verb in LOOKING:
            return
        if command in {one.command for one in self.game.actions}:
            one = self.action(command)
            number = -1 - self.game.actions.index(one)
            if number not in self.paid:
                self.paid.add(number)
                self.score += one.reward
            here = self.room
            for fact in one.effects:
                self.become(fact, here)
        elif verb == "go":
            self.room = self.ways()[words[1]]
        elif verb in ("take", "drop", "put"):
            name = next(name for name in self.place if f"{command} ".startswith(f"{verb} {name} "))
            new = {"take": "inventory", "drop": self.room, "put": command.removeprefix(f"put {name} ")[3:]}
            self.place[name] = new[verb]
        else:
            name = " ".join(words[1:]).partition(" with ")[0]
            {"open": self.open.add, "close": self.open.discard}.get(verb, lambda _: None)(name)
            {"lock": self.locked.add, "unlock": self.locked.discard}.get(verb, lambda _: None)(name)


def compare(game: Game, seed: int) -> int:
    """Play both side by side by random commands; how many turns were equal."""
    player, reading, rng = Simulator(Stage(compile_game(game))), Reading(game), random.Random(seed)
    turns = 0
    while player.ending is None and turns < 60:
        listed = [command for command in player.commands if not command.startswith(LOOKING)]
        assert set(listed) == reading.commands()
        assert len(listed) == len(set(listed))
        command = rng.choice([*listed, "look"])
        player.step(command)
        reading.step(command)
        turns += 1
        assert (player.view.room, player.score, player.ending or "") == (reading.room, reading.score, reading.ending)
        held = {name for name, place in reading.place.items() if place == "inventory"}
        assert set(player.view.inventory) == held
    return turns


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4, 5])
def test_the_machine_does_what_the_words_of_sampled_games_say(difficulty):
    splits = ("train", "held_out")
    assert sum(compare(sample_game(splits[seed % 2], seed, difficulty), seed) for seed in range(6)) > 150


LANTERN = {
    "title": "The Lantern",
    "theme": "cave",
    "intro": "Night falls.",
    "start": "hut",
    "rooms": [{"name": "hut", "text": "A hut of logs."}, {"name": "path"}, {"name": "cave"}],
    "exits": [
        {"room": "hut", "direction": "north", "to": "path", "door": "plank door"},
        {
            "room": "path",
            "direction": "down",
            "to": "cave",
            "requires": [{"thing": "lantern", "state": "lit"}, {"thing": "lantern", "place": "inventory"}],
            "refusal": "It is too dark down there.",
        },
    ],
    "things": [
        {"name": "plank door", "kind": "door", "openable": True},
        {"name": "chest", "kind": "container", "place": "hut", "openable": True, "locked": True, "key": "iron key"},
        {"name": "iron key", "place": "hut", "portable": True},
        {"name": "lantern", "place": "chest", "portable": True, "states": [["unlit", "lit"]]},
        {"name": "hermit", "kind": "person", "place": "path"},
        {"name": "ember", "place": "nowhere"},
        {"name": "opal", "place": "cave", "portable": True},
    ],
    "actions": [
        {
            "verb": "rouse",
            "thing": "hermit",
            "effects": [{"thing": "ember", "place": "path"}],
            "message": "The hermit blows, and an ember glows at your feet.",
            "skill": "talking",
            "reward": 1,
        },
        {
            "verb": "kindle",
            "thing": "lantern",
            "preposition": "at",
            "second": "ember",
            "requires": [{"thing": "lantern", "state": "unlit"}],
            "effects": [{"thing": "lantern", "state": "lit"}],
            "message": "The lantern burns.",
            "refusal": "It burns already.",
            "skill": "lighting",
            "reward": 2,
        },
    ],
    "milestones": [{"when": [{"thing": "chest", "state": "unlocked"}], "reward": 1, "skill": "unlocking"}],
    "goal": {
        "text": "Bring the opal to the hut.",
        "when": [{"thing": "opal", "place": "inventory"}, {"room": "hut"}],
        "reward": 3,
        "message": "It shines like a small sun.",
    },
    "fails": [{"when": [{"thing": "lantern", "state": "lit"}], "turns": 6, "message": "The lantern goes out."}],
    "limits": {"turns": 40, "dead_ends": True},
}
WAY = (
    *("take iron key", "unlock chest with iron key", "open chest", "take lantern from chest", "open plank door"),
    *("go north", "rouse hermit", "kindle lantern at ember", "go down", "take opal", "go up", "go south"),
)


def lantern() -> Simulator:
    return Simulator(Stage(compile_game(read_game(LANTERN))))


def test_the_way_through_a_game_is_paid_step_by_step_and_won():
    player, gains = lantern(), []
    for command in WAY:
        assert command in player.commands
        player.step(command)
        gains.append(player.gained)
    assert gains == [0, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3]
    assert (player.score, player.max_score, player.ending, player.turn) == (7, 7, "won", 12)
    assert "It shines like a small sun." in player.text
    assert "You have won." in player.text
    assert player.commands == ()


def test_a_timer_loses_when_its_facts_have_held_for_too_many_turns():
    player = lantern()
    for command in WAY[:8]:
        player.step(command)  # kindling is the first turn with a lit lantern
    for turn in range(6):
        assert player.ending is None, turn
        player.step("look")
    assert player.ending == "lost"
    assert "The lantern goes out." in player.text
    assert player.score == 4


def test_an_observation_tells_the_room_what_is_in_it_the_ways_and_what_is_carried():
    player = lantern()
    for command in ("take iron key", "unlock chest with iron key", "open chest"):
        seen = player.step(command)
    assert seen == (
        "You open the chest.\n\n"
        "Hut\nA hut of logs. You see an open chest here. In the chest is an unlit lantern.\n"
        "You can go north through the closed plank door to the path.\nYou carry an iron key.\n\n"
        "Task: Bring the opal to the hut.\nScore 1 of 7, turn 3 of 40."
    )


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("open chest", "The chest is locked."),
        ("unlock chest with iron key", "You are not carrying the iron key."),
        ("go north", "The plank door is closed."),
        ("go west", "You cannot go that way."),
        ("take lantern", "You see no such thing here."),
        ("take unicorn", "You see no such thing here."),
        ("kindle lantern at ember", "You see no such thing here."),
        ("fly north", "The verb 'fly' means nothing here."),
        ("rouse hermit", "You see no such thing here."),
        ("eat chest", "The verb 'eat' means nothing here."),
        ("take chest", "You cannot take the chest like that."),
    ],
)
def test_a_command_that_is_not_possible_costs_a_turn_and_says_why(command, why):
    player = lantern()
    before = player.state
    assert player.step(command).startswith(why)
    assert player.illegal
    assert (player.state, player.turn, player.score) == (before, 1, 0)


def test_an_exit_with_a_condition_says_its_own_reason():
    player = lantern()
    for command in ("take iron key", "open plank door", "go north"):
        player.step(command)
    assert player.step("go down").startswith("It is too dark down there.")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("get the iron key", "take iron key"),
        ("pick up iron key", "take iron key"),
        ("x chest", "examine chest"),
        ("look at the chest", "examine chest"),
        ("i", "inventory"),
        ("l", "look"),
    ],
)
def test_usual_words_for_a_command_are_understood(said, meant):
    one, other = lantern(), lantern()
    assert one.step(said) == other.step(meant)
    assert not one.illegal


def test_a_thing_in_an_open_container_is_taken_without_saying_where_it_is():
    player = lantern()
    for command in WAY[:3]:
        player.step(command)
    player.step("take lantern")
    assert player.view.inventory == ("iron key", "lantern")


def test_no_text_that_the_gate_refuses_does_anything():
    player = lantern()
    hostile = (". ".join(WAY), "\n".join(WAY), " then ".join(WAY), "take iron key\x00", "\ud800", "x" * 10**6, 7, None)
    for turn, text in enumerate(hostile, 1):
        assert player.submit(text).startswith("That is no command:")
        assert (player.illegal, player.state, player.turn) == (True, player.machine.start, turn)


def test_of_several_actions_with_one_command_the_first_that_is_possible_acts():
    def press(before, after, message):
        return {
            "verb": "wring",
            "thing": "bell",
            "requires": [{"thing": "bell", "state": before}] if before else [],
            "effects": [{"thing": "bell", "state": after}],
            "message": message,
            "skill": "ringing",
        }

    game = read_game(
        {
            "title": "Bell",
            "theme": "tower",
            "intro": "A tower.",
            "start": "tower",
            "rooms": [{"name": "tower"}],
            "things": [{"name": "bell", "place": "tower", "states": [["still", "humming", "loud"]]}],
            "actions": [
                press("still", "humming", "Hum."),
                press("humming", "loud", "Boom."),
                press("", "still", "Hush."),
            ],
            "goal": {"text": "Ring.", "when": [{"thing": "bell", "state": "loud"}, {"room": "tower"}], "reward": 1},
        }
    )
    player = Simulator(Stage(compile_game(game)))
    assert player.commands.count("wring bell") == 1
    assert [player.step("wring bell").partition("\n")[0] for _ in range(2)] == ["Hum.", "Boom. You have done it."]


def test_views_are_dropped_when_there_are_too_many_and_nothing_changes(monkeypatch):
    from sparring.envs.adventures.worlds import simulator

    game = sample_game("train", 1, 2)
    commands = random.Random(0)
    expected, chosen = Simulator(Stage(compile_game(game))), []
    while expected.ending is None and expected.turn < 40:
        chosen.append(commands.choice(expected.commands))
        expected.step(chosen[-1])
    monkeypatch.setattr(simulator, "MOST_VIEWS", 3)
    again = Simulator(Stage(compile_game(game)))
    for command in chosen:
        again.step(command)
    assert again.text == expected.text


def test_facts_of_the_three_forms_are_told_apart():
    game = read_game(LANTERN)
    assert [type(fact) for fact in game.goal.when] == [PlaceFact, RoomFact]
    assert isinstance(game.milestones[0].when[0], StateFact)
