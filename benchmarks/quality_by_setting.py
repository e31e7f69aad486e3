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
from typing import Any

import click
import numpy as np

from arae_toolkit.benchmarks.common import (
    Measured,
    Setting,
    median,
    note,
    number,
    precision_option,
    program,
    repeat,
)
from arae_toolkit.benchmarks.training_rate import WARM_UP
from arae_toolkit.benchmarks.versions import in_order, library_training
from arae_toolkit.config.overrides import with_overrides, with_value
from arae_toolkit.config.presets import preset
from arae_toolkit.config.schema import Config, check_tying
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.devices import Precision
from arae_toolkit.evaluation.reconstruction import Reconstruction, measure_reconstruction
from arae_toolkit.reports.results import Metric, summarise

SENTENCES = 2000
ROUNDS, TIMED = 3, 12
"""In which the rates are measured, and iterations of each in a round."""
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


@program(
    "quality_by_setting",
    "--corpus corpora/snli --threads 1",
    "--setting default --setting 'default batch_size=256'",
    "--iterations 2000 --setting default --setting 'default softmax_samples=512'",
    takes=("corpus", "threads"),
)
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="'PRESET KEY=VALUE ...'",
    help="A setting to train; may be repeated.  [default: those of docs/performance.md]",
)
@number("--seconds", 100.0, "Training time of each seed, in processor time of this process.")
@number("--iterations", 0, "Of each seed, whatever --seconds says.", least=0)
@number("--seeds", 3, "Of each setting.")
@precision_option("Of the training.")
def main(
    here: Setting,
    corpus: Corpus,
    *,
    settings: tuple[str, ...],
    seconds: float,
    iterations: int,
    seeds: int,
    precision: Precision,
) -> Measured:
    """Train several settings for the same time or iterations, and compare what they learned."""
    here.name += "-iterations" * (iterations > 0)
    here.seeds = range(seeds)
    try:
        configs = configs_of(settings or SETTINGS, corpus=corpus.name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--setting'") from error
    rates = iteration_rates(here, corpus, configs, precision=precision)
    first = next(iter(configs))  # all rates are compared with its
    metrics: dict[str, Metric] = {}
    for name, config in configs.items():
        done = iterations or max(1, round(seconds * float(np.median(rates[name]))))
        fixed = with_value(config, "training.iterations", done)
        reached = [
            train(here, corpus, fixed, seed=seed, precision=precision, name=name)
            for seed in here.seeds
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
            f"{name}, sentences a second over the first": median(
                [
                    own * config.training.batch_size / other / configs[first].training.batch_size
                    for own, other in zip(rates[name], rates[first], strict=True)
                ],
                "ratio",
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


def iteration_rates(
    here: Setting, corpus: Corpus, configs: Mapping[str, Config], *, precision: Precision
) -> dict[str, list[float]]:
    """Return iterations a second of processor time of each setting, by round, in turns."""

    def work(config: Config) -> Any:
        _, algorithm = library_training(here, corpus, config, precision=precision, seed=0)
        iterate = in_order(algorithm)
        repeat(iterate, WARM_UP[here.device.type])

        def run() -> float:
            start = time.process_time()
            repeat(iterate, TIMED)
            return TIMED / (time.process_time() - start)

        return run

    return here.alternate({name: work(config) for name, config in configs.items()}, rounds=ROUNDS)


def train(
    here: Setting, corpus: Corpus, config: Config, *, seed: int, precision: Precision, name: str
) -> Reconstruction:
    """Train a whole run of a setting, and return what it has learned."""
    model, algorithm = library_training(here, corpus, config, precision=precision, seed=seed)
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
