"""What an action of an OpenEnv server is made of, read from its JSON schema: text, or JSON."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Schema = Mapping[str, object]
MOST_LISTED = 1_000
"""Values of a field that are listed as legal actions."""
OF_THE_PROTOCOL = frozenset({"metadata"})
"""Fields that every action has, and that no agent fills."""
WORDS = ("look", "yes", "1", "north", "<answer>0</answer>")
"""What is tried where any text is taken."""


@dataclass(frozen=True, slots=True)
class ActionForm:
    """How an agent's text becomes an action."""

    schema: Schema
    """The JSON schema of the action."""
    fields: Mapping[str, Schema]
    """The schema of every field that an agent may fill."""
    only: str | None
    """The field that a bare text or number fills; None: the action must be a JSON object."""

    @property
    def is_text(self) -> bool:
        """Whether the text itself is the action."""
        return self.only is not None and self.fields[self.only].get("type") == "string"

    @property
    def choices(self) -> tuple[str, ...]:
        """All actions, where the only field has few values."""
        return tuple(map(_said, _values(self.fields[self.only]))) if self.only is not None else ()

    def payload(self, text: str) -> dict[str, object]:
        """The fields of the action that a text names. Raises ValueError, which says what would be right."""
        _require_unicode(text)
        if self.is_text:
            assert self.only is not None
            return {self.only: text}
        try:
            said = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"an action must be JSON, {self.in_words}, got {text[:80]!r}") from error
        if isinstance(said, dict):
            return said
        if self.only is None:
            raise ValueError(f"an action must be a JSON object, {self.in_words}, got {text[:80]!r}")
        return {self.only: said}

    @property
    def in_words(self) -> str:
        """The fields with their types, for an agent that has to write them."""
        return json.dumps({name: _type(part) for name, part in self.fields.items()})

    def sample(self, rng: random.Random) -> dict[str, object]:
        """An action that the schema allows, as far as it says: for tests."""
        required = self.schema.get("required")
        names = required if isinstance(required, list) and required else self.fields
        return {name: _sample(self.schema, self.fields[name], rng) for name in names if name in self.fields}


def action_form(schema: Schema) -> ActionForm:
    """How actions of a schema are written. A field is the only one if no other one has to be filled."""
    properties = schema.get("properties")
    found = properties if isinstance(properties, dict) else {}
    fields = {
        str(name): _resolved(schema, part)
        for name, part in found.items()
        if name not in OF_THE_PROTOCOL and isinstance(part, dict)
    }
    required = schema.get("required")
    needed = [name for name in required if name in fields] if isinstance(required, list) else []
    if len(fields) == 1:
        return ActionForm(schema, fields, next(iter(fields)))
    rest_is_plain = all(fields[name].get("type") not in ("object", "array") for name in fields)
    return ActionForm(schema, fields, needed[0] if len(needed) == 1 and rest_is_plain else None)


def _resolved(schema: Schema, part: Schema) -> Schema:
    """The part itself where it refers to a definition, or is one of several or null."""
    for _ in range(10):
        reference = part.get("$ref")
        if isinstance(reference, str):
            target = _at(schema, reference)
        else:
            several = next((part[key] for key in ("allOf", "anyOf", "oneOf") if isinstance(part.get(key), list)), None)
            kinds = [one for one in several if one.get("type") != "null"] if isinstance(several, list) else []
            target = kinds[0] if len(kinds) == 1 else None
        if not isinstance(target, dict):
            return part
        part = {
            **{key: value for key, value in part.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")},
            **target,
        }
    return part


def _at(schema: Schema, reference: str) -> object:
    """What `#/$defs/Move` names."""
    found: object = schema
    for name in reference.removeprefix("#/").split("/"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _values(part: Schema) -> Sequence[object]:
    listed = part.get("enum")
    if isinstance(listed, list):
        return listed[:MOST_LISTED]
    least, most = part.get("minimum"), part.get("maximum")
    if part.get("type") == "integer" and isinstance(least, int) and isinstance(most, int):
        return range(least, most + 1) if 0 <= most - least < MOST_LISTED else ()
    return ()


def _said(value: object) -> str:
    """A value as an agent writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _type(part: Schema) -> object:
    return part.get("enum") or part.get("const") or part.get("type", "any")


def _sample(schema: Schema, part: Schema, rng: random.Random) -> object:
    if "const" in part:
        return part["const"]
    if values := _values(part):
        return rng.choice(values)
    match part.get("type"):
        case "string":
            return rng.choice(WORDS)
        case "integer":
            return rng.randint(_bound(part, "minimum", 0), _bound(part, "maximum", 9))
        case "number":
            return round(rng.uniform(_bound(part, "minimum", 0), _bound(part, "maximum", 1)), 3)
        case "boolean":
            return rng.random() < 0.5
        case "array":
            items = part.get("items")
            one = _resolved(schema, items) if isinstance(items, dict) else {"type": "integer"}
            return [_sample(schema, one, rng)]
        case _:
            return {}


def _bound(part: Schema, name: str, otherwise: int) -> int:
    value = part.get(name, otherwise)
    return math.ceil(value) if isinstance(value, int | float) else otherwise


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no number")


def _require_unicode(text: str) -> None:
    """Raises ValueError for half a character, which no server can read."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"an action must be Unicode text, got {text[error.start]!r} in it") from error
