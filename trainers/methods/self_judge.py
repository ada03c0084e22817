r"""Self-Judge: a policy judges pairs of its own answers, and learns its preferences (arXiv 2402.11253).

What the paper does: judge-augmented fine-tuning (JSFT) teaches one model to answer, and to judge two answers by a
single token. Then, on-policy: sample pairs, let the policy judge them, and take steps of DPO with the initial policy as
the reference. At inference a tournament of N answers.

What we do otherwise, and why:
1. The first round is JSFT on the model's own pairs, judged by the environment's score. Equal scores are no pair.
2. Every pair is judged in both orders. A verdict counts where both agree: a judge who always says "first" gives no pair
   (`consistent` measures it), where the paper would learn from noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from sparring import registry
from sparring.agents import named
from sparring.agents.second_attempts import actions_of
from sparring.envs.reflection.words import FIRST, SECOND, read_word
from sparring.protocols import Agent
from sparring.rollout.match import Match
from sparring.trainers.evolving.again import about, require_one_seat
from sparring.trainers.evolving.evolving import EXPLORE, FIT, Evolving, Stage
from sparring.trainers.evolving.quoting import quoted
from sparring.trainers.evolving.rows import Pair, Row, by_task, distinct
from sparring.trainers.method import LEARNER
from sparring.trainers.methods.self_judge_config import Config
from sparring.trainers.run import Run
from sparring.types import Episode

__all__ = ["Config", "SelfJudge"]
JUDGE_ENV = "sparring/Judge-v0"
SHOW, JUDGE, FIT_JUDGE = "show", "judge", "fit-judge"
SCORER, JUDGEMENT_OF = "walkthrough", "judgement_of"


@registry.trainers.register(
    "self-judge", family="self-evolution", extra="train", config="sparring.trainers.methods.self_judge_config:Config"
)
class SelfJudge(Evolving[Config]):
    """Preferences by the policy's own judgement, learnt by DPO (Self-Judge)."""

    name = "self-judge"
    config_type = Config
    PARTS = (EXPLORE, JUDGE, FIT)

    def __init__(self, run: Run[Config]) -> None:
        super().__init__(run)
        run.learner.config = replace(run.learner.config, pair_beta=self.config.pair_beta)

    @classmethod
    def require_usable(cls, config: Config) -> None:
        """Raises ValueError for environments of several seats, and for one attempt a task."""
        super().require_usable(config)
        require_one_seat(cls.name, config.games)
        if config.attempts < 2:
            raise ValueError(f"attempts must be >= 2, so that there are pairs, got {config.attempts}")

    def parts(self, round: int) -> tuple[str, ...]:
        """The first round teaches to judge."""
        return (EXPLORE, SHOW, FIT_JUDGE) if round == 0 else self.PARTS

    def pairs(self, round: int) -> list[tuple[Row, Row]]:
        """Neighbours among the different attempts at each task."""
        attempts = by_task(distinct(self.attempts(round))).values()
        return [pair for rows in attempts for pair in pairwise(rows)]

    def derive(self, stage: Stage) -> Iterator[Match]:
        """Each pair in both orders."""
        pairs, update = self.pairs(stage.round), self.update_of(stage.round, stage.part)
        if stage.part == SHOW:
            pairs = [pair for pair in pairs if pair[0].trajectory.reward != pair[1].trajectory.reward]
        asked = [(first, self.question(first, second)) for pair in pairs for first, second in (pair, pair[::-1])]
        shown = about(self, update, JUDGE_ENV, asked, LEARNER if stage.part == JUDGE else SCORER, JUDGEMENT_OF)
        for match, pair in zip(shown, (pair for pair in pairs for _ in range(2)), strict=True):
            parents = tuple((JUDGEMENT_OF, row.trajectory.id) for row in pair)
            yield replace(match, parents=dict.fromkeys(match.parents, parents))

    def question(self, first: Row, second: Row) -> dict[str, object]:
        """What the judge is shown, and what the score says."""
        seen = first.trajectory.turns[0].observation.text
        texts = quoted(self.run, (seen, actions_of(first.trajectory), actions_of(second.trajectory)))
        scores = first.trajectory.reward, second.trajectory.reward
        better = None if scores[0] == scores[1] else FIRST if scores[0] > scores[1] else SECOND
        return {**dict(zip(("task", "first", "second"), texts, strict=True)), "better": better}

    def agents(self, update: int) -> Mapping[str, Agent]:
        """Who shows."""
        return {SCORER: named.make(SCORER)} if self.stage(update).part == SHOW else {}

    def select(self, stage: Stage) -> Sequence[Row | Pair]:
        """Judgements by the score, in the first round; then the pairs that the policy judges alike in both orders."""
        if stage.part == FIT_JUDGE:
            shown = [episode for episode in self.played(stage.round, SHOW) if episode.sound]
            return [Row(one, said, JUDGE_ENV, retold=True) for one in shown for said in one.trajectories.values()]
        verdicts = list(map(verdict_of, self.played(stage.round, JUDGE)))
        pairs, agreed = self.pairs(stage.round), list[Pair]()
        for number, (first, second) in enumerate(pairs):
            one, other = verdicts[2 * number], verdicts[2 * number + 1]
            if one is not None and other is not None and one != other:
                agreed.append(Pair(first, second) if one == FIRST else Pair(second, first))
        self.run.measure("consistent", len(agreed) / max(1, len(pairs)))
        scores = [pair.chosen.trajectory.reward - pair.rejected.trajectory.reward for pair in agreed]
        if told := [score > 0 for score in scores if score]:
            self.run.measure("judged_right", sum(told) / len(told))
        return agreed


def verdict_of(episode: Episode) -> str | None:
    """What the judge said; None where it said nothing."""
    (trajectory,) = episode.trajectories.values()
    return read_word(trajectory.turns[0].action, (FIRST, SECOND)) if episode.sound and trajectory.turns else None
