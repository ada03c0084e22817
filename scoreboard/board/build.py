"""Everything that a board says, worked out from stored episodes and from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from sparring.scoreboard.board.comparisons import Comparisons, compare_rows
from sparring.scoreboard.board.curves import Curve, curves
from sparring.scoreboard.board.equilibria import Share
from sparring.scoreboard.board.gaps import Gap, generalisation_gaps
from sparring.scoreboard.board.leaderboard import Leaderboard, Line, leaderboards
from sparring.scoreboard.board.played import Behind
from sparring.scoreboard.board.proof import MerkleTree
from sparring.scoreboard.board.rounding import ends, number
from sparring.scoreboard.board.skills import Profile, skill_profile
from sparring.scoreboard.board.strength import Exact, exact_strengths
from sparring.store.rows import EpisodeRow
from sparring.store.store import Store
from sparring.types import Episode

MOST_BEHIND = 6_000
"""Episodes that a page names behind its numbers; the commands on it list all of them."""
Progress = Callable[[int], None]
"""Called with the number of episodes that were read."""


@dataclass(frozen=True, slots=True)
class Source:
    """A store that a board was made from."""

    label: str
    episodes: int
    root: str
    """The store's own, chained."""
    merkle: str
    """RFC 6962, over the hashes of its episodes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What whoever asks for a board decides; recorded in it, so that it can be worked out again."""

    replays: int = 40
    """Episodes that can be watched in the page."""
    equal_weight: bool = False
    """Whether every environment weighs the same, however much was played in it."""
    exact: bool = False
    """Whether the agents themselves are measured too, in environments that can be solved."""


@dataclass(frozen=True, slots=True)
class Board:
    """A board whole."""

    settings: Settings
    sources: tuple[Source, ...]
    boards: tuple[Leaderboard, ...]
    """That of everything first."""
    curves: tuple[Curve, ...]
    skills: Profile | None
    gaps: tuple[Gap, ...]
    exact: Exact | None
    behind: Mapping[str, Sequence[Behind]]
    """`place|agent|other agent`, as numbers of `places` and `agents` -> episodes."""
    played: Mapping[str, int]
    """The same keys -> how many episodes there are."""
    places: tuple[str, ...]
    """Specs, in the order of their numbers."""
    agents: tuple[str, ...]
    """In the order of their numbers."""
    broken_off: int
    replays: Sequence[Episode] = field(repr=False, default=())

    @property
    def everything(self) -> Leaderboard:
        """The leaderboard over all environments."""
        return self.boards[0]

    @property
    def episodes(self) -> int:
        """In all stores."""
        return sum(source.episodes for source in self.sources)


def build_board(
    stores: Sequence[tuple[str, Store]], settings: Settings | None = None, progress: Progress = lambda read: None
) -> Board:
    """Read stores, each with the label that the page shows. Raises ValueError where there is nothing to compare."""
    settings = settings or Settings()
    trees, extents = [MerkleTree() for _ in stores], [store.extent() for _, store in stores]
    found = compare_rows(_read(stores, [count for count, _ in extents], trees, progress))
    if not found.games:
        raise ValueError("no episode came to its end: there is nothing to put on a board")
    boards = leaderboards(found, settings.equal_weight)
    sources = tuple(
        Source(label, count, root, tree.root())
        for (label, _), (count, root), tree in zip(stores, extents, trees, strict=True)
    )
    behind = _behind(found)
    return Board(
        settings=settings,
        sources=sources,
        boards=tuple(boards),
        curves=tuple(curves(boards[0])),
        skills=skill_profile(found, boards[0], settings.equal_weight),
        gaps=tuple(generalisation_gaps(boards)),
        exact=exact_strengths(boards) if settings.exact else None,
        behind=behind,
        played={"|".join(map(str, key)): count for key, count in found.played.items()},
        places=tuple(place.spec for place in found.places),
        agents=tuple(found.agents),
        broken_off=found.broken_off,
        replays=_replays([store for _, store in stores], behind, settings.replays),
    )


def _read(
    stores: Sequence[tuple[str, Store]], counts: Sequence[int], trees: Sequence[MerkleTree], progress: Progress
) -> Iterator[EpisodeRow]:
    """The first so many rows of every store: it may be growing."""
    read, seen = 0, dict[bytes, int]()
    for place, ((label, store), count, tree) in enumerate(zip(stores, counts, trees, strict=True)):
        for row in store.rows(limit=count):
            tree.add(digest := bytes.fromhex(row.hash))
            if len(stores) > 1 and (other := seen.setdefault(digest, place)) != place:
                raise ValueError(
                    f"the very same game, {row.id!r}, is in {stores[other][0]} and in {label}, and would count twice: "
                    "name a store once, or play one of them again with another --seed"
                )
            read += 1
            if read % 1_000 == 0:
                progress(read)
            yield row
    progress(read)


def _behind(found: Comparisons) -> dict[str, Sequence[Behind]]:
    """As many episodes behind each number as the page has room for, the first ones of each."""
    share = max(1, MOST_BEHIND // max(1, len(found.behind)))
    kept = list(found.behind.items())[:MOST_BEHIND]
    return {"|".join(map(str, key)): episodes[:share] for key, episodes in kept}


def _replays(stores: Sequence[Store], behind: Mapping[str, Sequence[Behind]], most: int) -> list[Episode]:
    """Episodes to watch: of every two agents in every environment the first two, then the next two, while room is."""
    numbers: dict[int, None] = {}
    for start in range(0, max(map(len, behind.values()), default=0), 2):
        for episodes in behind.values():
            numbers.update((one.number, None) for one in episodes[start : start + 2])
    wanted = list(numbers)[:most]
    before, found = 0, list[Episode]()
    for store in stores:
        found += store.at(number - before for number in wanted if before < number <= before + store.count)
        before += store.count
    return found


def facts(board: Board) -> dict[str, object]:
    """Every number of a board as plain data, for whoever computes with it and for `verify`."""
    return {
        "settings": asdict(board.settings),
        "stores": [
            {"label": one.label, "episodes": one.episodes, "root": one.root, "merkle": one.merkle}
            for one in board.sources
        ],
        "broken_off": board.broken_off,
        "boards": {one.key: _board_facts(one) for one in board.boards},
        "skills": {} if board.skills is None else _skill_facts(board.skills),
        "gaps": [
            {
                "environment": one.place.spec,
                "agent": one.agent,
                **{name: ends(getattr(one, name)) for name in ("train", "held_out", "gap")},
            }
            for one in board.gaps
        ],
        "exact": {} if board.exact is None else _exact_facts(board.exact),
    }


def _exact_facts(exact: Exact) -> dict[str, object]:
    """Environment -> agent or reference policy -> its figures; and who was left out, with the reason."""
    strengths = {
        one.place.spec: {
            ("policy " if line.is_reference else "agent ") + line.agent: {
                name: [number(end, 6) for end in value] if isinstance(value, tuple) else number(value, 6)
                for name, value in asdict(line.strength).items()
            }
            for line in one.lines
        }
        for one in exact.places
    }
    return {"strengths": strengths, "left_out": dict(exact.left_out)}


def _skill_facts(profile: Profile) -> dict[str, object]:
    """Agent -> skill -> effect in logits (none where the tasks are too few), and the tasks behind it."""
    return {
        agent: {
            skill.name: {"effect": ends(effect), "tasks": effect.clusters}
            for skill, effect in zip(profile.skills, effects, strict=True)
        }
        for agent, effects in zip(profile.agents, profile.effects, strict=True)
    }


def _board_facts(board: Leaderboard) -> dict[str, object]:
    told: dict[str, object] = {
        "comparisons": board.comparisons,
        "games": board.games,
        "different games": board.different,
        "deals not played once in every seat": board.lopsided,
        "tasks": board.tasks,
        "draws": round(board.draws, 6),
        "seat": ends(board.seat),
        "agents": {line.agent: _line_facts(line) for line in board.lines},
        "equilibria": {one.agent: {"nash": _share(one.nash), "alpha": _share(one.alpha)} for one in board.equilibria},
    }
    if board.whole_games:
        told["whole games"] = {
            one.agent: [number(one.elo, 3), number(one.low, 3), number(one.high, 3)] for one in board.whole_games
        }
    if board.key.startswith("env:"):
        told["results"] = [[one.agent, one.opponent, one.wins, one.draws, one.losses] for one in board.cells]
    return told


def _line_facts(line: Line) -> dict[str, object]:
    return {
        "board": line.component,
        "elo": [number(line.elo, 3), number(line.low, 3), number(line.high, 3)],
        "rank": [line.best, line.worst],
        "comparisons": line.comparisons,
        "tasks": line.tasks,
        "points": ends(line.points),
        "environments": line.environments,
        "broke off": line.broken_off,
        "illegal": round(line.illegal, 6),
        "reward": ends(line.reward),
    }


def _share(share: Share) -> list[float]:
    """In thousandths, which is finer than the draws."""
    return [round(one, 3) + 0.0 for one in (share.value, share.low, share.high)]
