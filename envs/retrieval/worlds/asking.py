"""Questions about a geography: what can be asked in a shape, and how a question is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sparring.envs.code.split_rng import SPLITS, Split, SplitRng, split_of
from sparring.envs.retrieval.types import Passage, Question
from sparring.envs.retrieval.worlds.geography import Geography
from sparring.envs.retrieval.worlds.proofs import BORDERS, WORD, Chain, Derivation, PinnedDown, mentions, unaccented
from sparring.envs.retrieval.worlds.shapes import PLAN, QUERIES, Shape, Start

Fact = tuple[str, str]
"""Object and id of the passage that says it."""
TRIES = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """A chain of facts that a question asks for."""

    nodes: tuple[str, ...]
    """From the start to the end."""
    supports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A neighbour with a property that no other neighbour has."""

    country: str
    value: str
    answer: str
    supports: tuple[str, ...]
    queries: tuple[str, ...]


class Questioner:
    """Makes the questions of a world from its facts, those that it withholds included."""

    def __init__(
        self, identity: str, geography: Geography, passages: Sequence[Passage], withheld: Sequence[Passage]
    ) -> None:
        self.identity = identity
        self.known, self.hidden = _facts(passages), _facts(withheld)
        self.neighbours = {country.name: country.neighbours for country in geography.countries}
        self.spellings = _spellings(geography)
        self.starts: Mapping[Start, Sequence[str]] = {
            "airport": [airport.title for airport in geography.airports if airport.city in self.spellings],
            "city": [city.title for city in geography.cities if city.title == city.name],
            "country": [country.name for country in geography.countries],
        }
        self.plain = {city.title for city in geography.cities if city.title == city.name}
        self._words_of: dict[str, frozenset[str]] = {}
        self._starts: dict[tuple[Start, Split], Sequence[str]] = {}
        self._chains: dict[tuple[Start, tuple[str, ...], bool, Split], Sequence[Sequence[Asked]]] = {}
        self._neighbours: dict[tuple[str, ...], dict[Split, list[Neighbour]]] = {}

    def question(self, split: Split, number: int) -> Question:
        """Its shape and wording depend on split and number alone, so that another world asks the same about its own."""
        if number < 0:
            raise ValueError(f"the number of a question must be >= 0, got {number}")
        answerable, shapes = PLAN[number % len(PLAN)]
        form = SplitRng(split, "shape", number)
        shape, wording = form.one(shapes), form.integer(0, 1)
        rng = SplitRng(split, self.identity, number)
        if shape.kind == "intersection":
            return self._intersection(shape, wording, rng, number)
        if shape.kind == "comparison":
            return self._comparison(shape, wording, rng, number, answerable)
        return self._chain(shape, wording, rng, number, answerable)

    def chains(self, shape: Shape, split: Split, answerable: bool) -> Sequence[Sequence[Asked]]:
        """All chains that can be asked for in a shape; where not answerable, those whose last fact is withheld.

        Chains with one end are together, so that draws are even over ends: half of the airports lie in few countries.
        """
        key = (shape.start, shape.path, answerable, split)
        if key not in self._chains:
            words = shape.words
            by_end: dict[str, list[Asked]] = {}
            for start in self._starts_of(shape.start, split):
                asked = self._walk(start, shape.path, answerable)
                if asked and not any(self.words(node) <= words for node in asked.nodes):
                    by_end.setdefault(asked.nodes[-1], []).append(asked)
            self._chains[key] = list(by_end.values())
        if not self._chains[key]:
            raise ValueError(f"the world {self.identity!r} is too small: nothing to ask along {', '.join(shape.path)}")
        return self._chains[key]

    def _starts_of(self, kind: Start, split: Split) -> Sequence[str]:
        if (kind, split) not in self._starts:
            self._starts[kind, split] = [start for start in self.starts[kind] if split_of(start) == split]
        return self._starts[kind, split]

    def _walk(self, start: str, path: tuple[str, ...], answerable: bool) -> Asked | None:
        nodes, supports = [start], []
        for step, relation in enumerate(path, 1):
            facts = self.known if answerable or step < len(path) else self.hidden
            if (nodes[-1], relation) not in facts or (relation == "country" and nodes[-1] not in self.plain):
                return None
            end, support = facts[nodes[-1], relation]
            nodes.append(end)
            supports.append(support)
        told = any(self.tells(start, node) for node in nodes[1:])
        return None if told or len(set(nodes)) < len(nodes) else Asked(tuple(nodes), tuple(supports))

    def tells(self, start: str, node: str) -> bool:
        """Whether one of the names stands in the other, as in "Panama" and "Panama City"."""
        if not self.words(start) & self.words(node):
            return False
        return mentions(start, self.answers(node)) or mentions(self.answers(node)[0], [start])

    def words(self, node: str) -> frozenset[str]:
        """The words of all spellings; kept, because the same things stand in thousands of chains."""
        if node not in self._words_of:
            self._words_of[node] = frozenset(WORD.findall(unaccented(" ".join(self.answers(node))).casefold()))
        return self._words_of[node]

    def answers(self, node: str) -> tuple[str, ...]:
        """The spellings of an answer."""
        if node in self.spellings:
            return self.spellings[node]
        if node.replace(",", "").isdigit():
            return _different(node, node.replace(",", ""))
        return _different(node, unaccented(node), node.replace("_", " "))

    def _chain(self, shape: Shape, wording: int, rng: SplitRng, number: int, answerable: bool) -> Question:
        asked = rng.one(rng.one(self.chains(shape, rng.split, answerable)))
        start, *_, end = asked.nodes
        return Question(
            id=f"{rng.split}/{number}",
            text=shape.texts[wording].format(start),
            answers=self.answers(end) if answerable else (),
            kind="chain" if answerable else "unanswerable",
            hops=shape.hops,
            proof=Derivation((Chain(start, shape.path, end),)),
            supports=asked.supports if answerable else (),
            queries=queries_along(asked.nodes, shape.path),
        )

    def _comparison(self, shape: Shape, wording: int, rng: SplitRng, number: int, answerable: bool) -> Question:
        one = rng.one(rng.one(self.chains(shape, rng.split, answerable)))
        other = self._other(one, self.chains(shape, rng.split, True), rng)
        pair = rng.some([one, other], 2)
        larger = max(pair, key=_number)
        text = shape.texts[wording].format(pair[0].nodes[0], pair[1].nodes[0])
        return Question(
            id=f"{rng.split}/{number}",
            text=text,
            answers=self.answers(larger.nodes[-2]) if answerable else (),
            kind="comparison" if answerable else "unanswerable",
            hops=shape.hops,
            proof=Derivation(tuple(Chain(asked.nodes[0], shape.path, asked.nodes[-1]) for asked in pair)),
            supports=tuple(support for asked in pair for support in asked.supports) if answerable else (),
            queries=tuple(query for asked in pair for query in queries_along(asked.nodes, shape.path)),
        )

    def _other(self, one: Asked, groups: Sequence[Sequence[Asked]], rng: SplitRng) -> Asked:
        """A chain to compare with: of another number, through other things, and neither tells of the other."""
        for _ in range(TRIES):
            other = rng.one(rng.one(groups))
            if _number(one) != _number(other) and not set(one.nodes) & set(other.nodes):
                pairs = ((one.nodes[0], other.nodes[-2]), (other.nodes[0], one.nodes[-2]))
                if not any(self.tells(start, node) for start, node in pairs):
                    return other
        raise ValueError(f"the world {self.identity!r} is too small: nothing to compare with {one.nodes[0]!r}")

    def _intersection(self, shape: Shape, wording: int, rng: SplitRng, number: int) -> Question:
        found = rng.one(self.pinned_down(shape, rng.split))
        return Question(
            id=f"{rng.split}/{number}",
            text=shape.texts[wording].format(found.country, found.value),
            answers=self.answers(found.answer),
            kind="intersection",
            hops=shape.hops,
            proof=PinnedDown(
                found.country, tuple(self.neighbours[found.country]), shape.path, found.value, found.answer
            ),
            supports=found.supports,
            queries=found.queries,
        )

    def pinned_down(self, shape: Shape, split: Split) -> Sequence[Neighbour]:
        """All neighbours that can be asked for in a shape."""
        if shape.path not in self._neighbours:
            self._neighbours[shape.path] = {split: list(self._unique_neighbours(shape.path, split)) for split in SPLITS}
        if not self._neighbours[shape.path][split]:
            raise ValueError(f"the world {self.identity!r} is too small: no neighbour is pinned down")
        return self._neighbours[shape.path][split]

    def _unique_neighbours(self, path: tuple[str, ...], split: Split) -> Iterator[Neighbour]:
        countries = [name for name in self._starts_of("country", split) if self._told_apart(name)]
        if path == (BORDERS,):
            yield from self._between(countries)
            return
        for country in countries:
            ends = {neighbour: self._truth(neighbour, path) for neighbour in self.neighbours[country]}
            for answer, value in ends.items():
                asked = self._walk(answer, path, answerable=True)
                if asked and list(ends.values()).count(value) == 1 and not mentions(value, self.answers(answer)):
                    supports = (self.known[country, BORDERS][1], *asked.supports)
                    queries = (QUERIES[BORDERS].format(country), *queries_along(asked.nodes, path))
                    if not mentions(country, self.answers(answer)):
                        yield Neighbour(country, value, answer, supports, queries)

    def _between(self, countries: Sequence[str]) -> Iterator[Neighbour]:
        allowed = dict.fromkeys(countries)
        for one in allowed:
            reached = [other for middle in self.neighbours[one] for other in self.neighbours[middle]]
            for other in dict.fromkeys(reached):
                common = [name for name in self.neighbours[one] if name in self.neighbours[other]]
                told = mentions(f"{one} / {other}", self.answers(common[0]))
                if other in allowed and one != other and len(common) == 1 and not told:
                    supports = tuple(self.known[name, BORDERS][1] for name in (one, other))
                    queries = tuple(QUERIES[BORDERS].format(name) for name in (one, other))
                    yield Neighbour(one, other, common[0], supports, queries)

    def _told_apart(self, country: str) -> bool:
        """With one neighbour alone, the border would be the answer."""
        return len(self.neighbours[country]) > 1

    def _truth(self, start: str, path: tuple[str, ...]) -> str:
        node = start
        for relation in path:
            node = (self.known.get((node, relation)) or self.hidden.get((node, relation)) or ("", ""))[0]
        return node


def queries_along(nodes: Sequence[str], path: Sequence[str]) -> tuple[str, ...]:
    """A query for each step, from the thing where the step begins."""
    return tuple(QUERIES[relation].format(node) for node, relation in zip(nodes, path, strict=False))


def _facts(passages: Sequence[Passage]) -> dict[tuple[str, str], Fact]:
    return {
        (subject, relation): (object_, passage.id)
        for passage in passages
        for subject, relation, object_ in passage.triples
    }


def _spellings(geography: Geography) -> dict[str, tuple[str, ...]]:
    spellings = {city.title: _different(city.name, city.title, unaccented(city.name)) for city in geography.cities}
    for country in geography.countries:
        spellings[country.name] = _different(country.name, unaccented(country.name), *country.aliases)
        if country.tld:
            spellings[country.tld] = (country.tld,)
    return spellings


def _different(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _number(asked: Asked) -> int:
    return int(asked.nodes[-1].replace(",", ""))
