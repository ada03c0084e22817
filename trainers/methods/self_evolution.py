r"""SELF: self-evolution with language feedback (arXiv 2310.00533).

What the paper does:
1. Meta-skills. A corpus of quadruples (prompt p, answer r, feedback f, refined answer r') by a strong annotator teaches
   to criticise and to refine: L_meta = -E[log pi(f | p, r) + log pi(r' | p, r, f) + beta log pi(r' | p)].
2. Rounds of evolution. For prompts without labels the model writes r, f and r'. It keeps (p, r') where its own feedback
   on r' says that it is right, and learns log pi(r' | p) of all rounds, and L_meta again, from the base.

What we do otherwise, and why:
1. The corpus is made here: r are the base's own attempts, the verdict in f is the environment's score, r' is what the
   --teacher does. No larger model is needed.
2. r' is an episode of any length: the player is shown the earlier attempt and f, and plays the task again.
3. Attempts that did the same at the same task count once. The environment's reward is measured (`kept_right`,
   `refined_right`: the paper's accuracy of labels, filtered and not) and never used to select.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

from sparring import registry
from sparring.agents import named
from sparring.agents.second_attempts import SecondAttempts, actions_of, earlier_of
from sparring.envs.reflection.words import RIGHT, WRONG, read_word
from sparring.protocols import Agent
from sparring.rollout.match import Match
from sparring.trainers.evolving.again import about, again, parent_of, require_one_seat
from sparring.trainers.evolving.evolving import EXPLORE, FIT, Evolving, Stage
from sparring.trainers.evolving.quoting import quoted
from sparring.trainers.evolving.rows import Row, distinct, has_succeeded, solved, unsolved
from sparring.trainers.method import LEARNER
from sparring.trainers.methods.self_evolution_config import Config
from sparring.trainers.probing import require_playable
from sparring.trainers.run import Run

__all__ = ["Config", "SelfEvolution"]
CRITIQUE_ENV = "sparring/Critique-v0"
CRITIQUE_OF, REFINED_FROM = "critique_of", "refined_from"
SHOW, FIT_META, CRITIQUE, REFINE, JUDGE = "show", "fit-meta", "critique", "refine", "judge"
META = (EXPLORE, SHOW, FIT_META)
SCORER, REFINER = "walkthrough", "refiner"


@registry.trainers.register(
    "self", family="self-evolution", extra="train", config="sparring.trainers.methods.self_evolution_config:Config"
)
class SelfEvolution(Evolving[Config]):
    """Learns to criticise and to refine, and then from what it refined and finds right (SELF)."""

    name = "self"
    config_type = Config
    PARTS = (EXPLORE, CRITIQUE, REFINE, JUDGE, FIT)

    def __init__(self, run: Run[Config]) -> None:
        super().__init__(run)
        self.teacher = named.make(self.config.teacher)

    @classmethod
    def require_usable(cls, config: Config) -> None:
        """Raises ValueError for environments of several seats, or that the teacher cannot play, and for critiques in
        words that cannot be written.
        """
        super().require_usable(config)
        require_one_seat(cls.name, config.games)
        for game in config.games:
            require_playable("teacher", game, config.teacher, named.make(config.teacher), config.env_kwargs())
        if config.words and config.decoding != "free":
            raise ValueError(f"words needs decoding 'free', got decoding {config.decoding!r}")

    def parts(self, round: int) -> tuple[str, ...]:
        """The first round teaches the meta-skills; all others evolve."""
        return META if round == 0 else self.PARTS

    def derive(self, stage: Stage) -> Iterator[Match]:
        """Critiques of attempts, and attempts refined by them."""
        update = self.update_of(stage.round, stage.part)
        if stage.part == SHOW:
            yield from self._shown(stage, update)
        elif stage.part == CRITIQUE:
            yield from self._criticise(update, self.attempts(stage.round), LEARNER)
        elif stage.part == REFINE:
            yield from again(self, update, self._criticised(stage), REFINER, REFINED_FROM)
        else:
            yield from self._criticise(update, self.attempts(stage.round, REFINE), LEARNER)

    def _shown(self, stage: Stage, update: int) -> Iterator[Match]:
        """The corpus: the score as a critique of each attempt, and the teacher's answer where an attempt failed."""
        attempts = distinct(self.attempts(stage.round))
        yield from self._criticise(update, attempts, SCORER)
        failed = again(self, update, unsolved(attempts, self.config.solved), self.config.teacher, REFINED_FROM)
        for number, match in enumerate(failed, start=len(attempts)):
            yield replace(match, id=f"update-{update}/{number}")

    def _criticise(self, update: int, rows: list[Row], who: str) -> Iterator[Match]:
        asked = [(row, self._question(row)) for row in rows]
        return about(self, update, CRITIQUE_ENV, asked, who, CRITIQUE_OF)

    def _question(self, row: Row) -> dict[str, object]:
        texts = (row.trajectory.turns[0].observation.text, actions_of(row.trajectory))
        task, attempt = quoted(self.run, texts)
        right = has_succeeded(row.trajectory, self.config.solved)
        return {"task": task, "attempt": attempt, "right": right, "words": self.config.words}

    def _criticised(self, stage: Stage) -> list[Row]:
        """The attempts of a round that got a critique, in order."""
        attempts = self.parents(stage)
        return [attempts[one.parent] for one in self.attempts(stage.round, CRITIQUE) if one.parent in attempts]

    def agents(self, update: int) -> Mapping[str, Agent]:
        """Who shows, and the refiner, who reads an attempt and what the model said of it."""
        stage = self.stage(update)
        shown: dict[str, Agent] = {self.config.teacher: self.teacher, SCORER: named.make(SCORER)}
        if stage.part != REFINE:
            return shown if stage.part == SHOW else {}
        said = {one.parent: one.trajectory.turns[0].action for one in self.attempts(stage.round, CRITIQUE)}
        attempts = self.parents(stage)
        earlier = {}
        for match in self.matches(update):
            parent = parent_of(match)
            earlier[match.id] = earlier_of(attempts[parent].trajectory, _feedback(said[parent]))
        return {REFINER: SecondAttempts(self.run.player, earlier, name=f"{self.run.player.name} (refiner)")}

    def select(self, stage: Stage) -> list[Row]:
        """The meta-skills, and from the second round on what the model refined and found right, of all rounds."""
        meta = self._meta_skills()
        if stage.part == FIT_META:
            return meta
        kept = list(chain.from_iterable(self._kept(number) for number in range(1, stage.round + 1)))
        return [*distinct(kept), *meta]

    def _meta_skills(self) -> list[Row]:
        """L_meta: critiques, refinements, and the refined answers to the plain task."""
        attempts, rows = self.parents(Stage(0, FIT_META, 0)), []
        for episode in self.played(0, SHOW):
            for trajectory in episode.trajectories.values() if episode.sound else ():
                row = Row(episode, trajectory, episode.env_id, retold=True)
                if trajectory.parents[0][0] == CRITIQUE_OF:
                    rows.append(row)
                elif has_succeeded(trajectory, self.config.solved):
                    told = earlier_of(attempts[row.parent].trajectory, _feedback(f"[{WRONG}]"))
                    rows += [replace(row, earlier=told), replace(row, weight=self.config.plain_weight)]
        return [row for row in rows if row.weight]

    def _kept(self, round: int) -> list[Row]:
        """Refined attempts that the model finds right."""
        refined = {row.trajectory.id: row for row in self.attempts(round, REFINE)}
        verdicts = {one.parent: read_word(one.actions[0], (RIGHT, WRONG)) for one in self.attempts(round, JUDGE)}
        kept = [replace(row, retold=True) for id, row in refined.items() if verdicts.get(id) == RIGHT]
        for name, rows in (("refined_right", [*refined.values()]), ("kept_right", kept)):
            if rows:
                self.run.measure(name, len(solved(rows, self.config.solved)) / len(rows))
        self.run.measure("kept", len(kept))
        return kept


def _feedback(critique: str) -> str:
    """A critique as the refiner reads it."""
    verdict = read_word(critique, (RIGHT, WRONG))
    return f"It was judged: {verdict}." if critique.strip("[] .") == verdict else f"What was said of it: {critique}"
