"""`sparring tournament | board`: everybody against everybody, and one page about it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from sparring.cli import arguments, board_view, person, play_view, ray_option, terminal
from sparring.cli.interrupts import saying_what_is_kept
from sparring.cli.locations import RunOrStore, RunsOrStores
from sparring.faults import require_writable
from sparring.start import EXIT_FAILED
from sparring.store.location import Location
from sparring.store.run_files import episodes_of

if TYPE_CHECKING:
    from sparring.protocols import Agent
    from sparring.rollout.match import Event
    from sparring.scoreboard.board.build import Board, Settings
    from sparring.scoreboard.tournament import Budget, Plan, Played

Flag = tyro.conf.FlagCreatePairsOff[bool]
Output = Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="PAGE")]


def tournament(
    envs: str,
    agents: str,
    store: RunOrStore,
    rounds: int = 10,
    seed: int = 0,
    minutes: float | None = None,
    width: float | None = None,
    output: Output = None,
    exact: Flag = False,
    ray: ray_option.Address = None,
    json: Flag = False,
) -> int:
    """Play every agent against every other one in every environment that it can play, and rate them.

    A round is one deal, played in every rotation of the seats. What the store holds already is not played again: the
    same command goes on where it was left, and more rounds, agents or environments add to it. An agent that cannot play
    an environment (cfr where nothing is hidden, minimax where something is) is left out there, with the reason.
    Exit code 1 if an episode broke off.

    Args:
        envs: Environments by commas, e.g. KuhnPoker,TicTacToe,Adventure:difficulty=1.
        agents: Agents by commas, e.g. random,constant:bet,minimax,mcts:simulations=50,cfr,nano,smollm2, or run folders.
        store: The folder, or postgresql:// URL, that keeps the episodes.
        rounds: Deals of every pairing in every environment, at most where --minutes or --width ends it before.
        seed: Decides deals and actions.
        minutes: Stop after the games in which so many minutes are over. Without it there is no limit.
        width: Stop when every rating's 95 % interval reaches at most so many Elo from it; until then play the pairings
            that are hardest to tell apart. Without it all rounds are played.
        output: Also write the board's page there.
        exact: Also measure the agents themselves in every environment that can be solved, without episodes.
        ray: Play on the workers of a Ray cluster: HOST:PORT of its head, auto (the one on this machine), or local,
            which starts one and is meant by --ray alone.
        json: Print JSON instead of a table.
    """
    places, names = arguments.split_agents(envs), arguments.split_agents(agents)
    _require_different(places, names)
    ray_option.require_usable(ray)
    if rounds < 1:
        raise ValueError(f"rounds must be >= 1, got {rounds}")
    from sparring.scoreboard.board.build import Settings
    from sparring.scoreboard.board.page import require_board
    from sparring.scoreboard.matches import by_name
    from sparring.scoreboard.tournament import Budget, left_out_in_words, plan, size_in_words

    budget = Budget(minutes, width)
    if isinstance(store, Path):
        require_writable(store)
    if output is not None:
        require_board(output)
    players = by_name(arguments.agents(agents))
    planned = plan([arguments.env(place) for place in places], players, rounds, seed)
    for said in left_out_in_words(planned.left_out):
        terminal.note(said)
    terminal.say(f"at most {size_in_words(planned)}", quiet=json)
    played = _played(planned, players, store, budget, ray, json)
    _show([store], output, json, Settings(exact=exact))
    play_view.complain_of_faults(played.faults, len(played.rows))
    return EXIT_FAILED if played.faults else 0


def _require_different(places: Sequence[str], names: Sequence[str]) -> None:
    """Raises UnknownName, ValueError for environments and agents that there are not, or that are named twice."""
    for place in places:
        arguments.require_known(place, names)
    for name, twice in (("agents", names), ("envs", places)):
        if len(set(twice)) < len(twice):
            raise ValueError(f"{name} must be different, got {', '.join(twice)}")


def _played(
    planned: Plan, players: Mapping[str, Agent], store: Location, budget: Budget, ray: str | None, json: bool
) -> Played:
    from sparring.scoreboard.tournament import play_tournament
    from sparring.store.store import Store

    matches, quiet = planned.matches, json or person.plays(list(players.values()))
    with (
        _saying_what_rates(store),
        saying_what_is_kept(store),
        Store(store, "a") as kept,
        ray_option.workers(ray) as pool,
    ):
        known = len(kept.known(match.id for match in matches))
        with terminal.progress("playing", len(matches) - known, quiet) as advance:
            played = play_tournament(planned, players, kept, budget, _when_done(advance), pool)
    if known:
        terminal.say(f"{known} of these games were in {store} already; --seed plays others", quiet=json)
    if played.ended:
        terminal.say(f"ended before all rounds were played: {played.ended}", quiet=json)
    return played


@contextmanager
def _saying_what_rates(store: Location) -> Iterator[None]:
    """After an interruption, say how to see what is there."""
    try:
        yield
    except SystemExit:
        terminal.note(f"sparring board {shlex.quote(str(store))} rates what is there")
        raise


def make_board(
    stores: tyro.conf.Positional[RunsOrStores],
    /,
    output: Output = None,
    replays: int = 40,
    equal_weight: Flag = False,
    exact: Flag = False,
    json: Flag = False,
) -> None:
    """Rate all agents of stores, and write one page: leaderboards with intervals, head to head, replays.

    Every number comes from stored episodes; `sparring verify --board PAGE STORE` works all of them out again.

    Args:
        stores: Stores (`sparring tournament`, `sparring play --store`), or run folders.
        output: The HTML file; new, or an earlier board. Without it the ratings are only shown here.
        replays: Episodes that can be watched in the page.
        equal_weight: Let every environment weigh the same, however much was played in it.
        exact: Also measure the agents themselves in every environment that can be solved. Agents whose names alone do
            not make them (checkpoints, servers, programs) are left out, with the reason.
        json: Print every number as JSON.
    """
    from sparring.scoreboard.board.build import Settings

    if not stores:
        raise ValueError("name at least one store (sparring tournament --store)")
    if replays < 0:
        raise ValueError(f"replays must be >= 0, got {replays}")
    _show(stores, output, json, Settings(replays, equal_weight, exact))


def _show(stores: Sequence[Location], output: Path | None, json: bool, settings: Settings) -> None:
    from sparring.scoreboard.board.build import facts
    from sparring.scoreboard.board.page import require_board, write_board

    if output is not None:
        require_board(output)
    board = _built(stores, settings, json)
    if json:
        terminal.dump(facts(board))
    else:
        board_view.show_board(board)
    if output is not None:
        write_board(board, output)
        terminal.say(f"wrote {output}", quiet=json)


def _built(stores: Sequence[Location], settings: Settings, quiet: bool) -> Board:
    from contextlib import ExitStack

    from sparring.scoreboard.board.build import build_board
    from sparring.store.store import Store

    with ExitStack() as opened:
        stack = [(label_of(store), opened.enter_context(Store(episodes_of(store)))) for store in stores]
        with terminal.progress("reading", sum(store.count for _, store in stack), quiet) as advance:
            return build_board(stack, settings, lambda read: advance(to=read))


def label_of(store: Location) -> str:
    """What a page calls a store: the folder's name, without where it lies."""
    return Path(store).resolve().name if isinstance(store, Path) else store.name


def _when_done(advance: Callable[[], None]) -> Callable[[Event], None]:
    def note(event: Event) -> None:
        if event.kind == "done":
            advance()

    return note
