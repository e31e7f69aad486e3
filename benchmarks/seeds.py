"""Several seeds at once against one after another: wall time of ``arae-toolkit pretrain --seeds``.

Both are the same command from its start to its end, so that the start of each process is counted.
One after another, each process has all cores; at once, they share them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import click

from arae_toolkit.benchmarks.common import (
    Benchmark,
    Setting,
    alternate,
    device_option,
    note,
    out_option,
    ratios,
    seed_option,
    setting,
)
from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.presets import PRESETS, preset
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.preparation import prepare_corpus
from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.shared.child_processes import cores, default_jobs
from arae_toolkit.recipes.shared.progress import progress
from arae_toolkit.reports.results import Metric, summarise

NAME = "seeds"
PROGRAM = "from arae_toolkit.recipes.cli import PROGRAM, main; main(prog_name=PROGRAM)"
SIZE = 4000
AT_ONCE, IN_TURN = "at once", "one after another"


@dataclass(frozen=True)
class Task:
    """What is trained.

    Attributes:
        corpus: A prepared corpus.
        seeds: How many, from ``first`` upwards.
        first: The first seed.
        epochs: Of each.
        options: Further options of ``arae-toolkit pretrain``.
        iterations: Of each, whatever ``epochs`` says; 0 trains for those.
        batch_size: Sentences an iteration.
    """

    corpus: Corpus
    seeds: int
    first: int
    epochs: int
    options: Sequence[str]
    iterations: int = 0
    batch_size: int = 64

    @property
    def sentences(self) -> int:
        """How many sentences all seeds together reconstruct."""
        rows = self.corpus.rows("train")
        batch_size = min(self.batch_size, rows)
        iterations = self.iterations or self.epochs * (rows // batch_size)
        return self.seeds * iterations * batch_size


@click.command(
    cls=Benchmark,
    examples=[
        "python -m arae_toolkit.benchmarks.seeds",
        "python -m arae_toolkit.benchmarks.seeds --corpus corpora/snli --preset default "
        "--device cuda --seeds 8 --epochs 1",
    ],
)
@click.option(
    "--corpus",
    "corpus_path",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A prepared corpus.  [default: a small synthetic one, made for this]",
)
@click.option(
    "--seeds", type=click.IntRange(2), default=4, show_default=True, help="Seeds to train."
)
@click.option("--jobs", type=click.IntRange(2), help="Seeds at once.  [default: as pretrain]")
@click.option(
    "--rounds", type=click.IntRange(1), default=2, show_default=True, help="Of both ways in turn."
)
@click.option(
    "--epochs", type=click.IntRange(1), default=2, show_default=True, help="Of each training."
)
@click.option(
    "--iterations",
    type=click.IntRange(0),
    default=0,
    help="Of each training, whatever --epochs says.",
)
@click.option(
    "--preset",
    "preset_name",
    type=click.Choice(list(PRESETS)),
    default="demo",
    show_default=True,
    help="Settings of the training.",
)
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
@seed_option
@device_option
@out_option
def main(
    corpus_path: Path | None,
    seeds: int,
    jobs: int | None,
    rounds: int,
    epochs: int,
    iterations: int,
    preset_name: str,
    assignments: tuple[str, ...],
    seed: int,
    device_name: str,
    out: Path,
) -> None:
    """Measure the wall time of training several seeds at once and one after another."""
    here = setting(NAME, out, device_name=device_name)
    jobs = min(seeds, jobs or default_jobs(seeds, on_gpu=device_name == "cuda"))
    if jobs == 1:
        raise click.UsageError("with one core there is nothing to compare; name --jobs 2 or more")
    options = [f"--preset={preset_name}", *(f"--set={words}" for words in assignments)]
    with _opened(corpus_path) as corpus:
        settings = with_overrides(preset(preset_name, corpus=corpus.name), assignments)
        options.append(f"--device={device_name}")
        batch_size = settings.training.batch_size
        task = Task(corpus, seeds, seed, epochs, options, iterations, batch_size)
        metrics = measure(here, task, jobs=jobs, rounds=rounds)
        here.write(
            metrics,
            corpus=corpus,
            seeds=range(seed, seed + seeds),
            details={
                "at once": jobs,
                "cores": cores(),
                "threads set": os.environ.get("OMP_NUM_THREADS"),
                "epochs": epochs,
                "iterations": iterations,
                "options": options,
            },
        )


def measure(here: Setting, task: Task, *, jobs: int, rounds: int) -> dict[str, Metric]:
    """Return the metrics of this benchmark.

    Args:
        here: The clock.
        task: What is trained.
        jobs: How many seeds at once.
        rounds: How often each way is taken.
    """
    note(f"{rounds} rounds of {task.seeds} seeds, {jobs} at once and one after another")
    with tempfile.TemporaryDirectory() as folder:
        numbers = alternate(
            {
                IN_TURN: training(here, task, jobs=1, folder=Path(folder, "turn")),
                AT_ONCE: training(here, task, jobs=jobs, folder=Path(folder, "once")),
            },
            rounds=rounds,
        )
    metrics: dict[str, Metric] = {}
    for name, seconds in numbers.items():
        rates = [task.sentences / value for value in seconds]
        metrics[name] = summarise(seconds, "seconds", centre="median")
        metrics[f"{name}, rate"] = summarise(rates, "sentences/s", centre="median")
    metrics[f"{IN_TURN}, over {AT_ONCE}"] = ratios(numbers[IN_TURN], numbers[AT_ONCE])
    return metrics


def training(here: Setting, task: Task, *, jobs: int, folder: Path) -> Callable[[], float]:
    """Return a training of all seeds that returns its seconds, in a new folder each time."""
    turns = count()

    def run() -> float:
        out = folder / str(next(turns))
        command = [
            *(sys.executable, "-c", PROGRAM, "pretrain", str(task.corpus.folder)),
            *(f"--seeds={task.seeds}", f"--seed={task.first}", f"--jobs={jobs}"),
            *(*task.options, f"--set=epochs={task.epochs}"),
            *(f"--set=iterations={task.iterations}", f"--out={out / 'run'}"),
        ]
        done: list[subprocess.CompletedProcess[str]] = []
        seconds = here.seconds(
            lambda: done.append(
                subprocess.run(command, capture_output=True, text=True, check=False)
            )
        )
        if done[0].returncode:
            said = (done[0].stderr.strip() or "nothing").splitlines()
            raise ToolkitError(f"pretrain --seeds {task.seeds} failed: {'; '.join(said[-2:])}")
        shutil.rmtree(out)  # at full size, the weights of many seeds would fill a disk
        return seconds

    return run


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[Corpus]:
    """Yield the corpus of a path, or a small synthetic one that is gone afterwards."""
    if path is not None:
        yield Corpus(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        made = prepare_corpus(
            "synthetic",
            out=Path(folder) / "synthetic",
            options=PrepareOptions(size=SIZE),
            report=note,
            progress=progress,
        )
        yield Corpus(made)


if __name__ == "__main__":
    main()
