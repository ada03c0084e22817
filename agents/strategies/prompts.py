"""What strategies ask of a model beside the task itself, and what they read in its judgements.

The wording is ours, short enough for small models.
"""

from __future__ import annotations

from collections.abc import Sequence

RIGHT, WRONG = "right", "wrong"
VERDICTS = (RIGHT, WRONG)
AGAIN = "Answer again, in the same form as before."
CRITIQUE = (
    "Check your last answer step by step: does it do what is asked, and is every step right? "
    "Then write [right] if it may stand, or [wrong] if it must be changed."
)
REFINE = f"Do not repeat what you found to be wrong. {AGAIN}"
EXPLAIN = "Explain your last answer in a few sentences: what of that which you see decided it?"
CRITIQUE_EXPLANATION = (
    "Check your explanation: does it name what really decided your answer, and nothing else? "
    "Then write [right] if it does, or [wrong] if it must be changed."
)
REFINE_EXPLANATION = "Write the explanation again, so that it says what really decided your answer."


def aggregate(answers: Sequence[str]) -> str:
    """Shows the answers and asks for one new answer."""
    listed = "\n\n".join(f"Answer {number}:\n{answer}" for number, answer in enumerate(answers, start=1))
    return (
        f"You have answered this {len(answers)} times, and not every answer must be right:\n\n{listed}\n\n"
        f"Compare the answers and use what is right in them. {AGAIN}"
    )


def answer_from(explanation: str) -> str:
    """Asks for the answer that an explanation leads to."""
    return f"You explained what is to be done here:\n{explanation}\n\nDo what follows from it. {AGAIN}"


def reconstruct(answer: str) -> str:
    """Asks for the task that an answer belongs to."""
    return (
        f"This is somebody's answer to a task that you do not see:\n\n{answer}\n\n"
        "Write down the task: what must have been seen and asked, as exactly as the answer tells."
    )


def compare(task: str, reconstructed: str) -> str:
    """Asks whether a reconstructed task is the task."""
    return (
        f"The task:\n{task}\n\nWhat an answer to it was taken to be an answer to:\n{reconstructed}\n\n"
        "Do both ask for the same? Say what is missing or different. "
        "Then write [right] if they ask for the same, or [wrong] if they do not."
    )


def hinted(hint: str) -> str:
    """Asks for another answer, because the last one fitted another task."""
    return f"An earlier answer did not fit this task:\n{hint}\n\n{AGAIN}"


def reflect(attempt: str, end: str) -> str:
    """Asks what is to be learnt from an attempt."""
    return (
        f"You have attempted a task that you will attempt again. This is what you saw and did:\n{attempt}\n\n"
        f"It ended so:\n{end}\n\n"
        "Say in a few sentences what went well or wrong, and what you will do in another way next time."
    )


def remembered(reflections: Sequence[str]) -> str:
    """What was learnt from earlier attempts, for the system prompt."""
    listed = "\n".join(f"- {one}" for one in reflections)
    return f"You have attempted this very task before. What you noted after earlier attempts:\n{listed}"


def doubted(objections: Sequence[str], others: Sequence[str]) -> str:
    """Says why an answer is probably wrong, and asks for another one."""
    reasons = "".join(f"\n- {one}" for one in objections) or "\n- several small doubts together"
    considered = "".join(f"\n- {one}" for one in others)
    also = f"\nOther answers that you gave:{considered}" if others else ""
    return f"Your last answer is probably wrong:{reasons}{also}\nThink about it once more. {AGAIN}"


def verdict_in(action: str) -> str | None:
    """right or wrong; None where the model said neither."""
    said = action.strip(" \n\t[].*\"'").lower()
    return said if said in VERDICTS else None
