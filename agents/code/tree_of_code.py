"""Tree-of-Code (arXiv 2412.15305): whole programs as nodes, grown where they fail, and a vote among those that ran.

    task ─┬─ program 1  ran ───────────────────────────── vote
          ├─ program 2  failed ─┬─ program 4  ran ─────── vote
          │                     └─ program 5  failed …
          └─ program 3  ran ───────────────────────────── vote

Growth is breadth-first. A node that ran without error is collected; a failing one gets children that see
every ancestor's thought, code and result and reflect on them, down to `depth` layers. Prompt and model of a node are
drawn at random from pools. The answer is the majority among the collected nodes' outputs: their last printed lines, in
canonical form, ties broken by what was printed first.

Where we deviate: every node is one turn of the environment, so that it is recorded and paid for like any other turn.
The paper's tables count "nodes per layer" and its text "children per parent"; `width_rule` has both. The pool of
prompts is our own. The vote's winner is the answer as it stands: no model rewrites it. If no node ran, the tree
abstains with an empty answer. The optional critic is ours; the paper has nothing against programs that hide errors.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from typing import Literal, Unpack

from sparring import registry
from sparring.agents.code.code_act import WRITING
from sparring.agents.code.critic import CRITICS, Critic
from sparring.agents.code.program import CodeProgram, feedback_of, read_program
from sparring.agents.code.prompts import POOL, tree_prompt
from sparring.agents.code.tree import Node, Shape, Tree, WidthRule, vote
from sparring.agents.models import check_sampling, load_shared, policy_of
from sparring.agents.models.conversation import Conversation, message
from sparring.agents.models.loading import ModelOptions
from sparring.answers.canonical import canonical_key
from sparring.notes import ProgramNote, VoteNote
from sparring.protocols import LanguageModel, Seat
from sparring.types import Observation, Policy, Reply, Sampling, Seen, derive_seed

ANSWERS = ("output", "program")


class TreeOfCode:
    """Plays environments that run programs. Each node costs a turn, and the answer one more."""

    def __init__(
        self,
        models: LanguageModel | Sequence[LanguageModel],
        *,
        shape: Shape = Shape(),  # noqa: B008  (frozen)
        prompts: Sequence[str] = tuple(POOL),
        critic: str | Critic = "none",
        answer: Literal["output", "program"] = "output",
        canonical: Callable[[str], str] = canonical_key,
        sampling: Sampling = WRITING,
        name: str | None = None,
        trainable: bool = False,
    ) -> None:
        """`answer`: what the winner of the vote hands in, the last line it printed or its program.

        Raises ValueError for an empty pool or several models to be trained as one, UnknownName.
        """
        self.models = list(models) if isinstance(models, Sequence) else [models]
        if not self.models or not prompts:
            raise ValueError(f"a tree needs models and prompts, got {len(self.models)} and {len(prompts)}")
        if trainable and len(self.models) > 1:
            raise ValueError(f"only one model can be trained, got {len(self.models)}")
        if answer not in ANSWERS:
            raise ValueError(f"answer must be one of {ANSWERS}, got {answer!r}")
        for prompt in prompts:
            _require_known("prompt", prompt, POOL)
        if isinstance(critic, str):
            _require_known("critic", critic, CRITICS)
        self._critic = CRITICS[critic] if isinstance(critic, str) else critic
        self._prompts = list(prompts)
        for each in self.models:
            check_sampling(sampling, each)
        self.shape, self.sampling = shape, sampling
        self.name = name or f"tree-of-code:{'+'.join(model.name for model in self.models)}"
        self._answer, self._canonical, self._trainable = answer, canonical, trainable

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Which weights act now, one policy a model; each node's call says which of them wrote it."""
        return tuple(policy_of(model, self._trainable) for model in self.models)

    def open(self, seat: Seat) -> TreePlayer:
        """A new tree."""
        return TreePlayer(self, seat)

    def judged(self, tree: Tree, observation: Observation) -> tuple[Tree, bool]:
        """The tree with the last program judged, and whether only one turn is left."""
        feedback = feedback_of(observation.info)
        return tree.judged(feedback, observation.text, self._critic), feedback.turns_left == 1

    async def write(self, tree: Tree, seed: int) -> tuple[Tree, Reply]:
        """The tree with its next node, which is still to be run, and the turn that hands it in."""
        chance = random.Random(derive_seed(seed, "pools"))
        prompt, model = chance.choice(self._prompts), chance.choice(self.models)
        parent = tree.pending[0]
        ancestors = tree.ancestors(parent)
        conversation = Conversation.of(model, message("user", tree_prompt(prompt, tree.task, ancestors)))
        completion = await model.generate(conversation.tokens, self.sampling, seed)
        written = read_program(model.decode(completion.token_ids))
        code = written.content if written.kind == "program" else ""
        node = Node(len(tree.nodes) + 1, parent, len(ancestors) + 1, prompt, model.name, written.thought, code)
        note = ProgramNote(node.id, parent, node.depth, prompt, model.name)
        call = conversation.call(model, completion, self.sampling, trainable=self._trainable)
        return tree.planted(node), Reply(_action(written), (call,), note.to_notes())

    def vote(self, tree: Tree) -> Reply:
        """The majority's answer; an empty one where no node ran."""
        found = vote(tree.nodes, self._canonical)
        voters = {output: tuple(nodes) for output, nodes in found.voters.items()}
        rejected = {node.id: node.objection for node in tree.nodes if node.objection}
        notes = VoteNote(voters, found.chosen, found.chosen is None, rejected).to_notes()
        if found.chosen is None:
            return Reply("<answer></answer>", notes=notes)
        winner = tree.nodes[found.voters[found.chosen][0] - 1]
        return Reply(f"<answer>{winner.output if self._answer == 'output' else winner.code}</answer>", notes=notes)


class TreePlayer:
    """One tree, which grows by a node a turn."""

    def __init__(self, agent: TreeOfCode, seat: Seat) -> None:
        self._agent, self._seat = agent, seat
        self._tree: Tree | None = None

    async def act(self, observation: Observation) -> Reply:
        """Write the tree's next node, or answer where it has stopped growing or the turns run out."""
        if self._tree is None:
            tree, is_last_turn = Tree.of(observation.text, self._agent.shape), False
        else:
            tree, is_last_turn = self._agent.judged(self._tree, observation)
        if tree.pending and not is_last_turn:
            self._tree, reply = await self._agent.write(tree, self._seat.turn_seed(observation.turn))
            return reply
        self._tree = tree
        return self._agent.vote(tree)

    def close(self, last: Seen | None) -> None:
        """Nothing is held open."""


def _action(written: CodeProgram) -> str:
    """A node is a program; an answer that a model gives in place of one would end the episode without a vote."""
    return "" if written.kind == "answer" else written.action


def _require_known(kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise registry.UnknownName(registry.unknown(kind, name, known))


@registry.agents.register("tree-of-code", family="code", extra="train")
def tree_of_code(
    argument: str = "smollm2",
    *,
    width: int = 3,
    depth: int = 3,
    width_rule: WidthRule = "children",
    critic: str = "none",
    answer: Literal["output", "program"] = "output",
    **options: Unpack[ModelOptions],
) -> TreeOfCode:
    """Grows a tree of whole programs where they fail, then votes: `tree-of-code:MODEL`, or `MODEL+MODEL` for a pool."""
    models = [load_shared(name, **options) for name in argument.split("+")]
    return TreeOfCode(models, shape=Shape(width, depth, width_rule), critic=critic, answer=answer)
