"""The baseline of Table 3: transfer by a cross-aligned autoencoder (Shen et al., NIPS 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from arae_toolkit.data.token_batches import TokenBatch, length_bucketed_batches
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.devices import Precision
from arae_toolkit.generation.decoding import Decoding, Search
from arae_toolkit.models.model_folder import ModelFolder
from arae_toolkit.ops.linear_cross_entropy import token_statistics
from arae_toolkit.transfer.cross_aligned.network import CrossAligned
from arae_toolkit.transfer.rewriter import STRENGTHS, TEMPERATURES, Sentence, chance, finished

CROSS_ALIGNED = "cross-aligned"
"""Kind of the model folder."""
_BATCH_ROWS = 256


class CrossAlignedRewriter:
    """The paper's transfer: x is encoded as of its own value, and written again as of the target.

    With more than two values, a sentence's own is told by which of those beside the target
    reconstructs it best. The strength is how far y goes from the one to the other.

    Args:
        model: Trained.
        vocabulary: Its words.
    """

    def __init__(self, model: CrossAligned, vocabulary: Vocabulary) -> None:
        """Wrap a trained model, whose weights must not change any more."""
        self.model, self._vocabulary = model, vocabulary
        self._searches: dict[float, Search] = {}

    @classmethod
    def from_content(
        cls, content: ModelFolder, *, precision: Precision = "fp32"
    ) -> CrossAlignedRewriter:
        """Return the rewriter of a model folder; it computes in fp32 whatever the precision."""
        del precision
        assert content.vocabulary is not None, "a text model has a vocabulary"
        return cls(CrossAligned.of_folder(content), content.vocabulary)

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
        if not sentences:
            return []
        own, wanted, code = self._encoded(sentences, torch.tensor(targets))
        longest = self.model.max_length
        draws = np.stack(
            [chance(seed, words).random((count, longest), dtype=np.float32) for words in sentences]
        )
        proposals: list[list[Sentence]] = [[] for _ in sentences]
        for turn in range(count):
            far = strength * STRENGTHS[turn % len(STRENGTHS)]
            temperature = TEMPERATURES[turn % len(TEMPERATURES)] if turn else 0.0
            first = torch.cat([own + far * (wanted - own), code], dim=1)
            uniform = torch.from_numpy(draws[:, turn]).to(first.device) if turn else None
            words = self._search(temperature)(first, uniform)
            for found, row in zip(proposals, words.tolist(), strict=True):
                found.append(finished(row))
        return proposals

    def _encoded(
        self, sentences: Sequence[Sentence], targets: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return y of the sentences, y of their targets, and z. Shapes (N, Y), (N, Y), (N, Z)."""
        model, count = self.model, len(self.attributes)
        targets = targets.to(model.device)
        table = model.generator.attribute.weight
        own = table.new_zeros(len(targets), table.shape[1])
        code = table.new_zeros(len(targets), model.arguments["code_size"])
        for rows, batch in length_bucketed_batches(sentences, _BATCH_ROWS, device=model.device):
            others = torch.stack([(targets[rows] + shift) % count for shift in range(1, count)])
            codes = torch.stack([model.encoder(batch, labels) for labels in others])
            best = torch.zeros_like(others[0])
            if len(others) > 1:
                nats = [
                    sentence_nats(model, batch, *both) for both in zip(others, codes, strict=True)
                ]
                best = torch.stack(nats).argmin(dim=0)
            each = torch.arange(len(rows), device=model.device)
            own[rows], code[rows] = table[others[best, each]], codes[best, each]
        return own, table[targets], code

    def _search(self, temperature: float) -> Search:
        """Return what decodes, greedily at temperature 0."""
        if temperature not in self._searches:
            self._searches[temperature] = Search(
                self.model.generator,
                decoding=Decoding(method="sample", temperature=temperature)
                if temperature
                else Decoding(),
                max_length=self.model.max_length,
                device=self.model.device,
            )
        return self._searches[temperature]


@torch.no_grad()
def sentence_nats(model: CrossAligned, batch: TokenBatch, labels: Tensor, code: Tensor) -> Tensor:
    """Return what the reconstruction of each sentence costs, in nats. Shape (B,).

    Args:
        model: Trained, or in training.
        batch: Packed sentences.
        labels: Attribute values that they are read and written as. Shape (B,), int64.
        code: Their contents. Shape (B, Z).
    """
    packing, generator = batch.packing, model.generator
    assert packing is not None, "batches of texts are packed"
    behaviour = generator.forced(generator.first_state(code, labels), batch)
    nats, _ = token_statistics(
        behaviour.states.flatten(0, 1)[packing.places],
        generator.projection.weight,
        generator.projection.bias,
        batch.tokens.flatten()[packing.places],
    )
    return nats.new_zeros(len(batch)).index_add(0, packing.rows, nats)
