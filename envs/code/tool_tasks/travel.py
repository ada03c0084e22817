"""Travel planning: flights between cities on three days, hotels with wishes, and what a trip costs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

from sparring.envs.code.split_rng import SplitRng, listed
from sparring.envs.code.tool_tasks.task import Family, Question, table

DAYS = (1, 2, 3)
WISHES = ("wifi", "breakfast", "pool", "parking", "sauna", "balcony")
TOOLS = '''
def find_flights(origin: str, destination: str, day: int) -> list:
    """Direct flights from city to city on a day: dicts with "number", "origin", "destination", "day", "departs" and
    "arrives" (minutes after midnight, the same day) and "price". The list is empty where there are none."""
    return [
        dict(flight)
        for flight in _FLIGHTS
        if (flight["origin"], flight["destination"], flight["day"]) == (origin, destination, day)
    ]

def find_hotels(city: str, *wishes: str) -> list:
    """The hotels of a city that fulfil every wish: dicts with "name", "city", "price" (a night) and "offers"."""
    for wish in wishes:
        if wish not in _WISHES:
            raise ValueError(f"no hotel knows the wish {wish!r}; wishes are {_WISHES}")
    return [
        {**hotel, "offers": list(hotel["offers"])}
        for hotel in _HOTELS
        if hotel["city"] == city and set(wishes) <= set(hotel["offers"])
    ]

def list_cities() -> list:
    """All cities."""
    return list(_CITIES)

def list_wishes() -> list:
    """Every wish that a hotel may fulfil."""
    return list(_WISHES)

def total(*amounts: float) -> float:
    """The sum of some amounts."""
    return sum(amounts)
'''


@dataclass(frozen=True, slots=True)
class Flight:
    number: str
    origin: str
    destination: str
    day: int
    departs: int
    arrives: int
    price: int


@dataclass(frozen=True, slots=True)
class Hotel:
    name: str
    city: str
    price: int
    offers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class World:
    cities: tuple[str, ...]
    flights: tuple[Flight, ...]
    hotels: tuple[Hotel, ...]

    def flying(self, origin: str, destination: str, day: int) -> list[Flight]:
        """Direct flights."""
        wanted = (origin, destination, day)
        return [one for one in self.flights if (one.origin, one.destination, one.day) == wanted]

    def staying(self, city: str, *wishes: str) -> list[Hotel]:
        """Hotels that fulfil the wishes."""
        return [one for one in self.hotels if one.city == city and set(wishes) <= set(one.offers)]


def world(rng: SplitRng) -> World:
    """Five cities, on each day a flight or two on most routes, three or four hotels a city."""
    cities = tuple(rng.names(5))
    flights = []
    for origin, destination in permutations(cities, 2):
        for day in DAYS:
            for _ in range(rng.one((0, 1, 1, 2))):
                departs = rng.integer(300, 1_000)
                arrives = departs + rng.integer(45, 250)
                price = rng.integer(40, 400)
                flights.append(Flight(rng.code("F"), origin, destination, day, departs, arrives, price))
    hotels = [
        Hotel(rng.name(), city, rng.integer(35, 260), tuple(rng.some(WISHES, rng.integer(2, 4))))
        for city in cities
        for _ in range(rng.integer(3, 4))
    ]
    return World(cities, tuple(flights), tuple(hotels))


def tools(world: World) -> str:
    """The timetable and the hotels, and what searches them."""
    tables = {
        "_CITIES": list(world.cities),
        "_WISHES": list(WISHES),
        "_FLIGHTS": [{name: getattr(one, name) for name in Flight.__slots__} for one in world.flights],
        "_HOTELS": [{name: getattr(one, name) for name in Hotel.__slots__} for one in world.hotels],
    }
    return "".join(table(name, value) for name, value in tables.items()) + TOOLS


def trip_cost(world: World, rng: SplitRng) -> Question | None:
    """There, some nights, and back."""
    (home, away), nights, wish = rng.some(world.cities, 2), rng.integer(1, 2), rng.one(WISHES)
    there, back, hotels = world.flying(home, away, 1), world.flying(away, home, 1 + nights), world.staying(away, wish)
    if not (there and back and hotels):
        return None
    cost = _cheapest(there) + _cheapest(back) + nights * _cheapest(hotels)
    return Question(
        f"What does the cheapest trip from {home} to {away} cost, direct flights only: there on day 1, back on day "
        f"{1 + nights}, and {nights} night(s) in a hotel with {wish}?",
        "a whole number",
        cost,
        f"there = min(f['price'] for f in find_flights({home!r}, {away!r}, 1))\n"
        f"back = min(f['price'] for f in find_flights({away!r}, {home!r}, {1 + nights}))\n"
        f"night = min(h['price'] for h in find_hotels({away!r}, {wish!r}))\n"
        f"print(total(there, back, {nights} * night))",
    )


def best_stopover(world: World, rng: SplitRng) -> Question | None:
    """The cheapest way with one stop."""
    (origin, goal), day = rng.some(world.cities, 2), rng.one(DAYS)
    ways = sorted(
        (first.price + second.price, via)
        for via in world.cities
        for first in world.flying(origin, via, day)
        for second in world.flying(via, goal, day)
        if second.departs >= first.arrives + 30
    )
    if not ways or (len(ways) > 1 and ways[0][0] == ways[1][0]):
        return None
    return Question(
        f"On day {day} somebody flies from {origin} to {goal} with exactly one stopover and at least 30 minutes to "
        "change there. In which city is the stopover of the cheapest way, and what do both flights cost together?",
        "a list of the city and a whole number",
        [ways[0][1], ways[0][0]],
        "ways = [(a['price'] + b['price'], via) for via in list_cities()\n"
        f"        for a in find_flights({origin!r}, via, {day})\n"
        f"        for b in find_flights(via, {goal!r}, {day}) if b['departs'] >= a['arrives'] + 30]\n"
        "price, via = min(ways)\nprint([via, price])",
    )


def fitting_hotels(world: World, rng: SplitRng) -> Question | None:
    """Hotels under a price with a wish."""
    city, wish, limit = rng.one(world.cities), rng.one(WISHES), rng.integer(80, 240)
    names = sorted(one.name for one in world.staying(city, wish) if one.price <= limit)
    if not names:
        return None
    return Question(
        f"Which hotels in {city} have {wish} and cost at most {limit} a night? Give their names in alphabetical order.",
        "a list of names",
        names,
        f"print(sorted(h['name'] for h in find_hotels({city!r}, {wish!r}) if h['price'] <= {limit}))",
    )


def first_arrival(world: World, rng: SplitRng) -> Question | None:
    """The flight that is there first."""
    goal, day = rng.one(world.cities), rng.one(DAYS)
    flights = sorted((one.arrives, one.number) for city in world.cities for one in world.flying(city, goal, day))
    if len(flights) < 2 or flights[0][0] == flights[1][0]:
        return None
    return Question(
        f"Of all direct flights to {goal} on day {day}, which one arrives first?",
        "the number of the flight",
        flights[0][1],
        f"flights = [f for city in list_cities() for f in find_flights(city, {goal!r}, {day})]\n"
        "print(min(flights, key=lambda f: f['arrives'])['number'])",
    )


def cheapest_nights(world: World, rng: SplitRng) -> Question:
    """The lowest price of a night by city."""
    cities = rng.some(world.cities, 3)
    return Question(
        f"What does the cheapest night in a hotel cost in each of {listed(cities)}?",
        "a dict from city to whole number",
        {city: _cheapest(world.staying(city)) for city in cities},
        f"print({{city: min(h['price'] for h in find_hotels(city)) for city in {cities!r}}})",
    )


def left_over(world: World, rng: SplitRng) -> Question | None:
    """What a flight and nights leave of some money."""
    (home, away), day, nights = rng.some(world.cities, 2), rng.one(DAYS), rng.integer(1, 5)
    flights = world.flying(home, away, day)
    if not flights:
        return None
    left = rng.integer(1, 400)
    budget = _cheapest(flights) + nights * _cheapest(world.staying(away)) + left
    return Question(
        f"What is left of {budget} after the cheapest direct flight from {home} to {away} on day {day} and {nights} "
        "night(s) in the cheapest hotel there?",
        "a whole number",
        left,
        f"flight = min(f['price'] for f in find_flights({home!r}, {away!r}, {day}))\n"
        f"night = min(h['price'] for h in find_hotels({away!r}))\n"
        f"print({budget} - flight - {nights} * night)",
    )


def _cheapest(choices: list[Flight] | list[Hotel]) -> int:
    return min(one.price for one in choices)


TRAVEL = Family(
    "travel",
    world,
    tools,
    {
        "trip_cost": trip_cost,
        "best_stopover": best_stopover,
        "fitting_hotels": fitting_hotels,
        "first_arrival": first_arrival,
        "cheapest_nights": cheapest_nights,
        "left_over": left_over,
    },
)
