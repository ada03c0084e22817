"""Web browsing: answers that stand on the pages of a made-up shop, five lines at a time."""

from __future__ import annotations

from collections.abc import Callable

from sparring.envs.code.split_rng import SplitRng
from sparring.envs.code.tool_tasks.pages import Browser, Shop, draw_shop
from sparring.envs.code.tool_tasks.task import Family, HostFunctions, Question
from sparring.sandbox import ToolError

TOOLS = '''
def view() -> str:
    """What the browser shows now: five lines of the page, and which lines they are. A line "[text](address)" is a
    link. Every program starts at the top of the home page, "/"."""
    return _browse("view")

def open_page(address: str) -> str:
    """Opens the page of a link and shows its first lines; fails where there is no such page."""
    return _browse("open", address)

def scroll_down() -> str:
    """Shows the next five lines of the page; at its end, the same lines."""
    return _browse("down")

def scroll_up() -> str:
    """Shows the five lines before; at the top of the page, the same lines."""
    return _browse("up")

def back() -> str:
    """Goes back to the page before and shows its first lines; fails where there is none."""
    return _browse("back")
'''
READ = """import re

def read():
    lines = []
    shown = view()
    while True:
        *seen, place = shown.splitlines()
        lines += seen
        last, count = map(int, re.search(r"to (\\d+) of (\\d+)", place).groups())
        if last == count:
            return lines
        shown = scroll_down()

def follow(*names):
    open_page("/")
    for name in names:
        address = next(re.fullmatch(r"\\[.*\\]\\((.*)\\)", line)[1] for line in read() if line.startswith(f"[{name}]"))
        open_page(address)
    return read()

def links(lines):
    return [line[1 : line.index("]")] for line in lines if line.startswith("[") and not line.startswith("[Home]")]

def field(lines, name):
    return next(line.partition(": ")[2] for line in lines if line.startswith(name + ": "))

"""


def tools(world: Shop) -> str:
    """The same for every shop: the pages stay outside of the sandbox."""
    return TOOLS


def host(world: Shop) -> Callable[[], HostFunctions]:
    """A browser at the home page for every program."""

    return lambda: {"_browse": Browser(world.pages, ToolError).browse}


def price(world: Shop, rng: SplitRng) -> Question:
    """One number on one page."""
    product = rng.one(world.products)
    return Question(
        f"What does {product.name} of the category {product.category} cost?",
        "a number with two decimals",
        product.price,
        f"{READ}print(field(follow({product.category!r}, {product.name!r}), 'Price'))",
        absolute=1e-6,
    )


def order(world: Shop, rng: SplitRng) -> Question:
    """Two products and the shipping."""
    first, second = rng.some(world.products, 2)
    count, count_of_second = rng.integer(1, 4), rng.integer(1, 4)
    goods = count * first.price + count_of_second * second.price
    return Question(
        f"What does an order of {count} {first.name} ({first.category}) and {count_of_second} {second.name} "
        f"({second.category}) cost, shipping included?",
        "a number, rounded to two decimals",
        goods + (0 if goods >= world.free_from else world.shipping),
        f"{READ}goods = {count} * float(field(follow({first.category!r}, {first.name!r}), 'Price'))\n"
        f"goods += {count_of_second} * float(field(follow({second.category!r}, {second.name!r}), 'Price'))\n"
        "shipping, free_from = re.findall(r'\\d+\\.\\d\\d', ' '.join(follow('Shipping')))\n"
        "print(round(goods if goods >= float(free_from) else goods + float(shipping), 2))",
        absolute=0.011,
    )


def head_of(world: Shop, rng: SplitRng) -> Question:
    """An address behind two links, among others of its kind."""
    department = rng.one(sorted(world.heads))
    return Question(
        f"What is the e-mail address of the head of the department {department}?",
        "an e-mail address",
        next(person.email for person in world.people if person.name == world.heads[department]),
        f"{READ}lines = follow('People', {department!r})\n"
        "at = next(at for at, line in enumerate(lines) if 'head of the department' in line)\n"
        "print(lines[at + 1].split()[-1])",
    )


def stocks(world: Shop, rng: SplitRng) -> Question:
    """One number from each page of a category."""
    category = rng.one(world.categories)
    return Question(
        f"How many pieces of each product of the category {category} are in stock?",
        "a dict from product to whole number",
        {product.name: product.stock for product in world.of(category)},
        f"{READ}names = links(follow({category!r}))\n"
        f"print({{name: int(field(follow({category!r}, name), 'In stock')) for name in names}})",
    )


def cheapest_in_stock(world: Shop, rng: SplitRng) -> Question | None:
    """A search over a category."""
    category = rng.one(world.categories)
    found = sorted((product.price, product.name) for product in world.of(category) if product.stock)
    if len(found) < 2 or found[0][0] == found[1][0]:
        return None
    return Question(
        f"Which is the cheapest product of the category {category} that is in stock, and what does it cost?",
        "a tuple of the product's name and a number with two decimals",
        (found[0][1], found[0][0]),
        f"{READ}pages = {{name: follow({category!r}, name) for name in links(follow({category!r}))}}\n"
        "prices = {name: float(field(page, 'Price'))\n"
        "          for name, page in pages.items() if field(page, 'In stock') != '0'}\n"
        "name = min(prices, key=prices.get)\nprint((name, prices[name]))",
        absolute=1e-6,
    )


def worth_of_stock(world: Shop, rng: SplitRng) -> Question | None:
    """Two numbers on one page."""
    product = rng.one(world.products)
    if product.stock == 0:
        return None
    return Question(
        f"What do all pieces of {product.name} ({product.category}) that are in stock cost together?",
        "a number, rounded to two decimals",
        product.stock * product.price,
        f"{READ}page = follow({product.category!r}, {product.name!r})\n"
        "print(round(int(field(page, 'In stock')) * float(field(page, 'Price')), 2))",
        absolute=0.011,
    )


WEB = Family(
    "web",
    draw_shop,
    tools,
    {
        "price": price,
        "order": order,
        "head_of": head_of,
        "stocks": stocks,
        "cheapest_in_stock": cheapest_in_stock,
        "worth_of_stock": worth_of_stock,
    },
    host,
)
