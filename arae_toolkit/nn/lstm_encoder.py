"""The LSTM encoder, whose last state is the code."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from arae_toolkit.data.noise import NoiseSource, seeded_dropout
from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.data.vocabulary import PAD
from arae_toolkit.nn.code_head import CodeForm, CodeHead
from arae_toolkit.nn.embedding import TokenEmbedding
from arae_toolkit.ops.cudnn_lstm import lstm_states
from arae_toolkit.ops.packed_lstm import packed_states, packs
from arae_toolkit.ops.prefix_lstm import PrefixLSTM, PrefixTree


class LSTMEncoder(nn.Module):
    """LSTM whose last state makes the code, scaled to the unit sphere (sections 3 and 5).

    Args:
        vocab_size: V.
        embedding_size: E.
        code_size: Z.
        state_size: H of the LSTM; 0 makes it Z, as in the paper.
        code_form: See :class:`~arae_toolkit.nn.code_head.CodeHead`.
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        embedding_size: int,
        code_size: int,
        state_size: int = 0,
        code_form: CodeForm = "sphere",
    ) -> None:
        """Make the layers; see :func:`~arae_toolkit.nn.initialization.uniform`."""
        super().__init__()
        self.code_size, self.state_size = code_size, state_size or code_size
        self.embedding = TokenEmbedding(vocab_size, embedding_size, padding_idx=PAD)
        self.lstm = nn.LSTM(embedding_size, self.state_size, batch_first=True)
        self.head = CodeHead(code_size, form=code_form, state_size=state_size)

    def forward(
        self, batch: TokenBatch, *, dropout: float = 0.0, generator: NoiseSource | None = None
    ) -> Tensor:
        """Return the code of each sentence. Shape (B, Z), float32, by default of unit norm.

        Args:
            batch: Sentences.
            dropout: Share of the embeddings' coordinates set to 0.
            generator: Source of the dropout; ``None`` turns it off.
        """
        return self.head(self.last_state(batch, dropout, generator))  # type: ignore[no-any-return]

    def posterior(self, batch: TokenBatch) -> Tensor:
        """Return the distribution of each sentence's code. Shape (B, 2Z); see the head."""
        return self.head.posterior(self.last_state(batch))

    def last_state(
        self, batch: TokenBatch, dropout: float = 0.0, generator: NoiseSource | None = None
    ) -> Tensor:
        """Return the state after each sentence. Shape (B, H).

        The state is read at each sentence's own end, so padding changes nothing.

        Args:
            batch: Sentences.
            dropout: Share of the embeddings' coordinates set to 0.
            generator: Source of the dropout; ``None`` turns it off.
        """
        packing = batch.packing
        drops = generator is not None and dropout > 0
        # Packed, a word's product is shared by all its places, which dropout makes different.
        if packing is not None and packs(batch.device) and not drops:
            words = batch.tokens.flatten()[packing.places]
            last = packed_states(self.lstm, self.embedding, words, packing)[packing.ends]
        else:
            words = seeded_dropout(self.embedding(batch.tokens), dropout, generator)
            states = lstm_states(self.lstm, words)
            # Not by indices of rows and places: a GPU would sort them for the gradient.
            ends = (batch.lengths - 1)[:, None, None].expand(-1, 1, self.state_size)
            last = states.gather(1, ends)[:, 0]
        return last

    @property
    def weights(self) -> list[Tensor]:
        """All weights."""
        return [self.embedding.weight, *self.lstm.all_weights[0], *self.head.weights]

    def readers(self) -> tuple[PrefixLSTM, ...]:
        """Return what reads sentences on a CPU, for as long as the weights stay the same."""
        return (PrefixLSTM(self.lstm, self.embedding),)

    @torch.no_grad()
    def codes_of(
        self, sentences: Sequence[Sequence[int]], readers: tuple[PrefixLSTM, ...]
    ) -> Tensor:
        """Return the same codes of sentences, each beginning that they share read once.

        Args:
            sentences: B of ids, each ending in ``<eos>``.
            readers: From :meth:`readers`, for any number of calls.

        Returns:
            Shape (B, Z), float32, without gradients.
        """
        return self.head(readers[0].last_states(PrefixTree.of(sentences)))  # type: ignore[no-any-return]
