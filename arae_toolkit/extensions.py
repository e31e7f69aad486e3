"""What an iteration may do beyond Algorithm 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor, nn

from arae_toolkit.optim.update import Scalars, Update
from arae_toolkit.steps import Pull

ATTRIBUTE_ENCODER = "attribute_encoder"
"""Name of an extension's update of the encoder, which follows the autoencoder's rate."""


class Extension(Protocol):
    """What an iteration does beyond Algorithm 1, such as the steps that Algorithm 2 adds."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Its own networks by name, those of the model excepted."""
        ...

    @property
    def updates(self) -> Mapping[str, Update]:
        """Its optimizers by name."""
        ...

    def prepare(self, iteration: int) -> None:
        """Get ready for an iteration, counted from 0."""
        ...

    def pulls(self) -> Sequence[Pull]:
        """Return what joins the reconstruction's update of the encoder in this iteration."""
        ...

    def run(self, code_gradient_norm: Tensor) -> Scalars:
        """Run its steps, behind those of Algorithm 1; return the same names each time.

        Args:
            code_gradient_norm: Of this iteration's reconstruction, scalar tensor.
        """
        ...
