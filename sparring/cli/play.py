"""`sparring play | eval`: episodes between agents, and how strong one agent is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from sparring.cli import arguments, person, play_page, play_view, ray_option, terminal
from sparring.cli.interrupts import saying_what_is_kept
from sparring.cli.locations import StoreOrNone
from sparring.cli.person import ShowEnd
from sparring.faults import require_writable
from sparring.protocols import Agent
from sparring.start import EXIT_FAILED
from sparring.store.location import Location

if TYPE_CHECKING:
    from sparring.rollout.match import Event, Match

Flag = tyro.conf.FlagCreatePairsOff[bool]
Words = tyro.conf.Positional[str]


def play(
    env: Words,
    /,
    agents: str = "random,random",
    episodes: int = 100,
    seed: int = 0,
    store: StoreOrNone = None,
    ray: ray_option.Address = None,
    page: Flag = False,
    host: str = "127.0.0.1",
    port: int = 0,
    json: Flag = False,
) -> int:
    """Play episodes between agents and show who won. More agents than seats play a round robin.

    Seats rotate: in every second episode the agents change places on the same deal.

    Args:
        env: An environment, e.g. KuhnPoker, KuhnPoker:illegal=spiral, OpenSpiel:game=nim.
        agents: Agents by commas: random, constant:bet, minimax, cfr, human, smollm2, nano:temperature=0.5, model:PATH,
            or a run folder.
        episodes: How many episodes of every pairing.
        seed: Decides deals and actions.
        store: Also record the episodes in this folder, or postgresql:// URL; what it holds already is not played again.
        ray: Play on the workers of a Ray cluster: HOST:PORT of its head, auto (the one on this machine), or local,
            which starts one and is meant by --ray alone.
        page: Let the agent human play in a browser, at the address that is shown, instead of this terminal.
        host: With --page, the address to listen at; at another than this machine's own, whoever has the whole address
            can play.
        port: With --page, the port; 0: any that is free.
        json: Print JSON instead of a table.
    """
    arguments.require_known(env, arguments.split_agents(agents))
    ray_option.require_usable(ray)
    if episodes < 1:
        raise ValueError(f"episodes must be >= 1, got {episodes}")
    if isinstance(store, Path):
        require_writable(store)
    env_id, options = arguments.env(env)
    address = play_page.Address(env, host, port) if page else None
    return play_between(arguments.agents(agents), env_id, options, episodes, seed, store, json, ray, address)


def play_between(
    players: Sequence[Agent],
    env_id: str,
    options: dict[str, object],
    episodes: int,
    seed: int = 0,
    store: Location | None = None,
    json: bool = False,
    ray: ray_option.Address = None,
    page: play_page.Address | None = None,
) -> int:
    """Play between these agents and show who won; returns the exit code. `page`: where a person among them plays."""
    from sparring.scoreboard.matches import by_name, round_robin

    matches = round_robin(env_id, by_name(players), episodes, seed, options)
    if ray is not None and person.plays(players):
        raise ValueError("human plays at this terminal, and --ray plays elsewhere: leave one of them out")
    if page is not None:
        with page.playing(players, store) as (seated, show_end):
            return _play_matches(matches, seated, store, json, ray, show_end)
    if store is not None and person.plays(players):
        terminal.note(f"{person.consent(store)} Ctrl-C ends the game.")
    return _play_matches(matches, players, store, json, ray, person.show_end)


def _play_matches(
    matches: Sequence[Match],
    players: Sequence[Agent],
    store: Location | None,
    json: bool,
    ray: ray_option.Address,
    show_end: ShowEnd,
) -> int:
    from sparring.scoreboard.cross_table import cross_tables
    from sparring.scoreboard.matches import by_name, play_rows, standing_by_place, standings_by_agent
    from sparring.store.store import Store

    opened = nullcontext() if store is None else Store(store, "a")
    quiet = json or person.plays(players)
    with saying_what_is_kept(store), opened as kept, ray_option.workers(ray) as pool:
        known = 0 if kept is None else len(kept.known(match.id for match in matches))
        with terminal.progress("playing", len(matches) - known, quiet) as advance:
            played = play_rows(matches, by_name(players), kept, _when_done(advance, show_end), pool)
    if known:
        terminal.say(f"{known} of these games were in {store} already; --seed plays others", quiet=json)
    seats = len(played.rows[0].agents)
    is_round_robin = len(players) > seats
    standings = standings_by_agent(played.rows, players) if is_round_robin else standing_by_place(played.rows, players)
    play_view.show_matches(standings, len(played.rows), played.faults, json)
    if not json:
        play_view.complain_of_illegal(played.rows)
    if is_round_robin and seats == 2 and not json:
        play_view.show_cross_table(cross_tables(played.rows)[0])
    return EXIT_FAILED if played.faults else 0


def evaluate(
    what: Words,
    /,
    env: str | None = None,
    orders: Flag = False,
    games: int = 200,
    seed: int = 0,
    suite: str | None = None,
    store: StoreOrNone = None,
    ray: ray_option.Address = None,
    json: Flag = False,
) -> int:
    """Measure a run's best checkpoint, or a model: exactly where the game can be solved, by play elsewhere.

    A run plays as it was trained: its prompt, decoding, temperature, longest answer and illegal rule. Exit code 1 if an
    episode broke off.

    Args:
        what: A run folder, or an agent (smollm2, cfr, random, model:PATH; code-act:MODEL or tree-of-code:MODEL).
        env: The environment. None: the run's first game; KuhnPoker for an agent.
        orders: Average the policy over both orders of the legal actions, and say how far it depends on their order, and
            of a language model on their names: the actions are then called A, B, C, and the text says which is which.
        games: Games against uniform play, seats rotating; 0 for none. In a suite: tasks of every part.
        seed: Decides deals, tasks and actions.
        suite: Play a whole suite instead (code, retrieval).
        store: Keep the suite's episodes here.
        ray: Play on the workers of a Ray cluster: HOST:PORT of its head, auto (the one on this machine), or local,
            which starts one and is meant by --ray alone.
        json: Print JSON instead of tables.
    """
    ray_option.require_usable(ray)
    if games < 0:
        raise ValueError(f"games must be >= 0, got {games}")
    arguments.require_known(env or "KuhnPoker", [what])
    from sparring.scoreboard.evaluate import EvaluationInterrupted
    from sparring.scoreboard.evaluate import evaluate as measure

    if suite is not None:
        return _evaluate_suite(suite, what, games, seed, store, json, ray)
    agent, env_id, env_kwargs = arguments.measured(what, env)
    try:
        with ray_option.workers(ray) as pool, terminal.progress("playing", games, quiet=json) as advance:
            measured = measure(agent, env_id, games, seed, orders, _when_done(advance), env_kwargs, pool)
    except EvaluationInterrupted as interruption:
        play_view.show_evaluation(what, interruption.measured, json)
        raise
    play_view.show_evaluation(what, measured, json)
    return EXIT_FAILED if measured.faults else 0


def _evaluate_suite(
    suite: str, agent: str, tasks: int, seed: int, store: Location | None, json: bool, ray: str | None
) -> int:
    from sparring.scoreboard.suites import SuiteInterrupted, playable, run_suite
    from sparring.store.store import Store

    if isinstance(store, Path):
        require_writable(store)
    installed, missing = playable(suite)
    for said in missing:
        terminal.note(said)
    parts = [part.name for part in installed]
    total, quiet = tasks * len(parts), json or terminal.err.is_terminal

    def note(part: str) -> None:
        if not quiet:
            terminal.note(f"suite {suite}, part {parts.index(part) + 1} of {len(parts)}: {part}")

    opened = nullcontext() if store is None else Store(store, "a")
    with saying_what_is_kept(store), opened as kept, ray_option.workers(ray) as pool:
        try:
            with terminal.progress(f"suite {suite}", total, quiet=json) as advance:
                scores = run_suite(suite, agent, tasks, seed, kept, _when_done(advance), note, pool)
        except SuiteInterrupted as interruption:
            play_view.show_scores(suite, agent, interruption.scores, json, of=len(parts))
            raise
    play_view.show_scores(suite, agent, scores, json)
    return EXIT_FAILED if any(score.faults for score in scores) else 0


def _when_done(advance: Callable[[], None], show_end: ShowEnd = person.show_end) -> Callable[[Event], None]:
    """Moves a progress bar on for every episode that is done, and tells a person how a game ended."""

    def note(event: Event) -> None:
        if event.kind == "done":
            advance()
            if event.episode is not None:
                show_end(event.episode)

    return note
