"""The matrix products of one iteration of Algorithm 1, and how fast this machine does them.

The arithmetic limit of an iteration is the time that its matrix products take by themselves, on
real tokens only: the number of floating-point operations over the measured rate, product by
product. Everything else a step does (gates, softmax, optimizers, gathering) counts as overhead.

With B sentences of on average L tokens, N = B L:

    encoder or decoder, forward     N (2 I 4H + 2 H 4H)      I inputs, H state
    the same, backward              twice that
    projection, both ways           3 * 2 N H V
    critic's encoder passes         critic_steps * the encoder forward
    separate encoder update         the encoder forward and backward
    a linear layer of an MLP        2 B in out, as often as a row passes it in either direction
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch

from arae_toolkit.configs import Config
from benchmarks.common import Setting

SQUARE = 2048
TRIAL_SECONDS, TRIALS = 0.03, 5


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


def products_of_iteration(
    config: Config, *, vocab_size: int, tokens_per_sentence: float
) -> list[Product]:
    """Return every matrix product that an iteration needs, on real tokens.

    Args:
        config: Sizes and schedule; one GAN round an iteration.
        vocab_size: V.
        tokens_per_sentence: Mean length, ``<eos>`` included.
    """
    model, training = config.model, config.training
    batch = training.batch_size
    tokens = round(batch * tokens_per_sentence)

    def lstm(
        part: str, inputs: int, size: int, *, backward: bool, times: float = 1
    ) -> list[Product]:
        return list(
            lstm_products(
                part,
                batch=batch,
                tokens=tokens,
                inputs=inputs,
                size=size,
                backward=backward,
                times=times,
            )
        )

    products = [
        *lstm("encoder", model.embedding_size, model.code_size, backward=True),
        *lstm("decoder", model.embedding_size + model.code_size, model.hidden_size, backward=True),
        *linear_products("projection", tokens, model.hidden_size, vocab_size, reduced=True),
        *lstm(
            "critic's encoder passes",
            model.embedding_size,
            model.code_size,
            backward=False,
            times=training.critic_steps,
        ),
    ]
    if training.encoder_update == "separate":
        products += lstm(
            "encoder update",
            model.embedding_size,
            model.code_size,
            backward=True,
            times=training.encoder_steps,
        )
    return products + list(_perceptron_products(config))


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


def _perceptron_products(config: Config) -> Iterator[Product]:
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
    for part, sizes in (("critic", critic_sizes), ("generator", generator_sizes)):
        for inputs, outputs in pairwise(sizes):
            yield Product(part, batch, inputs, outputs, used_by[part])


def flops_by_part(products: Iterable[Product]) -> dict[str, float]:
    """Return the floating-point operations of an iteration, by part of the model."""
    totals: dict[str, float] = {}
    for product in products:
        totals[product.part] = totals.get(product.part, 0.0) + product.flops
    return totals


class MatrixRates:
    """Measures products of given shapes once each and remembers the fastest time.

    Args:
        setting: The clock and the device.
    """

    def __init__(self, setting: Setting) -> None:
        """Start with nothing measured."""
        self.setting = setting
        self.fastest: dict[tuple[tuple[int, int, int], torch.dtype], float] = {}

    def measure(self, products: Iterable[Product], dtype: torch.dtype) -> None:
        """Measure every shape (again): the limit is what the machine can do at its best."""
        precisions = {
            (product.shape, dtype if product.reduced else torch.float32) for product in products
        }
        for key in sorted(precisions, key=str):
            seconds = self._seconds(*key)
            self.fastest[key] = min(seconds, self.fastest.get(key, seconds))

    def limit_seconds(self, products: Iterable[Product], dtype: torch.dtype) -> float:
        """Return the time that an iteration's products take by themselves."""
        return sum(
            self.fastest[product.shape, dtype if product.reduced else torch.float32] * product.times
            for product in products
        )

    def table(self) -> dict[str, float]:
        """Return the measured rates in GFLOP/s by shape and precision."""
        return {
            f"{rows} x {inner} x {columns}, {str(dtype).removeprefix('torch.')}": round(
                2e-9 * rows * inner * columns / seconds, 2
            )
            for ((rows, inner, columns), dtype), seconds in self.fastest.items()
        }

    def square_rate(self, dtype: torch.dtype) -> float:
        """Return the rate of a large square product, in floating-point operations a second."""
        square = Product("square", SQUARE, SQUARE, SQUARE, reduced=True)
        self.measure([square], dtype)
        return square.flops / self.fastest[square.shape, dtype]

    def _seconds(self, shape: tuple[int, int, int], dtype: torch.dtype) -> float:
        """Return the seconds of one product of this shape: the best of some trials."""
        rows, inner, columns = shape
        device = self.setting.device
        first = torch.randn(rows, inner, device=device).to(dtype)
        second = torch.randn(inner, columns, device=device).to(dtype)
        result = torch.empty(rows, columns, device=device, dtype=dtype)

        def repeat(count: int) -> None:
            for _ in range(count):
                torch.mm(first, second, out=result)

        repeat(2)
        once = self.setting.seconds(lambda: repeat(1))
        count = max(1, round(TRIAL_SECONDS / max(once, 1e-6)))
        return min(self.setting.seconds(lambda: repeat(count)) / count for _ in range(TRIALS))
