"""`sparring exact`: agents in a game that can be solved, without a game being played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import tyro

from sparring.cli import arguments, terminal

if TYPE_CHECKING:
    from sparring.protocols import Agent
    from sparring.scoreboard.exact import Population
    from sparring.scoreboard.perfect_play import PlayQuality

Flag = tyro.conf.FlagCreatePairsOff[bool]
REFERENCES = ("uniform", "equilibrium")


def show_exact(
    env: tyro.conf.Positional[str], /, agents: str | None = None, orders: Flag = False, json: Flag = False
) -> None:
    """Work out how well agents play a game that can be solved: every decision is asked, none is drawn.

    Where something is hidden (poker), what agents win against each other: exact expectations, the mean over both seats.
    NashConv is what best responses to an agent gain; Nash and alpha are its masses by Nash averaging and alpha-rank
    among these agents. Where nothing is hidden (tic-tac-toe, Pig), how probable optimal moves are, how often a move of
    its games against itself gives value away, and what a best response wins; 4,520 positions of tic-tac-toe take a
    language model minutes.

    Args:
        env: A small game, e.g. KuhnPoker, LeducPoker, Goofspiel, TicTacToe, Pig:target=30.
        agents: Agents by commas that show their probabilities, e.g. random,cfr,constant:bet,smollm2, or run folders.
            None: random, and cfr or minimax.
        orders: Average every policy over both orders of the legal actions, where something is hidden.
        json: Print JSON instead of a table.
    """
    given = None if agents is None else arguments.split_agents(agents)
    arguments.require_known(env, given or [])
    if given and len(set(given)) < len(given):
        raise ValueError(f"agents must be different, got {', '.join(given)}")
    from sparring.scoreboard import game_theory
    from sparring.scoreboard.matches import by_name
    from sparring.specs import spec_of

    game = spec_of(*arguments.env(env))
    is_open = _is_open(game)
    if is_open and orders:
        raise ValueError(f"--orders is for games that hide something, which {game} does not")
    players = by_name(arguments.agents(",".join(given or ["random", "minimax" if is_open else "cfr"])))
    for name, player in players.items():
        if not game_theory.is_scorable(player, game):
            raise ValueError(f"{name} shows no probabilities over the legal actions, so it is rated by play only")
    if is_open:
        _measure_open(game, players, json)
    else:
        _measure_hidden(game, players, orders, json)


def _is_open(game: str) -> bool:
    """Whether a game that can be solved hides nothing. Raises ValueError for one that cannot be solved."""
    from sparring.scoreboard import game_theory, perfect_play

    try:
        game_theory.solved_game(game)
    except game_theory.HidesNothing:
        perfect_play.number_of_positions(game)
        return True
    return False


def _measure_open(game: str, players: Mapping[str, Agent], json: bool) -> None:
    from sparring.scoreboard import perfect_play

    found = {}
    for name, player in players.items():
        positions = perfect_play.number_of_positions(game)
        with terminal.progress(f"asking {name}", positions, quiet=json) as advance:
            found[name] = perfect_play.play_quality(player, game, advance)
    if json:
        terminal.dump({"env": game, "agents": {name: asdict(quality) for name, quality in found.items()}})
    else:
        _show_open(found)


def _show_open(found: Mapping[str, PlayQuality]) -> None:
    columns = ("agent", "optimal moves", "blunders", "exploitability")
    ranked = sorted(found.items(), key=lambda one: (round(one[1].exploitability, 9), -one[1].optimal))
    terminal.show_table(
        columns,
        [
            (name, f"{100 * one.optimal:.1f} %", f"{100 * one.blunders:.1f} %", f"{one.exploitability:.6f}")
            for name, one in ranked
        ],
    )


def _measure_hidden(game: str, players: Mapping[str, Agent], orders: bool, json: bool) -> None:
    from sparring.agents.solvers import equilibrium
    from sparring.scoreboard import game_theory
    from sparring.scoreboard.exact import ORDERS, population

    asked = ORDERS if orders else ORDERS[:1]
    policies = {name: game_theory.tabular_policy(player, game, asked) for name, player in players.items()}
    references = dict(zip(REFERENCES, (game_theory.uniform_policy(game), equilibrium(game)), strict=True))
    found = population(game, policies, references)
    if json:
        terminal.dump({"env": game, **found.plain()})
    else:
        _show_hidden(found)


def _show_hidden(found: Population) -> None:
    numbers = [str(place) for place in range(1, len(found.names) + 1)]
    columns = ("", "exact payoff against", *numbers, *found.references, "NashConv", "Nash", "alpha")
    rows = []
    for place, name in enumerate(found.names):
        payoffs = [f"{payoff:+.4f}" for payoff in found.payoffs[place]]
        payoffs[place] = "."
        against = [f"{payoff:+.4f}" for payoff in found.against[place]]
        masses = [f"{mass:.3f}" for mass in (found.nash[place], found.alpha[place])]
        rows.append((numbers[place], name, *payoffs, *against, f"{found.nash_conv[place]:.6f}", *masses))
    terminal.show_table(columns, rows, names=(1,))
