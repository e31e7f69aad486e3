"""The projection onto the vocabulary, forward and backward: its share of the matrix rate.

Of all products of an iteration, those of the softmax are the largest: three of them, of the states
with the table, of the scores' gradient with the table, and of that gradient with the states. They
are timed with all that is done between them, against a large square product in the same process.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from arae_toolkit.benchmarks.common import Measured, Setting, median, number, program
from arae_toolkit.benchmarks.roofline.counts import counts_of_iterations
from arae_toolkit.benchmarks.roofline.rates import MatrixRates, fastest_in_a_row
from arae_toolkit.benchmarks.training_rate import DTYPES, precisions_of
from arae_toolkit.benchmarks.versions import library_training, preset_of
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.devices import Precision, matrix_products
from arae_toolkit.ops.linear_cross_entropy import linear_cross_entropy
from arae_toolkit.reports.results import Metric

BATCHES = 50
PRODUCTS, FLOPS_PER_TERM = 3, 2


@program("projection_rate", "--corpus corpora/snli --threads 1", "--device cuda --batch-size 1024")
@number("--batch-size", 64, "Sentences.", least=2)
@number("--rounds", 5, "Of all measurements.")
def main(here: Setting, corpus: Corpus, seed: int, *, batch_size: int, rounds: int) -> Measured:
    """Measure the projection of as many tokens as the batches of a corpus have."""
    here.name = f"{here.program}-{here.device.type}-{batch_size}"
    config = preset_of(corpus, "paper-2018", batch_size)
    _, algorithm = library_training(
        here, corpus, config, precision="fp32", seed=seed, cuda_graphs=False
    )
    read = counts_of_iterations(corpus.split("train"), algorithm.sampler, config, range(BATCHES))
    tokens, words = round(read.reconstruction.tokens), len(corpus.vocabulary)
    size = config.model.scoring_size
    flops = PRODUCTS * FLOPS_PER_TERM * tokens * words * size
    metrics: dict[str, Metric] = {}
    for precision in precisions_of(here.device):
        products = MatrixRates(here)
        projections, rates = [], []
        with matrix_products(here.device, "tf32"):
            work = _work(here, tokens, words, size, precision)
            for _ in range(rounds):
                projections.append(flops / fastest_in_a_row(here, work))
                rates.append(products.square_rate(DTYPES[precision]))
        shares = [100 * ours / rate for ours, rate in zip(projections, rates, strict=True)]
        for name, values, unit in (
            ("projection", [rate / 1e9 for rate in projections], "GFLOP/s"),
            ("square matrix product", [rate / 1e9 for rate in rates], "GFLOP/s"),
            ("share of the matrix rate", shares, "percent"),
        ):
            metrics[f"{precision}, {name}"] = median(values, unit)
    details = {"batch_size": batch_size, "tokens": tokens, "words": words, "columns": size}
    return metrics, details


def _work(
    here: Setting, tokens: int, words: int, size: int, precision: Precision
) -> Callable[[], object]:
    """Return the projection forward and backward, of random states, table and targets."""
    dtype = DTYPES[precision]
    hidden = torch.randn(tokens, size, device=here.device).to(dtype).requires_grad_()
    table = (torch.randn(words, size, device=here.device) / size).requires_grad_()
    bias = torch.zeros(words, device=here.device).requires_grad_()
    targets = torch.randint(words, (tokens,), device=here.device)

    def work() -> object:
        nats = linear_cross_entropy(hidden, table, bias, targets, dtype=dtype)
        return torch.autograd.grad(nats, (hidden, table, bias))

    return work


if __name__ == "__main__":
    main()
