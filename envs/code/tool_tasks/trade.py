"""Trade: offers in several currencies, with tariffs and freight on top, compared in the buyer's own money."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from sparring.envs.code.split_rng import SplitRng, listed
from sparring.envs.code.tool_tasks.task import Family, Question, table

TOOLS = '''
def goods() -> list:
    """The names of all goods that are traded."""
    return sorted({offer["goods"] for offer in _OFFERS})

def find_offers(goods: str) -> list:
    """All offers of some goods: dicts with "supplier", "goods", "country", "currency", "price" (of one piece, in that
    currency) and "weight" (of one piece, in kilograms)."""
    return [dict(offer) for offer in _OFFERS if offer["goods"] == goods]

def convert(amount: float, source: str, target: str) -> float:
    """An amount of the currency `source` in the currency `target`."""
    for currency in (source, target):
        if currency not in _VALUES:
            raise ValueError(f"no currency {currency!r}; there are {sorted(_VALUES)}")
    return amount * _VALUES[source] / _VALUES[target]

def tariff(goods: str, country: str) -> float:
    """The tariff on goods from a country, in percent of their price. Freight pays none."""
    if (goods, country) not in _TARIFFS:
        raise ValueError(f"no tariff for {goods!r} from {country!r}")
    return _TARIFFS[goods, country]

def freight(country: str, kilograms: float) -> float:
    """What it costs to ship a weight from a country to the buyer, in the buyer's own currency."""
    if country not in _FREIGHT:
        raise ValueError(f"no freight from {country!r}; there is some from {sorted(_FREIGHT)}")
    base, per_kilogram = _FREIGHT[country]
    return base + per_kilogram * kilograms
'''
LANDED = """def landed(offer, pieces):
    paid = convert(offer["price"] * pieces, offer["currency"], {home!r})
    duty = paid * tariff(offer["goods"], offer["country"]) / 100
    return paid + duty + freight(offer["country"], offer["weight"] * pieces)

offers = {{offer["supplier"]: offer for offer in find_offers({goods!r})}}
"""
MONEY = "a number, rounded to two decimals"
CENT = 0.011
"""A cent and what rounding may add."""


@dataclass(frozen=True, slots=True)
class Offer:
    supplier: str
    goods: str
    country: str
    currency: str
    price: float
    weight: float


@dataclass(frozen=True, slots=True)
class World:
    home: str
    """The buyer's currency."""
    values: dict[str, float]
    """Of one unit of each currency, in some common measure."""
    tariffs: dict[tuple[str, str], float]
    freight: dict[str, tuple[float, float]]
    offers: tuple[Offer, ...]

    def landed(self, offer: Offer, pieces: int) -> float:
        """What so many pieces cost at home: price, tariff and freight, in home currency."""
        paid = offer.price * pieces * self.values[offer.currency] / self.values[self.home]
        base, per_kilogram = self.freight[offer.country]
        return paid * (1 + self.tariffs[offer.goods, offer.country] / 100) + base + per_kilogram * offer.weight * pieces

    def of(self, goods: str) -> list[Offer]:
        """All offers of some goods; there are three or more."""
        return [offer for offer in self.offers if offer.goods == goods]

    @property
    def goods(self) -> list[str]:
        return sorted({offer.goods for offer in self.offers})


def world(rng: SplitRng) -> World:
    """Four currencies, four countries, three kinds of goods, three to five offers of each."""
    currencies, countries, goods = ([name.upper() for name in rng.names(4)], rng.names(4), rng.names(3))
    goods = [name.lower() for name in goods]
    return World(
        home=currencies[0],
        values={currency: rng.number(0.2, 9.0, 3) for currency in currencies},
        tariffs={(one, country): rng.number(0, 30, 1) for one in goods for country in countries},
        freight={country: (rng.number(5, 60, 2), rng.number(0.1, 3, 2)) for country in countries},
        offers=tuple(
            Offer(
                rng.name(),
                one,
                rng.one(countries),
                rng.one(currencies),
                rng.number(2, 90, 2),
                rng.number(0.2, 9, 1),
            )
            for one in goods
            for _ in range(rng.integer(3, 5))
        ),
    )


def tools(world: World) -> str:
    """The tables, and what looks into them."""
    offers = [{name: getattr(offer, name) for name in Offer.__slots__} for offer in world.offers]
    tables = {"_OFFERS": offers, "_VALUES": world.values, "_TARIFFS": world.tariffs, "_FREIGHT": world.freight}
    return "".join(table(name, value) for name, value in tables.items()) + TOOLS


def landed_cost(world: World, rng: SplitRng) -> Question:
    """One offer with everything on top."""
    offer, pieces = rng.one(world.offers), rng.integer(5, 200)
    return Question(
        f"The buyer's currency is {world.home}. What do {pieces} pieces of {offer.goods} from {offer.supplier} cost "
        "in it, tariff and freight included?",
        MONEY,
        world.landed(offer, pieces),
        _landed(world, offer.goods) + f"print(round(landed(offers[{offer.supplier!r}], {pieces}), 2))",
        absolute=CENT,
    )


def cheapest(world: World, rng: SplitRng) -> Question | None:
    """The best supplier and its cost."""
    goods, pieces = rng.one(world.goods), rng.integer(5, 200)
    costs = sorted((world.landed(offer, pieces), offer.supplier) for offer in world.of(goods))
    if costs[1][0] - costs[0][0] < 1.0:
        return None
    return Question(
        f"The buyer's currency is {world.home}. Which supplier is the cheapest for {pieces} pieces of {goods}, tariff "
        "and freight included, and what do they cost in that currency?",
        f"a tuple of the supplier's name and {MONEY}",
        (costs[0][1], costs[0][0]),
        _landed(world, goods)
        + f"costs = {{name: landed(offer, {pieces}) for name, offer in offers.items()}}\n"
        + "name = min(costs, key=costs.get)\nprint((name, round(costs[name], 2)))",
        absolute=CENT,
    )


def ranking(world: World, rng: SplitRng) -> Question | None:
    """All costs, in order."""
    goods, pieces = rng.one(world.goods), rng.integer(5, 200)
    costs = sorted(world.landed(offer, pieces) for offer in world.of(goods))
    if any(higher - lower < 0.1 for lower, higher in pairwise(costs)):
        return None
    return Question(
        f"The buyer's currency is {world.home}. What do {pieces} pieces of {goods} cost in it with each supplier, "
        "tariff and freight included, from the lowest cost to the highest?",
        "a list of numbers, rounded to two decimals",
        costs,
        _landed(world, goods) + f"print(sorted(round(landed(offer, {pieces}), 2) for offer in offers.values()))",
        absolute=CENT,
    )


def most_pieces(world: World, rng: SplitRng) -> Question | None:
    """What a budget buys."""
    offer, wanted = rng.one(world.offers), rng.integer(20, 300)
    budget = round(world.landed(offer, wanted) + 0.5 * (world.landed(offer, 1) - world.landed(offer, 0)), 2)
    if not world.landed(offer, wanted) < budget - 0.05 < budget + 0.05 < world.landed(offer, wanted + 1):
        return None
    return Question(
        f"How many pieces of {offer.goods} from {offer.supplier} can be bought for {budget} {world.home}, the buyer's "
        "currency, if tariff and freight are included?",
        "a whole number",
        wanted,
        _landed(world, offer.goods)
        + f"offer = offers[{offer.supplier!r}]\npieces = 0\n"
        + f"while landed(offer, pieces + 1) <= {budget}:\n    pieces += 1\nprint(pieces)",
    )


def saving(world: World, rng: SplitRng) -> Question | None:
    """Two offers of the same goods."""
    goods, pieces = rng.one(world.goods), rng.integer(5, 200)
    cheap, dear = sorted(rng.some(world.of(goods), 2), key=lambda offer: world.landed(offer, pieces))
    cost, cost_of_dear = world.landed(cheap, pieces), world.landed(dear, pieces)
    if cost_of_dear - cost < 1.0:
        return None
    names = (cheap.supplier, dear.supplier)
    return Question(
        f"The buyer's currency is {world.home}. How much less do {pieces} pieces of {goods} cost in it, tariff and "
        f"freight included, from {names[0]} than from {names[1]}?",
        MONEY,
        cost_of_dear - cost,
        _landed(world, goods)
        + f"print(round(landed(offers[{names[1]!r}], {pieces}) - landed(offers[{names[0]!r}], {pieces}), 2))",
        absolute=CENT,
    )


def prices_at_home(world: World, rng: SplitRng) -> Question:
    """The bare prices of some goods in home currency."""
    goods = rng.one(world.goods)
    return Question(
        f"What does one piece of {goods} cost in {world.home}, without tariff and freight, with each of "
        f"{listed(offer.supplier for offer in world.of(goods))}?",
        "a dict from supplier to a number, rounded to two decimals",
        {o.supplier: o.price * world.values[o.currency] / world.values[world.home] for o in world.of(goods)},
        _landed(world, goods)
        + f"print({{name: round(convert(offer['price'], offer['currency'], {world.home!r}), 2) "
        + "for name, offer in offers.items()})",
        absolute=CENT,
    )


def _landed(world: World, goods: str) -> str:
    return LANDED.format(home=world.home, goods=goods)


TRADE = Family(
    "trade",
    world,
    tools,
    {
        "landed_cost": landed_cost,
        "cheapest": cheapest,
        "ranking": ranking,
        "most_pieces": most_pieces,
        "saving": saving,
        "prices_at_home": prices_at_home,
    },
)
