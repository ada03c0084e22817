"""`sparring exact`: agents against each other in a game that can be solved, without a game being played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tyro

from sparring.cli import arguments, terminal

if TYPE_CHECKING:
    from sparring.scoreboard.exact import Population

Flag = tyro.conf.FlagCreatePairsOff[bool]
REFERENCES = ("uniform", "equilibrium")


def show_exact(
    env: tyro.conf.Positional[str], /, agents: str = "random,cfr", orders: Flag = False, json: Flag = False
) -> None:
    """Work out what agents win against each other in a game that can be solved: every decision is asked, none is drawn.

    Payoffs are exact expectations, the mean over both seats. NashConv is what best responses to an agent gain; Nash and
    alpha are its masses by Nash averaging and alpha-rank among these agents.

    Args:
        env: A small game that hides something, e.g. KuhnPoker, LeducPoker, Goofspiel.
        agents: Agents by commas that show their probabilities, e.g. random,cfr,constant:bet,smollm2, or run folders.
        orders: Average every policy over both orders of the legal actions.
        json: Print JSON instead of a table.
    """
    names = arguments.split_agents(agents)
    arguments.require_known(env, names)
    if len(set(names)) < len(names):
        raise ValueError(f"agents must be different, got {', '.join(names)}")
    from sparring.agents.solvers import equilibrium
    from sparring.scoreboard import game_theory
    from sparring.scoreboard.exact import ORDERS, population
    from sparring.scoreboard.matches import by_name
    from sparring.specs import spec_of

    game = spec_of(*arguments.env(env))
    game_theory.solved_game(game)
    players = by_name(arguments.agents(agents))
    for name, player in players.items():
        if not game_theory.is_scorable(player, game):
            raise ValueError(f"{name} shows no probabilities over the legal actions, so it is rated by play only")
    policies = {
        name: game_theory.tabular_policy(player, game, ORDERS if orders else ORDERS[:1])
        for name, player in players.items()
    }
    references = dict(zip(REFERENCES, (game_theory.uniform_policy(game), equilibrium(game)), strict=True))
    found = population(game, policies, references)
    if json:
        terminal.dump({"env": game, **found.plain()})
    else:
        _show(found)


def _show(found: Population) -> None:
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
