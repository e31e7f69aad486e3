"""The latent rewriter: encode, then decode by the decoder of another attribute value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from arae_toolkit.data.token_batches import TokenBatch, length_bucketed_batches
from arae_toolkit.data.vocabulary import UNKNOWN, Vocabulary
from arae_toolkit.devices import Precision, dtype_of, reduced
from arae_toolkit.models.model_folder import ModelFolder
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder
from arae_toolkit.transfer.rewriter import (
    STRENGTHS,
    TEMPERATURES,
    ProposalDecoding,
    Sentence,
    network_of,
    uniform_draws,
)

LATENT = "transfer"
"""Kind of the model folder."""
MASKED_FROM = 0.5
"""At strength 1 a word is masked if it marks another value so much: r = 2 times as frequent."""


class LatentRewriter:
    """The paper's transfer (section 3): greedy decoding by the target's decoder.

    The strength moves the code against the latent attribute classifier where it is above 1. Where
    the model was trained with attribute words masked, they are masked here as well: at strength 1
    those it mostly did not see, fewer below, more above.

    Args:
        model: Trained.
        vocabulary: Its words.
        dtype: Of the matrix products.
    """

    def __init__(
        self,
        model: TransferAutoencoder,
        vocabulary: Vocabulary,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Wrap a trained model, whose weights must not change any more."""
        self.model, self.vocabulary, self.dtype = model, vocabulary, dtype
        self.attributes = model.attributes
        self._decode = ProposalDecoding(model.max_length, dtype=dtype)

    @classmethod
    def from_content(cls, content: ModelFolder, *, precision: Precision = "fp32") -> LatentRewriter:
        """Return the rewriter of a model folder."""
        assert content.vocabulary is not None, "a text model has a vocabulary"
        model = network_of(TransferAutoencoder, content)
        return cls(model, content.vocabulary, dtype=dtype_of(precision))

    @torch.no_grad()
    def propose(
        self,
        sentences: Sequence[Sentence],
        targets: Sequence[int],
        *,
        count: int,
        strength: float,
        seed: int,
    ) -> list[list[Sentence]]:
        """Return proposals; see :class:`~arae_toolkit.transfer.rewriter.Rewriter`.

        The first is the likeliest word after word; the others are drawn, at two temperatures and
        several strengths.
        """
        proposals: list[list[Sentence]] = [[] for _ in sentences]
        wanted = np.asarray(targets)
        for value in np.unique(wanted).tolist():
            rows = (wanted == value).nonzero()[0].tolist()
            own = [sentences[row] for row in rows]
            decoder, longest = self.model.decoder, self.model.max_length
            draws = uniform_draws(seed, own, count=count, length=longest)
            for turn, uniform in enumerate(draws):
                factor = STRENGTHS[turn % len(STRENGTHS)]
                warmer = turn // len(STRENGTHS) % len(TEMPERATURES)
                found = self._decode(
                    decoder.of(value),
                    decoder.code_of(value, self.codes(own, value, strength=strength * factor)),
                    temperature=TEMPERATURES[warmer] if turn else 0.0,
                    uniform=uniform,
                )
                for row, words in zip(rows, found, strict=True):
                    proposals[row].append(words)
        return proposals

    def codes(
        self, sentences: Sequence[Sentence], target: int, *, strength: float, batch_size: int = 256
    ) -> Tensor:
        """Return the codes that the target's decoder is given. Shape (N, Z)."""
        device = self.model.device
        code = torch.zeros(len(sentences), self.model.arguments["code_size"], device=device)
        for rows, batch in length_bucketed_batches(sentences, batch_size, device=device):
            with reduced(device, self.dtype):
                visible = shown(self.model, batch, target, strength=strength)
                code[rows] = self.model.encoder(visible).float()
        return self.model.edited(code, target, strength=strength)


def shown(
    model: TransferAutoencoder, batch: TokenBatch, target: int, *, strength: float
) -> TokenBatch:
    """Return what transfer shows the encoder: all but the words that mark other values.

    Args:
        model: Nothing is masked unless it was trained with words hidden.
        batch: The sentences.
        target: The attribute value to be written.
        strength: At 1 the words are masked that training mostly hid; fewer below, more above.
    """
    if not model.arguments["hides"] or strength <= 0:
        return batch
    others = [value for value in range(len(model.attributes)) if value != target]
    chances = model.chances[others].amax(dim=0)
    least = MASKED_FROM / strength
    if strength >= 1:
        least = 1 - (1 - MASKED_FROM) ** (1 / strength)
    marks = chances >= least
    return batch.with_tokens(torch.where(marks[batch.tokens], UNKNOWN, batch.tokens))
