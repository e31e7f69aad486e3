"""What the variables that the program sets for torch's libraries are worth, in training.

Each run is a process of its own, with the variables or without, alone or beside processes that
compute as well; the four take turns. See :data:`arae_toolkit.recipes.cli.LIBRARY_SETTINGS`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from arae_toolkit.benchmarks.common import Measured, Setting, median, number, program, ratios
from arae_toolkit.config.presets import PRESETS
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.devices import Precision
from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.cli import LIBRARY_SETTINGS

WARM_UP = 20
"""Iterations before the first that is timed."""
BUSY = "while True: pass"
TRAINING = """
import json, sys, time
from pathlib import Path

corpus, preset, precision, batch_size, warm_up, iterations = sys.argv[1:]
import torch

from arae_toolkit.benchmarks.common import setting
from arae_toolkit.benchmarks.programs import peak_memory
from arae_toolkit.benchmarks.versions import in_order, library_training, preset_of
from arae_toolkit.data.corpus import Corpus

here = setting("library_settings", Path("unused"))
opened = Corpus(Path(corpus))
config = preset_of(opened, preset, int(batch_size))
_, algorithm = library_training(here, opened, config, precision=precision, seed=0)
step = in_order(algorithm)
for _ in range(int(warm_up)):
    step()
start = time.perf_counter()
for _ in range(int(iterations)):
    step()
seconds = time.perf_counter() - start
import os
print(json.dumps({"seconds": seconds, "peak": peak_memory(os.getpid())}))
"""
"""Writes its seconds and its peak memory in bytes."""


@program(
    "library_settings",
    "--corpus corpora/snli --precision bf16",
    "--corpus corpora/snli --busy 2 --rounds 5",
    takes=("corpus",),
)
@number("--rounds", 5, "Runs of each way.", least=2)
@number("--iterations", 200, "Timed, in one run.")
@number("--batch-size", 64, "Sentences an iteration.", least=2)
@number("--computing-threads", os.cpu_count() or 1, "Of each training.")
@number("--busy", 1, "Processes that compute beside it.", least=0)
@click.option(
    "--preset",
    "preset_name",
    type=click.Choice(list(PRESETS)),
    default="fast",
    show_default=True,
    help="Settings of the training.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16"]),
    default="fp32",
    show_default=True,
    help="Of matrix products.",
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
) -> Measured:
    """Measure training with torch's libraries set as the program sets them, and as they come."""
    here.name = f"{here.program}-{precision}"
    arguments = (corpus.folder, preset_name, precision, batch_size, WARM_UP, iterations)
    peaks: dict[str, list[float]] = {}

    def training(name: str, variables: Mapping[str, str], beside: int) -> Callable[[], float]:
        def run() -> float:
            with _busy(beside):
                found = _trained(arguments, variables, threads=computing_threads)
            peaks.setdefault(name, []).append(found["peak"] / 1e6)
            return batch_size * iterations / float(found["seconds"])

        return run

    ways = {}
    for beside, place in ((0, "alone"), (busy, "beside others")):
        if beside or place == "alone":
            ways[f"as they come, {place}"] = ({}, beside)
            ways[f"set, {place}"] = (LIBRARY_SETTINGS, beside)
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
        "variables": LIBRARY_SETTINGS,
        "preset": preset_name,
        "computing_threads": computing_threads,
        "busy_processes": busy,
    }


def _trained(
    arguments: tuple[Any, ...], variables: Mapping[str, str], *, threads: int
) -> dict[str, float]:
    """Train in a process with such variables, and return what it says.

    Raises:
        ToolkitError: If it fails.
    """
    own = {name: value for name, value in os.environ.items() if name not in LIBRARY_SETTINGS}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, *map(str, arguments)],
        env={**own, "OMP_NUM_THREADS": str(threads), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ToolkitError(f"training failed: {(done.stderr.strip() or 'nothing said')[-300:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


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
