"""Labelling pairs: batches as ``nli predict`` makes them, against one pair at a time.

Both call the same model on the same pairs, those of the corpus's test split. Beside it, the memory
of the command itself over a long stream of rows, which must not grow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click
import numpy as np
import numpy.typing as npt

from arae_toolkit.benchmarks.batching import compare_batches, numbered_rows
from arae_toolkit.benchmarks.common import Measured, Setting, number, program
from arae_toolkit.benchmarks.programs import measure_stream
from arae_toolkit.bulk.row_answers import probabilities_of
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data_prep.synthetic.corpora import entailment_pairs
from arae_toolkit.nli.model import NLIModel, Pair
from arae_toolkit.recipes.nli.options import load_nli_model
from arae_toolkit.recipes.nli.predict import BATCH_SIZE
from arae_toolkit.storage.rows import Row

DISTINCT_ROWS = 30_000


@program(
    "nli_prediction",
    "runs/nli-tiny --corpus corpora/snli",
    "tiny --lines 100000 --threads 1",
    takes=("corpus", "device", "threads"),
)
@click.argument("run")
@number("--count", 9_000, "Pairs a run.")
@number("--one-by-one", 500, "Pairs a run of the version that labels each by itself.")
@number("--rounds", 5, "Runs of each version.", least=2)
@number(
    "--lines", 1_000_000, "Rows of the stream whose memory is measured; 0 leaves it out.", least=0
)
def main(
    here: Setting, corpus: Corpus, *, run: str, count: int, one_by_one: int, rounds: int, lines: int
) -> Measured:
    """Measure how many pairs a second the classifier of RUN labels, and in how much memory."""
    model = load_nli_model(run, here.device.type)
    pairs = test_pairs(corpus, count)

    def labels(probabilities: npt.NDArray[np.float64]) -> list[int]:
        found: list[int] = probabilities.argmax(axis=1).tolist()
        return found

    def rounded() -> list[int]:
        model.precision = "bf16"
        try:
            return labels(in_batches(model, pairs))
        finally:
            model.precision = "fp32"

    metrics, details = compare_batches(
        here,
        lambda: labels(in_batches(model, pairs)),
        rounded,
        lambda: [labels(model.probabilities([pair]))[0] for pair in pairs[:one_by_one]],
        count=len(pairs),
        rounds=rounds,
        rows="pairs",
        answers="labels",
    )
    details |= {"batch_size": BATCH_SIZE, "kind": model.arguments["kind"]}
    details["networks"] = len(model.members)
    if lines:
        command = ["nli", "predict", run, "--device", here.device.type]
        metrics |= measure_stream(here, command, generated_rows(), lines=lines)
    return metrics, details


def in_batches(model: NLIModel, pairs: Sequence[Pair]) -> npt.NDArray[np.float64]:
    """Return the probabilities of each pair, computed as ``nli predict`` does. Shape (N, A)."""
    rows = [Row(number, {}, pair) for number, pair in enumerate(pairs, start=1)]
    starts = range(0, len(rows), BATCH_SIZE)
    return np.concatenate([probabilities_of(rows[at : at + BATCH_SIZE], model) for at in starts])


def generated_rows() -> Iterator[str]:
    """Yield rows of JSONL without end: pairs of the embedded grammar, again from the first."""
    pairs = entailment_pairs(DISTINCT_ROWS, seed=0)
    rows = [{"premise": pair.premise, "hypothesis": pair.hypothesis} for pair in pairs]
    yield from numbered_rows(rows)


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
