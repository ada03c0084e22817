"""A made-up shop on the web: pages of lines with links, and the browser that goes from page to page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sparring.envs.code.split_rng import SplitRng

LINES_PER_VIEW = 5
HOME = "/"


@dataclass(frozen=True, slots=True)
class Product:
    name: str
    category: str
    price: float
    stock: int
    maker: str


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    department: str
    email: str
    room: int


@dataclass(frozen=True, slots=True)
class Shop:
    """What the pages say."""

    name: str
    products: tuple[Product, ...]
    people: tuple[Person, ...]
    heads: dict[str, str]
    """Department -> name of the person who leads it."""
    shipping: float
    free_from: float
    """Orders of at least that much are shipped for nothing."""
    pages: dict[str, tuple[str, ...]]
    """Lines by address; a line "[text](address)" is a link."""

    def of(self, category: str) -> list[Product]:
        return [product for product in self.products if product.category == category]

    @property
    def categories(self) -> list[str]:
        return sorted({product.category for product in self.products})


def draw_shop(rng: SplitRng) -> Shop:
    """Three categories of three to five products, two departments of three or four people."""
    name, categories, departments = rng.name(), rng.names(3), rng.names(2)
    products = tuple(
        Product(rng.name(), category, rng.number(3, 190, 2), rng.integer(0, 40) * rng.one((0, 1, 1)), rng.name())
        for category in categories
        for _ in range(rng.integer(3, 5))
    )
    people = tuple(_person(rng, department, name) for department in departments for _ in range(rng.integer(3, 4)))
    heads = {one: rng.one([person.name for person in people if person.department == one]) for one in departments}
    shop = Shop(name, products, people, heads, rng.number(3, 20, 2), float(rng.integer(100, 400)), {})
    shop.pages.update(_pages(shop, rng))
    return shop


class Browser:
    """One visit of a shop: a page, how far it is scrolled, and the pages before it."""

    def __init__(self, pages: dict[str, tuple[str, ...]], fault: Callable[[str], Exception] = ValueError) -> None:
        self._pages, self._fault = pages, fault
        self._past: list[str] = []
        self._page, self._top = HOME, 0

    def browse(self, command: object, address: object = None) -> str:
        """What the screen shows after a command. Raises `fault` for anything that a person could not do."""
        if command == "open":
            if not isinstance(address, str) or address not in self._pages:
                raise self._fault("there is no such page; open the address of a link")
            self._past.append(self._page)
            self._page, self._top = address, 0
        elif command == "back":
            if not self._past:
                raise self._fault("there is no page before this one")
            self._page, self._top = self._past.pop(), 0
        elif command in ("down", "up"):
            self._scroll(LINES_PER_VIEW if command == "down" else -LINES_PER_VIEW)
        elif command != "view":
            raise self._fault("the browser knows open, back, down, up and view")
        return self._screen()

    def _scroll(self, lines: int) -> None:
        top = self._top + lines
        if 0 <= top < len(self._pages[self._page]):
            self._top = top

    def _screen(self) -> str:
        lines = self._pages[self._page]
        seen = lines[self._top : self._top + LINES_PER_VIEW]
        return "\n".join([*seen, f"(lines {self._top + 1} to {self._top + len(seen)} of {len(lines)})"])


def _person(rng: SplitRng, department: str, shop: str) -> Person:
    name = rng.name()
    return Person(name, department, f"{name.lower()}.{rng.word()}@{shop.lower()}.example", rng.integer(100, 499))


def _pages(shop: Shop, rng: SplitRng) -> dict[str, tuple[str, ...]]:
    """Addresses carry a number that only the links tell."""
    address = {
        key: f"/{rng.integer(1000, 9999)}-{key.lower()}"
        for key in [*shop.categories, *shop.heads, *(product.name for product in shop.products), "shipping", "people"]
    }
    pages = {HOME: _home(shop, address)}
    for category in shop.categories:
        links = [_link(product.name, address) for product in shop.of(category)]
        pages[address[category]] = (category, f"{len(links)} products:", *links, "[Home](/)")
    for product in shop.products:
        pages[address[product.name]] = _product_page(product)
    pages[address["people"]] = ("Our departments", *(_link(one, address) for one in shop.heads), "[Home](/)")
    for department, head in shop.heads.items():
        pages[address[department]] = _department_page(shop, department, head)
    pages[address["shipping"]] = (
        "Shipping",
        "We ship on every working day.",
        f"Shipping costs {shop.shipping:.2f} for an order, however large.",
        f"Orders of {shop.free_from:.2f} or more are shipped for nothing.",
        "[Home](/)",
    )
    return pages


def _home(shop: Shop, address: dict[str, str]) -> tuple[str, ...]:
    categories = [_link(category, address) for category in shop.categories]
    links = [f"[Shipping]({address['shipping']})", f"[People]({address['people']})"]
    return (f"Welcome to {shop.name}", "Open all week, and through the night.", *categories, *links)


def _product_page(product: Product) -> tuple[str, ...]:
    return (
        product.name,
        f"Category: {product.category}",
        f"Maker: {product.maker}",
        "Customers liked it, and wrote us so.",
        "It comes in a box.",
        f"Price: {product.price:.2f}",
        f"In stock: {product.stock}",
        "[Home](/)",
    )


def _department_page(shop: Shop, department: str, head: str) -> tuple[str, ...]:
    lines = [department]
    for person in shop.people:
        if person.department == department:
            role = ", head of the department" if person.name == head else ""
            lines += [f"{person.name}{role}", f"  e-mail {person.email}", f"  room {person.room}"]
    return (*lines, "[Home](/)")


def _link(name: str, address: dict[str, str]) -> str:
    return f"[{name}]({address[name]})"
