"""Three limits that no implementation of an iteration can beat, and the share of each reached.

*Arithmetic*: the needed matrix products take as long as this machine takes for them by themselves,
shape by shape in the fastest of several ways; see
:mod:`arae_toolkit.benchmarks.roofline.arithmetic`. *Bandwidth*: parameters, gradients and the
optimizers' moments must pass through memory, at the rate of a large copy. *Chain*: the steps of an
LSTM depend on one another, and each takes as long as it takes alone. The three may overlap in time,
so the lowest of them is the one that binds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from arae_toolkit.benchmarks.common import Setting
from arae_toolkit.benchmarks.roofline.arithmetic import (
    Product,
    needed_products,
    products_of_iteration,
    scored_words,
)
from arae_toolkit.benchmarks.roofline.counts import IterationCounts
from arae_toolkit.benchmarks.roofline.rates import (
    MatrixRates,
    copy_rate,
    step_seconds,
)
from arae_toolkit.config.schema import Config
from arae_toolkit.reports.results import Metric, summarise

FLOAT32 = 4
KINDS = ("arithmetic", "bandwidth", "chain")


@dataclass(frozen=True)
class Work:
    """What an iteration of one version must do.

    Attributes:
        sentences: B, which an iteration is counted as.
        needed: Its products, each distinct word once.
        token_by_token: Its products, every token by itself.
        bytes_moved: What must pass through memory.
        steps: LSTM steps that depend on one another, by the size H of the state.
        dtype: Of the reduced products.
    """

    sentences: int
    needed: Sequence[Product]
    token_by_token: Sequence[Product]
    bytes_moved: float
    steps: Mapping[int, float]
    dtype: torch.dtype


@dataclass(frozen=True)
class Limits:
    """Sentences a second that cannot be exceeded.

    Attributes:
        arithmetic: By the needed products.
        token_by_token: By the products of every token by itself, each shape at the rate of one
            plain call, as in earlier results; this one can be exceeded.
        bandwidth: By the bytes moved.
        chain: By the dependent steps.
    """

    arithmetic: float
    token_by_token: float
    bandwidth: float
    chain: float

    @property
    def binding(self) -> str:
        """Which of the three is the lowest."""
        return min(KINDS, key=lambda kind: float(getattr(self, kind)))

    def metrics(self, name: str, rates: Sequence[float]) -> dict[str, Metric]:
        """Return the limits and the shares of them that some measured rates reach.

        ``share of the limit`` is of the count token by token, the definition of earlier results.

        Args:
            name: Of the version; the metrics' names begin with it.
            rates: Sentences a second, by round.
        """
        metrics: dict[str, Metric] = {}
        rows = [(f"{kind} limit", f"share of the {kind} limit", kind) for kind in KINDS]
        rows.append(("arithmetic limit, token by token", "share of the limit", "token_by_token"))
        for label, share, attribute in rows:
            limit = float(getattr(self, attribute))
            metrics[f"{name}, {label}"] = summarise([limit], "sentences/s")
            shares = [100 * rate / limit for rate in rates]
            metrics[f"{name}, {share}"] = summarise(shares, "percent", centre="median")
        return metrics


def arithmetic_metrics(name: str, limit: float, rates: Sequence[float]) -> dict[str, Metric]:
    """Return the arithmetic limit and the share reached, where it is the only limit.

    Sentences that are encoded or sampled do not wait for one another, and their weights are read
    once for as many as one likes: chain and bandwidth set no limit to them.

    Args:
        name: Of the version; the metrics' names begin with it.
        limit: Sentences a second.
        rates: Measured sentences a second, by round.
    """
    shares = [100 * rate / limit for rate in rates]
    return {
        f"{name}, arithmetic limit": summarise([limit], "sentences/s"),
        f"{name}, share of the arithmetic limit": summarise(shares, "percent", centre="median"),
    }


def work_of_iteration(
    config: Config, counts: IterationCounts, *, vocab_size: int, dtype: torch.dtype
) -> Work:
    """Return what an iteration must do.

    Args:
        config: Sizes and schedule; one GAN round an iteration.
        counts: What the iteration reads.
        vocab_size: V.
        dtype: ``bfloat16`` for a version that computes encoder and decoder in it.
    """
    batch = counts.reconstruction
    return Work(
        sentences=round(batch.sentences),
        needed=needed_products(config, counts, vocab_size=vocab_size),
        token_by_token=products_of_iteration(
            config, vocab_size=vocab_size, tokens_per_sentence=batch.tokens / batch.sentences
        ),
        bytes_moved=bytes_of_iteration(config, counts, vocab_size=vocab_size, dtype=dtype),
        steps=chain_of_iteration(config, counts),
        dtype=dtype,
    )


def bytes_of_iteration(
    config: Config, counts: IterationCounts, *, vocab_size: int, dtype: torch.dtype
) -> float:
    """Return the bytes of parameters, gradients and moments that an iteration moves.

    Weights are read forward and backward (in bfloat16 where products are), gradients written and
    read, parameters read and written, Adam's two moments read and written. Of a table of words,
    only the rows of those that are read or scored have weights to read and gradients; Adam moves
    all rows, plain descent these rows alone. Of tables that are tied there is but one, whose rows
    are those that the softmax scores. Activations are left out: they may stay in caches.
    """
    model, training = config.model, config.training
    width = dtype.itemsize
    embedding, code, hidden = model.embedding_size, model.code_size, model.hidden_size
    encoder = _lstm_parameters(embedding, model.state_size)
    decoder = _lstm_parameters(embedding + code, hidden)
    scoring = model.scoring_size
    if model.output_map:
        decoder += hidden * scoring
    batch = counts.reconstruction
    scored = scored_words(config, batch, vocab_size=vocab_size) * (scoring + 1)
    reading = {"none": 2, "decoder": 1, "all": 0}[model.tied_embeddings]
    words = reading * batch.distinct * embedding
    adam = training.autoencoder_optimizer == "adam"
    tables = vocab_size * (reading * embedding + scoring + 1)
    total = _update_bytes(encoder + decoder, width, adam=adam)
    total += _update_bytes(scored + words, width, adam=adam, moved=tables if adam else None)
    for rows in counts.critic:
        total += width * (encoder + rows.distinct * embedding)
    for rows in counts.encoder:
        total += _update_bytes(encoder + rows.distinct * embedding, width, adam=False)
    critic = _perceptron_parameters((code, *model.critic_sizes, 1))
    generator = _perceptron_parameters((model.noise_size, *model.generator_sizes, code))
    total += training.critic_steps * (
        _update_bytes(critic, FLOAT32, adam=True) + FLOAT32 * generator
    )
    return total + training.generator_steps * _update_bytes(generator, FLOAT32, adam=True)


def _update_bytes(
    parameters: float, width: int, *, adam: bool, moved: float | None = None
) -> float:
    """Return the bytes of one update: weights twice, gradients twice, then the optimizer's.

    Args:
        parameters: Those with a gradient.
        width: Bytes of a weight while products are computed.
        adam: Whether there are two moments beside each parameter.
        moved: Parameters that the optimizer moves, if they are more.
    """
    optimizer = FLOAT32 * (6 if adam else 2) * (parameters if moved is None else moved)
    return parameters * (2 * width + 2 * FLOAT32) + optimizer


def _lstm_parameters(inputs: int, size: int) -> int:
    return 4 * size * (inputs + size + 2)


def _perceptron_parameters(sizes: Sequence[int]) -> int:
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))


def chain_of_iteration(config: Config, counts: IterationCounts) -> dict[int, float]:
    """Return the LSTM steps of an iteration that depend on one another, by the state's size.

    Encoder and decoder each go forward and backward over the longest sentence; then come the passes
    for the critic, forward, and the separate encoder updates, both ways.
    """
    steps = {config.model.state_size: 0.0, config.model.hidden_size: 0.0}
    steps[config.model.state_size] += 2 * counts.reconstruction.longest
    steps[config.model.hidden_size] += 2 * counts.reconstruction.longest
    steps[config.model.state_size] += sum(rows.longest for rows in counts.critic)
    steps[config.model.state_size] += sum(2 * rows.longest for rows in counts.encoder)
    return steps


class Machine:
    """Measures what the limits need, once or again, and keeps the best.

    Args:
        setting: The clock and the device.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.rates = MatrixRates(setting)
        self.bytes_per_second = 0.0
        self.step_seconds: dict[tuple[int, int, torch.dtype], float] = {}

    def measure(self, works: Iterable[Work]) -> None:
        """Measure bandwidth, products and steps (again)."""
        self.bytes_per_second = max(self.bytes_per_second, copy_rate(self.setting))
        for work in works:
            self.rates.measure(work.needed, work.dtype)
            self.rates.measure(work.token_by_token, work.dtype, at_once=True)
            for size in work.steps:
                key = rows, _, dtype = work.sentences, size, work.dtype
                seconds = step_seconds(self.setting, rows=rows, size=size, dtype=dtype)
                self.step_seconds[key] = min(seconds, self.step_seconds.get(key, seconds))

    def limits(self, work: Work) -> Limits:
        """Return the limits of what has been measured."""
        chain = sum(
            steps * self.step_seconds[work.sentences, size, work.dtype]
            for size, steps in work.steps.items()
        )
        return Limits(
            arithmetic=work.sentences / self.rates.limit_seconds(work.needed, work.dtype),
            token_by_token=work.sentences
            / self.rates.limit_seconds(work.token_by_token, work.dtype, at_once=True),
            bandwidth=work.sentences * self.bytes_per_second / work.bytes_moved,
            chain=work.sentences / chain,
        )

    def table(self) -> dict[str, object]:
        """Return what was measured, in readable units."""
        return {
            "gigabytes_per_second": round(self.bytes_per_second / 1e9, 2),
            "microseconds_per_step": {
                f"{rows} x {size}, {str(dtype).removeprefix('torch.')}": round(1e6 * seconds, 2)
                for (rows, size, dtype), seconds in self.step_seconds.items()
            },
            "gigaflops_per_second_by_shape": self.rates.table(),
        }
