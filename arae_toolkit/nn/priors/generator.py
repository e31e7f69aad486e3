"""The learned prior of the paper: a perceptron from noise to codes, and its running mean."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Any, Literal

import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.noise import with_noise
from arae_toolkit.devices import tensor_on
from arae_toolkit.nn.mlp import Normalization, mlp
from arae_toolkit.ops.batch_norm_double_backward import forward_groups

OutputBound = Literal["sphere", "tanh", "none"]


class Generator(nn.Module):
    """Learned prior: an MLP from Gaussian noise to a code (section 3).

    Args:
        noise_size: S.
        code_size: Z.
        hidden_sizes: Units of each hidden layer.
        normalization: ``batch`` is what the published code used; ``layer`` does not depend on the
            other rows; ``none``.
        output: ``tanh`` is the paper's bound; ``sphere`` puts the output on the unit sphere, where
            the encoder's codes lie; ``none`` is what the published text code did.
        noise: Standard deviation of Gaussian noise on what is sampled; the network gives its means.
    """

    def __init__(
        self,
        *,
        noise_size: int,
        code_size: int,
        hidden_sizes: Sequence[int],
        normalization: Normalization = "layer",
        output: OutputBound = "sphere",
        noise: float = 0.0,
    ) -> None:
        super().__init__()
        if normalization == "spectral":
            raise ValueError(
                "spectral normalization bounds a critic; a generator has no use for it"
            )
        self.noise_size, self.output, self.noise = noise_size, output, noise
        self.layers = mlp(
            noise_size, hidden_sizes, code_size, activation=nn.ReLU(), normalization=normalization
        )

    def forward(self, noise: Tensor | npt.NDArray[Any]) -> Tensor:
        """Return generated codes of noise, a tensor or an array. Shape (B, S) to (B, Z)."""
        if not isinstance(noise, Tensor):
            noise = tensor_on(next(self.parameters()).device, noise, name="noise")
        return self._bounded(self.layers(noise))

    @torch.no_grad()
    def forward_groups(self, noise: Tensor) -> Tensor:
        """Return generated codes, each group as if it came alone. Shape (G, B, S) to (G, B, Z)."""
        return self._bounded(forward_groups(self.layers, noise))

    def draw_noise(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return s ~ N(0, I). Shape (count, S), on the generator's device."""
        return torch.randn(count, self.noise_size, generator=generator, device=generator.device)

    @torch.no_grad()
    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes drawn from the prior. Shape (count, Z)."""
        return with_noise(self.means(count, generator=generator), self.noise, generator)

    @torch.no_grad()
    def means(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes drawn without the noise that belongs to the prior. Shape (count, Z)."""
        return self(self.draw_noise(count, generator=generator))  # type: ignore[no-any-return]

    def _bounded(self, code: Tensor) -> Tensor:
        if self.output == "sphere":
            return functional.normalize(code, dim=-1)
        return code.tanh() if self.output == "tanh" else code


@torch.no_grad()
def update_average(average: nn.Module, current: nn.Module, *, decay: float) -> None:
    """Move the running mean of a network's weights towards the current ones."""
    means, values = list(average.state_dict().values()), list(current.state_dict().values())
    moving = [mean.is_floating_point() for mean in means]
    # All at once: a GPU takes as long to start on one weight as on them all.
    torch._foreach_lerp_(list(compress(means, moving)), list(compress(values, moving)), 1 - decay)
    for mean, value, moves in zip(means, values, moving, strict=True):
        if not moves:
            mean.copy_(value)
