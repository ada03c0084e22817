"""What a seat sees at its turn, as programs want it: a vector, a mask of what is legal, the position itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Situation(Protocol):
    """Worked out when it is asked for. It must be read at its turn: it shows the environment that is in play."""

    def seen(self) -> object:
        """The observation as an RL library gets it: of our games {"observation": vector, "action_mask": mask}."""
        ...

    def vector(self) -> NDArray[np.float32]:
        """What the seat sees [n], as float32. Raises ValueError where it is not numbers."""
        ...

    def mask(self) -> NDArray[np.int8]:
        """1 where a discrete action is legal [number of actions]. Raises ValueError where actions are not discrete."""
        ...

    def action_text(self, action: int) -> str:
        """The text of a discrete action, as the environment accepts it; "" for one that is not legal."""
        ...

    def state(self) -> Any:
        """A copy of the position with the methods of OpenSpiel's states, to try actions on.

        Raises ValueError where there is none, and where it would show what is hidden from the seat.
        """
        ...

    def whole_state(self) -> Any:
        """As `state`, with all that is hidden: for programs that are known not to look. Raises ValueError."""
        ...
