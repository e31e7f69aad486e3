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
from itertools import count
from pathlib import Path

import click

from arae_toolkit.benchmarks.common import (
    Measured,
    Setting,
    median,
    note,
    number,
    preset_option,
    program,
    ratios,
)
from arae_toolkit.benchmarks.programs import PROGRAM
from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.presets import preset
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.preparation import prepare_corpus
from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.shared.child_processes import default_jobs
from arae_toolkit.recipes.shared.progress import progress
from arae_toolkit.reports.results import Metric
from arae_toolkit.version import cores

SIZE = 4000
AT_ONCE, IN_TURN = "at once", "one after another"


@program(
    "seeds",
    "",
    "--corpus corpora/snli --preset default --device cuda --seeds 8 --epochs 1",
    takes=("seed", "device"),
)
@click.option(
    "--corpus",
    "corpus_path",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A prepared corpus.  [default: a small synthetic one, made for this]",
)
@number("--seeds", 4, "Seeds to train.", least=2)
@click.option("--jobs", type=click.IntRange(2), help="Seeds at once.  [default: as pretrain]")
@number("--rounds", 2, "Of both ways in turn.")
@number("--epochs", 2, "Of each training.")
@number("--iterations", 0, "Of each training, whatever --epochs says.", least=0)
@preset_option("demo")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
def main(
    here: Setting,
    seed: int,
    *,
    corpus_path: Path | None,
    seeds: int,
    jobs: int | None,
    rounds: int,
    epochs: int,
    iterations: int,
    preset_name: str,
    assignments: tuple[str, ...],
) -> Measured:
    """Measure the wall time of training several seeds at once and one after another."""
    device_name = here.device.type
    jobs = min(seeds, jobs or default_jobs(seeds, on_gpu=device_name == "cuda"))
    if jobs == 1:
        raise click.UsageError("with one core there is nothing to compare; name --jobs 2 or more")
    options = [f"--preset={preset_name}", *(f"--set={words}" for words in assignments)]
    options.append(f"--device={device_name}")
    here.seeds = range(seed, seed + seeds)
    with _opened(corpus_path) as corpus, tempfile.TemporaryDirectory() as folder:
        here.corpus, rows = corpus, corpus.rows("train")
        settings = with_overrides(preset(preset_name, corpus=corpus.name), assignments)
        batch_size = min(settings.training.batch_size, rows)
        sentences = seeds * batch_size * (iterations or epochs * (rows // batch_size))
        command = [
            *("pretrain", str(corpus.folder), f"--seeds={seeds}", f"--seed={seed}", *options),
            *(f"--set=epochs={epochs}", f"--set=iterations={iterations}"),
        ]
        note(f"{rounds} rounds of {seeds} seeds, {jobs} at once and one after another")
        numbers = here.alternate(
            {
                IN_TURN: training(here, [*command, "--jobs=1"], Path(folder, "turn")),
                AT_ONCE: training(here, [*command, f"--jobs={jobs}"], Path(folder, "once")),
            },
            rounds=rounds,
        )
    metrics: dict[str, Metric] = {}
    for name, seconds in numbers.items():
        rates = [sentences / value for value in seconds]
        metrics[name] = median(seconds, "seconds")
        metrics[f"{name}, rate"] = median(rates, "sentences/s")
    metrics[f"{IN_TURN}, over {AT_ONCE}"] = ratios(numbers[IN_TURN], numbers[AT_ONCE])
    details = {
        "at once": jobs,
        "cores": cores(),
        "threads set": os.environ.get("OMP_NUM_THREADS"),
        "epochs": epochs,
        "iterations": iterations,
        "options": options,
    }
    return metrics, details


def training(here: Setting, command: Sequence[str], folder: Path) -> Callable[[], float]:
    """Return a training of all seeds that returns its seconds, in a new folder each time."""
    turns = count()

    def run() -> float:
        out = folder / str(next(turns))
        words = [sys.executable, "-c", PROGRAM, *command, f"--out={out / 'run'}"]
        done: list[subprocess.CompletedProcess[str]] = []
        seconds = here.seconds(
            lambda: done.append(subprocess.run(words, capture_output=True, text=True, check=False))
        )
        if done[0].returncode:
            said = (done[0].stderr.strip() or "nothing").splitlines()
            raise ToolkitError(f"{' '.join(command)} failed: {'; '.join(said[-2:])}")
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
