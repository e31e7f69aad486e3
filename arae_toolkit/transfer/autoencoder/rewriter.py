"""Transfer through the code: encode, then decode by the decoder of another attribute value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from arae_toolkit.data.token_batches import TokenBatch, length_bucketed_batches
from arae_toolkit.data.vocabulary import UNKNOWN, Vocabulary
from arae_toolkit.devices import Precision, dtype_of, reduced
from arae_toolkit.generation.decoding import Decoding, Search
from arae_toolkit.models.model_folder import ModelFolder
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder
from arae_toolkit.transfer.rewriter import STRENGTHS, TEMPERATURES, Sentence, chance, finished

LATENT = "transfer"
"""Kind of the model folder."""
HIDDEN_FROM = 0.5
"""At strength 1 a word is hidden if it marks another value so much: r = 2 times as frequent."""


class LatentRewriter:
    """The paper's transfer (section 3): greedy decoding by the target's decoder.

    The strength moves the code against the latent attribute classifier where it is above 1. Where
    the model was trained with attribute words hidden, they are hidden here as well: at strength 1
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
        self.model, self._vocabulary, self.dtype = model, vocabulary, dtype
        self._searches: dict[tuple[int, float], Search] = {}

    @classmethod
    def from_content(cls, content: ModelFolder, *, precision: Precision = "fp32") -> LatentRewriter:
        """Return the rewriter of a model folder."""
        assert content.vocabulary is not None, "a text model has a vocabulary"
        model = TransferAutoencoder.of_folder(content)
        return cls(model, content.vocabulary, dtype=dtype_of(precision))

    @property
    def vocabulary(self) -> Vocabulary:
        """Words and tokenizer."""
        return self._vocabulary

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attribute's values."""
        return self.model.attributes

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
            draws = [
                chance(seed, sentence).random((count, self.model.max_length), dtype=np.float32)
                for sentence in own
            ]
            for turn in range(count):
                factor = STRENGTHS[turn % len(STRENGTHS)]
                code = self.codes(own, value, strength=strength * factor)
                uniform = torch.from_numpy(np.stack([numbers[turn] for numbers in draws]))
                for row, words in zip(rows, self._decoded(code, value, turn, uniform), strict=True):
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
                code[rows] = self.model.encoder(self._visible(batch, target, strength)).float()
        return self.model.edited(code, target, strength=strength)

    def _visible(self, batch: TokenBatch, target: int, strength: float) -> TokenBatch:
        """Return the sentences without the words that mark other values than the target."""
        if not self.model.arguments["hides"] or strength <= 0:
            return batch
        others = [value for value in range(len(self.attributes)) if value != target]
        chances = self.model.chances[others].amax(dim=0)
        marks = (
            chances >= HIDDEN_FROM / strength
            if strength < 1
            else chances >= (1 - (1 - HIDDEN_FROM) ** (1 / strength))
        )
        return batch.with_tokens(torch.where(marks[batch.tokens], UNKNOWN, batch.tokens))

    def _decoded(self, code: Tensor, value: int, turn: int, uniform: Tensor) -> list[Sentence]:
        """Return the sentences of codes: the likeliest in the first turn, drawn ones later."""
        warmer = turn // len(STRENGTHS) % len(TEMPERATURES)
        temperature = TEMPERATURES[warmer] if turn else 0.0
        if (value, temperature) not in self._searches:
            self._searches[value, temperature] = Search(
                self.model.decoder.of(value),
                decoding=Decoding(
                    method="sample" if temperature else "greedy",
                    temperature=temperature or 1.0,
                    dtype=self.dtype,
                ),
                max_length=self.model.max_length,
                device=self.model.device,
            )
        search = self._searches[value, temperature]
        told = self.model.decoder.code_of(value, code)
        words = search(told, uniform.to(code.device) if temperature else None)
        return [finished(row) for row in words.tolist()]
