"""What variables of torch's libraries would be worth, in training: the program sets none.

Each run is a process of its own, with the variables or without, alone or beside processes that
compute as well; the four take turns.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping

import click

from arae_toolkit.benchmarks.common import (
    Measured,
    Setting,
    median,
    number,
    precision_option,
    preset_option,
    program,
    ratios,
)
from arae_toolkit.benchmarks.training_process import Training, trained
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.devices import Precision

BUSY = "while True: pass"


@program(
    "library_settings",
    "--corpus corpora/snli --precision bf16",
    "--corpus corpora/snli --busy 2 --variable OMP_WAIT_POLICY ACTIVE",
    takes=("corpus",),
)
@number("--rounds", 5, "Runs of each way.", least=2)
@number("--iterations", 200, "Timed, in one run.")
@number("--batch-size", 64, "Sentences an iteration.", least=2)
@number("--computing-threads", os.cpu_count() or 1, "Of each training.")
@number("--busy", 1, "Processes that compute beside it.", least=0)
@preset_option("fast")
@precision_option("Of matrix products.")
@click.option(
    *("--variable", "assignments"),
    type=(str, str),
    multiple=True,
    default=(("OMP_WAIT_POLICY", "PASSIVE"),),
    show_default=True,
    metavar="NAME VALUE",
    help="Of the environment, read when torch is loaded. May be given more than once.",
)
def main(
    here: Setting,
    corpus: Corpus,
    *,
    rounds: int,
    iterations: int,
    batch_size: int,
    computing_threads: int,
    busy: int,
    preset_name: str,
    precision: Precision,
    assignments: tuple[tuple[str, str], ...],
) -> Measured:
    """Measure training with torch's libraries set by variables, and as they come."""
    variables = dict(assignments)
    here.name = f"{here.program}-{precision}"
    asked = Training(str(corpus.folder), preset_name, precision, batch_size, iterations)
    peaks: dict[str, list[float]] = {}

    def training(name: str, there: Mapping[str, str], beside: int) -> Callable[[], float]:
        def run() -> float:
            with _unset(variables), _busy(beside):
                found = trained(asked, threads=computing_threads, variables=there)
            peaks.setdefault(name, []).append(found["peak"] / 1e6)
            return batch_size * iterations / float(found["seconds"])

        return run

    ways: dict[str, tuple[Mapping[str, str], int]] = {}
    for beside, place in ((0, "alone"), (busy, "beside others")):
        if beside or place == "alone":
            ways[f"as they come, {place}"] = ({}, beside)
            ways[f"set, {place}"] = (variables, beside)
    works = {name: training(name, *way) for name, way in ways.items()}
    numbers = here.alternate(works, rounds=rounds)
    metrics = {
        **{f"{name}, rate": median(rates, "sentences/s") for name, rates in numbers.items()},
        **{f"{name}, peak memory": median(values, "MB") for name, values in peaks.items()},
    }
    for name, rates in numbers.items():
        if name.startswith("set, "):
            metrics[f"{name}, over as they come"] = ratios(
                rates, numbers[name.replace("set", "as they come", 1)]
            )
    return metrics, {
        "variables": variables,
        "preset": preset_name,
        "computing_threads": computing_threads,
        "busy_processes": busy,
    }


@contextlib.contextmanager
def _unset(variables: Iterable[str]) -> Iterator[None]:
    """Take variables out of this process's environment meanwhile."""
    own = {name: os.environ.pop(name) for name in variables if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(own)


@contextlib.contextmanager
def _busy(count: int) -> Iterator[None]:
    """Keep so many processes computing meanwhile."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", BUSY]))
            stack.callback(process.kill)
        yield


if __name__ == "__main__":
    main()
