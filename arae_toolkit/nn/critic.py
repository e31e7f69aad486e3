"""The critic over codes, and the latent attribute classifier."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from arae_toolkit.nn.mlp import Normalization, mlp


class Critic(nn.Module):
    """MLP f_w from a code to a score, high on real codes and low on generated ones.

    Args:
        code_size: Z.
        hidden_sizes: Units of each hidden layer.
        normalization: ``none`` or ``layer`` with a gradient penalty, ``spectral`` by itself,
            ``batch`` as the published code had it (from the second layer on), where a row's score
            depends on the other rows and no per-row Lipschitz bound holds.
    """

    def __init__(
        self,
        *,
        code_size: int,
        hidden_sizes: Sequence[int],
        normalization: Normalization = "none",
    ) -> None:
        super().__init__()
        self.layers = mlp(
            code_size,
            hidden_sizes,
            1,
            activation=nn.LeakyReLU(0.2),
            normalization=normalization,
            normalize_first=normalization != "batch",
        )

    def forward(self, code: Tensor) -> Tensor:
        """Return scores. Shape (B, Z) to (B,)."""
        return self.layers(code)[:, 0]  # type: ignore[no-any-return]

    @torch.no_grad()
    def clip_weights(self, bound: float) -> None:
        """Clamp every parameter to [-bound, bound] (Algorithm 1, step 2)."""
        for parameter in self.parameters():
            parameter.clamp_(-bound, bound)


class AttributeClassifier(nn.Module):
    """MLP p_u(y | z) from a code to scores of the attribute's values (section 3, Algorithm 2).

    Args:
        code_size: Z.
        hidden_sizes: Units of each hidden layer.
        attributes: A.
    """

    def __init__(self, *, code_size: int, hidden_sizes: Sequence[int], attributes: int) -> None:
        super().__init__()
        self.layers = mlp(
            code_size,
            hidden_sizes,
            attributes,
            activation=nn.LeakyReLU(0.2),
            normalization="none",
        )

    def forward(self, code: Tensor) -> Tensor:
        """Return scores before the softmax. Shape (B, Z) to (B, A)."""
        return self.layers(code)  # type: ignore[no-any-return]
