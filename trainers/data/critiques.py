"""Rows that teach a model to judge its own answers: Confidence v. Critique's CCT (arXiv 2412.19513).

The paper mixes (question, right answer -> keep it) and (question, wrong answer -> right answer). Here each row is a
conversation: the question, an answer, the request to review it; the completion says the verdict and the final answer.

    keep             of each task the first attempt that is right
    best_of_task     a wrong attempt and a right one at the same task
    reflection_of    (refined_from, retry_of) a wrong attempt and the right one that corrects it
    draft            a wrong draft and the right action that its agent took instead (`notes.ReflectionNote`)

An answer is taken only where it is the last one of its attempt: an earlier one need not be what went wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparring.content import readable
from sparring.exports.chats import message, messages_of
from sparring.exports.decisions import Decision, answers_by_turn, decisions, holding
from sparring.scoreboard.attempts import draft_id, graded_drafts, last_note
from sparring.store.store import Store
from sparring.trainers.data.preferences import compared
from sparring.trainers.data.rows import Row, columns_of
from sparring.trainers.data.tasks_index import Found, Index, load
from sparring.types import Trajectory

REVIEW = "Review your answer. Say whether it is right or wrong, then give the final answer."


def critique_rows(store: Store, index: Index) -> Iterator[Row]:
    """Answers to keep, then answers to mend, each in the order of the store."""
    for entries in index.tasks.values():
        first = next((entry for entry in entries if entry.right), None)
        if first is not None:
            yield from _keep(load(store, first))
    mended = (couple for couple in index.couples() if couple.better.right and not couple.worse.right)
    for couple, better, worse, chosen, rejected in compared(store, mended):
        if _is_last(chosen, better[1]) and _is_last(rejected, worse[1]):
            columns = columns_of("critique", couple.relation, worse[0], answer=worse, refined=better)
            yield {**columns, **_conversation(rejected, "wrong", chosen.answer)}
    for entry in index.entries:
        if entry.has_drafts and entry.right:
            yield from _drafted(load(store, entry))


def _keep(attempt: Found) -> Iterator[Row]:
    last = _last(attempt[1])
    if last is not None:
        columns = columns_of("critique", "keep", attempt[0], answer=attempt)
        yield {**columns, **_conversation(last, "right", last.answer)}


def _drafted(attempt: Found) -> Iterator[Row]:
    """The first draft of an attempt that is right, where that draft is wrong and was recorded."""
    episode, trajectory = attempt
    draft, last = last_note(trajectory).drafts[0], _last(trajectory)
    written = holding(draft, list(answers_by_turn(trajectory))[-1])
    if last is None or not written or dict(graded_drafts([episode], {})).get(draft_id(trajectory, 0)) is not False:
        return
    columns = columns_of("critique", "draft", episode, answer=attempt, refined=attempt)
    yield {**columns, **_conversation(written[0], "wrong", last.answer)}


def _conversation(judged: Decision, verdict: str, refined: str) -> Row:
    said = message("assistant", f"The answer is {verdict}.\n{refined}")
    prompt = [*messages_of(judged.prompt), message("assistant", judged.answer), message("user", REVIEW)]
    return {
        "answer": readable(judged.answer),
        "verdict": verdict,
        "refined": readable(refined),
        "prompt": prompt,
        "completion": [said],
    }


def _last(trajectory: Trajectory) -> Decision | None:
    """What decided: the answer of the last turn; None where that turn has none."""
    found = [one for one in decisions(trajectory) if one.turn == len(trajectory.turns) - 1]
    return found[0] if found else None


def _is_last(decision: Decision, trajectory: Trajectory) -> bool:
    return decision.turn == len(trajectory.turns) - 1
