"""Training sentences per second: the library against the textbook version, in one process.

Short runs in alternation (textbook, library, textbook, ...), and for the library the shares of the
three limits that it reaches; see :mod:`arae_toolkit.benchmarks.limits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import click
import torch

from arae_toolkit.benchmarks.arithmetic import flops_by_part
from arae_toolkit.benchmarks.common import (
    Benchmark,
    Setting,
    alternate,
    corpus_option,
    device_option,
    note,
    open_corpus,
    out_option,
    ratios,
    seed_option,
    setting,
    threads_option,
)
from arae_toolkit.benchmarks.counts import IterationCounts, counts_of_iterations
from arae_toolkit.benchmarks.limits import Machine, Work, work_of_iteration
from arae_toolkit.benchmarks.textbook import Sizes
from arae_toolkit.benchmarks.versions import in_order, library_training, textbook_training
from arae_toolkit.config.overrides import with_value
from arae_toolkit.config.presets import preset
from arae_toolkit.config.schema import Config
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.devices import Precision, has_bfloat16
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.reports.results import Metric, summarise

NAME = "training_rate"
WARM_UP = {"cpu": 3, "cuda": 150}
"""Iterations before the first that is timed. On CUDA most widths have been captured by then."""
BATCH_SIZE = 64
DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}


@click.command(
    cls=Benchmark,
    examples=[
        "python -m arae_toolkit.benchmarks.training_rate --corpus corpora/snli --threads 2",
        "python -m arae_toolkit.benchmarks.training_rate --batch-size 1024 --iterations 3",
        "python -m arae_toolkit.benchmarks.training_rate --device cuda --iterations 100",
    ],
)
@corpus_option
@click.option(
    "--rounds", type=click.IntRange(2), default=7, show_default=True, help="Runs of each version."
)
@click.option(
    "--iterations", type=click.IntRange(1), default=20, show_default=True, help="In one run."
)
@click.option(
    "--batch-size",
    type=click.IntRange(2),
    default=BATCH_SIZE,
    show_default=True,
    help="Sentences an iteration; another than the default has a result of its own.",
)
@seed_option
@device_option
@threads_option
@out_option
def main(
    corpus_path: Path | None,
    rounds: int,
    iterations: int,
    batch_size: int,
    seed: int,
    device_name: str,
    threads: int | None,
    out: Path,
) -> None:
    """Measure training sentences a second, and the share of the arithmetic limit."""
    subject = ""
    if batch_size != BATCH_SIZE:
        subject = f"batch-{batch_size}" + f"-{device_name}" * (device_name != "cpu")
    here = setting(NAME, out, subject=subject, device_name=device_name, threads=threads)
    corpus = open_corpus(corpus_path)
    configs = {
        name: with_value(preset(name, corpus=corpus.name), "training.batch_size", batch_size)
        for name in ("paper-2018", "default")
    }
    metrics, details = measure(
        here, corpus, configs, rounds=rounds, iterations=iterations, seed=seed
    )
    here.write(metrics, corpus=corpus, seeds=[seed], details=details)


def measure(
    here: Setting,
    corpus: Corpus,
    configs: dict[str, Config],
    *,
    rounds: int,
    iterations: int,
    seed: int,
    sizes: Sizes | None = None,
    cuda_graphs: bool = True,
    done: Callable[[], object] = lambda: None,
) -> tuple[dict[str, Metric], dict[str, Any]]:
    """Return the metrics and details of this benchmark.

    Args:
        here: The clock and the device.
        corpus: Its train split is used.
        configs: The library's settings, by name, of one batch size.
        rounds: Runs of each version.
        iterations: Iterations in one run.
        seed: Of weights, batches and noise.
        sizes: Of the textbook version, by default the published ones.
        cuda_graphs: Whether the library captures its steps on a CUDA device.
        done: Called after each run.
    """
    batch_size = next(iter(configs.values())).training.batch_size
    warm_up = WARM_UP[here.device.type if cuda_graphs else "cpu"]
    timed = range(warm_up, warm_up + rounds * iterations)
    works = {"textbook": _textbook(here, corpus, sizes or Sizes(), batch_size, iterations, seed)}
    needed: dict[str, Work] = {}
    read: dict[str, IterationCounts] = {}
    for config_name, config in configs.items():
        for precision in precisions_of(here.device):
            name = f"{config_name} {precision}"
            _, algorithm = library_training(
                corpus,
                config,
                device=here.device,
                precision=precision,
                seed=seed,
                cuda_graphs=cuda_graphs,
            )
            works[name] = _library(here, algorithm, iterations, warm_up)
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
    _measure_machine(machine, needed.values())
    numbers = alternate(works, rounds=rounds, done=done)
    _measure_machine(machine, needed.values())

    metrics: dict[str, Metric] = {}
    for name, values in numbers.items():
        metrics[f"{name}, rate"] = summarise(values, "sentences/s", centre="median")
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


def _textbook(
    here: Setting,
    corpus: Corpus,
    sizes: Sizes,
    batch_size: int,
    iterations: int,
    seed: int,
) -> Callable[[], float]:
    """Return a run of the textbook version that returns its rate, warmed up."""
    textbook, data = textbook_training(
        corpus, sizes=sizes, batch_size=batch_size, device=here.device, seed=seed
    )
    batches = data.epochs()

    def run(times: int = iterations) -> None:
        for batch in islice(batches, times):
            textbook.iteration(batch, data)

    run(WARM_UP["cpu"])
    return lambda: iterations * batch_size / here.seconds(run)


def _library(
    here: Setting, algorithm: Algorithm, iterations: int, warm_up: int
) -> Callable[[], float]:
    """Return a run of the library that returns its rate, warmed up."""
    iterate = in_order(algorithm)

    def run(times: int = iterations) -> None:
        for _ in range(times):
            iterate()

    run(warm_up)
    return lambda: iterations * algorithm.sampler.batch_size / here.seconds(run)


def _measure_machine(machine: Machine, works: Iterable[Work]) -> None:
    """Measure what the limits need: before and after the rounds, at the machine's best."""
    machine.measure_copies()
    for work in works:
        machine.measure(work)


if __name__ == "__main__":
    main()
