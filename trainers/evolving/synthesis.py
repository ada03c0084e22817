"""Methods that write their own training examples: inputs and outputs are episodes, filters choose, the model learns.

    a round:  inputs ───► outputs ─────► fit
              Inputs-v0   Answer-v0      cross-entropy on (instruction, input) -> output,
                          examples shown  without the examples

A method says what inputs are written for, what is shown beside a question, and which of its answers is learnt. What a
filter drops is counted by its reason (`inputs_length`, `outputs_noise`, ...) in the metrics of the fit, and so is what
is kept. Where an input is one of a bundled instruction its right output is known: it is measured (`kept_right`), never
used; and one by which models are measured is dropped (`inputs_held_out`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import ClassVar, TypeVar

from sparring.envs.reflection.filters import Filters
from sparring.envs.reflection.instructions import Example, gold_of, is_held_out
from sparring.envs.reflection.shown_tasks import examples_of, plain, read_text, task_shown
from sparring.protocols import Agent
from sparring.rollout.match import Match
from sparring.trainers.data.guards import require_trainable_task
from sparring.trainers.evolving.again import about
from sparring.trainers.evolving.evolving import FIT, MOST_DERIVED, Evolving, Stage
from sparring.trainers.evolving.rows import Pair, Row
from sparring.trainers.evolving.seeds import ANSWER_ENV, INPUTS_ENV, Seed, bundled_seeds, read_seeds
from sparring.trainers.evolving.synthesis_settings import SynthesisConfig
from sparring.trainers.method import LEARNER
from sparring.trainers.run import Run

SynthesisT = TypeVar("SynthesisT", bound=SynthesisConfig)
INPUTS, OUTPUTS = "inputs", "outputs"
ANSWERER, ANSWER_TO = "answerer", "answer_to"
KEPT = "kept"
WRITTEN = (KEPT, "empty", "noise", "length", "duplicate", "held_out")
ANSWERED = (KEPT, "unanswered", "empty", "noise", "length")


@dataclass(frozen=True, slots=True)
class Question:
    """An instruction and an input, of which the model wrote one or both."""

    instruction: str
    input: str
    row: Row
    """The episode that wrote it."""
    examples: tuple[Example, ...]
    """What is shown to the one who answers."""
    outputs: tuple[str, ...]
    """Of the seeds that it comes from: answers shall be like them."""


@dataclass(slots=True)
class Kept:
    """What the filters leave of a part."""

    rows: list[Row] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """How many texts there were, by what became of them."""


class Synthesis(Evolving[SynthesisT]):
    """New inputs, then outputs, then a fit without the examples."""

    PARTS: ClassVar[tuple[str, ...]] = (INPUTS, OUTPUTS, FIT)
    REASONS: ClassVar[tuple[str, ...]] = ANSWERED
    """What may become of the answers to a question."""

    def __init__(self, run: Run[SynthesisT]) -> None:
        super().__init__(run)
        self.seeds = self.read(self.config)
        self._kept: dict[tuple[int, str], Kept] = {}

    @classmethod
    def read(cls, config: SynthesisT) -> list[Seed]:
        """What is started from. Raises ValueError where it cannot be."""
        bundled = bundled_seeds(config.games, config.seed)
        return read_seeds(config.seeds) if config.seeds else bundled

    @classmethod
    def require_usable(cls, config: SynthesisT) -> None:
        """Raises ValueError for other environments, wrong seeds, and more answers than a part can have."""
        super().require_usable(config)
        cls.read(config)
        if config.decoding != "free":
            raise ValueError(f"decoding must be free, since texts are written, got {config.decoding}")
        if config.attempts > MOST_DERIVED:
            raise ValueError(f"attempts must be <= {MOST_DERIVED}, got {config.attempts}")

    @abstractmethod
    def ask(self, stage: Stage) -> Iterator[Match]:
        """The matches of a part that writes inputs, or instructions."""

    @abstractmethod
    def questions(self, round: int) -> list[Question]:
        """What is answered, of what a round wrote and kept."""

    @abstractmethod
    def choose(self, answers: Sequence[Row]) -> tuple[Row | None, str]:
        """Which of some answers that passed the filters is learnt, and `kept`; or none, and why."""

    def derive(self, stage: Stage) -> Iterator[Match]:
        """Texts to ask about, or the answers."""
        return self._answers(stage) if stage.part == OUTPUTS else self.ask(stage)

    def writing(self, update: int, index: int, kwargs: Mapping[str, object]) -> Match:
        """The index-th match of an update: the model writes an input, or an instruction."""
        match = self.match(update, index)
        return replace(match, env_id=INPUTS_ENV, agents=dict.fromkeys(match.agents, LEARNER), env_kwargs=kwargs)

    def kept(self, round: int, part: str) -> Kept:
        """Which of the texts that a part wrote pass the filters, and are new among those of their instruction."""
        if (round, part) not in self._kept:
            found, taken = Kept(), dict[str, list[str]]()
            for row in self.attempts(round, part):
                before = taken.setdefault(str(row.episode.env_kwargs.get("instruction")), [])
                reason = objection_to(row, before)
                found.counts[reason or KEPT] += 1
                if not reason:
                    before.append(text_of(row))
                    found.rows.append(row)
            self._kept[round, part] = found
        return self._kept[round, part]

    def answerers(self) -> Mapping[str, Agent]:
        """Who answers each question, --attempts times: the model, at the temperature of answers."""
        player = self.run.player
        name, temperature = f"{player.name} ({ANSWERER})", self.config.answer_temperature
        return {ANSWERER: self.run.agent(player.model, name, trainable=True, temperature=temperature)}

    def agents(self, update: int) -> Mapping[str, Agent]:
        """Those who answer."""
        return self.answerers() if self.stage(update).part == OUTPUTS else {}

    def help_for(self, question: Question) -> dict[str, object]:
        """What is shown to the one who answers, and is not there when the answer is learnt."""
        return {"examples": [plain(example) for example in question.examples]}

    def _answers(self, stage: Stage) -> Iterator[Match]:
        asked, who = list[tuple[Row, dict[str, object]]](), list[tuple[str, int]]()
        for one in self.questions(stage.round):
            gold = gold_of(one.instruction, one.input)
            kwargs = {"instruction": one.instruction, "input": one.input, **self.help_for(one)}
            kwargs |= {} if gold is None else {"gold": gold}
            turns = [(name, time) for time in range(self.config.attempts) for name in self.answerer_names()]
            asked += [(one.row, kwargs)] * len(turns)
            who += turns
        update = self.update_of(stage.round, stage.part)
        matches = about(self, update, ANSWER_ENV, asked, ANSWERER, ANSWER_TO)
        for match, (name, time) in zip(matches, who, strict=True):
            yield replace(match, agents=dict.fromkeys(match.agents, name), sample=time)

    def answerer_names(self) -> Sequence[str]:
        """As matches call them."""
        return (ANSWERER,)

    def select(self, stage: Stage) -> Sequence[Row | Pair]:
        """The chosen answers of all rounds, as answers to the plain question."""
        rounds = [self._chosen(number) for number in range(stage.round + 1)]
        self._measure(stage.round, rounds[-1])
        return list(chain.from_iterable(found.rows for found in rounds))

    def _chosen(self, round: int) -> Kept:
        if (round, OUTPUTS) not in self._kept:
            found, given = Kept(), dict[str, list[Row]]()
            for row in answers_of(self, round):
                given.setdefault(row.parent, []).append(row)
            for question in self.questions(round):
                best, reason = self._best(question, given.get(question.row.trajectory.id, []))
                found.counts[reason] += 1
                found.rows += [] if best is None else [best]
            self._kept[round, OUTPUTS] = found
        return self._kept[round, OUTPUTS]

    def _best(self, question: Question, answers: Sequence[Row]) -> tuple[Row | None, str]:
        filters = Filters.fitted(question.outputs)
        plain_answers = [as_answer(row, question) for row in answers]
        reasons = [filters.objection(row.actions[0]) for row in plain_answers]
        passing = [row for row, reason in zip(plain_answers, reasons, strict=True) if not reason]
        return self.choose(passing) if passing else (None, reasons[0] if reasons else "unanswered")

    def _measure(self, round: int, chosen: Kept) -> None:
        for part in self.parts(round):
            counts = {} if part.startswith(FIT) else chosen.counts if part == OUTPUTS else self.kept(round, part).counts
            reasons = () if part.startswith(FIT) else self.REASONS if part == OUTPUTS else WRITTEN
            for reason in reasons:
                self.run.measure(f"{part}_{reason}", counts[reason])
        known = [row for row in chosen.rows if "gold" in row.episode.env_kwargs]
        if known:
            self.run.measure("kept_right", sum(row.trajectory.reward for row in known) / len(known))


def text_of(row: Row) -> str:
    """What was written."""
    return read_text(row.actions[0])


def objection_to(row: Row, taken: Sequence[str]) -> str:
    """Why an input, or an instruction, is not kept; "" where it is. `taken`: what the same part wrote before."""
    asked, text = row.episode.env_kwargs, text_of(row)
    field = "instruction" if asked.get("write") == "instruction" else "input"
    seeds = [one for example in examples_of(asked["examples"]) if (one := getattr(example, field))]
    lengths = asked.get("lengths")
    filters = Filters.fitted(seeds, lengths and (lengths[0], lengths[1]))
    reason = filters.objection(text, [*seeds, *asked.get("earlier", ()), *taken])
    pair = (text, "") if field == "instruction" else (str(asked["instruction"]), text)
    return reason or ("held_out" if is_held_out(*pair) else "")


def answers_of(method: Synthesis[SynthesisT], round: int) -> Iterator[Row]:
    """What anybody answered, in order. Raises ValueError for a held-out task."""
    for episode in method.played(round, OUTPUTS):
        require_trainable_task(episode)
        for trajectory in episode.trajectories.values() if episode.sound else ():
            yield Row(episode, trajectory, episode.env_id)


def as_answer(row: Row, question: Question) -> Row:
    """An answer as one to the plain question, without what was shown beside it and what stands around the output."""
    (turn,) = row.trajectory.turns
    seen = replace(turn.observation, content=(task_shown(question.instruction, question.input),))
    told = replace(turn, observation=seen, action=read_text(turn.action))
    trajectory = replace(row.trajectory, turns=(told,))
    episode = replace(row.episode, trajectories={trajectory.seat: trajectory})
    return replace(row, episode=episode, trajectory=trajectory, retold=True)
