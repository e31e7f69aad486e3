"""The protocol of all rewriters: propose sentences of another attribute; and its decoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from arae_toolkit.data.vocabulary import EOS, PAD, Vocabulary
from arae_toolkit.generation.decoding import AnyDecoder, Decoding, Search
from arae_toolkit.models import folder_schema
from arae_toolkit.models.model_folder import ModelFolder

Sentence = list[int]
"""Ids, ``<eos>`` last."""


class Rewriter(Protocol):
    """Proposes sentences of another attribute for each sentence."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Words and tokenizer."""
        ...

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attribute's values, A of them, in the order of the corpus."""
        ...

    def propose(
        self,
        sentences: Sequence[Sentence],
        targets: Sequence[int],
        *,
        count: int,
        strength: float,
        seed: int,
    ) -> list[list[Sentence]]:
        """Return ``count`` proposals for each sentence, the rewriter's own first choice first.

        Args:
            sentences: N sentences.
            targets: Index into ``attributes`` for each. N numbers.
            count: Proposals for each sentence. The first one depends neither on the seed nor on
                ``count``; proposals may be equal.
            strength: How much is changed; 1 is what the model was made for, 0 as little as the
                model can.
            seed: Fixes the other proposals, by :func:`uniform_draws`: what is proposed for a
                sentence does not depend on the sentences beside it.
        """
        ...


TEMPERATURES = (0.5, 0.8)
STRENGTHS = (1.0, 0.6, 1.5, 2.5)
"""Of proposals behind the first, as factors on the strength asked for; each in turn."""
Network = TypeVar("Network", bound=nn.Module)


def network_of(kind: type[Network], content: ModelFolder) -> Network:
    """Return the network that a text model's folder holds, in evaluation mode.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: If configuration and weights do not fit
            together.
    """
    assert content.vocabulary is not None, "a text model has a vocabulary"
    return folder_schema.network_of(
        kind,
        len(content.vocabulary),
        arguments=content.config["model"],
        tensors=content.tensors,
    ).eval()


def uniform_draws(seed: int, sentences: Sequence[Sentence], *, count: int, length: int) -> Tensor:
    """Return random numbers that depend on nothing but the seed and each sentence itself.

    Args:
        seed: Of all of them.
        sentences: N of them, at least one.
        count: Proposals for each sentence.
        length: Most words of a proposal.

    Returns:
        Shape (count, N, length), float32 in [0, 1).
    """
    each = [
        np.random.default_rng([seed, *sentence]).random((count, length), dtype=np.float32)
        for sentence in sentences
    ]
    return torch.from_numpy(np.stack(each, axis=1))


class ProposalDecoding:
    """Decodes codes into sentences, and keeps what decoders need from one call to the next.

    Args:
        max_length: Most words in a sentence.
        dtype: Of the matrix products.
    """

    def __init__(self, max_length: int, *, dtype: torch.dtype = torch.float32) -> None:
        self.max_length, self.dtype = max_length, dtype
        self._searches: dict[tuple[AnyDecoder, float], Search] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy has of this: not what is kept for further calls."""
        return {**self.__dict__, "_searches": {}}

    def __call__(
        self, decoder: AnyDecoder, code: Tensor, *, temperature: float, uniform: Tensor
    ) -> list[Sentence]:
        """Return the sentences of codes, ``<eos>`` added where one was cut.

        Args:
            decoder: Of the target; its weights must not change any more.
            code: What it starts from. Shape (N, Z).
            temperature: Of sampling; 0 decodes greedily.
            uniform: Random numbers of the sampling. Shape (N, max_length).
        """
        search = self._searches.get((decoder, temperature))
        if search is None:
            search = self._searches[decoder, temperature] = Search(
                decoder,
                decoding=Decoding(
                    method="sample" if temperature else "greedy",
                    temperature=temperature or 1.0,
                    dtype=self.dtype,
                ),
                max_length=self.max_length,
                device=code.device,
            )
        words = search(code, uniform.to(code.device) if temperature else None)
        return [_ended(row) for row in words.tolist()]


def _ended(words: Sequence[int]) -> Sentence:
    """Return decoded ids up to ``<eos>``, which is added where the sentence was cut."""
    row = [word for word in words if word != PAD]
    return row[: row.index(EOS) + 1] if EOS in row else [*row, EOS]
