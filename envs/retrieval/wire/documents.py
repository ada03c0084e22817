"""Passages as the documents of the wire: {"id", "contents": "title\\ntext"}, and ours with what is lost in that."""

from __future__ import annotations

import hashlib
import math
from typing import Any

from sparring.envs.retrieval.types import Hit, Passage, Triple


def document_of(passage: Passage) -> dict[str, object]:
    """A document that clients of Search-R1 read; title, text and triples stand beside its contents for ours."""
    return {
        "id": passage.id,
        "contents": passage.contents,
        "title": passage.title,
        "text": passage.text,
        "triples": passage.triples,
    }


def passage_of(document: Any) -> Passage:
    """The passage of a document of any server of the kind; one without an id is named after its contents.

    Raises ValueError for what is no document.
    """
    if not isinstance(document, dict):
        raise ValueError(f"a document must be an object, got {document!r:.80}")
    title, text = document.get("title"), document.get("text")
    if not (isinstance(title, str) and isinstance(text, str)):
        contents = document.get("contents", text)
        if not isinstance(contents, str):
            raise ValueError(f"a document must have contents, a text, got {document!r:.80}")
        title, _, text = contents.partition("\n") if not isinstance(title, str) else (title, "", contents)
    id = document.get("id", document.get("_id"))
    if id is None:
        id = hashlib.sha256(f"{title}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    if not isinstance(id, str | int):
        raise ValueError(f"the id of a document must be a text or a number, got {id!r:.80}")
    return Passage(str(id), title, text, _triples(document.get("triples", ())))


def _triples(triples: Any) -> tuple[Triple, ...]:
    try:
        made = tuple(Triple(*triple) for triple in triples)
        sound = all(isinstance(part, str) for triple in made for part in triple)
    except TypeError:
        sound = False
    if not sound:
        raise ValueError(f"triples must be lists of three texts, got {triples!r:.80}")
    return made


def hit_of(row: Any) -> Hit:
    """A hit of a row {"document", "score"}. Raises ValueError for what is none."""
    if not isinstance(row, dict):
        raise ValueError(f"a hit must be an object with a document and a score, got {row!r:.80}")
    score = row.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise ValueError(f"the score of a hit must be a finite number, got {score!r:.80}")
    return Hit(passage_of(row.get("document")), float(score))
