"""The geography that a world is made of: airports, cities, countries, currencies; real or invented, of one schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparring.envs.code.split_rng import listed
from sparring.envs.retrieval.types import Passage, Triple
from sparring.envs.retrieval.worlds.proofs import BORDERS
from sparring.types import derive_seed


@dataclass(frozen=True, slots=True)
class Airport:
    """An airport."""

    id: str
    title: str
    """Its name; with its code where other airports have the same name."""
    city: str
    """The title of a city; a plain name where the city has no passage; "" where it is not known."""
    region: str = ""
    """Told instead, where the city is not known."""


@dataclass(frozen=True, slots=True)
class City:
    """A city."""

    id: str
    name: str
    title: str
    """Its name; with its country, and a number, where other cities have the same name."""
    country: str
    population: int
    timezone: str


@dataclass(frozen=True, slots=True)
class Country:
    """A country. Texts are "", and the area 0, where there is none."""

    id: str
    name: str
    capital: str
    """The title of a city, or a plain name where the city has no passage."""
    currency: str
    """Its code, three capital letters."""
    tld: str
    continent: str
    area: int
    """Square kilometres."""
    neighbours: tuple[str, ...]
    """Names of countries, each of which names this one too."""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Geography:
    """All of it. Titles are unique among airports, among cities, among countries."""

    airports: Sequence[Airport]
    cities: Sequence[City]
    countries: Sequence[Country]
    currencies: Sequence[Currency]


def write_passages(geography: Geography) -> Iterator[Passage]:
    """One passage for each group of facts, so that a chain of facts needs a search for each of its steps."""
    yield from map(_about_airport, geography.airports)
    yield from map(_about_city, geography.cities)
    for country in geography.countries:
        if country.capital:
            yield _about_government(country)
        if country.currency or country.tld:
            yield _about_economy(country)
        yield _about_geography(country)
    yield from map(_about_currency, geography.currencies)


def digits(number: int) -> str:
    """A number as passages write it: 1,234,567."""
    return f"{number:,}"


def _wording(id_: str, *texts: str) -> str:
    """One of several ways to say the same; which one depends on the passage alone."""
    return texts[derive_seed("wording", id_) % len(texts)]


def _about_airport(airport: Airport) -> Passage:
    name, city = airport.title, airport.city
    if not city:
        return Passage(airport.id, name, f"{name} is an airport in {airport.region}.")
    text = _wording(
        airport.id, f"{name} is an airport. It serves the city of {city}.", f"The airport {name} serves {city}."
    )
    return Passage(airport.id, name, text, (Triple(name, "serves", city),))


def _about_city(city: City) -> Passage:
    name, people = city.title, digits(city.population)
    text = _wording(
        city.id,
        f"{name} is a city in {city.country}. It has {people} inhabitants. Its time zone is {city.timezone}.",
        f"The city {name} lies in {city.country}, in the time zone {city.timezone}. Its population is {people}.",
    )
    facts = (("country", city.country), ("population", people), ("timezone", city.timezone))
    return Passage(city.id, name, text, tuple(Triple(name, relation, value) for relation, value in facts))


def _about_government(country: Country) -> Passage:
    name, capital = country.name, country.capital
    id_ = f"government/{country.id}"
    text = _wording(
        id_, f"The capital of {name} is {capital}.", f"The government of {name} has its seat in the capital, {capital}."
    )
    return Passage(id_, f"Government of {name}", text, (Triple(name, "capital", capital),))


def _about_economy(country: Country) -> Passage:
    sentences, triples = [], []
    if country.currency:
        sentences.append(f"The currency of {country.name} has the code {country.currency}.")
        triples.append(Triple(country.name, "currency code", country.currency))
    if country.tld:
        sentences.append(f"Web sites of {country.name} use the top-level domain {country.tld}.")
        triples.append(Triple(country.name, "top-level domain", country.tld))
    return Passage(f"economy/{country.id}", f"Economy of {country.name}", " ".join(sentences), tuple(triples))


def _about_geography(country: Country) -> Passage:
    name = country.name
    sentences, triples = [f"{name} lies in {country.continent}."], [Triple(name, "continent", country.continent)]
    if country.area:
        sentences.append(f"The area of {name} is {digits(country.area)} square kilometres.")
        triples.append(Triple(name, "area", digits(country.area)))
    if country.neighbours:
        sentences.append(f"{name} borders {listed(country.neighbours)}.")
    else:
        sentences.append(f"{name} borders no other country.")
    triples += [Triple(name, BORDERS, neighbour) for neighbour in country.neighbours]
    return Passage(f"geography/{country.id}", f"Geography of {name}", " ".join(sentences), tuple(triples))


def _about_currency(currency: Currency) -> Passage:
    code, name = currency.code, currency.name
    id_ = f"currency/{code}"
    text = _wording(id_, f"{code} is the code of the currency {name}.", f"The currency {name} has the code {code}.")
    return Passage(id_, f"{code} (currency)", text, (Triple(code, "currency name", name),))
