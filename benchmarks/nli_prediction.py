"""Labelling pairs: batches as ``nli predict`` makes them, against one pair at a time.

Both call the same model on the same pairs, those of the corpus's test split. Beside it, the memory
of the command itself over a long stream of rows, which must not grow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import count as counted
from itertools import cycle
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from arae_toolkit.benchmarks.common import (
    Benchmark,
    Setting,
    alternate,
    corpus_option,
    device_option,
    open_corpus,
    out_option,
    ratios,
    setting,
    threads_option,
)
from arae_toolkit.benchmarks.programs import measure_stream
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data_prep.synthetic.corpora import entailment_pairs
from arae_toolkit.nli.model import NLIModel, Pair
from arae_toolkit.recipes.nli.options import load_nli_model, probabilities_of
from arae_toolkit.recipes.nli.predict import BATCH_SIZE
from arae_toolkit.recipes.shared.rows import Row
from arae_toolkit.reports.results import Metric, summarise

NAME = "nli_prediction"
DISTINCT_ROWS = 30_000


@click.command(
    cls=Benchmark,
    examples=[
        "python -m arae_toolkit.benchmarks.nli_prediction runs/nli-tiny --corpus corpora/snli",
        "python -m arae_toolkit.benchmarks.nli_prediction tiny --lines 100000 --threads 1",
    ],
)
@click.argument("run")
@corpus_option
@click.option(
    "--count", type=click.IntRange(1), default=9_000, show_default=True, help="Pairs a run."
)
@click.option(
    "--one-by-one",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Pairs a run of the version that labels each by itself.",
)
@click.option(
    "--rounds", type=click.IntRange(2), default=5, show_default=True, help="Runs of each version."
)
@click.option(
    "--lines",
    type=click.IntRange(0),
    default=1_000_000,
    show_default=True,
    help="Rows of the stream whose memory is measured; 0 leaves it out.",
)
@device_option
@threads_option
@out_option
def main(
    run: str,
    corpus_path: Path | None,
    count: int,
    one_by_one: int,
    rounds: int,
    lines: int,
    device_name: str,
    threads: int | None,
    out: Path,
) -> None:
    """Measure how many pairs a second the classifier of RUN labels, and in how much memory."""
    here = setting(NAME, out, device_name=device_name, threads=threads)
    corpus = open_corpus(corpus_path)
    model = load_nli_model(run, device_name)
    pairs = test_pairs(corpus, count)
    metrics, details = measure_rates(here, model, pairs, one_by_one=one_by_one, rounds=rounds)
    if lines:
        command = ["nli", "predict", run, "--device", device_name]
        metrics |= measure_stream(here, command, generated_rows(), lines=lines)
    here.write(metrics, corpus=corpus, details=details)


def measure_rates(
    here: Setting, model: NLIModel, pairs: Sequence[Pair], *, one_by_one: int, rounds: int
) -> tuple[dict[str, Metric], dict[str, Any]]:
    """Return the metrics and details of labelling pairs in both ways.

    Args:
        here: The clock.
        model: On its device.
        pairs: Labelled in a run.
        one_by_one: Pairs in a run of the version that labels each by itself, the first of them.
        rounds: Runs of each version.
    """
    few = pairs[:one_by_one]

    def batches() -> npt.NDArray[np.float64]:
        return in_batches(model, pairs)

    def single() -> npt.NDArray[np.float64]:
        return np.concatenate([model.probabilities([pair]) for pair in few])

    def rounded() -> npt.NDArray[np.float64]:
        model.precision = "bf16"
        try:
            return in_batches(model, pairs)
        finally:
            model.precision = "fp32"

    together, alone = batches()[: len(few)], single()  # and all have run once
    lower = rounded()[: len(few)]
    numbers = alternate(
        {
            "batches": lambda: len(pairs) / here.seconds(batches),
            "batches bf16": lambda: len(pairs) / here.seconds(rounded),
            "one by one": lambda: len(few) / here.seconds(single),
        },
        rounds=rounds,
    )
    metrics: dict[str, Metric] = {
        f"{name}, rate": summarise(values, "pairs/s", centre="median")
        for name, values in numbers.items()
    }
    for name in ("batches", "batches bf16"):
        metrics[f"{name} over one by one"] = ratios(numbers[name], numbers["one by one"])
    rounded_same = lower.argmax(axis=1) == alone.argmax(axis=1)
    metrics["same labels bf16"] = summarise([100 * float(rounded_same.mean())], "percent")
    same = together.argmax(axis=1) == alone.argmax(axis=1)
    metrics["same labels"] = summarise([100 * float(same.mean())], "percent")
    details = {
        "batch_size": BATCH_SIZE,
        "count": len(pairs),
        "one_by_one": len(few),
        "kind": model.arguments["kind"],
        "networks": len(model.members),
        "pairs_per_second": numbers,
    }
    return metrics, details


def in_batches(model: NLIModel, pairs: Sequence[Pair]) -> npt.NDArray[np.float64]:
    """Return the probabilities of each pair, computed as ``nli predict`` does. Shape (N, A)."""
    rows = [Row(number, {}, pair) for number, pair in enumerate(pairs, start=1)]
    starts = range(0, len(rows), BATCH_SIZE)
    return np.concatenate([probabilities_of(rows[at : at + BATCH_SIZE], model) for at in starts])


def generated_rows() -> Iterator[str]:
    """Yield rows of JSONL without end: pairs of the embedded grammar, again from the first."""
    texts = [(pair.premise, pair.hypothesis) for pair in entailment_pairs(DISTINCT_ROWS, seed=0)]
    for number, (premise, hypothesis) in zip(counted(), cycle(texts), strict=False):
        yield json.dumps({"id": number, "premise": premise, "hypothesis": hypothesis})


def test_pairs(corpus: Corpus, count: int) -> list[Pair]:
    """Return pairs of the test split in their order, again from the first if too few.

    Raises:
        DataError: If the corpus holds no pairs.
    """
    sentences, words = corpus.pairs("test"), corpus.vocabulary
    rows = np.resize(np.arange(len(sentences) // 2), count).tolist()
    return [
        (words.decode(sentences[2 * row].tolist()), words.decode(sentences[2 * row + 1].tolist()))
        for row in rows
    ]


if __name__ == "__main__":
    main()
