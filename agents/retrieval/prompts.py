"""What SIM-RAG asks of a model, and what its answers say. Nothing here raises, whatever the model wrote.

The three questions are those of SIM-RAG (arXiv 2505.02811): answer with a rationale, judge the answer, write the next
query. The wording is ours, short enough for small models; the few-shot examples of the release are left out.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from sparring.agents.retrieval.critic import NOTHING_YET, Case

ANSWER_LINE, RATIONALE_LINE, QUERY_LINE = (
    re.compile(rf"^[ \t]*{name}:[ \t]*(.*)$", re.IGNORECASE | re.MULTILINE) for name in ("answer", "rationale", "query")
)
MOST = 2_000
"""Characters of an answer, a rationale or a query."""
UNSURE = frozenset({"", "unsure", "unknown", "i don't know", "i do not know", "none", "n/a"})
ANSWER = (
    "{context}\n\nAnswer the question from the context, in exactly two lines: one that begins with Answer: and has as "
    "few words as possible, or the word unsure, and one that begins with Rationale: and says why."
)
QUERY_WANTED = (
    "{context}\n\nThe context does not answer the question yet. What is the next thing to look for? Look for one thing "
    "that is missing, and do not repeat a query. Write one line that begins with Query: and has nothing but the words "
    "to search for."
)
JUDGE = "{text}\n\nDoes the context suffice for this answer, and is the answer right? Write Yes or No."
YES, NO = "Yes", "No"
AIRPORT = "Retrieved Document: Title: Tolm Airport Content: Tolm Airport is an airport. It serves the city of Kessing."
CITY = "Retrieved Document: Title: Kessing Content: Kessing is a city in Noria. It has 81,300 inhabitants."
ASKED = "Question: How many inhabitants does the city that Tolm Airport serves have?\nContext:\n"
CAPITAL = "Question: Which city is the capital of Brunmark?\nContext:\n"
FOUND = f"{ASKED}Query: Tolm Airport\n{AIRPORT}\n"
ALL_FOUND = f"{FOUND}Query: Kessing\n{CITY}\n"
QUERY_EXAMPLES = (
    f"{ASKED}{{nothing}}\nQuery: Tolm Airport\n\n{FOUND}Query: Kessing\n\n"
    f"{CAPITAL}{{nothing}}\nQuery: capital of Brunmark\n\n"
)
ANSWER_EXAMPLES = (
    f"{ALL_FOUND}Answer: 81,300\nRationale: It serves Kessing, which has 81,300 inhabitants.\n\n"
    f"{CAPITAL}Query: capital of Brunmark\nRetrieved Document: Title: Government of Brunmark Content: The capital of "
    "Brunmark is Velorath.\nAnswer: Velorath\nRationale: The passage says so.\n\n"
)
JUDGE_EXAMPLES = (
    f"{FOUND}Answer: Kessing\nRationale: It serves Kessing.\nEnough: No\n\n"
    f"{ALL_FOUND}Answer: 81,300\nRationale: It serves Kessing, which has 81,300 inhabitants.\nEnough: Yes\n\n"
)
"""Worked examples, of an invented country; the release has some for each of its data sets."""


class Answered(NamedTuple):
    """What a model answered."""

    answer: str
    rationale: str

    @property
    def is_unsure(self) -> bool:
        """Whether it says that it does not know, or nothing."""
        return self.answer.strip(" .!\"'").lower() in UNSURE


def answer_prompt(case: Case, examples: bool = False) -> str:
    """Asks for an answer with its rationale."""
    if examples:
        return f"{ANSWER_EXAMPLES}{case.context}\nAnswer:"
    return ANSWER.replace("{context}", case.context)


def query_prompt(case: Case, examples: bool = False) -> str:
    """Asks for the next query."""
    if examples:
        return f"{QUERY_EXAMPLES.replace('{nothing}', NOTHING_YET)}{case.context}\nQuery:"
    return QUERY_WANTED.replace("{context}", case.context)


def judge_prompt(case: Case, examples: bool = False) -> str:
    """Asks whether an answer may stand."""
    if examples:
        return f"{JUDGE_EXAMPLES}{case.text}\nEnough:"
    return JUDGE.replace("{text}", case.text)


def read_answer(text: str) -> Answered:
    """The answer and the rationale; without the line `Answer:`, the first line is the answer."""
    answer, rationale = _line(ANSWER_LINE, text), _line(RATIONALE_LINE, text)
    if answer is None:
        first, _, rest = text.strip().partition("\n")
        answer, rationale = first, rest if rationale is None else rationale
    return Answered(_one_line(answer), _one_line(rationale or ""))


def read_query(text: str) -> str:
    """The query: SIM-RAG's JSON, the line `Query:`, or the first line; "" where there is none."""
    found = _json_query(text)
    if found is None:
        line = _line(QUERY_LINE, text)
        found = text.strip().partition("\n")[0] if line is None else line
    return _one_line(found).strip("\"' ")


def read_verdict(text: str) -> bool:
    """Whether the answer begins with yes."""
    return text.strip(" \n\t.*\"'").lower().startswith("yes")


def _json_query(text: str) -> str | None:
    try:
        found = json.loads(text[text.index("{") : text.rindex("}") + 1])
    except (ValueError, RecursionError):
        return None
    query = found.get("search_query") if isinstance(found, dict) else None
    return query if isinstance(query, str) else None


def _line(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match[1] if match else None


def _one_line(text: str) -> str:
    return " ".join("".join(one for one in text if one.isprintable() or one.isspace()).split())[:MOST]
