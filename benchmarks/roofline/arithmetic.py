"""The matrix products of one iteration of Algorithm 1, counted in two ways.

The arithmetic limit of an iteration is the time that its matrix products take by themselves: the
number of floating-point operations over the measured rate, product by product. Everything else a
step does (gates, softmax, optimizers, gathering) counts as overhead.

*Needed* are, for B sentences of together N real tokens with D distinct words among them:

    a word's gates, forward          2 D E 4H      the same wherever the word stands
    a code's gates in the decoder    2 B Z 4H      the same at every word of the sentence
    states, forward                  2 (N - B) H 4H      the first state is zero
    each of the three, backward      twice that    gradients are summed per word or sentence first
    projection, both ways            3 * 2 N H V       V: the words the softmax runs over
    with an output map               3 * 2 N E (H + V)   instead
    critic's encoder passes          the encoder forward, on the rows encoded together
    separate encoder update          the encoder forward and backward
    a linear layer of an MLP         2 B in out, as often as a row passes it in either direction

Sentences that begin alike are not merged, although they share their first states.

*Token by token*, the count of earlier results, every token has a product of its own with the
word's, the code's and the state's weights: N (2 (E + Z) 4H + 2 H 4H) forward in the decoder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from arae_toolkit.benchmarks.roofline.counts import Counts, IterationCounts
from arae_toolkit.config.schema import Config


@dataclass(frozen=True)
class Product:
    """Matrix products of one shape, (rows, inner) times (inner, columns).

    Attributes:
        part: What they belong to.
        rows: Rows of the first factor.
        inner: Columns of the first factor.
        columns: Columns of the second factor.
        times: How many there are in an iteration.
        reduced: Whether they are done in bfloat16 when the run is.
    """

    part: str
    rows: int
    inner: int
    columns: int
    times: float = 1.0
    reduced: bool = False

    @property
    def flops(self) -> float:
        """Floating-point operations of all of them."""
        return 2.0 * self.rows * self.inner * self.columns * self.times

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, inner, columns."""
        return self.rows, self.inner, self.columns


def needed_products(config: Config, counts: IterationCounts, *, vocab_size: int) -> list[Product]:
    """Return the matrix products that no way of computing an iteration can leave out.

    Args:
        config: Sizes and schedule; one GAN round an iteration.
        counts: What the iteration reads.
        vocab_size: V.
    """
    model, batch = config.model, counts.reconstruction
    encoder = model.embedding_size, model.state_size
    products = [
        *_needed_lstm("encoder", batch, *encoder, backward=True),
        *_needed_lstm("decoder", batch, model.embedding_size, model.hidden_size, backward=True),
        *linear_products(
            "decoder", round(batch.sentences), model.code_size, 4 * model.hidden_size, reduced=True
        ),
        *_scoring_products(
            config, round(batch.tokens), scored_words(config, batch, vocab_size=vocab_size)
        ),
    ]
    for rows in counts.critic:
        products += _needed_lstm("critic's encoder passes", rows, *encoder, backward=False)
    for rows in counts.encoder:
        products += _needed_lstm("encoder update", rows, *encoder, backward=True)
    return products + list(_perceptron_products(config, needed=True))


def scored_words(config: Config, batch: Counts, *, vocab_size: int) -> int:
    """Return how many words the softmax of the training loss runs over."""
    samples = config.training.softmax_samples
    return min(vocab_size, round(batch.distinct) + samples) if samples else vocab_size


def products_of_iteration(
    config: Config, *, vocab_size: int, tokens_per_sentence: float
) -> list[Product]:
    """Return the matrix products of an iteration, every real token by itself.

    Args:
        config: Sizes and schedule; one GAN round an iteration.
        vocab_size: V.
        tokens_per_sentence: Mean length, ``<eos>`` included.
    """
    model, training = config.model, config.training
    batch = training.batch_size
    tokens = round(batch * tokens_per_sentence)

    lstm = partial(lstm_products, batch=batch, tokens=tokens)
    encoder = {"inputs": model.embedding_size, "size": model.state_size}
    inputs, critic_steps = model.embedding_size + model.code_size, training.critic_steps
    products = [
        *lstm("encoder", **encoder, backward=True),
        *lstm("decoder", inputs=inputs, size=model.hidden_size, backward=True),
        *_scoring_products(config, tokens, vocab_size),
        *lstm("critic's encoder passes", **encoder, backward=False, times=critic_steps),
    ]
    if training.encoder_update == "separate":
        times = training.encoder_steps
        products += lstm("encoder update", **encoder, backward=True, times=times)
    return products + list(_perceptron_products(config, needed=False))


def lstm_products(
    part: str, *, batch: int, tokens: int, inputs: int, size: int, backward: bool, times: float = 1
) -> Iterator[Product]:
    """Yield the products of an LSTM over a batch: inputs at once, states step by step."""
    steps = tokens / batch
    yield Product(part, tokens, inputs, 4 * size, times, reduced=True)
    yield Product(part, batch, size, 4 * size, steps * times, reduced=True)
    if backward:
        yield Product(part, tokens, 4 * size, inputs, times, reduced=True)
        yield Product(part, 4 * size, tokens, inputs, times, reduced=True)
        yield Product(part, batch, 4 * size, size, steps * times, reduced=True)
        yield Product(part, 4 * size, tokens, size, times, reduced=True)


def linear_products(
    part: str, rows: int, inputs: int, outputs: int, *, times: float = 1, reduced: bool = False
) -> Iterator[Product]:
    """Yield the forward product of a linear layer and those of its two gradients."""
    yield Product(part, rows, inputs, outputs, times, reduced)
    yield Product(part, rows, outputs, inputs, times, reduced)
    yield Product(part, outputs, rows, inputs, times, reduced)


def needed_recurrence(part: str, counts: Counts, size: int, *, backward: bool) -> Iterator[Product]:
    """Yield the products of an LSTM's states: none for the first word, whose state is zero."""
    batch, after_first = round(counts.sentences), counts.tokens - counts.sentences
    steps = after_first / counts.sentences
    yield Product(part, batch, size, 4 * size, steps, reduced=True)
    if backward:
        yield Product(part, batch, 4 * size, size, steps, reduced=True)
        yield Product(part, 4 * size, max(1, round(after_first)), size, reduced=True)


def _needed_lstm(
    part: str, counts: Counts, inputs: int, size: int, *, backward: bool
) -> Iterator[Product]:
    """Yield the products of an LSTM that reads words: inputs once for each distinct word."""
    distinct = round(counts.distinct)
    if backward:
        yield from linear_products(part, distinct, inputs, 4 * size, reduced=True)
    else:
        yield Product(part, distinct, inputs, 4 * size, reduced=True)
    yield from needed_recurrence(part, counts, size, backward=backward)


def _scoring_products(config: Config, tokens: int, words: int) -> Iterator[Product]:
    """Yield the products from the decoder's states to the scores of so many words, both ways."""
    model, size = config.model, config.model.scoring_size
    if model.output_map:
        yield from linear_products("output map", tokens, model.hidden_size, size, reduced=True)
    yield from linear_products("projection", tokens, size, words, reduced=True)


def _perceptron_products(config: Config, *, needed: bool) -> Iterator[Product]:
    """Yield the products of generator and critic in one GAN round."""
    model, training = config.model, config.training
    batch = training.batch_size
    critic_sizes = (model.code_size, *model.critic_sizes, 1)
    generator_sizes = (model.noise_size, *model.generator_sizes, model.code_size)
    # Real and generated codes pass forward, for the weights' gradient and, below the top, for the
    # layer's inputs; a probed code of the penalty passes four times: its score, the slope, and
    # the slope's own gradients. The encoder's pull and the generator's step pass the critic twice.
    both = 3 * 2 * training.critic_steps
    penalty = 4 * training.critic_steps * (training.critic_constraint == "gradient_penalty")
    pulls = training.encoder_steps if training.encoder_update == "separate" else 1
    used_by = {"critic": both + penalty + 2 * (pulls + training.generator_steps)}
    used_by["generator"] = training.critic_steps + 3 * training.generator_steps
    # No one needs the gradient of the codes in the critic's own steps, nor that of the noise.
    not_needed = {"critic": 2 * training.critic_steps, "generator": training.generator_steps}
    for part, sizes in (("critic", critic_sizes), ("generator", generator_sizes)):
        for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
            times = used_by[part] - not_needed[part] * (needed and layer == 0)
            yield Product(part, batch, inputs, outputs, times)


def flops_by_part(products: Iterable[Product]) -> dict[str, float]:
    """Return the floating-point operations of an iteration, by part of the model."""
    totals: dict[str, float] = {}
    for product in products:
        totals[product.part] = totals.get(product.part, 0.0) + product.flops
    return totals
