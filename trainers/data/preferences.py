"""Rows of preferences: two answers to one question, of which one did better.

    pairs    prompt, chosen, rejected as conversations: TRL's DPOTrainer takes them. It tokenises the text again, also
             where prompt_ids, chosen_ids and rejected_ids (the recorded tokens; the answers alone) stand beside it
    reward   chosen and rejected as whole conversations: TRL's RewardTrainer takes them, and where chosen_ids and
             rejected_ids (the recorded tokens, prompt and answer) are there it takes those as they are

The answers are the first ones in which the two attempts differ although both were asked the same; what came after is no
part of the row. An attempt that corrects an earlier one was asked more than that one: where both have one decision
only, its answer is put after the earlier one's prompt (as Re-ReST, arXiv 2406.01495, learns corrections).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sparring.exports.chats import message, messages_of
from sparring.exports.decisions import Decision, decisions, first_difference
from sparring.store.store import Store
from sparring.trainers.data.rows import Row, columns_of
from sparring.trainers.data.tasks_index import Couple, Found, Index, load
from sparring.types import Trajectory

Compared = tuple[Couple, Found, Found, Decision, Decision]
"""A couple, the better and the worse attempt, and what each answered to the worse one's prompt."""


def pair_rows(store: Store, index: Index) -> Iterator[Row]:
    """Of all couples that can be compared."""
    couples = list(index.couples())
    has_tokens = _have_tokens(couples)
    for couple, better, worse, chosen, rejected in compared(store, couples):
        yield {
            **columns_of("pairs", couple.relation, worse[0], chosen=better, rejected=worse),
            "prompt": messages_of(rejected.prompt),
            "chosen": [message("assistant", chosen.answer)],
            "rejected": [message("assistant", rejected.answer)],
            **(_ids((), rejected, chosen) if has_tokens else {}),
        }


def reward_rows(store: Store, index: Index) -> Iterator[Row]:
    """Of all couples that can be compared; `margin` is by how much the better one earned more."""
    couples = list(index.couples())
    has_tokens = _have_tokens(couples)
    for couple, better, worse, chosen, rejected in compared(store, couples):
        prompt = messages_of(rejected.prompt)
        yield {
            **columns_of("reward", couple.relation, worse[0], chosen=better, rejected=worse),
            "chosen": [*prompt, message("assistant", chosen.answer)],
            "rejected": [*prompt, message("assistant", rejected.answer)],
            "margin": couple.better.reward - couple.worse.reward,
            **(_ids(rejected.prompt_ids, rejected, chosen) if has_tokens else {}),
        }


def compared(store: Store, couples: Iterable[Couple]) -> Iterator[Compared]:
    """The couples that were asked the same, with what they answered; two episodes are in memory at once."""
    for couple in couples:
        better, worse = load(store, couple.better), load(store, couple.worse)
        found = first_difference(better[1], worse[1])
        if found is None and couple.relation != "best_of_task":
            found = _single_answers(better[1], worse[1])
        if found is not None:
            yield couple, better, worse, *found


def _single_answers(better: Trajectory, worse: Trajectory) -> tuple[Decision, Decision] | None:
    """Of attempts with one decision each, which differ."""
    ours, theirs = list(decisions(better)), list(decisions(worse))
    if len(ours) != 1 or len(theirs) != 1 or ours[0].answer == theirs[0].answer:
        return None
    return ours[0], theirs[0]


def _have_tokens(couples: Iterable[Couple]) -> bool:
    """Whether all attempts have tokens: columns that some rows lack would be read as empty."""
    return all(couple.better.has_tokens and couple.worse.has_tokens for couple in couples)


def _ids(before: tuple[int, ...], rejected: Decision, chosen: Decision) -> Row:
    """The recorded tokens; those `before` stand at the beginning of both answers."""
    prompt = {} if before else {"prompt_ids": rejected.prompt_ids}
    return {**prompt, "chosen_ids": before + chosen.answer_ids, "rejected_ids": before + rejected.answer_ids}
