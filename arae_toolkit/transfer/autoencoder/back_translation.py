"""Back-translation: reconstruction of sentences from their own transfer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.config.schema import TrainingConfig
from arae_toolkit.data.labelled_batches import AttributeStore, LabelledBatch
from arae_toolkit.data.samplers import draw, reseed
from arae_toolkit.data.token_batches import TokenBatch, batch_of
from arae_toolkit.data.vocabulary import EOS, PAD
from arae_toolkit.devices import reduced
from arae_toolkit.distributed.ranks import ALONE, Ranks
from arae_toolkit.generation.decoding import Decoding, decode
from arae_toolkit.nn.shared_rows import shared_rows
from arae_toolkit.ops.sampled_softmax import SoftmaxSample
from arae_toolkit.optim.update import Scalars, Update
from arae_toolkit.pretraining.steps import GradientTerm, encode_rows
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder
from arae_toolkit.transfer.autoencoder.rewriter import shown

_ROWS = 5  # stream of random rows
MOST_WORDS_MORE = 4
"""A transfer is cut at so many words more than the longest of its batch has."""


def back_translation_step(
    encoder: Callable[[TokenBatch], Tensor],
    decoder: Any,
    transferred: TokenBatch,
    value: int,
    originals: TokenBatch,
    update: Update,
    *,
    weight: float,
    sample: SoftmaxSample | None,
    dtype: torch.dtype,
) -> Scalars:
    """Train encoder and decoders to write sentences back from their transfer (back-translation).

    Args:
        encoder: Moved.
        decoder: Moved, the decoders by attribute.
        transferred: What the encoder sees of what the sentences were turned into, of another
            attribute value.
        value: The originals' own value.
        originals: The sentences.
        update: Of encoder and decoders.
        weight: Of the loss.
        sample: Of the softmax; ``None`` for all of it.
        dtype: Precision of the matrix products.
    """
    with reduced(originals.device, dtype):
        code = encoder(transferred)
        nats = decoder.part_nats(value, code, originals, dtype=dtype, sample=sample)
    update.descend(weight * nats / len(originals))  # the other values' decoders have no part in it
    return {"cycle_nats_per_token": nats.detach() / originals.symbols}


class BackTranslation:
    """An iteration's back-translation: half a batch of one value is transferred, and written back.

    The transfer is greedy and has no gradient; its encoder sees what it sees whenever sentences are
    transferred. On the way back as many words are hidden as in the reconstruction: the decoders
    learn from codes of one kind. Nothing aligned is needed, and the code learns to keep what the
    other value's decoder needs to say the same (as in Lample et al., 2019).

    Args:
        model: In training.
        training: The schedule.
        store: Training sentences with their attribute values.
        update: Of encoder and decoders.
        iterations: In the whole run.
        dtype: Precision of the matrix products.
        ranks: Processes that share out the rows of every batch.
    """

    def __init__(
        self,
        model: TransferAutoencoder,
        training: TrainingConfig,
        store: AttributeStore,
        *,
        update: Update,
        iterations: int,
        dtype: torch.dtype,
        ranks: Ranks = ALONE,
    ) -> None:
        self.ranks = ranks
        self.encoder, self.decoder = shared_rows(model.encoder, model.decoder, ranks)
        self.model, self.training, self.store, self.update = model, training, store, update
        self.first, self.dtype = int(training.cycle_start * iterations), dtype
        self.modules: Mapping[str, nn.Module] = {}
        self.updates: Mapping[str, Update] = {}
        self.random = torch.Generator(store.device)
        self._rows = [
            (store.labels == value).nonzero()[0] for value in range(len(model.attributes))
        ]
        self._iteration = 0

    def prepare(self, iteration: int) -> None:
        """Remember the iteration."""
        self._iteration = iteration

    def gradient_terms(self) -> Sequence[GradientTerm]:
        """Return nothing: this is an update of its own."""
        return []

    def run(self, code_gradient_norm: Tensor) -> Scalars:
        """Write back half a batch, where it is an iteration's turn."""
        del code_gradient_norm
        turn, rest = divmod(self._iteration, self.training.cycle_every)
        if self._iteration < self.first or rest:
            return {"cycle_nats_per_token": torch.zeros((), device=self.store.device)}
        training, values = self.training, len(self.model.attributes)
        reseed(self.random, seed=training.seed, iteration=self._iteration)
        value = turn % values
        other = (value + 1 + turn // values % (values - 1)) % values
        seed = (training.seed, _ROWS, self._iteration)
        chosen = draw(len(self._rows[value]), max(1, training.batch_size // 2), seed=seed)
        originals = self.store.batch(self._rows[value][chosen]).whole
        visible = shown(self.model, originals, other, strength=1.0)
        code = encode_rows(self.encoder, [visible], dtype=self.dtype)
        most = originals.tokens.shape[1] + MOST_WORDS_MORE
        with reduced(code.device, self.dtype):
            words = decode(
                self.model.decoder.of(other),
                self.model.decoder.code_of(other, code[self.ranks.rows(len(code))]),
                decoding=Decoding(dtype=self.dtype),
                max_length=most,
            )
        if self.ranks.size > 1:  # of one width, so that they can be gathered
            words = functional.pad(words, (0, most - words.shape[1]), value=PAD)
        words = self.ranks.gathered(words, len(code))
        samples = training.softmax_samples
        scalars = back_translation_step(
            self.encoder,
            self.decoder,
            self._corrupted([ended(row) for row in words.tolist()], other),
            value,
            originals,
            self.update,
            weight=training.cycle_weight,
            sample=SoftmaxSample(samples, self.random) if samples else None,
            dtype=self.dtype,
        )
        # Counted for the iterations without one as well, so that a mean over all of them is right.
        return {name: value * self.training.cycle_every for name, value in scalars.items()}

    def _corrupted(self, sentences: list[list[int]], value: int) -> TokenBatch:
        """Return sentences of an attribute value as the encoder sees them in reconstruction."""
        batch = batch_of(sentences, device=self.store.device)
        labels = torch.full_like(batch.lengths, value)
        labelled = LabelledBatch(
            batch.tokens, batch.lengths, batch.packing, labels, self.store.chances
        )
        return labelled.corrupted(share=self.training.word_drop, generator=self.random)


def ended(words: Sequence[int]) -> list[int]:
    """Return ids up to the first ``<eos>``, with one at the end in any case."""
    row = list(words)
    return [*row[: row.index(EOS)], EOS] if EOS in row else [*(w for w in row if w), EOS]
