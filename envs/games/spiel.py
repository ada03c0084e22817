"""What is used of OpenSpiel's objects, whose own package has no types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class SpielState(Protocol):
    """A position; changed by `apply_action` alone."""

    def current_player(self) -> int:
        """-1 at a chance node, below that at the end."""
        ...

    def is_terminal(self) -> bool: ...

    def is_chance_node(self) -> bool: ...

    def legal_actions(self, player: int = ..., /) -> list[int]:
        """Of the player to move, where none is named."""
        ...

    def chance_outcomes(self) -> list[tuple[int, float]]:
        """(outcome, probability)."""
        ...

    def apply_action(self, action: int, /) -> None: ...

    def clone(self) -> SpielState:
        """A position of its own that is equal."""
        ...

    def get_game(self) -> SpielGame: ...

    def child(self, action: int, /) -> SpielState:
        """The position after an action; this one stays."""
        ...

    def history(self) -> list[int]:
        """The numbers of all actions and chance outcomes, oldest first."""
        ...

    def full_history(self) -> Sequence[SpielMove]:
        """All actions and chance outcomes, oldest first."""
        ...

    def action_to_string(self, player: int, action: int, /) -> str: ...

    def information_state_string(self, player: int, /) -> str: ...

    def observation_string(self, player: int, /) -> str: ...

    def information_state_tensor(self, player: int, /) -> list[float]: ...

    def observation_tensor(self, player: int, /) -> list[float]: ...

    def player_return(self, player: int, /) -> float: ...

    def returns(self) -> Sequence[float]: ...


class SpielMove(Protocol):
    """Who did what; chance is player -1."""

    @property
    def player(self) -> int: ...

    @property
    def action(self) -> int: ...


class SpielEnumMember(Protocol):
    """A member of one of OpenSpiel's enumerations."""

    @property
    def name(self) -> str: ...


class SpielGameType(Protocol):
    """What kind of game it is."""

    @property
    def long_name(self) -> str: ...

    @property
    def information(self) -> SpielEnumMember: ...

    @property
    def chance_mode(self) -> SpielEnumMember: ...

    @property
    def dynamics(self) -> object: ...

    @property
    def utility(self) -> SpielEnumMember: ...

    @property
    def parameter_specification(self) -> dict[str, object]:
        """The defaults; `get_parameters` of a game leaves some out."""
        ...

    @property
    def reward_model(self) -> SpielEnumMember: ...

    @property
    def short_name(self) -> str: ...

    @property
    def provides_information_state_string(self) -> bool: ...

    @property
    def provides_information_state_tensor(self) -> bool: ...

    @property
    def provides_observation_tensor(self) -> bool: ...


class SpielGame(Protocol):
    """The rules of a game."""

    def get_type(self) -> SpielGameType: ...

    def new_initial_state(self) -> SpielState: ...

    def num_players(self) -> int: ...

    def num_distinct_actions(self) -> int: ...

    def max_game_length(self) -> int: ...

    def min_utility(self) -> float: ...

    def get_parameters(self) -> dict[str, Any]:
        """By name; the game that another one wraps is a dict."""
        ...
