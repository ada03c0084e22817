"""Conversations about a geography: each question leans on those before it, by a pronoun or by words left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from sparring.envs.code.split_rng import Split, SplitRng, split_of
from sparring.envs.retrieval.types import Conversation, Exchange
from sparring.envs.retrieval.worlds.asking import Questioner
from sparring.envs.retrieval.worlds.proofs import WORD
from sparring.envs.retrieval.worlds.shapes import ASKED, Start

SHORTEST, LONGEST = 3, 8
Thing = Start | Literal["currency"]
STARTS: tuple[Start, ...] = get_args(Start)
RELATIONS: dict[Thing, tuple[str, ...]] = {
    "airport": ("serves",),
    "city": ("country", "population", "timezone"),
    "country": ("capital", "currency code", "top-level domain", "continent", "area"),
    "currency": ("currency name",),
}
LEADS_TO: dict[str, Thing] = {"serves": "city", "country": "country", "capital": "city", "currency code": "currency"}
LEANING = {
    "serves": ("Which city does it serve?", "And the city that it serves?"),
    "country": ("In which country does it lie?", "And which country is that in?"),
    "population": ("How many people live there?", "And its population?"),
    "timezone": ("What is the time zone there?", "And its time zone?"),
    "capital": ("What is its capital?", "And the capital?"),
    "currency code": ("Which code does its currency have?", "And the code of its currency?"),
    "top-level domain": ("Which top-level domain does it have?", "And its top-level domain?"),
    "continent": ("On which continent does it lie?", "And the continent?"),
    "area": ("How many square kilometres does it have?", "And its area?"),
    "currency name": ("How is that currency called?", "And its name?"),
}
"""Questions that name nothing: what "it" is was said before."""
SHORTENED = ("And {}?", "What about {}?")
"""The question is the one before, about another thing."""
ASKING_WORDS = frozenset(WORD.findall(" ".join(text for texts in ASKED.values() for text in texts).casefold()))
SWITCHES = ("Something else: {}", "Let us change the subject. {}")


@dataclass(frozen=True, slots=True)
class Step:
    """A question of a conversation: what it is about, and what it wants to know."""

    thing: Thing
    subject: str
    relation: str


class Converser:
    """Makes the conversations of a world."""

    def __init__(self, questioner: Questioner) -> None:
        self.questioner = questioner
        codes = [subject for subject, relation in questioner.known if relation == "currency name"]
        self.subjects: dict[Thing, Sequence[str]] = {"currency": codes}
        for thing in STARTS:
            self.subjects[thing] = questioner.starts[thing]

    def conversation(self, split: Split, number: int) -> Conversation:
        """The first question stands alone, the last one does not."""
        if number < 0:
            raise ValueError(f"the number of a conversation must be >= 0, got {number}")
        rng = SplitRng(split, self.questioner.identity, "conversation", number)
        return Conversation(f"{split}/conversation/{number}", tuple(self._exchanges(rng)))

    def _exchanges(self, rng: SplitRng) -> Iterator[Exchange]:
        length = rng.integer(SHORTEST, LONGEST)
        step = self._new_step(rng)
        steps = [step]
        yield self._exchange(step, self._alone(step, rng))
        for turn in range(2, length + 1):
            switches = turn < length and rng.integer(1, 5) == 1
            step = self._new_step(rng) if switches else self._next_step(step, steps, rng)
            steps.append(step)
            alone = self._alone(step, rng)
            if switches:
                yield replace(self._exchange(step, alone), asked=rng.one(SWITCHES).format(alone), switches_topic=True)
            elif step.relation == steps[-2].relation:
                asked = rng.one(SHORTENED).format(step.subject)
                yield replace(self._exchange(step, alone), asked=asked, switches_topic=True)
            else:
                yield replace(self._exchange(step, alone), asked=rng.one(LEANING[step.relation]))

    def _next_step(self, step: Step, before: Sequence[Step], rng: SplitRng) -> Step:
        """Another question about the same thing, one about the answer, or the same one about another thing."""
        steps = [Step(step.thing, step.subject, relation) for relation in RELATIONS[step.thing]]
        if step.relation in LEADS_TO:
            thing, answer = LEADS_TO[step.relation], self._fact(step)[0]
            if split_of(answer) == rng.split:
                steps += [Step(thing, answer, relation) for relation in RELATIONS[thing]]
        leaning = [one for one in steps if one not in before and self._known(one) and one.relation != step.relation]
        if leaning and rng.integer(1, 4) > 1:
            return rng.one(leaning)
        while not self._known(shortened := self._about_another(step, rng)) or shortened in before:
            pass
        return shortened

    def _about_another(self, step: Step, rng: SplitRng) -> Step:
        return replace(step, subject=self._subject(step.thing, rng))

    def _new_step(self, rng: SplitRng) -> Step:
        while True:
            thing: Thing = rng.one(STARTS)
            step = Step(thing, self._subject(thing, rng), rng.one(RELATIONS[thing]))
            if self._known(step):
                return step

    def _subject(self, thing: Thing, rng: SplitRng) -> str:
        while split_of(subject := rng.one(self.subjects[thing])) != rng.split:
            pass
        return subject

    def _known(self, step: Step) -> bool:
        """Whether the corpus answers it, and the question does not: there are domains .is and .do."""
        if (step.subject, step.relation) not in self.questioner.known:
            return False
        answer, _ = self._fact(step)
        return not self.questioner.tells(step.subject, answer) and not self.questioner.words(answer) <= ASKING_WORDS

    def _fact(self, step: Step) -> tuple[str, str]:
        return self.questioner.known[step.subject, step.relation]

    def _alone(self, step: Step, rng: SplitRng) -> str:
        named = f"the currency with the code {step.subject}" if step.thing == "currency" else step.subject
        return rng.one(ASKED[step.relation]).format(named)

    def _exchange(self, step: Step, alone: str) -> Exchange:
        answer, gold = self._fact(step)
        return Exchange(alone, alone, self.questioner.answers(answer)[0], (gold,))
