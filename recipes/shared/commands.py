"""Groups of commands, each loaded when it is used: failures in a line, examples, completion."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource
from click.exceptions import Exit
from click.types import StringParamType

from arae_toolkit.errors import ToolkitError, ToolkitWarning
from arae_toolkit.recipes.shared.progress import INTERRUPTED, is_quiet, printable, tell
from arae_toolkit.recipes.shared.standard_streams import (
    StdoutLost,
    silence_stdout,
    standard_streams,
)

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


COMPLETE_VARIABLE = "_ARAE_TOOLKIT_COMPLETE"
"""Set by a shell that asks for completions, by click's convention for the program's name."""
Names = Callable[[click.Context], Iterable[str]]


class Completed(StringParamType):
    """A text that a shell completes, quickly and silently: what cannot be read completes nothing.

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
        with contextlib.suppress(OSError, ValueError):
            found = sorted(name for name in self.names(ctx) if name.startswith(incomplete))
        # Files first: bash forgets what stands before them. And never an empty value in zsh, whose
        # script would lose it, and take what follows for something else.
        in_zsh = os.environ.get(COMPLETE_VARIABLE) == "zsh_complete"
        begun = incomplete or ("_" if in_zsh else "")
        return [CompletionItem(begun, type="file")] * self.files + [
            CompletionItem(name) for name in found
        ]


def _runs(_: click.Context) -> Iterable[str]:
    """Return the names of the runs."""
    from arae_toolkit.recipes.shared.find_run import run_names

    return run_names()


def _corpora(_: click.Context) -> Iterable[str]:
    """Return the corpora known by name."""
    from arae_toolkit.data_prep.options import CORPORA

    return CORPORA


def _labels(ctx: click.Context) -> Iterable[str]:
    """Return the labels of the run on the command line."""
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


class ExamplesCommand(click.Command):
    """A command whose ``--help`` shows examples, complete command lines, before the options."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        """Keep the examples; accept ``--debug`` behind the command as well as before it."""
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        flag: dict[str, Any] = {"is_flag": True, "hidden": True, "expose_value": False}
        self.params.append(click.Option(["--debug"], callback=_set_debug, **flag))
        complete_by_name(self.params)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description and, under it, the examples."""
        super().format_help_text(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                indent = " " * formatter.current_indent
                for example in self.examples:  # unwrapped, so that each can be copied
                    formatter.write(f"{indent}{example}\n")


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """Turn on the ``--debug`` of the whole program."""
    if value:
        ctx.find_root().params["debug"] = True


class NoSuchCommand(click.UsageError):
    """A mistyped command: it is told in one line, with what there is."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write that line."""
        assert self.ctx is not None, "it is raised by a group"
        program = self.ctx.find_root().info_name
        click.echo(f"{program}: error: {self.message}", file=file, err=file is None)


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is used.

    Args:
        table: By command name, where the command is (``module:attribute``) and its short help.
        **kwargs: As for :class:`click.Group`.
    """

    def __init__(
        self, *args: Any, table: Mapping[str, tuple[str, str]] = MappingProxyType({}), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.table = dict(table)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the order of the table, which is that of a user's work."""
        return [*self.table, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or return ``None`` if there is none of this name."""
        if cmd_name not in self.table:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write names and short help texts from the table, without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(self._short_helps())

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete command names from the table, without importing the commands."""
        from click.shell_completion import CompletionItem

        matching = [row for row in self._short_helps() if row[0].startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=text) for name, text in matching] + options

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the first argument; name the nearest one where there is none."""
        name = args[0]
        names = self.list_commands(ctx)
        if name not in names and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            nearest = get_close_matches(name, names, n=1)
            hint = f"Did you mean {nearest[0]!r}?" if nearest else f"There are {', '.join(names)}."
            raise NoSuchCommand(f"No such command {name!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def _short_helps(self) -> list[tuple[str, str]]:
        """Return name and short help of every command."""
        own = [(name, text) for name, (_, text) in self.table.items()]
        return own + [(name, self.commands[name].get_short_help_str()) for name in self.commands]


class ExamplesGroup(LazyGroup, ExamplesCommand):
    """A command that has commands of its own, such as ``nli`` with ``nli predict``.

    With ``invoke_without_command=True`` it also does something by itself, for which its own options
    are meant: ``nli --labels tiny``. They are refused in front of one of its commands.
    """

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the first argument; refuse options that it would not see."""
        found = super().resolve_command(ctx, args)
        if self.invoke_without_command and not ctx.resilient_parsing:
            for parameter in self.params:
                source = ctx.get_parameter_source(parameter.name or "")
                if parameter.expose_value and source is ParameterSource.COMMANDLINE:
                    ctx.fail(
                        f"{parameter.opts[0]} is an option of {ctx.command_path!r} by itself, not "
                        f"of its command {found[0]!r}."
                    )
        return found


class ToolkitGroup(LazyGroup):
    """The whole program: every failure a user can meet is one line on stderr and an exit code."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run the program, whatever its standard streams are."""
        with standard_streams():
            return super().main(*args, **settings)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the options of the program itself; its help may fail to be written."""
        with _failures_told(info_name, {}):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command; turn a failure into one line on stderr and an exit code."""
        with _failures_told(ctx.info_name, ctx.params), _warnings_told(ctx.info_name):
            return super().invoke(ctx)


@contextlib.contextmanager
def _warnings_told(program: str | None) -> Iterator[None]:
    """Turn warnings of ours into one line on stderr, each once a command."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, ToolkitWarning):
                tell(f"{program}: note: {' '.join(str(message).splitlines())}")
            else:
                others(message, category, *where, **more)

        warnings.showwarning = show
        yield


@contextlib.contextmanager
def _failures_told(program: str | None, options: Mapping[str, Any]) -> Iterator[None]:
    """Turn a failure into one line on stderr and an exit code.

    The traceback comes first if ``options`` has ``debug``. A stdout that nobody reads any more is
    no failure: the reader has all it wanted.
    """

    def fail(message: str, exit_code: int) -> NoReturn:
        if options.get("debug"):
            click.echo(traceback.format_exc(), err=True, nl=False)
        tell(f"{program}: {' '.join(message.splitlines())}")
        raise Exit(exit_code)

    try:
        try:
            yield
        except Exit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()  # here, so that a closed pipe is met while it can be answered
    except click.ClickException as error:
        error.message = printable(error.message)  # type: ignore[misc]  # shown later, by click
        raise
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except ToolkitError as error:
        if is_quiet():  # the first of several processes says it
            raise Exit(error.exit_code) from None
        fail(f"error: {error}", error.exit_code)
    except StdoutLost as error:
        silence_stdout()
        if error.unread:
            raise Exit(0) from None
        fail(f"error: cannot write to stdout ({error.strerror})", ToolkitError.exit_code)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        if not where and isinstance(error, FileNotFoundError) and _is_homeless():
            where = "the working folder was removed; start from another one: "
        fail(f"error: {where}{error.strerror or error}", ToolkitError.exit_code)


def _is_homeless() -> bool:
    """Return whether the working folder is there no more."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False
