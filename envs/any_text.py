"""The space of texts of any characters."""

from __future__ import annotations

from gymnasium import spaces

Info = dict[str, object]


class AnyText(spaces.Text):
    """Text of any characters, up to a length; samples are letters and digits."""

    def contains(self, x: object) -> bool:
        """Whether it is text of that length."""
        return isinstance(x, str) and self.min_length <= len(x) <= self.max_length
