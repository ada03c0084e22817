"""Small libraries of functions over goods with prices, and tasks about them: frozen, drawn by a seed.

Every good belongs to one split, by a hash of its name, so no library and no task of one split occurs in the other.
"""

from __future__ import annotations

from typing import NamedTuple

from sparring.envs.code.split_rng import Split, SplitRng
from sparring.envs.reflection.task_form import WrittenTask

GOODS = 4
LIBRARY = """\
GOODS = {goods}

def goods(): return list(GOODS)
def price(name): return GOODS[name][0]
def count(name): return GOODS[name][1]
"""
EQUAL = "def verify(answer):\n    return answer == {solution}"


class Pattern(NamedTuple):
    """A kind of task. {a}, {b}, {c}: goods; {d}: the dearest; {n}: a number, 3 to 9."""

    instruction: str
    solution: str
    failures: tuple[str, ...]
    verify: str = EQUAL


PATTERNS = (
    Pattern("What does one {a} cost?", 'price("{a}")', ('count("{a}")', 'price("{b}")')),
    Pattern("What do {n} pieces of {a} cost?", '{n} * price("{a}")', ('price("{a}")', '{n} + price("{a}")')),
    Pattern("How many pieces of {a} are there?", 'count("{a}")', ('price("{a}")', 'count("{b}")')),
    Pattern(
        "How many pieces of {a} and {b} are there together?",
        'count("{a}") + count("{b}")',
        ('count("{a}")', 'count("{a}") - count("{b}")'),
    ),
    Pattern(
        "What are all pieces of {a} worth?",
        'price("{a}") * count("{a}")',
        ('price("{a}") + count("{a}")', 'count("{a}")'),
    ),
    Pattern(
        "Which costs more, {a} or {b}? Answer with its name.",
        'max("{a}", "{b}", key=price)',
        ('min("{a}", "{b}", key=price)', 'max("{a}", "{b}", key=price).upper()'),
    ),
    Pattern(
        "List {a}, {b} and {c} from the cheapest to the dearest.",
        'sorted(["{a}", "{b}", "{c}"], key=price)',
        ('sorted(["{a}", "{b}", "{c}"], key=price)[::-1]', 'sorted(["{a}", "{b}"], key=price)'),
    ),
    Pattern(
        "Name something that costs less than {d}.",
        "min(goods(), key=price)",
        ('"{d}"', "max(goods(), key=price)"),
        'def verify(answer):\n    return answer in goods() and price(answer) < price("{d}")',
    ),
)


class Drawn(NamedTuple):
    """A library and two tasks of different kinds about it."""

    library: str
    task: WrittenTask
    other: WrittenTask


def draw_goods(seed: int, split: Split) -> Drawn:
    """What a seed decides."""
    rng = SplitRng(split, "goods", seed)
    names = list[str]()
    while len(names) < GOODS:
        if (name := rng.word()) not in names:
            names.append(name)
    numbers = rng.integers(10, 60, 2 * GOODS)
    stock = {name: (numbers[2 * place], numbers[2 * place + 1]) for place, name in enumerate(names)}
    library = LIBRARY.format(goods=_written(stock))
    first, second = rng.some(PATTERNS, 2)
    return Drawn(library, _task(first, stock, rng), _task(second, stock, rng))


def _task(pattern: Pattern, stock: dict[str, tuple[int, int]], rng: SplitRng) -> WrittenTask:
    a, b, c = rng.some(list(stock), 3)
    words = {"a": a, "b": b, "c": c, "d": max(stock, key=lambda name: stock[name][0]), "n": str(rng.integer(3, 9))}
    solution = pattern.solution.format(**words)
    return WrittenTask(
        pattern.instruction.format(**words),
        pattern.verify.format(**words, solution=solution),
        solution,
        tuple(one.format(**words) for one in pattern.failures),
    )


def _written(stock: dict[str, tuple[int, int]]) -> str:
    """With double quotes, as the tasks have them."""
    return "{" + ", ".join(f'"{name}": {numbers}' for name, numbers in stock.items()) + "}"
