"""What agents note in their turns (`Reply.notes`, `Turn.notes`): programs as nodes, a vote, drafts and their critiques.

The agents write it, the report draws it, and training data is chosen by it. Notes of other agents may have any form:
what is damaged or means something else is read as nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self, TypeGuard


@dataclass(frozen=True, slots=True)
class ProgramNote:
    """A turn that is a program: a node of a tree."""

    node: int
    """1 for the first program of the episode."""
    parent: int | None
    """The program that it mends, an earlier one; None where it hangs on the task."""
    depth: int = 0
    """Its layer, 1 for the first; 0 where the agent does not say."""
    prompt: str = ""
    """The name of the prompt that asked for it."""
    model: str = ""

    def to_notes(self) -> dict[str, Any]:
        """As the turn holds it, without what is empty."""
        said = asdict(self)
        return {name: value for name, value in said.items() if value or name == "parent"}

    @classmethod
    def from_notes(cls, notes: Mapping[str, object]) -> Self | None:
        """The node that a turn's notes describe; None where they describe none."""
        node, parent, depth = notes.get("node"), notes.get("parent"), notes.get("depth", 0)
        prompt, model = notes.get("prompt", ""), notes.get("model", "")
        if "parent" not in notes or not _is_number(node) or not (parent is None or _is_number(parent)):
            return None
        if type(depth) is not int or not isinstance(prompt, str) or not isinstance(model, str):
            return None
        return cls(node, parent, depth, prompt, model) if parent is None or parent < node else None


@dataclass(frozen=True, slots=True)
class VoteNote:
    """A turn that answers what most programs printed."""

    voters: Mapping[str, tuple[int, ...]]
    """Output in normal form -> the nodes that printed it, in the order in which the outputs were first seen."""
    chosen: str | None
    """The output that won; None where no program ran."""
    abstained: bool
    """Whether the agent gave no answer."""
    rejected: Mapping[int, str] = field(default_factory=dict)
    """Node -> what the critic has against it."""

    @property
    def winners(self) -> tuple[int, ...]:
        """The nodes that voted for the answer."""
        return self.voters.get(self.chosen, ()) if self.chosen is not None else ()

    def to_notes(self) -> dict[str, Any]:
        """As the turn holds it; `votes` counts the voters."""
        return {
            "votes": {output: len(nodes) for output, nodes in self.voters.items()},
            "voters": {output: list(nodes) for output, nodes in self.voters.items()},
            "chosen": self.chosen,
            "abstained": self.abstained,
            "rejected": {str(node): why for node, why in self.rejected.items()},
        }

    @classmethod
    def from_notes(cls, notes: Mapping[str, object]) -> Self | None:
        """The vote that a turn's notes describe, without its damaged parts; None where there was none."""
        voters, chosen, rejected = notes.get("voters"), notes.get("chosen"), notes.get("rejected")
        if not isinstance(voters, Mapping):
            return None
        return cls(
            voters={output: tuple(filter(_is_number, ids)) for output, ids in voters.items() if isinstance(ids, list)},
            chosen=chosen if isinstance(chosen, str) else None,
            abstained=notes.get("abstained") is True,
            rejected=_objections(rejected) if isinstance(rejected, Mapping) else {},
        )


@dataclass(frozen=True, slots=True)
class ReflectionNote:
    """A turn whose action the agent wrote more than once, or judged, or was sure of to some degree."""

    drafts: tuple[str, ...] = ()
    """The actions before the one that was taken, oldest first."""
    verdicts: tuple[bool | None, ...] = ()
    """Whether each of `drafts`, and then the action itself, was judged right; None where the critique cannot be read.
    It ends where no more was judged."""
    confidence: float | None = None
    """How probable the agent holds it to be that its action is right, 0..1."""

    def to_notes(self) -> dict[str, Any]:
        """As the turn holds it, without what is empty."""
        words = [{True: "right", False: "wrong", None: ""}[verdict] for verdict in self.verdicts]
        said = {"draft": list(self.drafts), "verdict": words, "confidence": self.confidence}
        return {name: value for name, value in said.items() if value not in ([], None)}

    @classmethod
    def from_notes(cls, notes: Mapping[str, object]) -> Self | None:
        """What a turn's notes say: `draft` and `verdict`, each a text or a list of them, and `confidence`.

        None where they say none of it. A verdict other than "right" and "wrong" cannot be read; one that is no text
        (the probability of a critic) means something else.
        """
        drafts, words, confidence = _texts(notes.get("draft")), _texts(notes.get("verdict")), notes.get("confidence")
        verdicts = tuple({"right": True, "wrong": False}.get(word.strip().lower()) for word in words)
        sure = float(confidence) if isinstance(confidence, int | float) and not isinstance(confidence, bool) else None
        sure = sure if sure is not None and 0 <= sure <= 1 else None
        return cls(drafts, verdicts[: len(drafts) + 1], sure) if drafts or verdicts or sure is not None else None


def _texts(value: object) -> tuple[str, ...]:
    """A text, or a list of texts; of anything else nothing."""
    if isinstance(value, str):
        return (value,)
    is_list = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    return tuple(value) if is_list else ()  # type: ignore[arg-type]


def _objections(rejected: Mapping[str, object]) -> dict[int, str]:
    return {int(node): str(why) for node, why in rejected.items() if node.isdecimal()}


def _is_number(value: object) -> TypeGuard[int]:
    """Whether a value is the number of a node; `True` is none."""
    return type(value) is int and value >= 1
