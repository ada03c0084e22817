"""Which passages a world keeps out of its corpus, so that some questions cannot be answered from it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from sparring.envs.code.split_rng import Split, split_of
from sparring.envs.retrieval.types import Passage
from sparring.envs.retrieval.worlds.geography import Geography
from sparring.envs.retrieval.worlds.proofs import mentions
from sparring.types import derive_seed

SHARE = 0.05
AT_LEAST = 3


def choose_withheld(identity: str, geography: Geography, passages: Sequence[Passage]) -> frozenset[str]:
    """Ids of one in twenty passages of each family, and of a few at least for either split.

    No geography of a country is withheld: intersections need all of them. No currency that several countries share is
    withheld: too many questions would lose their answer.
    """
    groups: dict[tuple[str, Split], list[tuple[str, str]]] = {}
    for family, owner, id_ in _withholdable(geography, passages):
        groups.setdefault((family, split_of(owner)), []).append((owner, id_))
    chosen: dict[str, str] = {}
    """Ids by owners: nothing loses two passages, so that a chain through one gap meets no other."""
    for group, owned in sorted(groups.items()):
        left = [(owner, id_) for owner, id_ in owned if owner not in chosen]
        rng = random.Random(derive_seed("withheld", identity, *group))
        chosen.update(rng.sample(left, min(len(left), max(AT_LEAST, round(len(owned) * SHARE)))))
    return frozenset(chosen.values())


def _withholdable(geography: Geography, passages: Sequence[Passage]) -> Iterator[tuple[str, str, str]]:
    """(family, the thing whose questions lose their answer, passage id); where a name tells the answer, nothing."""
    capital_of = {country.capital: country.name for country in geography.countries}
    served_by = {airport.city: airport.title for airport in reversed(geography.airports)}
    user_of = _only_users(geography)
    for passage in passages:
        if not passage.triples:
            continue
        family, (subject, _, object_) = passage.id.partition("/")[0], passage.triples[0]
        if family == "currency":
            if subject in user_of and _apart(user_of[subject], object_):
                yield family, user_of[subject], passage.id
        elif family == "city" and subject in capital_of:
            if _apart(capital_of[subject], subject):
                yield "capital", capital_of[subject], passage.id
        elif family == "city" and subject in served_by:
            yield "served city", served_by[subject], passage.id
        elif family != "geography" and (family != "government" or _apart(subject, object_)):
            yield family, subject, passage.id


def _apart(country: str, name: str) -> bool:
    """Whether neither name stands in the other, as in Panama and Panama City; titles have the country in brackets."""
    bare = name.partition(" (")[0]
    return not mentions(bare, [country]) and not mentions(country, [bare])


def _only_users(geography: Geography) -> Mapping[str, str]:
    users: dict[str, list[str]] = {}
    for country in geography.countries:
        users.setdefault(country.currency, []).append(country.name)
    return {code: names[0] for code, names in users.items() if len(names) == 1}
