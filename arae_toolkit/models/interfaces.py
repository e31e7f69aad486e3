"""Protocols of models, whether their rows are sentences or images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from arae_toolkit.nn.priors import AnyPrior
from arae_toolkit.ops.sampled_softmax import SoftmaxSample


class BatchEncoder(Protocol):
    """A network that reads a batch: sentences or images."""

    def __call__(self, batch: Any) -> Tensor:
        """Return the code of each row. Shape (B, Z)."""

    def posterior(self, batch: Any) -> Tensor:
        """Return the distribution of each row's code, if it has one. Shape (B, 2Z)."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """Return the weights."""


class CodeDecoder(Protocol):
    """A network that scores a batch given its codes."""

    def nats(
        self,
        code: Tensor,
        batch: Any,
        *,
        dtype: torch.dtype = ...,
        sample: SoftmaxSample | None = ...,
        read: Any = ...,
    ) -> Tensor:
        """Return the negative log-likelihood in nats, summed over the batch."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """Return the weights."""


class Autoencoder(Protocol):
    """An encoder, a decoder and a prior over the codes between them: an ``nn.Module``.

    Attributes:
        arguments: Of the constructor, as the model folder keeps them.
        variational: Whether the encoder gives a distribution for each row.
    """

    arguments: dict[str, Any]
    variational: bool

    @property
    def encoder(self) -> Any:
        """From a batch to codes."""

    @property
    def decoder(self) -> CodeDecoder:
        """From codes to scores of a batch."""

    @property
    def prior(self) -> AnyPrior:
        """What codes are sampled from."""

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""

    @property
    def uniform_nats_per_token(self) -> float:
        """What a token, or a pixel, costs when all its values are equally likely."""

    def eval(self) -> Any:
        """Leave training mode."""

    def state_dict(self) -> dict[str, Any]:
        """Return the weights by name."""
