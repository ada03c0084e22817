"""API retrieval: the few functions of a large catalogue that lead from identifier to identifier, to the answer."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.envs.code.split_rng import SplitRng
from sparring.envs.code.tool_tasks.apis_catalogue import CATALOGUE
from sparring.envs.code.tool_tasks.task import Family, Question, table

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    team: int
    salary: int
    city: str
    meetings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class City:
    region: str
    place: Place


@dataclass(frozen=True, slots=True)
class Region:
    tax: float
    sales_tax: float
    capital: str


@dataclass(frozen=True, slots=True)
class World:
    company: str
    key: str
    token: str
    season: int
    regions: dict[str, Region]
    cities: dict[str, City]
    people: tuple[Person, ...]
    managers: tuple[Person, ...]
    """By team."""
    meetings: dict[str, tuple[int, str]]
    """Day and city."""
    rooms: dict[str, tuple[str, int, int]]
    """City, price, beds."""
    parcels: dict[str, tuple[Person, str, float]]
    """To whom, where now, kilograms."""

    def ask(self, text: str, form: str, gold: object, program: str, absolute: float = 0.0) -> Question:
        """A question to somebody who holds the company's key."""
        access = f"You work for the company {self.company}, whose key is {self.key}. "
        sign_in = f"token = sign_in({self.company!r}, {self.key!r})\n"
        return Question(access + text, form, gold, sign_in + program, absolute)


def world(rng: SplitRng) -> World:
    """Three regions of two or three cities, two teams of three or four people, and what belongs to them."""
    regions = {name: [rng.name() for _ in range(rng.integer(2, 3))] for name in rng.names(3)}
    cities = {
        city: City(region, (rng.integer(0, 99), rng.integer(0, 99))) for region in regions for city in regions[region]
    }
    names = list(cities)
    meetings = {rng.code("M"): (day, rng.one(names)) for day in rng.integers(1, 365, 12)}
    people = tuple(_person(rng, team, names, list(meetings)) for team in range(2) for _ in range(rng.integer(3, 4)))
    return World(
        company=rng.name(),
        key=rng.code("K"),
        token=rng.code("T"),
        season=rng.integer(0, 40),
        regions={
            region: Region(rng.number(8, 42, 1), rng.number(4, 25, 1), rng.one(inside))
            for region, inside in regions.items()
        },
        cities=cities,
        people=people,
        managers=tuple(rng.one([one for one in people if one.team == team]) for team in range(2)),
        meetings=meetings,
        rooms={
            rng.code("R"): (city, price, rng.integer(1, 4))
            for city in names
            for price in rng.integers(30, 240, rng.integer(2, 3))
        },
        parcels={
            rng.code("P"): (person, rng.one(names), rng.number(0.3, 20, 1))
            for person in people
            for _ in range(rng.integer(1, 2))
        },
    )


def tools(world: World) -> str:
    """The records behind the catalogue."""
    tables = {
        "_SEASON": world.season,
        "_KEYS": {world.company: world.key},
        "_TOKENS": {world.company: world.token},
        "_IDS": {one.name: one.id for one in world.people},
        "_PEOPLE": {one.id: {name: getattr(one, name) for name in Person.__slots__} for one in world.people},
        "_MANAGERS": [one.id for one in world.managers],
        "_MEETINGS": {key: {"day": day, "city": city} for key, (day, city) in world.meetings.items()},
        "_CITIES": {name: {"region": one.region, "place": one.place} for name, one in world.cities.items()},
        "_REGIONS": {
            name: {"tax": one.tax, "sales_tax": one.sales_tax, "capital": one.capital}
            for name, one in world.regions.items()
        },
        "_ROOMS": {
            key: {"city": city, "price": price, "beds": beds} for key, (city, price, beds) in world.rooms.items()
        },
        "_PARCELS": {
            key: {"person": person.id, "city": city, "weight": weight}
            for key, (person, city, weight) in world.parcels.items()
        },
    }
    return "".join(table(name, value) for name, value in tables.items()) + CATALOGUE


def net_salary(world: World, rng: SplitRng) -> Question:
    """Person, city, region, rate, salary."""
    person = rng.one(world.people)
    tax = world.regions[world.cities[person.city].region].tax
    return world.ask(
        f"What is left of the yearly salary of {person.name} after the tax of the region where {person.name} lives?",
        "a number, rounded to two decimals",
        person.salary * (1 - tax / 100),
        f"person = find_person(token, {person.name!r})\n"
        "rate = tax_rate(region_of(city_of(token, person)))\n"
        "print(round(salary_of(token, person) * (100 - rate) / 100, 2))",
        absolute=0.011,
    )


def weather_of_meeting(world: World, rng: SplitRng) -> Question:
    """Person, meetings, the first of them, its place, its weather."""
    person = rng.one(world.people)
    day, city = min(world.meetings[meeting] for meeting in person.meetings)
    x, y = world.cities[city].place
    return world.ask(
        f"Which temperature is forecast for the earliest meeting of {person.name}, where and when it is held?",
        "a whole number",
        (7 * x + 13 * y + 5 * day + world.season) % 41 - 8,
        f"meetings = meetings_of(token, find_person(token, {person.name!r}))\n"
        "first = min(meetings, key=lambda meeting: meeting_day(token, meeting))\n"
        "place = locate(meeting_city(token, first))\n"
        "print(temperature(place, meeting_day(token, first)))",
    )


def parcels(world: World, rng: SplitRng) -> Question:
    """Person, parcels, their cities."""
    person = rng.one(world.people)
    return world.ask(
        f"Where is each parcel that is on its way to {person.name}?",
        "a dict from the parcel's identifier to the city",
        {key: city for key, (receiver, city, _) in world.parcels.items() if receiver is person},
        f"print({{parcel: track(parcel) for parcel in parcels_to(token, find_person(token, {person.name!r}))}})",
    )


def neighbours_of_manager(world: World, rng: SplitRng) -> Question:
    """Person, team, manager, regions, names."""
    person = rng.one(world.people)
    manager = world.managers[person.team]
    region = world.cities[manager.city].region
    team = [one for one in world.people if one.team == person.team]
    return world.ask(
        f"Who in the team of {person.name} lives in the same region as the one who leads that team, the leader "
        "included? Give the names in alphabetical order.",
        "a list of names",
        sorted(one.name for one in team if world.cities[one.city].region == region),
        f"person = find_person(token, {person.name!r})\n"
        "region = region_of(city_of(token, manager_of(token, person)))\n"
        "near = [one for one in team_of(token, person) if region_of(city_of(token, one)) == region]\n"
        "print(sorted(person_name(token, one) for one in near))",
    )


def room_for_meeting(world: World, rng: SplitRng) -> Question | None:
    """Person, the last meeting, its city, rooms, prices."""
    person, beds = rng.one(world.people), rng.integer(1, 2)
    _, city = max(world.meetings[meeting] for meeting in person.meetings)
    fitting = [price for place, price, has in world.rooms.values() if place == city and has >= beds]
    if not fitting:
        return None
    return world.ask(
        f"What does the cheapest room with {beds} or more beds cost for a night in the city of the latest meeting of "
        f"{person.name}?",
        "a whole number",
        min(fitting),
        f"meetings = meetings_of(token, find_person(token, {person.name!r}))\n"
        "last = max(meetings, key=lambda meeting: meeting_day(token, meeting))\n"
        "rooms = find_rooms(meeting_city(token, last))\n"
        f"print(min(room_price(room) for room in rooms if room_beds(room) >= {beds}))",
    )


def postage_home(world: World, rng: SplitRng) -> Question:
    """Parcel, weight, place now, place of the receiver, way, postage."""
    key = rng.one(sorted(world.parcels))
    person, city, weight = world.parcels[key]
    here, there = world.cities[city].place, world.cities[person.city].place
    way = abs(here[0] - there[0]) + abs(here[1] - there[1])
    return world.ask(
        f"What does it cost to send the parcel {key} from where it is now to the city where {person.name} lives?",
        "a number, rounded to two decimals",
        2 + 0.8 * weight + 0.05 * way,
        f"home = locate(city_of(token, find_person(token, {person.name!r})))\n"
        f"print(postage(parcel_weight({key!r}), distance(locate(track({key!r})), home)))",
        absolute=0.011,
    )


def _person(rng: SplitRng, team: int, cities: list[str], meetings: list[str]) -> Person:
    return Person(
        id=rng.code("E"),
        name=rng.name(),
        team=team,
        salary=rng.integer(200, 990) * 100,
        city=rng.one(cities),
        meetings=tuple(rng.some(meetings, rng.integer(2, 4))),
    )


APIS = Family(
    "apis",
    world,
    tools,
    {
        "net_salary": net_salary,
        "weather_of_meeting": weather_of_meeting,
        "parcels": parcels,
        "neighbours_of_manager": neighbours_of_manager,
        "room_for_meeting": room_for_meeting,
        "postage_home": postage_home,
    },
)
