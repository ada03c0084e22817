"""One episode as a conversation that fits: what was said, and what of it the model is shown.

Every observation after the first is a new message of the user. Where the conversation would not fit, it begins anew
with the first observation and the latest turns, as many as take half of the room; the message says how many turns are
left out. An observation that is too long for the room is cut in its middle, and says how many characters are left out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

from sparring.agents.models.conversation import Conversation, ShowsTools, message, rendered
from sparring.agents.models.pictures import SeesPictures, named, pictures_of
from sparring.agents.models.tokenizer import Tools
from sparring.agents.prompts import readable
from sparring.agents.talking.prompts import content, fit, left_out, offers
from sparring.agents.talking.tools import described, tools_of
from sparring.protocols import Completion, LanguageModel
from sparring.types import Observation, mark_fault

LEAST_ROOM = 96
"""Tokens that must be left for an observation."""
SEAM = 8
"""Tokens that may come where two texts are put into one message, and are not in either."""
Messages = tuple[Mapping[str, str], ...]


class Opening:
    """How every conversation of a player begins: the system prompt, and the tools that the environment offers."""

    def __init__(self, model: LanguageModel, system: str) -> None:
        self._model, self._system = model, system
        self._has_system = takes_system(model)
        self.tools: Tools = ()
        """What the environment offers."""
        self.shown: Tools = ()
        """Those that the chat template shows; the others are described in the system prompt."""
        self._described = system

    def offer(self, tools: Tools, most: int) -> bool:
        """Take the tools of an observation, within half of `most` tokens; whether they are others than before."""
        if not tools or tools == self.tools:
            return False
        self.tools, self.shown, self._described = tools, (), self._system
        if self._can_show(tools) and len(rendered(self._model, (message("user", ""),), tools)) <= most // 2:
            self.shown = tools
        else:
            self._described = (
                f"{self._system}\n\n{fit(described(tools), most // 2 - self.count(self._system), self.count)}"
            )
        return True

    def messages(self, text: str) -> Messages:
        """The system prompt, and the first message of the user."""
        if self._has_system:
            return message("system", self._described), message("user", text)
        return (message("user", f"{self._described}\n\n{text}"),)

    def room(self, most: int) -> int:
        """Tokens that are left for the first message. Raises ValueError where these are too few."""
        taken = len(rendered(self._model, self.messages(""), self.shown)) + (0 if self._has_system else SEAM)
        if most - taken < LEAST_ROOM:
            wrong = ValueError(
                f"context must leave {LEAST_ROOM} tokens for an observation, got {most} tokens in all, of which the "
                f"system prompt takes {taken}"
            )
            raise mark_fault(wrong, "capacity")
        return most - taken

    def count(self, text: str) -> int:
        """How many tokens a text has."""
        return len(self._model.encode(text))

    def _can_show(self, tools: Tools) -> bool:
        return isinstance(self._model, ShowsTools) and self._model.shows_tools(tools)


class Dialogue:
    """What the environment and the model have said to each other."""

    def __init__(self, model: LanguageModel, system: str, history: int | None) -> None:
        """`history`: how many earlier turns are shown at most; None: all that fit; 0: the latest observation alone."""
        self._model, self._history = model, history
        self._opening = Opening(model, system)
        self._first = self._first_message = ""
        self._turns: list[tuple[str, str]] = []
        """An answer and the message that followed, of the turns that are shown."""
        self._left_out = 0
        self._last: tuple[Conversation, Completion] | None = None
        self.dropped = 0
        """How many turns the model is not shown any more since the latest observation."""

    @property
    def has_tools(self) -> bool:
        """Whether the environment has offered any."""
        return bool(self._opening.tools)

    def hear(self, observation: Observation, most: int) -> Conversation:
        """The conversation after an observation, of at most `most` tokens. Raises ValueError where there is no room."""
        self.dropped = 0
        others = self._opening.offer(tools_of(observation.info), most)
        text = self._seen(observation)
        heard = content(text, offers(observation), self._opening.room(most), self._opening.count)
        if self._last is None:
            self._first, self._first_message = text, heard
            return self._rendered(heard, 0)
        conversation, answer = self._last
        self._turns.append((self._model.decode(answer.token_ids), heard))
        if others or self._most_shown < len(self._turns):
            return self._anew(observation, most, most)
        grown = conversation.grown(self._model, answer, heard)
        return grown if len(grown.tokens) <= most else self._anew(observation, most, most // 2)

    def answered(self, conversation: Conversation, answer: Completion) -> None:
        """The model has answered there."""
        self._last = conversation, answer

    def _seen(self, observation: Observation) -> str:
        """The text, with the names of the pictures where the model sees them. Raises ValueError as `readable` does."""
        pictures = pictures_of(observation.content) if isinstance(self._model, SeesPictures) else ()
        return named(observation.text, pictures) if pictures else readable(observation)

    @property
    def _most_shown(self) -> int:
        """Earlier turns that may be shown."""
        return len(self._turns) if self._history is None else min(len(self._turns), self._history)

    def _anew(self, observation: Observation, most: int, target: int) -> Conversation:
        """Begin anew with the latest turns that fit into `target` tokens, or the last one where it fits into `most`."""
        room, count, shown = self._opening.room(most), self._opening.count, self._most_shown
        first = fit(self._first, room // 2, count)
        skipped = bisect_left(range(shown), True, key=lambda n: len(self._kept(shown - n, first).tokens) <= target)
        kept = shown - skipped
        if not kept and shown and len(self._kept(1, first).tokens) <= most:
            kept = 1
        if kept:
            conversation = self._kept(kept, first)
        else:
            before = f"{self._begun(first, 0)}\n\n" if self._history != 0 else ""
            latest = content(self._seen(observation), offers(observation), room - count(before), count)
            conversation = self._rendered(fit(before + latest, room, count), 0)
        self._drop(len(self._turns) - kept)
        return conversation

    def _kept(self, turns: int, first: str) -> Conversation:
        """The conversation with so many of the latest turns."""
        return self._rendered(self._begun(first, turns), turns)

    def _begun(self, first: str, turns: int) -> str:
        """The first message where so many of the latest turns are shown."""
        missing = self._left_out + len(self._turns) - turns
        return first + left_out(missing) if missing else self._first_message

    def _rendered(self, first: str, turns: int) -> Conversation:
        later = (
            message(role, text)
            for turn in self._turns[len(self._turns) - turns :]
            for role, text in zip(("assistant", "user"), turn, strict=True)
        )
        return Conversation.of(self._model, *self._opening.messages(first), *later, tools=self._opening.shown)

    def _drop(self, turns: int) -> None:
        """Forget the oldest turns."""
        del self._turns[:turns]
        self.dropped = turns
        self._left_out += turns


def takes_system(model: LanguageModel) -> bool:
    """Whether the chat template shows a system message; some refuse it, some leave it out."""
    from jinja2 import TemplateError

    asked = message("user", "x")
    try:
        return list(model.chat([message("system", "x"), asked])) != list(model.chat([asked]))
    except TemplateError:
        return False
