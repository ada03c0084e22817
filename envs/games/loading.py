"""OpenSpiel games by their strings, as far as they can be environments: every draw of chance is ours to make."""

from __future__ import annotations

import re

import numpy as np

from sparring import registry
from sparring.envs.games.spiel import SpielGame
from sparring.envs.games.two_player import whole_seed

SERIALIZED = re.compile(r"((0|[1-9][0-9]*)\n)*(0|[1-9][0-9]*)?")
TURN_BASED = "turn_based_simultaneous_game"
"""What OpenSpiel calls a game of simultaneous moves whose players are asked one after another."""


def load_game(game_string: str) -> SpielGame:
    """A game whose players are asked one after another; where they move at once nobody sees another's choice.

    A name that is none is refused before the engine, which answers with a page on stderr. Raises UnknownName, and
    ValueError for what OpenSpiel cannot load, for mean-field games, and for games that draw chance inside the engine.
    """
    import pyspiel

    name, known = game_string.partition("(")[0], pyspiel.registered_names()
    if name not in known:
        raise registry.UnknownName(registry.unknown("OpenSpiel game", name, known))
    try:
        game: SpielGame = pyspiel.load_game(game_string)
        _require_first_position(game)
    except Exception as error:  # of the engine, which raises whatever C++ does
        raise ValueError(
            f"game must be one that OpenSpiel can load, got {game_string!r}: {error}; {_parameters(name)}"
        ) from error
    kind = game.get_type()
    if kind.dynamics == pyspiel.GameType.Dynamics.MEAN_FIELD:
        raise ValueError(f"game must have a finite number of players, {game_string!r} is a mean-field game")
    if kind.chance_mode.name == "SAMPLED_STOCHASTIC":
        raise ValueError(
            f"game must show its chance, {game_string!r} draws it inside the engine, where no seed of ours decides it"
        )
    if kind.dynamics == pyspiel.GameType.Dynamics.SIMULTANEOUS:
        game = pyspiel.convert_to_turn_based(game)
    return game


def _parameters(name: str) -> str:
    """What a game may be given; the engine's words seldom say it."""
    import pyspiel

    kinds = {kind.short_name: kind for kind in pyspiel.registered_games()}
    known = sorted(kinds[name].parameter_specification)
    return f"parameters of {name}: {', '.join(known) or 'none'}"


def _require_first_position(game: SpielGame) -> None:
    """Raises whatever the engine does for parameters with which a game loads and cannot begin."""
    state = game.new_initial_state()
    str(state)
    if state.current_player() >= 0:
        state.legal_actions()


def is_simultaneous(game: SpielGame) -> bool:
    """Whether all players choose at once."""
    return game.get_type().short_name == TURN_BASED


def parameters_of(game: SpielGame) -> dict[str, object]:
    """The game's own parameters, defaults included, and its short name as "name"."""
    parameters = game.get_parameters()
    if is_simultaneous(game):
        inside: dict[str, object] = parameters["game"]
        return inside
    kind = game.get_type()
    return {**kind.parameter_specification, **parameters, "name": kind.short_name}


def history_of(state: object) -> list[int]:
    """The numbers of a history, given as numbers or as the text of them, one a line, as OpenSpiel serialises it.

    Raises ValueError for what is none.
    """
    if isinstance(state, str) and SERIALIZED.fullmatch(state):
        return [int(line) for line in state.splitlines()]
    parts = state.tolist() if isinstance(state, np.ndarray) else state
    if isinstance(parts, list | tuple):
        try:
            return [whole_seed(part) for part in parts]
        except TypeError:
            pass
    raise ValueError(
        f"state must be OpenSpiel's history, a list of action numbers or their text, one a line, got {state!r:.80}"
    )
