"""Descriptions of settings: what each means, may be, is by default and is in a run."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import textwrap
import typing
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from arae_toolkit.config.overrides import Sections
from arae_toolkit.config.ranges import Range

_TYPES = {int: "whole number", float: "number", bool: "true or false", str: "text"}


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        section: ``model`` or ``training``.
        name: As ``--set`` takes it.
        meaning: Its docstring, in one line.
        type: In words.
        range: What it may be, in words; empty where its type says it all.
        default: Its value unless it is set.
        value: Its value.
    """

    section: str
    name: str
    meaning: str
    type: str
    range: str
    default: Any
    value: Any


def described(settings: Sections, defaults: Sections) -> list[Setting]:
    """Return the description of every setting, in their order.

    Args:
        settings: Whose values are told.
        defaults: Of the same class.
    """
    return [
        Setting(section, name, meanings.get(name, ""), *_form(hints[name]), default, value)
        for section in ("model", "training")
        for here, there in [(getattr(settings, section), getattr(defaults, section))]
        for hints in [typing.get_type_hints(type(here), include_extras=True)]
        for meanings in [field_docstrings(type(here))]
        for name, value, default in _values(here, there)
    ]


def differing(settings: Sections, defaults: Sections) -> list[Setting]:
    """Return the descriptions of the settings whose value is not the default."""
    return [one for one in described(settings, defaults) if one.value != one.default]


def field_docstrings(of: type) -> dict[str, str]:
    """Return the docstrings under the fields of a dataclass, each in one line.

    Example:
        >>> from arae_toolkit.config.schema import ModelConfig
        >>> field_docstrings(ModelConfig)["code_size"]
        'Z is the size of a code.'
    """
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(of))).body
    assert isinstance(body, ast.ClassDef), "it is the source of a class"
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in itertools.pairwise(body.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def written(value: Any) -> str:
    """Return a value as ``--set`` takes it.

    Example:
        >>> written([300, 300]), written("adam"), written(False), written(0.07)
        ('[300,300]', 'adam', 'false', '0.07')
    """
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _values(here: Any, there: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, value and default of each field, lists in the form that JSON has for them."""
    for field in fields(here):
        value, default = (
            list(one) if isinstance(one, tuple) else one
            for one in (getattr(part, field.name) for part in (here, there))
        )
        yield field.name, value, default


def _form(hint: Any) -> tuple[str, str]:
    """Return type and range of a field in words."""
    allowed = ""
    if typing.get_origin(hint) is Annotated:
        hint, *more = typing.get_args(hint)
        allowed = next((str(one) for one in more if isinstance(one, Range)), "")
    if typing.get_origin(hint) is Literal:
        return "choice", ", ".join(typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        listed = allowed if allowed.startswith("a list") else f"each {allowed}"
        return "list of whole numbers", listed
    return _TYPES[hint], allowed
