"""Conversion of settings: from TOML files and ``key=value``, to JSON and back."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar, cast

from arae_toolkit.config.ranges import Range
from arae_toolkit.config.schema import Config
from arae_toolkit.errors import DataError


class Sections(Protocol):
    """Settings in two dataclasses, such as :class:`Config`; itself a dataclass."""

    @property
    def model(self) -> Any:
        """Networks."""

    @property
    def training(self) -> Any:
        """Training."""


Settings = TypeVar("Settings", bound=Sections)
_SECTIONS = ("model", "training")


def with_toml(config: Settings, path: Path) -> Settings:
    """Return the settings with those of a TOML file (tables ``[model]`` and ``[training]``).

    Raises:
        DataError: If the file is not TOML, or names a setting that does not exist or a value of
            another type.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"cannot read these settings ({error})", path=path) from error
    for section, values in tables.items():
        if section not in _SECTIONS or not isinstance(values, dict):
            raise DataError(f"unknown table [{section}]; use [model] and [training]", path=path)
        try:
            config = _with_values(config, {section: values})
        except ValueError as error:
            raise DataError(str(error), path=path) from error
    return config


def with_overrides(config: Settings, assignments: Sequence[str]) -> Settings:
    """Return the settings with ``key=value`` strings applied; a key may name its section.

    Raises:
        ValueError: If an assignment has no ``=``, an unknown key or a value of another type or
            out of its range.
    """
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator:
            raise ValueError(f"{assignment!r} is not of the form key=value")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        config = with_value(config, key.strip(), value)
    return config


def with_value(config: Settings, key: str, value: Any) -> Settings:
    """Return the settings with one changed; ``key`` is ``name`` or ``section.name``.

    Raises:
        ValueError: If there is no such setting, or the value has another type or is out of range.
    """
    section, _, name = key.rpartition(".")
    for candidate in _SECTIONS:
        part = getattr(config, candidate)
        hints = typing.get_type_hints(type(part), include_extras=True)
        if section in ("", candidate) and name in hints:
            changed = replace(part, **{name: _checked(key, value, hints[name])})
            return cast(Settings, replace(cast(Any, config), **{candidate: changed}))
    known = [f.name for part in (config.model, config.training) for f in dataclasses.fields(part)]
    raise ValueError(f"no setting {key!r}; there are {', '.join(known)}")


def _with_values(config: Settings, values: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Return the settings with those of some sections changed."""
    for section, part in values.items():
        for name, value in part.items():
            config = with_value(config, f"{section}.{name}", value)
    return config


def _checked(key: str, value: Any, hint: Any) -> Any:
    """Return ``value`` in the type of a field, or say what was expected."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        plain, *ranges = typing.get_args(hint)
        value = _checked(key, value, plain)
        for allowed in ranges:
            if isinstance(allowed, Range) and not allowed.holds(value):
                raise ValueError(f"{key} must be {allowed}, got {_shown(value)}")
        return value
    if origin is Literal:
        if value in typing.get_args(hint):
            return value
        raise ValueError(f"{key} must be one of {', '.join(typing.get_args(hint))}, got {value!r}")
    if origin is tuple:
        if isinstance(value, list | tuple) and all(type(item) is int for item in value):
            return tuple(value)
        raise ValueError(f"{key} must be a list of whole numbers such as [300,300], got {value!r}")
    if hint is float and type(value) is int:
        value = float(value) if abs(value) < 2**53 else math.inf
    if isinstance(hint, type) and type(value) is hint:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{key} must be a finite number, got {value!r}")
        return value
    expected = {int: "a whole number", float: "a number", bool: "true or false"}
    raise ValueError(f"{key} must be {expected.get(hint, hint)}, got {value!r}")


def _shown(value: Any) -> str:
    """Return a value as it is written in a setting."""
    return repr(list(value) if isinstance(value, tuple) else value)


def to_dict(config: Sections) -> dict[str, dict[str, Any]]:
    """Return the settings as JSON-ready dictionaries."""
    return {
        section: {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in dataclasses.asdict(getattr(config, section)).items()
        }
        for section in _SECTIONS
    }


def from_dict(values: Mapping[str, Mapping[str, Any]]) -> Config:
    """Return the settings that :func:`to_dict` wrote."""
    return _with_values(Config(), values)
