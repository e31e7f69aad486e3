"""What can be asked of served runs: the fields of each request, their limits, and their checks.

A field is described by a JSON schema. Requests are checked against the same schemas that the
OpenAPI document shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arae_toolkit.errors import ToolkitError
from arae_toolkit.version import __version__

Schema = Mapping[str, Any]
Fields = dict[str, Any]

MOST_TEXTS, MOST_CHARACTERS = 32, 2_000
MOST_BODY_BYTES = 1 << 20
"""A request of the most and longest texts fits in, each character written as an escape."""


class RefusedRequest(ToolkitError):
    """A request that is not answered, and the HTTP status that says why."""

    def __init__(self, problem: str, *, status: int = 400) -> None:
        super().__init__(problem)
        self.status = status


def _text(description: str) -> Schema:
    limits = {"minLength": 1, "maxLength": MOST_CHARACTERS}
    return {"type": "string", **limits, "description": description}


def _integer(description: str, least: int, most: int, default: int) -> Schema:
    limits = {"minimum": least, "maximum": most, "default": default}
    return {"type": "integer", **limits, "description": description}


def _number(description: str, least: float, most: float, default: float | None = None) -> Schema:
    limits: Fields = {"minimum": least, "maximum": most}
    if default is not None:
        limits["default"] = default
    return {"type": "number", **limits, "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "default": False, "description": description}


def _choice(description: str, *names: str) -> Schema:
    return {
        "type": "string",
        "enum": list(names),
        "default": names[0],
        "description": description,
    }


def _object(**properties: Schema) -> Schema:
    needed = [name for name, schema in properties.items() if "default" not in schema]
    return {
        "type": "object",
        "properties": properties,
        "required": needed,
        "additionalProperties": False,
    }


def _list(items: Schema, description: str, **more: Any) -> Schema:
    limits = {"minItems": 1, "maxItems": MOST_TEXTS, **more}
    return {"type": "array", "items": items, **limits, "description": description}


_RUN = {"type": "string", "description": "The name of a run, as /api/runs has it."}
_TEXTS = _list(_text("A text."), "Texts.")
_SEED = _integer("The same seed gives the same answer.", 0, 2**53 - 1, 0)


@dataclass(frozen=True)
class Operation:
    """Something that can be asked of a run.

    Attributes:
        title: What the page calls it.
        summary: What it does, in a sentence.
        answer: What is in its answer, in a sentence.
        fields: Of its request, besides the run.
        apart: The fields in which requests that are computed together may differ.
    """

    title: str
    summary: str
    answer: str
    fields: Mapping[str, Schema] = field(default_factory=dict)
    apart: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        """The JSON schema of a request."""
        return _object(run=_RUN, **self.fields)

    def checked(self, content: Mapping[str, Any]) -> Fields:
        """Return the fields of a request, each checked, defaults put in.

        Raises:
            RefusedRequest: Naming the first field that is wrong.
        """
        fields: Fields = checked(content, self.schema, "the request")
        return fields

    def shared(self, fields: Fields) -> tuple[tuple[str, str], ...]:
        """Return what has to be equal in requests that are computed together."""
        return tuple((name, repr(fields[name])) for name in fields if name not in self.apart)

    def size(self, fields: Fields) -> int:
        """Return how many texts or pairs a request brings; 1 if it brings none in a list."""
        entries = (fields[name] for name in self.apart if isinstance(fields[name], list))
        return max((len(own) for own in entries), default=1)


OPERATIONS: Mapping[str, Operation] = {
    "transfer": Operation(
        "Rewrite",
        "Texts rewritten so that their label changes and their content stays.",
        'For each text "probabilities" of its labels, its "unknown_words", and "rewritten": for '
        'each label "transferred", the model\'s own scores of it, and the "edits" that lead there.',
        {
            "texts": _TEXTS,
            "to": _list(_text("A label."), "Labels; none for all.", minItems=0, default=[]),
            "candidates": _integer("Rewritings of each text, of which the best counts.", 1, 16, 1),
            "strength": _number("How much is changed: 1 is what the model learned.", 0, 4, 1.0),
            "seed": _SEED,
        },
        apart=("texts",),
    ),
    "walk": Operation(
        "Walk",
        "Sentences on the way from one to another.",
        '"steps", each with its "text" and the "edits" that led there, and, through noise, '
        '"found": for both ends the distance of the code that was found, and its sentence.',
        {
            "first": _text("Where the way starts."),
            "second": _text("Where it ends."),
            "steps": _integer("Sentences, both ends included.", 2, 31, 9),
            "through": _choice("What the way leads through.", "codes", "noise"),
            "interpolation": _choice("A straight way, or equal angles.", "linear", "slerp"),
            "smooth": _flag("Go around, so that sentences change little at each step."),
        },
        apart=("first", "second"),
    ),
    "samples": Operation(
        "Sample",
        "New sentences.",
        '"samples", a list of texts.',
        {
            "count": _integer("How many.", 1, 100, 10),
            "seed": _SEED,
            "method": _choice("How words are chosen.", "greedy", "sample"),
            "temperature": _number("For sample: below 1 is more cautious.", 0.05, 5, 1.0),
            "prior": {**_text("Where codes come from; own is the model's."), "default": "own"},
        },
        apart=("count", "seed", "method", "temperature", "prior"),
    ),
    "reconstruct": Operation(
        "Reconstruct",
        "Texts encoded and decoded again.",
        'For each text its "reconstruction", its "nats" given its code, its "tokens", all null '
        'where no word of it is known, its "unknown_words", and the "edits" that lead from it to '
        "its reconstruction.",
        {"texts": _TEXTS},
        apart=("texts",),
    ),
    "neighbours": Operation(
        "Neighbours",
        "The sentences of the corpus whose codes lie nearest.",
        'For each text its "unknown_words" and its "neighbours", the nearest first, each with '
        '"text", "cosine", "row" in its split, and "label", null where it has none.',
        {"texts": _TEXTS, "count": _integer("Sentences for each text.", 1, 50, 10)},
        apart=("texts",),
    ),
    "map": Operation(
        "Map",
        "Codes of sentences in two dimensions, by PCA.",
        '"points" with "x", "y", "text" and "kind", the "kinds", and "explained", percent of the '
        "variance.",
    ),
    "place": Operation(
        "",
        "Where texts lie on the map.",
        'For each text "x" and "y".',
        {"texts": _TEXTS},
        apart=("texts",),
    ),
    "sentence-at": Operation(
        "",
        "The sentence at a place of the map.",
        '"text", decoded from the nearest code moved to that place, and "nearest", the point of '
        "that code.",
        {"x": _number("To the right.", -1e6, 1e6), "y": _number("Upwards.", -1e6, 1e6)},
        apart=("x", "y"),
    ),
    "pairs": Operation(
        "Classify pairs",
        "The label of each pair of sentences, with its probabilities.",
        'For each pair "label" and "probabilities", null where no word of a text is known, and '
        '"unknown_words".',
        {
            "pairs": _list(
                _object(premise=_text("The premise."), hypothesis=_text("The hypothesis.")),
                "Pairs of texts.",
            )
        },
        apart=("pairs",),
    ),
}
"""By the last part of the address, in the order in which the page shows them."""


def checked(value: Any, schema: Schema, name: str) -> Any:
    """Return a JSON value if it is as its schema says, defaults put in.

    Args:
        value: As it was parsed.
        schema: Of the kinds that this module makes.
        name: What to call it in messages.

    Raises:
        RefusedRequest: Naming what is wrong; with the status 413 if it is too long.

    Example:
        >>> checked({}, OPERATIONS["walk"].schema, "the request")
        Traceback (most recent call last):
        arae_toolkit.serving.operations.RefusedRequest: the request needs a field 'run'
    """
    kind = schema["type"]
    if type(value) not in _TYPES[kind]:
        raise RefusedRequest(f"{name} must be {_WORDS[kind]}")
    if kind == "object":
        return _checked_object(value, schema, name)
    if kind in ("string", "array"):
        _check_length(value, schema, name)
    if kind == "array":
        return [checked(one, schema["items"], f"{name}[{at}]") for at, one in enumerate(value)]
    if kind == "string":
        _check_string(value, schema, name)
    elif kind != "boolean" and not schema["minimum"] <= value <= schema["maximum"]:  # so NaN, too
        raise RefusedRequest(f"{name} must be from {schema['minimum']} to {schema['maximum']}")
    return value


_TYPES = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_WORDS = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


def _checked_object(value: Fields, schema: Schema, name: str) -> Fields:
    properties = schema["properties"]
    for key in value:
        if key not in properties:
            raise RefusedRequest(f"{name} has no field {key!r:.80}; it has {', '.join(properties)}")
    fields = {}
    for key, own in properties.items():
        if key not in value and key in schema["required"]:
            raise RefusedRequest(f"{name} needs a field {key!r}")
        fields[key] = checked(value[key], own, key) if key in value else own["default"]
    return fields


def _check_length(value: Sequence[Any], schema: Schema, name: str) -> None:
    unit, of = ("characters", "Length") if isinstance(value, str) else ("entries", "Items")
    if len(value) > schema.get(f"max{of}", math.inf):
        problem = f"{name} has {len(value):,} {unit}, {schema[f'max{of}']:,} are the most"
        raise RefusedRequest(problem, status=413)
    if len(value) < schema.get(f"min{of}", 0):
        raise RefusedRequest(f"{name} is empty")


def _check_string(value: str, schema: Schema, name: str) -> None:
    if "enum" in schema and value not in schema["enum"]:
        raise RefusedRequest(f"{name} must be one of {', '.join(schema['enum'])}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise RefusedRequest(f"{name} holds half of a surrogate pair, which is no text") from error
    if "\0" in value:
        raise RefusedRequest(f"{name} holds a NUL, which is no text")
    if schema.get("minLength") and not value.strip():
        raise RefusedRequest(f"{name} is empty")


def openapi(names: Mapping[str, Sequence[str]]) -> Fields:
    """Return the OpenAPI document of what can be asked.

    Args:
        names: By operation, the runs that can do it.
    """
    problem = {
        "description": "Why not.",
        "content": {"application/json": {"schema": _object(error={"type": "string"})}},
    }
    refusals = {
        "400": "The request is wrong.",
        "403": "The token is wrong or missing.",
        "404": "There is no such run, or it cannot do this.",
        "413": "The request is too large.",
        "415": "The request is no application/json.",
        "429": "Too many requests are waiting.",
    }
    refused = {status: {**problem, "description": text} for status, text in refusals.items()}
    paths: Fields = {
        "/api/runs": {
            "get": {
                "operationId": "runs",
                "summary": "The runs that are served, what each can do, and the limits.",
                "responses": {"200": _answer('"runs", each with its "name", and "limits".')},
            }
        }
    }
    for name, runs in names.items():
        operation = OPERATIONS[name]
        schema = _object(run={**_RUN, "enum": list(runs)}, **operation.fields)
        paths[f"/api/{name}"] = {
            "post": {
                "operationId": name,
                "summary": operation.summary,
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": schema}},
                },
                "responses": {"200": _answer(operation.answer), **refused},
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "arae-toolkit serve", "version": __version__},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }


def _answer(description: str) -> Fields:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
