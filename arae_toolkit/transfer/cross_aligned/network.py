"""The cross-aligned autoencoder (Shen et al., NIPS 2017), the baseline of Table 3.

Their names here: E(x, y) is the encoder, G(z, y) the generator, D_a the discriminators, h the
states of a generator that reads a real sentence, h~ of one that reads what it has written itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.noise import NoiseSource, seeded_dropout
from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.data.vocabulary import PAD
from arae_toolkit.models.model_folder import constructor_arguments
from arae_toolkit.nn import initialization
from arae_toolkit.nn.text_cnn import largest_responses
from arae_toolkit.transfer.cross_aligned.generator import AttributeGenerator, Behaviour


class AttributeEncoder(nn.Module):
    """GRU that starts from the sentence's attribute value; its last state is the content.

    Args:
        vocab_size: V.
        attributes: A.
        embedding_size: E.
        code_size: Z, also the GRU's size.
    """

    def __init__(
        self, vocab_size: int, *, attributes: int, embedding_size: int, code_size: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=PAD)
        self.attribute = nn.Embedding(attributes, code_size)
        self.gru = nn.GRU(embedding_size, code_size, batch_first=True)

    def forward(
        self,
        batch: TokenBatch,
        labels: Tensor,
        *,
        dropout: float = 0.0,
        generator: NoiseSource | None = None,
    ) -> Tensor:
        """Return z = E(x, y). Shape (B, Z).

        Args:
            batch: Sentences.
            labels: Their attribute values. Shape (B,), int64.
            dropout: Share of the embeddings' coordinates set to 0.
            generator: Source of the dropout; ``None`` turns it off.
        """
        words = seeded_dropout(self.embedding(batch.tokens), dropout, generator)
        states, _ = self.gru(words, self.attribute(labels)[None])
        last: Tensor = states[torch.arange(len(batch), device=states.device), batch.lengths - 1]
        return last


class StateDiscriminator(nn.Module):
    """Convolutions over a sequence of states (after Kim, 2014): is the sentence read, or written?

    Args:
        state_size: H.
        filters: Of each width.
        widths: States a filter sees.
    """

    def __init__(self, *, state_size: int, filters: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.filters = nn.ModuleList(nn.Linear(width * state_size, filters) for width in widths)
        self.output = nn.Linear(filters * len(self.widths), 1)

    def forward(
        self,
        behaviour: Behaviour,
        *,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return scores before the sigmoid, high for read sentences. Shape (B,).

        Args:
            behaviour: Of B sentences.
            dropout: Share of the responses set to 0.
            generator: Source of the dropout; ``None`` turns it off.
        """
        states = behaviour.states
        columns = torch.arange(states.shape[1], device=states.device)
        beyond = (columns >= behaviour.lengths[:, None])[:, :, None]
        states = states.masked_fill(beyond, 0.0)
        found = largest_responses(states, beyond, widths=self.widths, filters=self.filters)
        found = functional.leaky_relu(found, 0.01)
        return self.output(seeded_dropout(found, dropout, generator))[:, 0]  # type: ignore[no-any-return]


class CrossAligned(nn.Module):
    """Encoder, generator and a discriminator for each attribute value.

    Args:
        vocab_size: V.
        attributes: Names of the attribute's values, A of them.
        max_length: Most words in a sentence written.
        embedding_size: E.
        attribute_size: Coordinates of y in the generator's first state.
        code_size: Z.
        filters: Of the discriminators, of each width.
        widths: States that a discriminator's filters see.
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        attributes: Sequence[str],
        max_length: int,
        embedding_size: int = 128,
        attribute_size: int = 64,
        code_size: int = 192,
        filters: int = 64,
        widths: Sequence[int] = (1, 2, 3, 4, 5),
    ) -> None:
        """Make the networks; :meth:`initialize` or a model folder gives them their weights."""
        arguments = constructor_arguments(locals(), "vocab_size")
        super().__init__()
        self.vocab_size, self.attributes = vocab_size, tuple(attributes)
        self.max_length = max_length
        self.arguments = arguments
        count = len(self.attributes)
        self.encoder = AttributeEncoder(
            vocab_size, attributes=count, embedding_size=embedding_size, code_size=code_size
        )
        self.generator = AttributeGenerator(
            vocab_size,
            attributes=count,
            embedding_size=embedding_size,
            attribute_size=attribute_size,
            code_size=code_size,
        )
        self.discriminators = nn.ModuleList(
            StateDiscriminator(
                state_size=attribute_size + code_size, filters=filters, widths=widths
            )
            for _ in range(count)
        )

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.generator.projection.weight.device

    @torch.no_grad()
    def initialize(self, generator: torch.Generator) -> None:
        """Draw starting weights."""
        for network in (self.encoder, self.generator):
            initialization.uniform(network, bound=0.1, generator=generator)
        for parameter in self.discriminators.parameters():
            spread = 0.0 if parameter.ndim == 1 else parameter.shape[1] ** -0.5
            parameter.uniform_(-spread, spread, generator=generator)
