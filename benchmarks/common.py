"""What the benchmarks share: options, the clock, rounds of alternating runs, writing a result."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import torch

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.devices import choose_device, keep_freed_memory, name_of
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.progress import console
from arae_toolkit.reports.results import Metric, corpus_identity, summarise, write_result
from arae_toolkit.storage.paths import corpus_folder


class Benchmark(ExamplesCommand):
    """A command whose help starts with examples, and whose failures are one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run; show a failure that a user can meet without its traceback."""
        try:
            return super().invoke(ctx)
        except ToolkitError as error:
            raise click.ClickException(str(error)) from error


out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder of the result files.",
)
corpus_option = click.option(
    "--corpus",
    "corpus_path",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A prepared text corpus.  [default: snli in the cache]",
)
threads_option = click.option(
    "--threads", type=click.IntRange(1), help="Computing threads.  [default: torch's choice]"
)
device_option = click.option(
    "--device",
    "device_name",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where to compute.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of weights and data."
)


@dataclass
class Setting:
    """Where a measurement runs, and since when.

    Attributes:
        program: The module of this package that measures.
        name: Of the result.
        out: Folder of the results.
        device: Where to compute.
        started: Clock at the start.
        trials: How often what the limits rest on is timed; the fastest counts.
        trial_seconds: What such a trial takes at least.
    """

    program: str
    name: str
    out: Path
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    started: float = field(default_factory=time.perf_counter)
    trials: int = 4
    trial_seconds: float = 0.02

    def seconds(self, work: Callable[[], object]) -> float:
        """Run ``work`` and return the seconds it took, to the end of what it started."""
        self._finish_queue()
        start = time.perf_counter()
        work()
        self._finish_queue()
        return time.perf_counter() - start

    def write(
        self,
        metrics: Mapping[str, Metric],
        *,
        corpus: Corpus | None = None,
        seeds: Sequence[int] = (),
        details: Mapping[str, Any] | None = None,
        seconds: float | None = None,
        command: str | None = None,
    ) -> None:
        """Write the result, show its numbers on stderr and its path on stdout."""
        show(self.name, metrics)
        click.echo(
            self.save(
                metrics,
                corpus=corpus,
                seeds=seeds,
                details=details,
                seconds=seconds,
                command=command,
            )
        )

    def save(
        self,
        metrics: Mapping[str, Metric],
        *,
        corpus: Corpus | None = None,
        seeds: Sequence[int] = (),
        details: Mapping[str, Any] | None = None,
        seconds: float | None = None,
        command: str | None = None,
    ) -> Path:
        """Write the result and return its path."""
        return write_result(
            self.out,
            self.name,
            command=command or command_line(self.program),
            corpus=None if corpus is None else corpus_identity(corpus),
            seeds=seeds,
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
    program: str,
    out: Path,
    *,
    subject: str = "",
    device_name: str = "cpu",
    threads: int | None = None,
) -> Setting:
    """Set the number of threads, if one is given, and start the clock.

    Args:
        program: The module that measures.
        out: Folder of the results.
        subject: What is measured, where one program measures several things.
        device_name: ``cpu`` or ``cuda``; results of the latter have a name of their own.
        threads: Computing threads.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    keep_freed_memory()  # as `pretrain` does; the textbook version gains by it as well
    parts = (program, subject, device_name if device_name != "cpu" and not subject else "")
    return Setting(
        program, "-".join(part for part in parts if part), out, choose_device(device_name)
    )


def open_corpus(path: Path | None) -> Corpus:
    """Open a prepared text corpus, by default the cached ``snli``.

    Raises:
        DataError: If it holds images, or no corpus at all.
    """
    corpus = Corpus(path or corpus_folder("snli"))
    if corpus.kind != "text":
        raise DataError("an image corpus, where text is needed", path=corpus.folder)
    return corpus


def alternate(
    works: Mapping[str, Callable[[], float]],
    *,
    rounds: int,
    done: Callable[[], object] = lambda: None,
) -> dict[str, list[float]]:
    """Run the works in turn, A B A B ..., so that a slower moment of the machine meets them all.

    Args:
        works: By name, what to run; each returns its measured number.
        rounds: How often each is run.
        done: Called after each run.

    Returns:
        The numbers of each, in the order of the rounds.
    """
    numbers: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds):
        for name, work in works.items():
            numbers[name].append(work())
            done()
        latest = ", ".join(f"{name} {values[-1]:.4g}" for name, values in numbers.items())
        note(f"round {turn + 1} of {rounds}: {latest}")
    return numbers


def ratios(numbers: Sequence[float], reference: Sequence[float]) -> Metric:
    """Return the median ratio of two series measured in alternation, round by round."""
    pairs = zip(numbers, reference, strict=True)
    return summarise([number / other for number, other in pairs], "ratio", centre="median")


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
