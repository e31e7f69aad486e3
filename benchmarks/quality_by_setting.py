"""Held-out nats after the same time of training, or as many iterations, setting by setting.

How many iterations each setting takes in that time is measured first, in turns, on a few of them.
Then each trains so many, the learning rate falling to its end over just these, from several seeds.
Number and order of what is trained do not matter then, nor what else the machine does meanwhile.
After the same time, what is quicker has done more; after as many iterations, an approximation shows
what it costs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from arae_toolkit.benchmarks.common import (
    Benchmark,
    Setting,
    alternate,
    corpus_option,
    note,
    open_corpus,
    out_option,
    setting,
    threads_option,
)
from arae_toolkit.benchmarks.training_rate import WARM_UP
from arae_toolkit.benchmarks.versions import in_order, library_training
from arae_toolkit.config.overrides import with_overrides, with_value
from arae_toolkit.config.presets import preset
from arae_toolkit.config.schema import Config
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.devices import Precision
from arae_toolkit.evaluation.reconstruction import Reconstruction, measure_reconstruction
from arae_toolkit.nn.weight_tying import check_tying
from arae_toolkit.reports.results import Metric, summarise

NAME, ITERATIONS = "quality_by_setting", "iterations"
SENTENCES = 2000
UNTIED = "tied_embeddings=none"
SETTINGS = (
    f"default {UNTIED}",
    "default tied_embeddings=decoder",
    "default",
    "default critic_steps=1",
    "default softmax_samples=512",
    "default batch_size=128 autoencoder_rate=4e-3",
    "default autoencoder_schedule=constant",
    f"fast {UNTIED}",
    "fast",
)
"""A preset, and what is changed in it."""


@click.command(
    cls=Benchmark,
    examples=[
        "python -m arae_toolkit.benchmarks.quality_by_setting --corpus corpora/snli --threads 1",
        "python -m arae_toolkit.benchmarks.quality_by_setting --setting default "
        "--setting 'default batch_size=256'",
        "python -m arae_toolkit.benchmarks.quality_by_setting --iterations 2000 --setting default "
        "--setting 'default softmax_samples=512'",
    ],
)
@corpus_option
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="'PRESET KEY=VALUE ...'",
    help="A setting to train; may be repeated.  [default: those of docs/performance.md]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=100.0,
    show_default=True,
    help="Training time of each seed, in processor time of this process.",
)
@click.option(
    "--iterations",
    type=click.IntRange(0),
    default=0,
    help="Of each seed, whatever --seconds says.",
)
@click.option(
    "--seeds", type=click.IntRange(1), default=3, show_default=True, help="Of each setting."
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16"]),
    default="fp32",
    show_default=True,
    help="Of the training.",
)
@threads_option
@out_option
def main(
    corpus_path: Path | None,
    settings: tuple[str, ...],
    seconds: float,
    iterations: int,
    seeds: int,
    precision: Precision,
    threads: int | None,
    out: Path,
) -> None:
    """Train several settings for the same time or iterations, and compare what they learned."""
    here = setting(NAME, out, subject=ITERATIONS if iterations else "", threads=threads)
    corpus = open_corpus(corpus_path)
    try:
        configs = configs_of(settings or SETTINGS, corpus=corpus.name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--setting'") from error
    metrics, details = measure(
        here,
        corpus,
        configs,
        seconds=seconds,
        iterations=iterations,
        seeds=range(seeds),
        precision=precision,
    )
    here.write(metrics, corpus=corpus, seeds=range(seeds), details=details)


def configs_of(settings: Sequence[str], *, corpus: str) -> dict[str, Config]:
    """Return each setting by its own words: a preset, and what is changed in it.

    Raises:
        ValueError: If there is no such preset or setting, or its sizes cannot share a table.
    """
    configs = {}
    for words in settings:
        name, *changes = words.split()
        configs[words] = with_overrides(preset(name, corpus=corpus), changes)
        check_tying(configs[words].model)
    return configs


def measure(
    here: Setting,
    corpus: Corpus,
    configs: Mapping[str, Config],
    *,
    seconds: float,
    seeds: Sequence[int],
    precision: Precision,
    iterations: int = 0,
    rounds: int = 3,
    timed: int = 12,
) -> tuple[dict[str, Metric], dict[str, Any]]:
    """Return the metrics and details of this benchmark.

    Args:
        here: The clock and the device.
        corpus: Trained on train, evaluated on dev.
        configs: What is compared, by name; the first is what all rates are compared with.
        seconds: Processor time of a training.
        seeds: Of each.
        precision: Of the training.
        iterations: Of a training, whatever ``seconds`` says; 0 trains for those.
        rounds: In which the rates are measured.
        timed: Iterations of each in a round.
    """
    rates = iteration_rates(
        here, corpus, configs, precision=precision, rounds=rounds, iterations=timed
    )
    first = next(iter(configs))
    metrics: dict[str, Metric] = {}
    for name, config in configs.items():
        done = iterations or max(1, round(seconds * float(np.median(rates[name]))))
        fixed = with_value(config, "training.iterations", done)
        reached = [
            train(here, corpus, fixed, seed=seed, precision=precision, name=name) for seed in seeds
        ]
        metrics |= {
            f"{name}, nats per sentence": summarise(
                [one.nats_per_sentence for one in reached], "nats"
            ),
            f"{name}, given back": summarise([one.exact for one in reached], "percent"),
            f"{name}, iterations": summarise([done], "iterations"),
            f"{name}, epochs": summarise(
                [done * config.training.batch_size / corpus.rows("train")], "epochs"
            ),
            f"{name}, sentences a second over the first": summarise(
                [
                    own * config.training.batch_size / other / configs[first].training.batch_size
                    for own, other in zip(rates[name], rates[first], strict=True)
                ],
                "ratio",
                centre="median",
            ),
        }
    details = {
        "precision": precision,
        "seconds": None if iterations else seconds,
        "dev_sentences": min(SENTENCES, corpus.rows("dev")),
        "settings": list(configs),
        "iterations_per_second": rates,
    }
    return metrics, details


def iteration_rates(
    here: Setting,
    corpus: Corpus,
    configs: Mapping[str, Config],
    *,
    precision: Precision,
    rounds: int,
    iterations: int,
) -> dict[str, list[float]]:
    """Return iterations a second of processor time of each setting, by round, in turns."""

    def work(config: Config) -> Any:
        _, algorithm = library_training(
            corpus, config, device=here.device, precision=precision, seed=0
        )
        iterate = in_order(algorithm)
        for _ in range(WARM_UP[here.device.type]):
            iterate()

        def run() -> float:
            start = time.process_time()
            for _ in range(iterations):
                iterate()
            return iterations / (time.process_time() - start)

        return run

    return alternate({name: work(config) for name, config in configs.items()}, rounds=rounds)


def train(
    here: Setting,
    corpus: Corpus,
    config: Config,
    *,
    seed: int,
    precision: Precision,
    name: str,
) -> Reconstruction:
    """Train a whole run of a setting, and return what it has learned."""
    model, algorithm = library_training(
        corpus, config, device=here.device, precision=precision, seed=seed
    )
    for iteration in range(algorithm.iterations):
        algorithm.iteration(iteration)
    dev = corpus.split("dev")
    # The same sentences for every setting and seed.
    rows = np.random.default_rng(0).permutation(len(dev))[:SENTENCES]
    found = measure_reconstruction(model, TokenStore(dev, device=here.device), rows=rows)
    note(
        f"{name}, seed {seed}, {algorithm.iterations:,} iterations: "
        f"{found.nats_per_sentence:.2f} nats per sentence, {found.exact:.1f} % given back"
    )
    return found


if __name__ == "__main__":
    main()
