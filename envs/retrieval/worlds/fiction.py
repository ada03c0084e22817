"""Fiction: an invented geography of any size. Nothing in it is known by heart, and nothing has a licence."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from sparring.envs.code.split_rng import ENDINGS, ONSETS, SPLITS, VOWELS, WORDS, Split, split_of
from sparring.envs.retrieval.worlds.geography import Airport, City, Country, Currency, Geography
from sparring.types import derive_seed

SMALLEST, LARGEST = 600, 1_000_000
CONTINENTS = 6
UNITS = ("crown", "mark", "florin", "thaler", "ducat", "shilling")
AIRPORTS = ("{} Airport", "{} International Airport", "{} Airfield", "{} Regional Airport")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LICENCE = "invented: no licence"


def invent_geography(size: int, seed: int) -> Geography:
    """A geography of `size` passages, up to a few. Raises ValueError for a size out of range."""
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"size of the world 'fiction' must be {SMALLEST} to {LARGEST} passages, got {size}")
    return _Inventor(size, seed).geography()


class _Inventor:
    """Draws names and numbers; no name is drawn twice."""

    def __init__(self, size: int, seed: int) -> None:
        self.rng = random.Random(derive_seed("fiction", size, seed))
        self.given = set(WORDS)
        self.countries = max(40, min(size // 40, 2_000))
        self.currencies = self.countries * 3 // 4
        remaining = size - 3 * self.countries - self.currencies
        self.airports = remaining * 2 // 5
        self.cities = remaining - self.airports

    def geography(self) -> Geography:
        names = [self._name_of(SPLITS[index % 2]) for index in range(self.countries)]
        continents = self._names(CONTINENTS)
        currencies = [Currency(code.upper(), self._currency_name()) for code in self._codes(self.currencies, 3)]
        domains = self._codes(self.countries, 2 if self.countries <= 400 else 3)
        homes = [continents[index * CONTINENTS // self.countries] for index in range(self.countries)]
        zones = [self._zones(continent) for continent in homes]
        cities = list(self._invent_cities(names, zones))
        neighbours = self._neighbours(names)
        countries = [
            Country(
                id=str(index),
                name=name,
                capital=cities[index].title,
                currency=currencies[index % self.currencies].code,
                tld=f".{domains[index]}",
                continent=homes[index],
                area=self.rng.randint(900, 2_000_000),
                neighbours=tuple(neighbours[index]),
            )
            for index, name in enumerate(names)
        ]
        return Geography(list(self._invent_airports(cities)), cities, countries, currencies)

    def _invent_cities(self, countries: Sequence[str], zones: Sequence[Sequence[str]]) -> Iterator[City]:
        """The first of them are the capitals, in the order of the countries."""
        for index, name in enumerate(self._names(self.cities)):
            home = index if index < len(countries) else self.rng.randrange(len(countries))
            people = int(10 ** self.rng.uniform(3.5, 7))
            yield City(f"city/{index}", name, name, countries[home], people, self.rng.choice(zones[home]))

    def _invent_airports(self, cities: Sequence[City]) -> Iterator[Airport]:
        for index, name in enumerate(self._names(self.airports)):
            title = self.rng.choice(AIRPORTS).format(name)
            yield Airport(f"airport/{index}", title, self.rng.choice(cities).title)

    def _neighbours(self, names: Sequence[str]) -> list[list[str]]:
        """Countries lie in rows like the stones of a wall; a few of the borders are missing."""
        width = max(4, round(len(names) ** 0.5))
        found: list[list[str]] = [[] for _ in names]
        for index in range(len(names)):
            steps = [width, width + 1] + ([1] if (index + 1) % width else [])
            for other in (index + step for step in steps):
                if other < len(names) and self.rng.random() < 0.8:
                    found[index].append(names[other])
                    found[other].append(names[index])
        return found

    def _zones(self, continent: str) -> list[str]:
        return [f"{continent}/{name}" for name in self._names(self.rng.randint(1, 3))]

    def _currency_name(self) -> str:
        return f"{self._name()} {self.rng.choice(UNITS)}"

    def _codes(self, wanted: int, length: int) -> list[str]:
        """Different strings of letters."""
        return [
            "".join(self._letters(index, length)) for index in self.rng.sample(range(len(LETTERS) ** length), wanted)
        ]

    def _letters(self, index: int, length: int) -> Iterator[str]:
        for _ in range(length):
            index, letter = divmod(index, len(LETTERS))
            yield LETTERS[letter]

    def _names(self, wanted: int) -> list[str]:
        return [self._name() for _ in range(wanted)]

    def _name_of(self, split: Split) -> str:
        """A country's name: in small worlds too, either split has half of the countries."""
        while split_of(name := self._name()) != split:
            pass
        return name

    def _name(self) -> str:
        while (name := self._any_name()) in self.given:
            pass
        self.given.add(name)
        return name.capitalize()

    def _any_name(self) -> str:
        syllables = [self.rng.choice(ONSETS) + self.rng.choice(VOWELS) for _ in range(self.rng.randint(2, 3))]
        return "".join(syllables) + self.rng.choice(ENDINGS)
