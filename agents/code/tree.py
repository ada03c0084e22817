"""The tree of Tree-of-Code as plain data: how it grows, and how its programs vote. No model, no environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

from sparring.agents.code.critic import Critic
from sparring.agents.code.program import Feedback
from sparring.registry import UnknownName, unknown

WidthRule = Literal["children", "layer"]
WIDTH_RULES = ("children", "layer")


@dataclass(frozen=True, slots=True)
class Shape:
    """How far a tree may grow. At worst, 3 by 3 has 3 + 9 + 27 = 39 nodes by children and 3 + 3 + 3 = 9 by layer."""

    width: int = 3
    depth: int = 3
    width_rule: WidthRule = "children"
    """children: every failing node has `width` children; layer: a layer has `width` nodes, dealt out to the failing."""

    def __post_init__(self) -> None:
        """Raises ValueError, UnknownName."""
        for name in ("width", "depth"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}")
        if self.width_rule not in WIDTH_RULES:
            raise UnknownName(unknown("width rule", self.width_rule, WIDTH_RULES))

    def children(self, failed: Sequence[int]) -> tuple[int, ...]:
        """The parents of the next layer's nodes, in order, given the layer's failing nodes."""
        if self.width_rule == "children":
            return tuple(node for node in failed for _ in range(self.width))
        shares = [len(range(position, self.width, len(failed))) for position in range(len(failed))]
        return tuple(node for node, share in zip(failed, shares, strict=True) for _ in range(share))


@dataclass(frozen=True, slots=True)
class Node:
    """A CodeProgram and what came of it."""

    id: int
    """1 for the first; the task is no node."""
    parent: int | None
    depth: int
    prompt: str
    model: str
    thought: str = ""
    code: str = ""
    """Empty where the model wrote no program."""
    status: str = ""
    """As the environment said; empty until the program was run."""
    output: str = ""
    """The last line that it printed."""
    result: str = ""
    """The whole observation after it."""
    objection: str = ""
    """The critic's."""

    @property
    def ran(self) -> bool:
        """Whether it is collected: it executed without error, and nobody objects."""
        return self.status == "ok" and not self.objection


@dataclass(frozen=True, slots=True)
class Tree:
    """All nodes so far, and the parents of those that the current layer still has to get."""

    task: str
    shape: Shape
    nodes: tuple[Node, ...]
    pending: tuple[int | None, ...]

    @classmethod
    def of(cls, task: str, shape: Shape) -> Self:
        """A tree without nodes: its first layer hangs on the task."""
        return cls(task, shape, (), (None,) * shape.width)

    def planted(self, node: Node) -> Tree:
        """With the next pending node written."""
        return replace(self, nodes=(*self.nodes, node), pending=self.pending[1:])

    def judged(self, feedback: Feedback, result: str, critic: Critic) -> Tree:
        """With the outcome of the node that was written last; a complete layer makes way for the next one.

        A node is judged once: what comes after an answer that the environment did not take is not about it.
        """
        if self.nodes[-1].status:
            return self
        last = replace(self.nodes[-1], status=feedback.status, output=feedback.output, result=result)
        if last.ran:
            last = replace(last, objection=critic(last.code, last.output))
        tree = replace(self, nodes=(*self.nodes[:-1], last))
        return tree if tree.pending else replace(tree, pending=tree._next_layer())

    def ancestors(self, parent: int | None) -> list[Node]:
        """The chain of nodes down to `parent`, oldest first."""
        chain: list[Node] = []
        while parent is not None:
            chain.append(self.nodes[parent - 1])
            parent = chain[-1].parent
        return chain[::-1]

    def _next_layer(self) -> tuple[int, ...]:
        depth = self.nodes[-1].depth
        failed = [node.id for node in self.nodes if node.depth == depth and not node.ran]
        return self.shape.children(failed) if failed and depth < self.shape.depth else ()


@dataclass(frozen=True, slots=True)
class Vote:
    """Who said what among the nodes that ran."""

    voters: dict[str, list[int]]
    """Canonical output -> ids of its nodes, in the order in which the outputs were first seen."""
    chosen: str | None
    """None where no node ran."""

    @property
    def counts(self) -> dict[str, int]:
        """Canonical output -> votes."""
        return {output: len(ids) for output, ids in self.voters.items()}


def vote(nodes: Sequence[Node], canonical_key: Callable[[str], str]) -> Vote:
    """The majority over canonical outputs; of several with equally many votes, the one that was seen first."""
    voters: dict[str, list[int]] = {}
    for node in nodes:
        if node.ran:
            voters.setdefault(canonical_key(node.output), []).append(node.id)
    chosen = max(voters, key=lambda output: len(voters[output]), default=None)
    return Vote(voters, chosen)
