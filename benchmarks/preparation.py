"""Cost of preparing a corpus of SNLI's size: seconds and peak memory of the whole program."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from arae_toolkit.benchmarks.common import Benchmark, Setting, out_option, setting
from arae_toolkit.benchmarks.programs import PROGRAM
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.results import Metric, summarise

NAME = "preparation"
# getrusage counts memory in bytes on macOS and in kibibytes elsewhere.
BYTES_A_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """What a finished program took.

    Attributes:
        seconds: Wall time.
        peak_bytes: Most memory resident at once.
    """

    seconds: float
    peak_bytes: int


@click.command(
    cls=Benchmark,
    examples=["python -m arae_toolkit.benchmarks.preparation --size 1100000 --rounds 3"],
)
@click.option(
    "--size",
    type=click.IntRange(100),
    default=1_100_000,
    show_default=True,
    help="Training sentences drawn.",
)
@click.option("--rounds", type=click.IntRange(1), default=1, show_default=True, help="Runs.")
@out_option
def main(size: int, rounds: int, out: Path) -> None:
    """Measure ``arae-toolkit prepare synthetic`` at a given size."""
    here = setting(NAME, out)
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "corpus"
        costs = []
        for turn in range(rounds):
            prepared = Path(folder) / f"corpus{turn}"
            costs.append(prepare(here, size, prepared))
        corpus = Corpus(prepared)
        here.write(metrics_of(costs, corpus), corpus=corpus, seeds=[0])


def prepare(here: Setting, size: int, folder: Path) -> Cost:
    """Prepare the synthetic corpus in a process of its own.

    Raises:
        ToolkitError: If it fails; what it said has gone to stderr.
    """
    command = ["prepare", "synthetic", "--size", str(size), "--seed", "0", "--out", str(folder)]
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *command], stdout=subprocess.DEVNULL)
    peaks: list[int] = []

    def wait() -> None:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peaks.append(usage.ru_maxrss * BYTES_A_UNIT)

    seconds = here.seconds(wait)
    if process.returncode:
        raise ToolkitError(f"prepare synthetic failed with exit code {process.returncode}")
    return Cost(seconds, peaks[0])


def metrics_of(costs: list[Cost], corpus: Corpus) -> dict[str, Metric]:
    """Return the metrics of some runs that prepared the same corpus."""
    seconds = [cost.seconds for cost in costs]
    kept = corpus.rows("train")
    return {
        "seconds": summarise(seconds, "seconds", centre="median"),
        "peak memory": summarise([cost.peak_bytes / 1e9 for cost in costs], "GB"),
        "distinct training sentences": summarise([kept], "sentences"),
        "rate": summarise([kept / second for second in seconds], "sentences/s", centre="median"),
    }


if __name__ == "__main__":
    main()
