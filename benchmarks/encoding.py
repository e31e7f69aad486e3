"""Encoding sentences: the library against a textbook loop with the same weights and tokenizer.

The textbook pads batches of 64 in the order given and runs them through ``nn.LSTM``. That both give
the same codes is measured too, and the share of the arithmetic limit that the library reaches: the
time that the products of every distinct word, and of every state, take by themselves.
Sentences that begin alike share their first states; the looser limit, every sentence by itself,
counts these states for each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import click
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.benchmarks.common import (
    Measured,
    Setting,
    number,
    program,
    rate_metrics,
    ratios,
)
from arae_toolkit.benchmarks.roofline.arithmetic import Product, needed_recurrence
from arae_toolkit.benchmarks.roofline.counts import Counts, count_sentences, mean_counts
from arae_toolkit.benchmarks.roofline.limits import arithmetic_metrics
from arae_toolkit.benchmarks.roofline.rates import MatrixRates
from arae_toolkit.benchmarks.runs import trained_model
from arae_toolkit.benchmarks.textbook import Encoder, Sizes
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.vocabulary import PAD
from arae_toolkit.models.arae import ARAE
from arae_toolkit.ops.prefix_lstm import PrefixTree, alphabetical_batches
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.reports.results import summarise

BATCH_SIZE, LIBRARY_BATCH_SIZE = 64, 1024
TOLERANCE = 1e-3


@program(
    "encoding",
    "runs/snli --corpus corpora/snli --threads 2",
    "runs/snli --device cuda --count 100000",
)
@click.argument("run")
@number("--count", 10_000, "Sentences a run.")
@number("--rounds", 5, "Runs of each version.", least=2)
def main(
    here: Setting, corpus: Corpus, seed: int, *, run: str, count: int, rounds: int
) -> Measured:
    """Measure how many sentences a second the model of RUN encodes."""
    model = trained_model(here, find_run(run), corpus)
    return measure(here, model, texts_of(corpus, count, seed=seed), rounds=rounds)


def measure(here: Setting, model: ARAE, texts: Sequence[str], *, rounds: int) -> Measured:
    """Return the metrics and details of this benchmark.

    Args:
        here: The clock and the device.
        model: On the same device.
        texts: Encoded in each run.
        rounds: Runs of each version.
    """
    encoder = textbook_encoder(model)

    def library() -> Tensor:
        return model.encode(texts, batch_size=LIBRARY_BATCH_SIZE)

    def textbook() -> Tensor:
        return textbook_encode(model, encoder, texts)

    agreement = same_codes(library(), textbook())  # and both have run once
    batch = count_batches(model, texts)
    products = batch.products(model)
    by_itself = batch.products(model, shared=False)
    rates = MatrixRates(here)
    rates.measure([*products, *by_itself], torch.float32)
    numbers = here.alternate(
        {
            "library": here.rate(library, len(texts)),
            "textbook": here.rate(textbook, len(texts)),
        },
        rounds=rounds,
    )
    rates.measure([*products, *by_itself], torch.float32)
    limit, looser = (
        batch.counts.sentences / rates.limit_seconds(some, torch.float32)
        for some in (products, by_itself)
    )
    metrics = rate_metrics(numbers, "sentences/s")
    metrics["library over textbook"] = ratios(numbers["library"], numbers["textbook"])
    metrics |= arithmetic_metrics("library", limit, numbers["library"])
    metrics |= arithmetic_metrics("library, every sentence by itself", looser, numbers["library"])
    metrics["same codes"] = summarise([agreement], "percent")
    details = {
        "count": len(texts),
        "batches": batch.number,
        "tokens_per_sentence": batch.counts.tokens / batch.counts.sentences,
        "distinct_words": batch.words,
        "distinct_beginnings_per_token": batch.beginnings / batch.counts.tokens,
        "sentences_per_second": numbers,
        "gigaflops_per_second_by_shape": rates.table(),
    }
    return metrics, details


def texts_of(corpus: Corpus, count: int, *, seed: int) -> list[str]:
    """Return sentences of the train split in random order, again from the first if too few."""
    split = corpus.split("train")
    order = np.random.default_rng(seed).permutation(len(split))
    rows = np.resize(order, count).tolist()
    return [corpus.vocabulary.decode(split[row].tolist()) for row in rows]


def textbook_encoder(model: ARAE) -> Encoder:
    """Return the textbook's encoder with the weights of a model."""
    sizes = Sizes(
        embedding=model.arguments["embedding_size"],
        code=model.code_size,
        encoder=model.arguments["encoder_size"],
    )
    encoder = Encoder(len(model.vocabulary), sizes).to(model.device)
    weights = model.encoder.state_dict()
    encoder.load_state_dict({name.removeprefix("head."): weights[name] for name in weights})
    return encoder.eval()


@torch.no_grad()
def textbook_encode(model: ARAE, encoder: Encoder, texts: Sequence[str]) -> Tensor:
    """Return the code of each text, batch after batch as given. Shape (B, Z).

    Args:
        model: For its vocabulary.
        encoder: From :func:`textbook_encoder`.
        texts: Encoded in this order.
    """
    codes = []
    for start in range(0, len(texts), BATCH_SIZE):
        sentences = model.vocabulary.encode_batch(list(texts[start : start + BATCH_SIZE]))
        lengths = torch.tensor([len(sentence) for sentence in sentences])
        tokens = torch.full((len(sentences), int(lengths.max())), PAD)
        for row, sentence in enumerate(sentences):
            tokens[row, : len(sentence)] = torch.tensor(sentence)
        codes.append(encoder(tokens.to(model.device), lengths.to(model.device)))
    return torch.cat(codes)


def same_codes(codes: Tensor, others: Tensor) -> float:
    """Return the percentage of rows that two tables of unit-norm codes agree on. Shapes (B, Z)."""
    cosine = functional.cosine_similarity(codes, others)
    return 100 * float((cosine > 1 - TOLERANCE).float().mean())


@dataclass(frozen=True)
class Batches:
    """What the library's batches hold.

    Attributes:
        number: How many there are.
        words: Distinct words in all of them, each of which needs a product only once.
        counts: Means over them.
        beginnings: Distinct beginnings of sentences, whole ones included; a mean.
        first_words: Those of one word.
    """

    number: int
    words: int
    counts: Counts
    beginnings: float
    first_words: float

    def products(self, model: ARAE, *, shared: bool = True) -> list[Product]:
        """Return the products that a batch needs: its share of the words, and one for each state.

        Args:
            model: For its sizes.
            shared: Whether sentences share the states of their common beginnings.
        """
        rows, mapped = round(self.counts.sentences), model.arguments["encoder_size"]
        embedding_size, size = model.arguments["embedding_size"], mapped or model.code_size
        once = [Product("words", round(self.words / self.number), embedding_size, 4 * size)]
        if mapped:
            once.append(Product("map", rows, mapped, model.code_size))
        if not shared:
            return [*once, *needed_recurrence("states", self.counts, size, backward=False)]
        after_first = self.beginnings - self.first_words  # the first state is zero
        return [*once, Product("states", rows, size, 4 * size, after_first / rows)]


def count_batches(model: ARAE, texts: Sequence[str]) -> Batches:
    """Count what the library's batches hold.

    Args:
        model: For its vocabulary.
        texts: Put into batches in alphabetical order of ids.
    """
    sentences = model.vocabulary.encode_batch(list(texts))
    batches = [
        [sentences[row] for row in rows]
        for rows in alphabetical_batches(sentences, LIBRARY_BATCH_SIZE)
    ]
    counts, trees = [count_sentences(batch) for batch in batches], map(PrefixTree.of, batches)
    beginnings = [(len(tree.words), tree.counts[0]) for tree in trees]
    return Batches(
        len(batches),
        len({word for sentence in sentences for word in sentence}),
        mean_counts(counts),
        *(fmean(numbers) for numbers in zip(*beginnings, strict=True)),
    )


if __name__ == "__main__":
    main()
