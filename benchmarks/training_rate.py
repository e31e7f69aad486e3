"""Training sentences per second: the library against the textbook version, in one process.

Short runs in alternation (textbook, library, textbook, ...), and for the library the shares of the
three limits that it reaches; see :mod:`arae_toolkit.benchmarks.roofline.limits`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from arae_toolkit.benchmarks.common import (
    Measured,
    Setting,
    note,
    number,
    program,
    rate_metrics,
    ratios,
    repeat,
)
from arae_toolkit.benchmarks.roofline.arithmetic import flops_by_part
from arae_toolkit.benchmarks.roofline.counts import IterationCounts, counts_of_iterations
from arae_toolkit.benchmarks.roofline.limits import Machine, Work, work_of_iteration
from arae_toolkit.benchmarks.versions import (
    in_order,
    library_training,
    preset_of,
    textbook_training,
)
from arae_toolkit.config.schema import Config
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.devices import Precision, has_bfloat16
from arae_toolkit.reports.results import summarise

PRESETS = ("paper-2018", "default")
WARM_UP = {"cpu": 3, "cuda": 150}
"""Iterations before the first that is timed. On CUDA most widths have been captured by then."""
BATCH_SIZE = 64
DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}


@program(
    "training_rate",
    "--corpus corpora/snli --threads 2",
    "--batch-size 1024 --iterations 3",
    "--device cuda --iterations 100",
)
@number("--rounds", 7, "Runs of each version.", least=2)
@number("--iterations", 20, "In one run.")
@number(
    "--batch-size",
    BATCH_SIZE,
    "Sentences an iteration; another than the default has a result of its own.",
    least=2,
)
def main(here: Setting, corpus: Corpus, *, batch_size: int, **extent: Any) -> Measured:
    """Measure training sentences a second, and the share of the arithmetic limit."""
    if batch_size != BATCH_SIZE:
        on_gpu = "-cuda" * (here.device.type == "cuda")
        here.name = f"{here.program}-batch-{batch_size}{on_gpu}"
    return measure(here, corpus, configs_of(corpus, batch_size), **extent)


def configs_of(corpus: Corpus, batch_size: int) -> dict[str, Config]:
    """Return the presets that are measured, by name, with one batch size."""
    return {name: preset_of(corpus, name, batch_size) for name in PRESETS}


def measure(
    here: Setting,
    corpus: Corpus,
    configs: dict[str, Config],
    *,
    rounds: int,
    iterations: int,
    seed: int,
    cuda_graphs: bool = True,
) -> Measured:
    """Return the metrics and details of this benchmark.

    Args:
        here: The clock and the device.
        corpus: Its train split is used.
        configs: The library's settings, by name, of one batch size.
        rounds: Runs of each version.
        iterations: Iterations in one run.
        seed: Of weights, batches and noise.
        cuda_graphs: Whether the library captures its steps on a CUDA device.
    """
    batch_size = next(iter(configs.values())).training.batch_size
    warm_up = WARM_UP[here.device.type if cuda_graphs else "cpu"]
    timed = range(warm_up, warm_up + rounds * iterations)

    def run(iterate: Callable[[], object], size: int, warm_up: int) -> Callable[[], float]:
        repeat(iterate, warm_up)
        return here.rate(lambda: repeat(iterate, iterations), iterations * size)

    _, iterate = textbook_training(here, corpus, batch_size=batch_size, seed=seed)
    works = {"textbook": run(iterate, batch_size, WARM_UP["cpu"])}
    needed: dict[str, Work] = {}
    read: dict[str, IterationCounts] = {}
    for config_name, config in configs.items():
        for precision in precisions_of(here.device):
            name = f"{config_name} {precision}"
            _, algorithm = library_training(
                here, corpus, config, precision=precision, seed=seed, cuda_graphs=cuda_graphs
            )
            works[name] = run(in_order(algorithm), algorithm.sampler.batch_size, warm_up)
            # The limits are those of the very sentences that are timed.
            if config_name not in read:
                read[config_name] = counts_of_iterations(
                    corpus.split("train"), algorithm.sampler, config, timed
                )
            needed[name] = work_of_iteration(
                config,
                read[config_name],
                vocab_size=len(corpus.vocabulary),
                dtype=DTYPES[precision],
            )
    machine = Machine(here)
    note(f"{rounds} rounds of {iterations} iterations of each of {', '.join(works)}")
    machine.measure(needed.values())
    numbers = here.alternate(works, rounds=rounds)
    machine.measure(needed.values())

    metrics = rate_metrics(numbers, "sentences/s")
    limits = {name: machine.limits(work) for name, work in needed.items()}
    for name in needed:
        metrics[f"{name}, over textbook"] = ratios(numbers[name], numbers["textbook"])
        metrics |= limits[name].metrics(name, numbers[name])
    for precision in precisions_of(here.device):
        rate = machine.rates.square_rate(DTYPES[precision])
        metrics[f"square matrix product, {precision}"] = summarise([rate / 1e9], "GFLOP/s")
    gigaflops = {
        name: {part: flops / 1e9 for part, flops in flops_by_part(work.needed).items()}
        for name, work in needed.items()
    }
    first = next(iter(read.values())).reconstruction
    details = {
        "iterations_a_round": iterations,
        "batch_size": batch_size,
        "cuda_graphs": cuda_graphs and here.device.type == "cuda",
        "tokens_per_sentence": first.tokens / first.sentences,
        "read_by_an_iteration": {name: asdict(counts) for name, counts in read.items()},
        "sentences_per_second": numbers,
        "binding_limit": {name: limit.binding for name, limit in limits.items()},
        "gigaflops_per_iteration": gigaflops,
        "megabytes_per_iteration": {name: work.bytes_moved / 1e6 for name, work in needed.items()},
        **machine.table(),
    }
    return metrics, details


def precisions_of(device: torch.device) -> list[Precision]:
    """Return the precisions worth measuring on a device."""
    return ["fp32", "bf16"] if has_bfloat16(device) else ["fp32"]


if __name__ == "__main__":
    main()
