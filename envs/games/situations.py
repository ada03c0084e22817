"""What a seat of our games sees, as programs want it: what the discrete view shows, and the position for a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparring.envs.games.spiel import SpielState

if TYPE_CHECKING:
    from sparring.envs.games.two_player import TextGame


class GameSituation:
    """Of the seat to move in a game in play. Each method raises RuntimeError when the game has gone on since."""

    __slots__ = ("_game", "_moment", "_seat")

    def __init__(self, game: TextGame, seat: str) -> None:
        self._game, self._seat, self._moment = game, seat, game.moment

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """It stays with its game: a copy elsewhere is None."""
        return type(None), ()

    def seen(self) -> dict[str, NDArray[np.float32] | NDArray[np.int8]]:
        """The observation of the discrete view."""
        return {"observation": self.vector(), "action_mask": self.mask()}

    def vector(self) -> NDArray[np.float32]:
        """The vector of the discrete view, flat."""
        return self._current.tensor(self._seat)

    def mask(self) -> NDArray[np.int8]:
        """A fresh array."""
        return self._current.mask().copy()

    def action_text(self, action: int) -> str:
        """The action as the text view accepts it."""
        return self._current.action_text(action)

    def state(self) -> SpielState:
        """A copy of OpenSpiel's state. Raises ValueError for a game that is not OpenSpiel's, or hides something."""
        state = self.whole_state()
        if state.get_game().get_type().information.name != "PERFECT_INFORMATION":
            raise ValueError(
                f"{self._game.env_id} hides something from its seats, and whoever searched the position would see it"
            )
        return state

    def whole_state(self) -> SpielState:
        """As `state`, with what is hidden."""
        find = getattr(self._current, "search_state", None)
        if find is None:
            raise ValueError(f"{self._game.env_id} is not a game on OpenSpiel: its position cannot be searched")
        state: SpielState = find()
        return state

    @property
    def _current(self) -> TextGame:
        if self._game.moment != self._moment:
            raise RuntimeError(f"this situation of {self._game.env_id} is over: read it before the next action")
        return self._game
