"""The BiLSTM encoder with max-pooling."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from arae_toolkit.data.noise import NoiseSource, seeded_dropout
from arae_toolkit.data.token_batches import TokenBatch, real_tokens
from arae_toolkit.data.vocabulary import PAD
from arae_toolkit.nn.code_head import CodeForm, CodeHead
from arae_toolkit.nn.embedding import TokenEmbedding
from arae_toolkit.ops.cudnn_lstm import library_states
from arae_toolkit.ops.prefix_lstm import PrefixLSTM, PrefixTree

MASKED = -1e4  # below every state and every score, and finite in bfloat16


class BiLSTMEncoder(nn.Module):
    """Two LSTMs, one for each direction; a sentence's vector is the maximum over its tokens.

    The backward LSTM reads each sentence reversed within its own length, so that padding, which
    both read last, changes nothing. That keeps both on the library's quickest path, which
    ``pack_padded_sequence`` leaves.

    Args:
        vocab_size: V.
        embedding_size: E.
        code_size: Z.
        state_size: H of both LSTMs, half of it for each direction; 0 makes it Z.
        code_form: See :class:`~arae_toolkit.nn.code_head.CodeHead`.

    Raises:
        ValueError: If the size of the states is odd.
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
        if self.state_size % 2:
            name = "state_size" if state_size else "code_size"
            raise ValueError(f"{name} must be even for two directions, got {self.state_size}")
        self.embedding = TokenEmbedding(vocab_size, embedding_size, padding_idx=PAD)
        self.forward_lstm = nn.LSTM(embedding_size, self.state_size // 2, batch_first=True)
        self.backward_lstm = nn.LSTM(embedding_size, self.state_size // 2, batch_first=True)
        self.head = CodeHead(code_size, form=code_form, state_size=state_size)

    def states(
        self, batch: TokenBatch, *, dropout: float = 0.0, generator: NoiseSource | None = None
    ) -> Tensor:
        """Return the state at each token, both directions side by side. Shape (B, T, H), float32.

        What stands at padding means nothing.

        Args:
            batch: Sentences.
            dropout: Share of the embeddings' coordinates set to 0.
            generator: Source of the dropout; ``None`` turns it off.
        """
        words = seeded_dropout(self.embedding(batch.tokens), dropout, generator)
        columns = torch.arange(batch.tokens.shape[1], device=batch.device)
        mirrored = batch.lengths[:, None] - 1 - columns
        places = torch.where(mirrored >= 0, mirrored, columns)[:, :, None]
        ahead = library_states(self.forward_lstm, words)
        behind = library_states(self.backward_lstm, words.gather(1, places.expand_as(words)))
        behind = behind.gather(1, places.expand_as(behind))
        return torch.cat([ahead, behind], dim=2).float()

    @property
    def weights(self) -> list[Tensor]:
        """All weights."""
        ahead, behind = self.forward_lstm.all_weights[0], self.backward_lstm.all_weights[0]
        return [self.embedding.weight, *ahead, *behind, *self.head.weights]

    def readers(self) -> tuple[PrefixLSTM, ...]:
        """Return what reads sentences on a CPU, for as long as the weights stay the same."""
        return tuple(
            PrefixLSTM(lstm, self.embedding) for lstm in (self.forward_lstm, self.backward_lstm)
        )

    @torch.no_grad()
    def highest_of(
        self, sentences: Sequence[Sequence[int]], readers: tuple[PrefixLSTM, ...]
    ) -> Tensor:
        """Return the maximum over each sentence's states, beginnings and ends shared.

        Args:
            sentences: B of ids, each ending in ``<eos>``.
            readers: From :meth:`readers`, for any number of calls.

        Returns:
            Shape (B, H), float32, without gradients.
        """
        mirrored = [sentence[::-1] for sentence in sentences]
        highest = [
            reader.highest_states(PrefixTree.of(read))
            for reader, read in zip(readers, (sentences, mirrored), strict=True)
        ]
        return torch.cat(highest, dim=1)

    @torch.no_grad()
    def codes_of(
        self, sentences: Sequence[Sequence[int]], readers: tuple[PrefixLSTM, ...]
    ) -> Tensor:
        """Return the codes of sentences without gradients; see :meth:`highest_of`. Shape (B, Z)."""
        return self.head(self.highest_of(sentences, readers))  # type: ignore[no-any-return]

    def forward(self, batch: TokenBatch) -> Tensor:
        """Return the code of each sentence. Shape (B, Z), float32, by default of unit norm."""
        return self.head(max_over_tokens(self.states(batch), batch))  # type: ignore[no-any-return]

    def posterior(self, batch: TokenBatch) -> Tensor:
        """Return the distribution of each sentence's code. Shape (B, 2Z); see the head."""
        return self.head.posterior(max_over_tokens(self.states(batch), batch))


def max_over_tokens(states: Tensor, batch: TokenBatch) -> Tensor:
    """Return the maximum over the tokens of each sentence, by coordinates.

    Args:
        states: Shape (B, T, Z).
        batch: What they are the states of.

    Returns:
        Shape (B, Z).
    """
    return states.masked_fill(~real_tokens(batch)[:, :, None], MASKED).amax(dim=1)
