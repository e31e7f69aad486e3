"""What the benchmarks share: options, the clock, rounds of alternating runs, writing a result."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
import torch

from arae_toolkit.config.presets import PRESETS
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.devices import choose_device, keep_freed_memory, name_of
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.progress import console
from arae_toolkit.reports.results import Metric, corpus_identity, summarise, write_result
from arae_toolkit.storage.paths import corpus_folder

F = TypeVar("F", bound=Callable[..., Any])
Measured = tuple[dict[str, Metric], dict[str, Any]]
"""The metrics of a measurement by name, and the details that its result holds beside them."""


class Benchmark(ExamplesCommand):
    """A command whose help starts with examples, and whose failures are one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run; show a failure that a user can meet without its traceback."""
        try:
            return super().invoke(ctx)
        except ToolkitError as error:
            raise click.ClickException(str(error)) from error


SHARED = {
    "corpus": click.Option(
        ["--corpus", "corpus_path"],
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="A prepared text corpus.  [default: snli in the cache]",
    ),
    "seed": click.Option(
        ["--seed"],
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Of weights and data.",
    ),
    "device": click.Option(
        ["--device", "device_name"],
        type=click.Choice(["cpu", "cuda"]),
        default="cpu",
        show_default=True,
        help="Where to compute.",
    ),
    "threads": click.Option(
        ["--threads"], type=click.IntRange(1), help="Computing threads.  [default: torch's choice]"
    ),
    "out": click.Option(
        ["--out"],
        type=click.Path(path_type=Path),
        default=Path("results"),
        show_default=True,
        help="Folder of the result files.",
    ),
}
"""Options that several programs have."""


def number(flag: str, default: float, help_text: str, *, least: int = 1) -> Callable[[F], F]:
    """Return an option for a whole number from ``least`` on, or above 0 if the default is none."""
    whole = isinstance(default, int)
    kind = click.IntRange(least) if whole else click.FloatRange(0, min_open=True)
    return click.option(flag, type=kind, default=default, show_default=True, help=help_text)


def precision_option(help_text: str) -> Callable[[F], F]:
    """Return the option ``--precision`` of a training."""
    kind = click.Choice(["fp32", "bf16"])
    return click.option("--precision", type=kind, default="fp32", show_default=True, help=help_text)


def preset_option(default: str) -> Callable[[F], F]:
    """Return the option ``--preset`` of a training, given as ``preset_name``."""
    return click.option(
        *("--preset", "preset_name"),
        type=click.Choice(list(PRESETS)),
        default=default,
        show_default=True,
        help="Settings of the training.",
    )


def program(
    name: str, *examples: str, takes: Sequence[str] = ("corpus", "seed", "device", "threads")
) -> Callable[[Callable[..., Measured | None]], click.Command]:
    """Return a decorator that makes a command of a function that measures.

    The function is called with the :class:`Setting`, then by name with the corpus and the seed if
    the command takes them, and with its own options. What it returns is shown and written; ``None``
    if it has done so itself.

    Args:
        name: The module of this package that measures; the result is called alike, unless the
            function changes ``Setting.name``.
        examples: Arguments that the help shows.
        takes: Which of the shared options the command has, beside ``--out``.
    """

    def decorate(measure: Callable[..., Measured | None]) -> click.Command:
        @wraps(measure)
        def run(
            out: Path, device_name: str = "cpu", threads: int | None = None, **given: Any
        ) -> None:
            here = setting(name, out, device_name=device_name, threads=threads)
            if "corpus" in takes:
                here.corpus = given["corpus"] = open_corpus(given.pop("corpus_path"))
            if "seed" in takes:
                here.seeds = [given["seed"]]
            measured = measure(here, **given)
            if measured is not None:
                show(here.name, measured[0])
                click.echo(here.save(*measured))

        start = f"python -m arae_toolkit.benchmarks.{name}"
        lines = [f"{start} {words}".rstrip() for words in examples]
        command = click.command(cls=Benchmark, examples=lines)(run)
        command.params += [SHARED[key] for key in (*takes, "out")]
        return command

    return decorate


@dataclass
class Setting:
    """Where a measurement runs, on what, and since when.

    Attributes:
        program: The module of this package that measures.
        name: Of the result.
        out: Folder of the results.
        device: Where to compute.
        corpus: What is measured on; the result names it.
        seeds: Of the runs behind the numbers.
        started: Clock at the start.
        done: Called after each run of a version.
        trials: How often what the limits rest on is timed; the fastest counts.
        trial_seconds: What such a trial takes at least.
    """

    program: str
    name: str
    out: Path
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    corpus: Corpus | None = None
    seeds: Sequence[int] = ()
    started: float = field(default_factory=time.perf_counter)
    done: Callable[[], object] = lambda: None
    trials: int = 4
    trial_seconds: float = 0.02

    def seconds(self, work: Callable[[], object]) -> float:
        """Run ``work`` and return the seconds it took, to the end of what it started."""
        self._finish_queue()
        start = time.perf_counter()
        work()
        self._finish_queue()
        return time.perf_counter() - start

    def rate(self, work: Callable[[], object], count: float) -> Callable[[], float]:
        """Return a function that runs ``work`` and returns its rate: ``count`` a second."""
        return lambda: count / self.seconds(work)

    def alternate(
        self, works: Mapping[str, Callable[[], float]], *, rounds: int
    ) -> dict[str, list[float]]:
        """Run the works in turn, A B A B ..., so that a slower moment meets them all.

        Args:
            works: By name, what to run; each returns its measured number.
            rounds: How often each is run.

        Returns:
            The numbers of each, in the order of the rounds.
        """
        numbers: dict[str, list[float]] = {name: [] for name in works}
        for turn in range(rounds):
            for name, work in works.items():
                numbers[name].append(work())
                self.done()
            latest = ", ".join(f"{name} {values[-1]:.4g}" for name, values in numbers.items())
            note(f"round {turn + 1} of {rounds}: {latest}")
        return numbers

    def save(
        self,
        metrics: Mapping[str, Metric],
        details: Mapping[str, Any] | None = None,
        *,
        seconds: float | None = None,
        command: str | None = None,
    ) -> Path:
        """Write the result and return its path."""
        return write_result(
            self.out,
            self.name,
            command=command or command_line(self.program),
            corpus=None if self.corpus is None else corpus_identity(self.corpus),
            seeds=self.seeds,
            device=name_of(self.device),
            seconds=time.perf_counter() - self.started if seconds is None else seconds,
            metrics=metrics,
            threads=torch.get_num_threads(),
            details=details,
        )

    def _finish_queue(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def setting(
    program: str, out: Path, *, device_name: str = "cpu", threads: int | None = None
) -> Setting:
    """Set the number of threads, if one is given, and start the clock.

    Args:
        program: The module that measures.
        out: Folder of the results.
        device_name: ``cpu`` or ``cuda``; results of the latter have a name of their own.
        threads: Computing threads.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    keep_freed_memory()  # as `pretrain` does; the textbook version gains by it as well
    name = program if device_name == "cpu" else f"{program}-{device_name}"
    return Setting(program, name, out, choose_device(device_name))


def open_corpus(path: Path | None) -> Corpus:
    """Open a prepared text corpus, by default the cached ``snli``.

    Raises:
        DataError: If it holds images, or no corpus at all.
    """
    corpus = Corpus(path or corpus_folder("snli"))
    if corpus.kind != "text":
        raise DataError("an image corpus, where text is needed", path=corpus.folder)
    return corpus


def median(values: Sequence[float], unit: str) -> Metric:
    """Return the median of several rounds with their spread."""
    return summarise(values, unit, centre="median")


def rate_metrics(numbers: Mapping[str, Sequence[float]], unit: str) -> dict[str, Metric]:
    """Return the rate of each version from what :meth:`Setting.alternate` has measured."""
    return {f"{name}, rate": median(values, unit) for name, values in numbers.items()}


def ratios(numbers: Sequence[float], reference: Sequence[float]) -> Metric:
    """Return the median ratio of two series measured in alternation, round by round."""
    pairs = zip(numbers, reference, strict=True)
    return median([number / other for number, other in pairs], "ratio")


def repeat(work: Callable[[], object], times: int) -> None:
    """Run ``work`` so many times."""
    for _ in range(times):
        work()


def note(text: str) -> None:
    """Print a line on stderr."""
    console().print(text, markup=False, highlight=False)


def show(title: str, metrics: Mapping[str, Metric]) -> None:
    """Print the numbers as a table on stderr."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for column in ("value", "spread"):
        table.add_column(column, justify="right")
    table.add_column("unit")
    for name, metric in metrics.items():
        spread = metric["spread"]
        table.add_row(
            name,
            f"{metric['value']:.5g}",
            "" if spread is None else f"{spread:.2g}",
            metric["unit"],
        )
    console().print(table)


def command_line(program: str) -> str:
    """Return what to type to run this program with these arguments again."""
    return shlex.join(["python", "-m", f"arae_toolkit.benchmarks.{program}", *sys.argv[1:]])
