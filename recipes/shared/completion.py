"""Completion in a shell: files, runs, corpora and labels, by what an option or argument is called.

Everything here is quick and silent: what cannot be read completes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.types import StringParamType

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Names = Callable[[click.Context], Iterable[str]]


class Completed(StringParamType):
    """A text that a shell completes.

    Args:
        names: Returns what it may be, beside a file.
        files: Whether it may be a file or folder.
    """

    def __init__(self, names: Names = lambda _: (), *, files: bool = True) -> None:
        self.names, self.files = names, files

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin so; the shell adds files where it is told to."""
        from click.shell_completion import CompletionItem

        found: list[str] = []
        with suppress(OSError, ValueError):
            found = sorted(name for name in self.names(ctx) if name.startswith(incomplete))
        # Files first: bash forgets what stands before them.
        return [CompletionItem(incomplete, type="file")] * self.files + [
            CompletionItem(name) for name in found
        ]


def _runs(_: click.Context) -> Iterable[str]:
    """Return the names of the runs."""
    from arae_toolkit.storage.paths import runs_folder

    return [path.parent.name for path in runs_folder().glob("*/config.json")]


def _corpora(_: click.Context) -> Iterable[str]:
    """Return the corpora known by name."""
    from arae_toolkit.data_prep.options import CORPORA

    return CORPORA


def _labels(ctx: click.Context) -> Iterable[str]:
    """Return the labels of the run on the command line."""
    from arae_toolkit.errors import ToolkitError
    from arae_toolkit.recipes.shared.find_run import find_run
    from arae_toolkit.storage.json_files import read_object

    # Before an option without its value, click leaves the arguments where they are.
    run = ctx.params.get("run") or next(iter(ctx.args), None)
    if not isinstance(run, str):
        return ()
    try:
        config = read_object(Path(find_run(run)) / "config.json")
    except ToolkitError:
        return ()
    corpus: Any = config.get("corpus")
    labels = config.get("labels") or (corpus.get("labels") if isinstance(corpus, dict) else None)
    return [label for label in labels or () if isinstance(label, str)]


RUN, CORPUS, FILE = Completed(_runs), Completed(_corpora), Completed()
LABEL = Completed(_labels, files=False)
_BY_NAME = {
    **dict.fromkeys(("run", "runs", "encoder", "pseudo_labels", "against", "ae", "arae"), RUN),
    **dict.fromkeys(("corpus", "corpus_name", "corpora"), CORPUS),
    **dict.fromkeys(("source", "inputs", "with_file", "without_file", "outputs"), FILE),
    **dict.fromkeys(("references", "resume"), FILE),
    **dict.fromkeys(("asked", "to"), LABEL),
}
"""By the name of a parameter whose values are texts: commands call one thing alike."""


def complete_by_name(parameters: Iterable[click.Parameter]) -> None:
    """Give the parameters of a command that are texts the completion of their name."""
    for parameter in parameters:
        if type(parameter.type) is StringParamType and parameter.name in _BY_NAME:
            parameter.type = _BY_NAME[parameter.name]
