"""Types of options that click does not have: numbers, places to write, and checked values."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


class _FileToWrite(click.Path):
    """A file that the user names: behind a link it is what the link leads to, as for a shell."""

    def convert(self, *given: Any) -> Path:
        path = Path(os.fsdecode(super().convert(*given)))
        return Path(os.path.realpath(path)) if path.is_symlink() else path


FILE_TO_WRITE = _FileToWrite(dir_okay=False)


class _FolderToWrite(click.Path):
    """A folder that the user names, refused before any work where none can be made or written."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        there = next(place for place in (path, *path.absolute().parents) if os.path.lexists(place))
        if not there.is_dir():
            self.fail(f"{there} is no folder, so nothing can be written into {path}", param, ctx)
        if not os.access(there, os.W_OK | os.X_OK):
            self.fail(f"nothing may be written into {there}", param, ctx)
        return path


FOLDER_TO_WRITE = _FolderToWrite()


class NumberRange(click.FloatRange):
    """A number within bounds. NaN would pass click's, being neither below nor above.

    Args:
        bounds: Those of click, by their names.
        infinite: Whether infinity is one.
    """

    def __init__(self, *bounds: Any, infinite: bool = False, **named: Any) -> None:
        super().__init__(*bounds, **named)
        self.infinite = infinite

    def _describe_range(self) -> str:
        """Return the bounds, which click shows in the help; nothing where there are none."""
        return "" if self.min is self.max is None else super()._describe_range()

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number) or (math.isinf(number) and not self.infinite):
            self.fail(f"{value} is no finite number", param, ctx)
        return number


class Checked(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """The type of an option whose value a function makes of a text, or refuses by ValueError."""

    name = "text"

    def __init__(self, made_of: Callable[[str], Any]) -> None:
        self.made_of = made_of

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return what is made of a text."""
        try:
            return self.made_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
