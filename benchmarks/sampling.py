"""Sampling sentences: the library against a textbook loop with the same weights, greedy.

The textbook decodes one batch after the other, or one sentence after the other, and always runs to
the model's maximum length. That both give the same sentences for the same codes is measured too,
and the share of the arithmetic limit that the library reaches: the time that the products of every
word that stands in the sentences take by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import click
import torch

from arae_toolkit.benchmarks.common import (
    Measured,
    Setting,
    number,
    program,
    rate_metrics,
    ratios,
)
from arae_toolkit.benchmarks.roofline.arithmetic import Product
from arae_toolkit.benchmarks.roofline.counts import Counts, count_sentences
from arae_toolkit.benchmarks.roofline.limits import arithmetic_metrics
from arae_toolkit.benchmarks.roofline.rates import MatrixRates
from arae_toolkit.benchmarks.runs import trained_model
from arae_toolkit.benchmarks.textbook import Decoder, Sizes
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.models.arae import ARAE
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.reports.results import summarise

BATCH_SIZE = 64
LIBRARY_BATCH_SIZE = 512
COMPARED = 512


@program(
    "sampling",
    "runs/snli --corpus corpora/snli --threads 2",
    "runs/snli --device cuda --count 100000",
)
@click.argument("run")
@number("--count", 10_000, "Sentences a run.")
@number("--one-by-one", 500, "Sentences a run of the version that decodes each by itself.")
@number("--rounds", 3, "Runs of each version.", least=2)
def main(here: Setting, corpus: Corpus, *, run: str, **extent: int) -> Measured:
    """Measure how many sentences a second the model of RUN samples."""
    return measure(here, trained_model(here, find_run(run), corpus), **extent)


def measure(
    here: Setting,
    model: ARAE,
    *,
    count: int,
    one_by_one: int,
    rounds: int,
    seed: int,
) -> Measured:
    """Return the metrics and details of this benchmark.

    Args:
        here: The clock and the device.
        model: On the same device.
        count: Sentences in a run.
        one_by_one: Sentences in a run of the version that decodes each by itself; 0 leaves it out.
        rounds: Runs of each version.
        seed: Of the codes.
    """
    decoder = textbook_decoder(model)

    def rate(work: Callable[[int], object], sentences: int) -> Callable[[], float]:
        work(min(sentences, BATCH_SIZE))  # warm up
        return here.rate(lambda: work(sentences), sentences)

    def in_batches(size: int) -> Callable[[int], object]:
        return lambda sentences: textbook_sample(
            model, decoder, sentences, batch_size=size, seed=seed
        )

    def library(sentences: int) -> list[str]:
        return model.sample(sentences, seed=seed, batch_size=LIBRARY_BATCH_SIZE)

    works = {
        "library": rate(library, count),
        f"textbook, batches of {BATCH_SIZE}": rate(in_batches(BATCH_SIZE), count),
    }
    if one_by_one:
        works["textbook, one by one"] = rate(in_batches(1), one_by_one)
    together = min(count, LIBRARY_BATCH_SIZE)
    counts = count_samples(model, decoder, sentences=together, seed=seed)
    products = products_of_sampling(model, sentences=together, counts=counts, count=count)
    rates = MatrixRates(here)
    rates.measure(products, torch.float32)
    numbers = here.alternate(works, rounds=rounds)
    rates.measure(products, torch.float32)
    limit = together / rates.limit_seconds(products, torch.float32)
    metrics = rate_metrics(numbers, "sentences/s")
    for name, values in numbers.items():
        if name != "library":
            metrics[f"library over {name}"] = ratios(numbers["library"], values)
    metrics |= arithmetic_metrics("library", limit, numbers["library"])
    metrics["same sentences"] = summarise([same_sentences(model, decoder, seed=seed)], "percent")
    details = {
        "count": count,
        "one_by_one": one_by_one,
        "tokens_per_sentence": counts.tokens / counts.sentences,
        "sentences_per_second": numbers,
        "gigaflops_per_second_by_shape": rates.table(),
    }
    return metrics, details


def products_of_sampling(
    model: ARAE, *, sentences: int, counts: Counts, count: int
) -> list[Product]:
    """Return the products that sampling needs, for so many sentences of it.

    A word's product with the gate weights is the same wherever it stands, so it is needed once for
    each distinct word of a whole run, of which these sentences are a part.

    Args:
        model: For its sizes.
        sentences: Decoded together.
        counts: What some sampled sentences hold.
        count: Sentences in a run.
    """
    sizes, tokens = model.arguments, counts.tokens / counts.sentences
    hidden, vocab_size = sizes["hidden_size"], len(model.vocabulary)
    scoring = model.decoder.projection.in_features
    distinct, share = round(counts.distinct), min(1.0, sentences / count)
    products = [
        Product("words", distinct, sizes["embedding_size"], 4 * hidden, share),
        Product("code", sentences, model.code_size, 4 * hidden),
        Product("states", sentences, hidden, 4 * hidden, tokens - 1),  # the first state is zero
        Product("projection", sentences, scoring, vocab_size, tokens),
    ]
    if sizes["output_map"]:
        products.append(Product("output map", sentences, hidden, scoring, tokens))
    layers = (sizes["noise_size"], *sizes["generator_sizes"], model.code_size)
    if sizes["prior"] == "generator":
        products += [Product("generator", sentences, *layer) for layer in pairwise(layers)]
    return products


def count_samples(model: ARAE, decoder: Decoder, *, sentences: int, seed: int) -> Counts:
    """Count what some sampled sentences hold, ``<eos>`` included where they end by it."""
    generator = torch.Generator(model.device).manual_seed(seed)
    words = decoder.decode(
        model.prior.sample(sentences, generator=generator), steps=model.max_length
    )
    before_end = (words == EOS).cumsum(dim=1) == 0
    lengths = (before_end.sum(dim=1) + 1).clamp(max=model.max_length).tolist()
    rows = words.tolist()
    return count_sentences([row[:length] for row, length in zip(rows, lengths, strict=True)])


def textbook_decoder(model: ARAE) -> Decoder:
    """Return the textbook's decoder with the weights of a model."""
    sizes = Sizes(
        embedding=model.arguments["embedding_size"],
        code=model.code_size,
        hidden=model.arguments["hidden_size"],
        code_gain=model.arguments["code_gain"],
        output_map=model.arguments["output_map"],
    )
    decoder = Decoder(len(model.vocabulary), sizes).to(model.device)
    decoder.load_state_dict(model.decoder.state_dict())
    return decoder.eval()


def textbook_sample(
    model: ARAE, decoder: Decoder, count: int, *, batch_size: int, seed: int
) -> list[str]:
    """Return new sentences, decoded batch after batch to the maximum length.

    Args:
        model: For its prior and vocabulary.
        decoder: From :func:`textbook_decoder`.
        count: Sentences.
        batch_size: Sentences decoded together.
        seed: Of the codes.
    """
    generator = torch.Generator(model.device).manual_seed(seed)
    sentences: list[str] = []
    while len(sentences) < count:
        code = model.prior.sample(min(batch_size, count - len(sentences)), generator=generator)
        words = decoder.decode(code, steps=model.max_length)
        sentences += [model.vocabulary.decode(row) for row in words.tolist()]
    return sentences


def same_sentences(model: ARAE, decoder: Decoder, *, seed: int) -> float:
    """Return the percentage of codes from which both versions decode the same sentence."""
    generator = torch.Generator(model.device).manual_seed(seed)
    code = model.prior.sample(COMPARED, generator=generator)
    words = decoder.decode(code, steps=model.max_length)
    theirs = [model.vocabulary.decode(row) for row in words.tolist()]
    pairs = zip(model.decode(code), theirs, strict=True)
    return 100 * sum(ours == other for ours, other in pairs) / COMPARED


if __name__ == "__main__":
    main()
