"""Sequences: strands of four letters, a genetic code that is made up for each task, and what can be read from them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from sparring.envs.code.split_rng import SplitRng
from sparring.envs.code.tool_tasks.task import Family, Question, table

BASES = "ACGT"
ACIDS = "ADEFHKLMPRSWY"
STOP = "*"
OPPOSITE = str.maketrans("ACGT", "TGCA")
TOOLS = '''
def samples() -> dict:
    """All strands by name: strings of the letters A, C, G, T; damaged ones have an X somewhere."""
    return dict(_SAMPLES)

def is_valid(strand: str) -> bool:
    """Whether a strand has no other letters than A, C, G and T."""
    return set(strand) <= set("ACGT")

def reverse_complement(strand: str) -> str:
    """The opposite strand, read backwards: A and T, C and G are opposite."""
    if not is_valid(strand):
        raise ValueError("a damaged strand has no complement")
    return strand.translate(str.maketrans("ACGT", "TGCA"))[::-1]

def count_bases(strand: str) -> dict:
    """How often each of A, C, G and T occurs, in this order."""
    return {base: strand.count(base) for base in "ACGT"}

def gc_share(strand: str) -> float:
    """The share of G and C among all letters, between 0 and 1."""
    return (strand.count("G") + strand.count("C")) / len(strand)

def translate(strand: str) -> str:
    """The protein of a strand: three letters after three letters, by this laboratory's own code, up to a stop or
    to fewer than three letters."""
    if not is_valid(strand):
        raise ValueError("a damaged strand cannot be translated")
    protein = ""
    for start in range(0, len(strand) - 2, 3):
        acid = _CODE[strand[start : start + 3]]
        if acid == "*":
            break
        protein += acid
    return protein
'''


@dataclass(frozen=True, slots=True)
class World:
    code: dict[str, str]
    """Three bases -> one acid, or `STOP`."""
    strands: dict[str, str]
    damaged: frozenset[str]
    """Names of the strands with an X."""

    @property
    def whole(self) -> list[str]:
        return [name for name in self.strands if name not in self.damaged]

    def protein(self, strand: str) -> str:
        """Up to the first stop."""
        triplets = [strand[start : start + 3] for start in range(0, len(strand) - len(strand) % 3, 3)]
        return "".join(self.code[triplet] for triplet in triplets).partition(STOP)[0]


def world(rng: SplitRng) -> World:
    """A code with four stops, and six to nine strands of 36 to 90 letters, two or three of them damaged."""
    triplets = ["".join(letters) for letters in product(BASES, repeat=3)]
    stops = set(rng.some(triplets, 4))
    code = {triplet: STOP if triplet in stops else rng.one(ACIDS) for triplet in triplets}
    strands = {name: rng.sequence(rng.integer(36, 90), BASES) for name in rng.names(rng.integer(6, 9))}
    damaged = frozenset(rng.some(sorted(strands), rng.integer(2, 3)))
    for name in sorted(damaged):
        at = rng.integer(0, len(strands[name]) - 1)
        strands[name] = strands[name][:at] + "X" + strands[name][at + 1 :]
    return World(code, strands, damaged)


def tools(world: World) -> str:
    """The strands and the code, and what reads them."""
    return table("_SAMPLES", world.strands) + table("_CODE", world.code) + TOOLS


def protein(world: World, rng: SplitRng) -> Question | None:
    """The protein of a strand's opposite."""
    name = rng.one(world.whole)
    gold = world.protein(world.strands[name].translate(OPPOSITE)[::-1])
    if not gold:
        return None
    return Question(
        f"What is the protein of the reverse complement of the sample {name}?",
        "text, the letters of the protein",
        gold,
        f"print(translate(reverse_complement(samples()[{name!r}])))",
    )


def bases(world: World, rng: SplitRng) -> Question:
    """Counts of the letters."""
    name = rng.one(world.whole)
    opposite = world.strands[name].translate(OPPOSITE)
    return Question(
        f"How often does each base occur in the reverse complement of the sample {name}?",
        "a dict from each of A, C, G, T to a whole number",
        {base: opposite.count(base) for base in BASES},
        f"print(count_bases(reverse_complement(samples()[{name!r}])))",
    )


def richest(world: World, rng: SplitRng) -> Question | None:
    """The strand with most G and C."""
    shares = sorted(
        ((sum(map(strand.count, "GC")) / len(strand), name) for name, strand in _whole(world)), reverse=True
    )
    if shares[0][0] - shares[1][0] < 1e-3:
        return None
    return Question(
        "Which undamaged sample has the largest share of G and C, and how large is the share?",
        "a tuple of the name and a number between 0 and 1, rounded to four decimals",
        (shares[0][1], shares[0][0]),
        "valid = {name: gc_share(strand) for name, strand in samples().items() if is_valid(strand)}\n"
        "name = max(valid, key=valid.get)\n"
        "print((name, round(valid[name], 4)))",
        absolute=1e-4,
    )


def damaged_ones(world: World, rng: SplitRng) -> Question:
    """The names of the damaged strands."""
    return Question(
        "Which samples are damaged? Give their names in alphabetical order.",
        "a list of names",
        sorted(world.damaged),
        "print(sorted(name for name, strand in samples().items() if not is_valid(strand)))",
    )


def longest_protein(world: World, rng: SplitRng) -> Question:
    """A length over all strands."""
    return Question(
        "How many letters has the longest protein that any undamaged sample translates to?",
        "a whole number",
        max(len(world.protein(strand)) for _, strand in _whole(world)),
        "print(max(len(translate(strand)) for strand in samples().values() if is_valid(strand)))",
    )


def hold_motif(world: World, rng: SplitRng) -> Question | None:
    """The strands in whose proteins some acids follow each other."""
    found = world.protein(world.strands[rng.one(world.whole)])
    if len(found) < 4:
        return None
    at = rng.integer(0, len(found) - 2)
    motif = found[at : at + 2]
    return Question(
        f"Which undamaged samples have a protein that contains the letters {motif} next to each other? Give their "
        "names in alphabetical order.",
        "a list of names",
        sorted(name for name, strand in _whole(world) if motif in world.protein(strand)),
        "print(sorted(name for name, strand in samples().items()\n"
        f"             if is_valid(strand) and {motif!r} in translate(strand)))",
    )


def _whole(world: World) -> list[tuple[str, str]]:
    return [(name, world.strands[name]) for name in world.whole]


SEQUENCES = Family(
    "sequences",
    world,
    tools,
    {
        "protein": protein,
        "bases": bases,
        "richest": richest,
        "damaged_ones": damaged_ones,
        "longest_protein": longest_protein,
        "hold_motif": hold_motif,
    },
)
