"""The shapes of questions: from which kind of thing they start, which relations they follow, how they are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sparring.envs.retrieval.types import Kind
from sparring.envs.retrieval.worlds.proofs import BORDERS, WORD

Start = Literal["airport", "city", "country"]

NOUNS = {
    "serves": "the city that {} serves",
    "country": "the country in which {} lies",
    "capital": "the capital of {}",
    "currency code": "the currency of {}",
}
ASKED = {
    "serves": ("Which city does {} serve?", "What is the name of the city that {} serves?"),
    "country": ("In which country does {} lie?", "Which country is {} in?"),
    "population": ("How many people live in {}?", "How many inhabitants does {} have?"),
    "timezone": ("What is the time zone of {}?", "In which time zone does {} lie?"),
    "capital": ("What is the capital of {}?", "Which city is the capital of {}?"),
    "currency code": ("What is the code of the currency of {}?", "Which code does the currency of {} have?"),
    "currency name": ("What is the name of {}?", "How is {} called?"),
    "top-level domain": ("Which top-level domain do web sites of {} use?", "What is the top-level domain of {}?"),
    "continent": ("On which continent does {} lie?", "Which continent does {} belong to?"),
    "area": ("How many square kilometres is the area of {}?", "What is the area of {} in square kilometres?"),
}
QUERIES = {
    "serves": "{} airport serves city",
    "country": "the city {} is in",
    "population": "{} city population inhabitants",
    "timezone": "{} city time zone",
    "capital": "government of {} capital",
    "currency code": "economy of {} currency code",
    "currency name": "{} currency code name",
    "top-level domain": "economy of {} top-level domain",
    "continent": "geography of {} continent",
    "area": "geography of {} area",
    BORDERS: "geography of {} borders",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What questions of one form have in common."""

    kind: Kind
    start: Start
    path: tuple[str, ...]
    """A comparison compares the numbers at the ends of two such paths; an intersection follows it from a neighbour."""
    texts: tuple[str, ...]
    """Ways to ask; `{0}` is the start, `{1}` the second start or the value."""

    @property
    def words(self) -> frozenset[str]:
        """The words of the texts: a thing that is called by one of them cannot be asked for, such as the domain .is."""
        return frozenset(WORD.findall(" ".join(self.texts).casefold()))

    @property
    def hops(self) -> int:
        """Facts in the longest chain: an intersection has its border before the path."""
        return 1 if self.path == (BORDERS,) else len(self.path) + (self.kind == "intersection")


def _chain(start: Start, *path: str) -> Shape:
    *before, last = path
    noun = "{0}"
    for relation in before:
        noun = NOUNS[relation].format(noun)
    return Shape("chain", start, path, tuple(text.format(noun) for text in ASKED[last]))


CHAINS: dict[int, tuple[Shape, ...]] = {
    1: (
        _chain("airport", "serves"),
        _chain("city", "country"),
        _chain("city", "population"),
        _chain("city", "timezone"),
        _chain("country", "capital"),
        _chain("country", "currency code"),
        _chain("country", "top-level domain"),
        _chain("country", "continent"),
        _chain("country", "area"),
    ),
    2: (
        _chain("airport", "serves", "country"),
        _chain("airport", "serves", "population"),
        _chain("airport", "serves", "timezone"),
        _chain("city", "country", "capital"),
        _chain("city", "country", "currency code"),
        _chain("city", "country", "top-level domain"),
        _chain("city", "country", "area"),
        _chain("country", "capital", "population"),
        _chain("country", "capital", "timezone"),
        _chain("country", "currency code", "currency name"),
    ),
    3: (
        _chain("airport", "serves", "country", "capital"),
        _chain("airport", "serves", "country", "currency code"),
        _chain("airport", "serves", "country", "top-level domain"),
        _chain("airport", "serves", "country", "area"),
        _chain("city", "country", "capital", "population"),
        _chain("city", "country", "currency code", "currency name"),
    ),
    4: (
        _chain("airport", "serves", "country", "capital", "population"),
        _chain("airport", "serves", "country", "capital", "timezone"),
        _chain("airport", "serves", "country", "currency code", "currency name"),
    ),
}

COMPARISONS = (
    Shape(
        "comparison",
        "airport",
        ("serves", "population"),
        (
            "Which city has more inhabitants: the city that {0} serves or the city that {1} serves?",
            "Two airports are {0} and {1}. Which of the two cities that they serve has the larger population?",
        ),
    ),
    Shape(
        "comparison",
        "country",
        ("capital", "population"),
        (
            "Which city has more inhabitants: the capital of {0} or the capital of {1}?",
            "Of the capitals of {0} and {1}, which one has the larger population?",
        ),
    ),
    Shape(
        "comparison",
        "city",
        ("country", "area"),
        (
            "Which country has the larger area: the country in which {0} lies or the country in which {1} lies?",
            "{0} and {1} lie in two countries. Which of the two countries has the larger area?",
        ),
    ),
    Shape(
        "comparison",
        "airport",
        ("serves", "country", "area"),
        (
            "Which country has the larger area: the one with the city that {0} serves "
            "or the one with the city that {1} serves?",
            "{0} and {1} serve cities in two countries. Which of the two countries has the larger area?",
        ),
    ),
)
INTERSECTIONS = (
    Shape(
        "intersection",
        "country",
        (BORDERS,),
        ("Which country borders both {0} and {1}?", "Which country has borders with {0} and with {1}?"),
    ),
    Shape(
        "intersection",
        "country",
        ("currency code",),
        (
            "Which country borders {0} and has a currency with the code {1}?",
            "The code of its currency is {1}, and it borders {0}. Which country is it?",
        ),
    ),
    Shape(
        "intersection",
        "country",
        ("capital", "timezone"),
        (
            "Which country borders {0} and has a capital in the time zone {1}?",
            "Its capital lies in the time zone {1}, and it borders {0}. Which country is it?",
        ),
    ),
)
UNANSWERABLE = {
    hops: tuple(shape for shape in shapes if shape.path[-1] not in ("continent", "area"))
    for hops, shapes in CHAINS.items()
}
"""The chains whose last fact can be withheld; no geography of a country is, because every intersection needs it."""
UNANSWERABLE_COMPARISONS = COMPARISONS[:2]

Plan = tuple[tuple[bool, tuple[Shape, ...]], ...]
PLAN: Plan = (
    *((True, CHAINS[hops]) for hops in (1, 2, 3, 4)),
    (True, COMPARISONS),
    (False, UNANSWERABLE[1]),
    *((True, CHAINS[hops]) for hops in (2, 3, 4)),
    (True, INTERSECTIONS),
    (False, UNANSWERABLE[2]),
    *((True, CHAINS[hops]) for hops in (1, 2, 3, 4)),
    (True, COMPARISONS),
    (False, UNANSWERABLE[3]),
    (True, INTERSECTIONS),
    (True, COMPARISONS),
    (False, UNANSWERABLE[4] + UNANSWERABLE_COMPARISONS),
)
"""What questions 0, 1, 2, ... are, over and over: whether the corpus answers them, and of which shapes they may be."""
