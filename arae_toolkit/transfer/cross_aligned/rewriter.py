"""The rewriter of a cross-aligned autoencoder (Shen et al., NIPS 2017), Table 3's baseline."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from arae_toolkit.data.token_batches import TokenBatch, length_bucketed_batches
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.devices import Precision
from arae_toolkit.models.model_folder import ModelFolder
from arae_toolkit.ops.linear_cross_entropy import token_nats
from arae_toolkit.transfer.cross_aligned.network import CrossAligned
from arae_toolkit.transfer.rewriter import (
    STRENGTHS,
    TEMPERATURES,
    ProposalDecoding,
    Sentence,
    network_of,
    uniform_draws,
)

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
        self.model, self.vocabulary, self.attributes = model, vocabulary, model.attributes
        self._decode = ProposalDecoding(model.max_length)

    @classmethod
    def from_content(
        cls, content: ModelFolder, *, precision: Precision = "fp32"
    ) -> CrossAlignedRewriter:
        """Return the rewriter of a model folder; it computes in fp32 whatever the precision."""
        del precision
        assert content.vocabulary is not None, "a text model has a vocabulary"
        return cls(network_of(CrossAligned, content), content.vocabulary)

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
        proposals: list[list[Sentence]] = [[] for _ in sentences]
        draws = uniform_draws(seed, sentences, count=count, length=self.model.max_length)
        for turn, uniform in enumerate(draws):
            far = strength * STRENGTHS[turn % len(STRENGTHS)]
            decoded = self._decode(
                self.model.generator,
                torch.cat([own + far * (wanted - own), code], dim=1),
                temperature=TEMPERATURES[turn % len(TEMPERATURES)] if turn else 0.0,
                uniform=uniform,
            )
            for found, words in zip(proposals, decoded, strict=True):
                found.append(words)
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
    nats = token_nats(
        behaviour.states.flatten(0, 1)[packing.places],
        generator.projection.weight,
        generator.projection.bias,
        batch.tokens.flatten()[packing.places],
    )
    return nats.new_zeros(len(batch)).index_add(0, packing.rows, nats)
