"""Message decoding: an inbox of texts, each encoded in several steps that have to be undone backwards."""

from __future__ import annotations

import string
from dataclasses import dataclass

from sparring.envs.code.split_rng import SplitRng, listed
from sparring.envs.code.tool_tasks.task import Family, Question, table

LETTERS = string.ascii_lowercase
TOOLS = '''
def inbox() -> list:
    """All messages in order of arrival: dicts with "sender", "text" (encoded) and "steps", the list of
    [name, argument] by which the text was encoded, in the order in which they were applied: ["caesar", places],
    ["book", name of the book], ["flip", None], ["hex", None]. Undo them last to first."""
    return [{**message, "steps": [list(step) for step in message["steps"]]} for message in _INBOX]

def caesar(text: str, places: int) -> str:
    """Moves every letter forward in the alphabet, wrapping around; negative places move backward."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(letters[(letters.index(c) + places) % 26] if c in letters else c for c in text)

def read_book(text: str, book: str) -> str:
    """Undoes the substitution of a code book; fails where there is no book of that name."""
    if book not in _BOOKS:
        raise ValueError(f"no code book {book!r}; there are {sorted(_BOOKS)}")
    return text.translate(str.maketrans(_BOOKS[book], "abcdefghijklmnopqrstuvwxyz"))

def write_book(text: str, book: str) -> str:
    """Applies the substitution of a code book."""
    if book not in _BOOKS:
        raise ValueError(f"no code book {book!r}; there are {sorted(_BOOKS)}")
    return text.translate(str.maketrans("abcdefghijklmnopqrstuvwxyz", _BOOKS[book]))

def flip(text: str) -> str:
    """The text backwards."""
    return text[::-1]

def from_hex(text: str) -> str:
    """The text that a string of hexadecimal digits stands for."""
    return bytes.fromhex(text).decode("ascii")

def to_hex(text: str) -> str:
    """The hexadecimal digits of a text."""
    return text.encode("ascii").hex()
'''
DECODE = """def decode(message):
    text = message["text"]
    for name, argument in reversed(message["steps"]):
        if name == "caesar":
            text = caesar(text, -argument)
        elif name == "book":
            text = read_book(text, argument)
        elif name == "flip":
            text = flip(text)
        else:
            text = from_hex(text)
    return text

decoded = {message["sender"]: decode(message) for message in inbox()}
"""
Step = tuple[str, int | str | None]


@dataclass(frozen=True, slots=True)
class Message:
    sender: str
    plain: str
    steps: tuple[Step, ...]
    text: str


@dataclass(frozen=True, slots=True)
class World:
    books: dict[str, str]
    inbox: tuple[Message, ...]
    """The first two say the same."""


def world(rng: SplitRng) -> World:
    """Five to seven messages of three to eight words, encoded in two to four steps."""
    books = {name: "".join(rng.some(LETTERS, 26)) for name in rng.names(2)}
    plains = [rng.sentence(rng.integer(3, 8)) for _ in range(rng.integer(4, 6))]
    return World(books, tuple(_message(rng, plain, books) for plain in (plains[0], *plains)))


def tools(world: World) -> str:
    """The code books and the encoded messages, and what undoes the steps."""
    inbox = [{"sender": one.sender, "steps": one.steps, "text": one.text} for one in world.inbox]
    return table("_BOOKS", world.books) + table("_INBOX", inbox) + TOOLS


def what_it_says(world: World, rng: SplitRng) -> Question:
    """One message, decoded."""
    message = rng.one(world.inbox)
    return Question(
        f"What does the message from {message.sender} say, decoded?",
        "text, lower-case words separated by single blanks",
        message.plain,
        f"{DECODE}print(decoded[{message.sender!r}])",
    )


def longest(world: World, rng: SplitRng) -> Question | None:
    """The longest message and its length."""
    lengths = sorted(((len(one.plain), one.sender) for one in world.inbox), reverse=True)
    if lengths[0][0] == lengths[1][0]:
        return None
    return Question(
        "Who sent the longest of the decoded messages, and how many characters has it, blanks included?",
        "a tuple of the sender's name and a whole number",
        (lengths[0][1], lengths[0][0]),
        f"{DECODE}sender = max(decoded, key=lambda name: len(decoded[name]))\nprint((sender, len(decoded[sender])))",
    )


def words_by_sender(world: World, rng: SplitRng) -> Question:
    """How many words each of three senders wrote."""
    senders = rng.some(world.inbox, 3)
    names = [one.sender for one in senders]
    return Question(
        f"How many words did each of {listed(names)} write?",
        "a dict from sender to whole number",
        {one.sender: len(one.plain.split()) for one in senders},
        f"{DECODE}print({{name: len(decoded[name].split()) for name in {names!r}}})",
    )


def say_the_same(world: World, rng: SplitRng) -> Question | None:
    """The two messages that have one meaning."""
    first, other, *rest = world.inbox
    if len({one.plain for one in rest} | {first.plain}) <= len(rest):
        return None
    return Question(
        "Which two senders say the same, once decoded? Give their names in alphabetical order.",
        "a list of two names",
        sorted([first.sender, other.sender]),
        f"{DECODE}texts = list(decoded.values())\n"
        "print(sorted(name for name, text in decoded.items() if texts.count(text) == 2))",
    )


def first_words(world: World, rng: SplitRng) -> Question:
    """The first word of every message."""
    return Question(
        "What is the first word of each decoded message, in the order of the inbox?",
        "a list of words",
        [one.plain.split()[0] for one in world.inbox],
        f"{DECODE}print([text.split()[0] for text in decoded.values()])",
    )


def _message(rng: SplitRng, plain: str, books: dict[str, str]) -> Message:
    steps: list[Step] = []
    for name in rng.some(("caesar", "book", "flip"), rng.integer(2, 3)):
        arguments: dict[str, int | str | None] = {"caesar": rng.integer(1, 25), "book": rng.one(sorted(books))}
        steps.append((name, arguments.get(name)))
    if rng.integer(0, 1):
        steps.append(("hex", None))
    return Message(rng.name(), plain, tuple(steps), _encoded(plain, steps, books))


def _encoded(text: str, steps: list[Step], books: dict[str, str]) -> str:
    for name, argument in steps:
        if isinstance(argument, int):
            text = text.translate(str.maketrans(LETTERS, LETTERS[argument:] + LETTERS[:argument]))
        elif argument is not None:
            text = text.translate(str.maketrans(LETTERS, books[argument]))
        else:
            text = text[::-1] if name == "flip" else text.encode("ascii").hex()
    return text


MESSAGES = Family(
    "messages",
    world,
    tools,
    {
        "what_it_says": what_it_says,
        "longest": longest,
        "words_by_sender": words_by_sender,
        "say_the_same": say_the_same,
        "first_words": first_words,
    },
)
