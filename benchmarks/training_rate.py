"""Training sentences per second: the library against the textbook version, in one process.

Short runs in alternation (textbook, library, textbook, ...), and for the library the share of the
arithmetic limit that it reaches; see :mod:`benchmarks.arithmetic`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import click
import torch

from arae_toolkit.algorithm import Algorithm, Precision
from arae_toolkit.configs import Config
from arae_toolkit.corpus import Corpus
from arae_toolkit.presets import preset
from arae_toolkit.results import Metric, summarise
from benchmarks.arithmetic import MatrixRates, Product, flops_by_part, products_of_iteration
from benchmarks.common import (
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
from benchmarks.textbook import Sizes
from benchmarks.versions import library_training, textbook_training

NAME = "training_rate"
WARM_UP = 3
DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}


@click.command(
    cls=Benchmark,
    examples=[
        "python -m benchmarks.training_rate --corpus corpora/snli --threads 2",
        "python -m benchmarks.training_rate --corpus corpora/snli --device cuda --iterations 100",
    ],
)
@corpus_option
@click.option(
    "--rounds", type=click.IntRange(2), default=7, show_default=True, help="Runs of each version."
)
@click.option(
    "--iterations", type=click.IntRange(1), default=20, show_default=True, help="In one run."
)
@seed_option
@device_option
@threads_option
@out_option
def main(
    corpus_path: Path | None,
    rounds: int,
    iterations: int,
    seed: int,
    device_name: str,
    threads: int | None,
    out: Path,
) -> None:
    """Measure training sentences a second, and the share of the arithmetic limit."""
    here = setting(NAME, out, device_name=device_name, threads=threads)
    corpus = open_corpus(corpus_path)
    configs = {name: preset(name, corpus=corpus.name) for name in ("paper-2018", "default")}
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
) -> tuple[dict[str, Metric], dict[str, Any]]:
    """Return the metrics and details of this benchmark.

    Args:
        here: The clock and the device.
        corpus: Its train split is used.
        configs: The library's settings, by name.
        rounds: Runs of each version.
        iterations: Iterations in one run.
        seed: Of weights, batches and noise.
        sizes: Of the textbook version, by default the published ones.
    """
    batch_size = next(iter(configs.values())).training.batch_size
    timed = range(WARM_UP, WARM_UP + rounds * iterations)
    works = {"textbook": _textbook(here, corpus, sizes or Sizes(), batch_size, iterations, seed)}
    products: dict[str, list[Product]] = {}
    precisions: dict[str, torch.dtype] = {}
    tokens = 0.0
    for config_name, config in configs.items():
        for precision, dtype in DTYPES.items():
            name = f"{config_name} {precision}"
            _, algorithm = library_training(
                corpus, config, device=here.device, precision=precision, seed=seed
            )
            works[name] = _library(here, algorithm, iterations)
            # The limit is that of the very sentences that are timed.
            tokens = _tokens_per_sentence(algorithm, timed)
            precisions[name] = dtype
            products[name] = products_of_iteration(
                config, vocab_size=len(corpus.vocabulary), tokens_per_sentence=tokens
            )
    rates = MatrixRates(here)
    note(f"{rounds} rounds of {iterations} iterations of each of {', '.join(works)}")
    _measure_products(rates, products, precisions)
    numbers = alternate(works, rounds=rounds)
    _measure_products(rates, products, precisions)

    metrics: dict[str, Metric] = {}
    for name, values in numbers.items():
        metrics[f"{name}, rate"] = summarise(values, "sentences/s", centre="median")
    for name, needed in products.items():
        metrics[f"{name}, over textbook"] = ratios(numbers[name], numbers["textbook"])
        limit = batch_size / rates.limit_seconds(needed, precisions[name])
        metrics[f"{name}, arithmetic limit"] = summarise([limit], "sentences/s")
        shares = [100 * rate / limit for rate in numbers[name]]
        metrics[f"{name}, share of the limit"] = summarise(shares, "percent", centre="median")
    for precision, dtype in DTYPES.items():
        metrics[f"square matrix product, {precision}"] = summarise(
            [rates.square_rate(dtype) / 1e9], "GFLOP/s"
        )
    gigaflops = {
        name: {part: flops / 1e9 for part, flops in flops_by_part(needed).items()}
        for name, needed in products.items()
    }
    details = {
        "iterations_a_round": iterations,
        "tokens_per_sentence": tokens,
        "sentences_per_second": numbers,
        "gigaflops_per_iteration": gigaflops,
        "gigaflops_per_second_by_shape": rates.table(),
    }
    return metrics, details


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

    run(WARM_UP)
    return lambda: iterations * batch_size / here.seconds(run)


def _library(here: Setting, algorithm: Algorithm, iterations: int) -> Callable[[], float]:
    """Return a run of the library that returns its rate, warmed up."""
    turns = count()

    def run(times: int = iterations) -> None:
        for turn in islice(turns, times):
            algorithm.iteration(turn)

    run(WARM_UP)
    return lambda: iterations * algorithm.sampler.batch_size / here.seconds(run)


def _tokens_per_sentence(algorithm: Algorithm, iterations: range) -> float:
    """Return the mean length, in tokens, of the sentences that these iterations reconstruct."""
    sampler = algorithm.sampler
    per_epoch = sampler.batches_per_epoch
    epochs = range(iterations.start // per_epoch, (iterations.stop - 1) // per_epoch + 1)
    batches = chain.from_iterable(sampler.epoch(epoch) for epoch in epochs)
    skipped = epochs.start * per_epoch
    lengths = [
        float(sampler.lengths[rows].mean())
        for rows in islice(batches, iterations.start - skipped, iterations.stop - skipped)
    ]
    return statistics.fmean(lengths)


def _measure_products(
    rates: MatrixRates,
    products: dict[str, list[Product]],
    precisions: dict[str, torch.dtype],
) -> None:
    for name, needed in products.items():
        rates.measure(needed, precisions[name])


if __name__ == "__main__":
    main()
