"""Parameters with the optimizer that moves them, in the form that is quickest on their device.

On a CUDA device the learning rate and the step count lie on the device as well, so that a captured
graph reads the current ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


class Update:
    """Parameters with the optimizer that moves them.

    Args:
        parameters: What this update moves, and nothing else.
        optimizer: An optimizer over exactly these parameters.
        clip_norm: Largest gradient norm; 0 does not clip.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        *,
        clip_norm: float = 0.0,
    ) -> None:
        """Remember the three."""
        self.parameters = list(parameters)
        self.optimizer, self.clip_norm = optimizer, clip_norm

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next steps."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def descend(self, loss: Tensor) -> Tensor:
        """Take one step down ``loss``; return the gradient's norm before clipping."""
        loss.backward(inputs=self.parameters)
        return self.apply()

    def apply(self) -> Tensor:
        """Step with the gradients in place, clear them, and return their norm before clipping."""
        if self.parameters[0].is_cuda and self.optimizer.defaults.get("fused"):
            norm = self._scale_in_step()
        else:
            norm = _clip_gradients(self.parameters, self.clip_norm or math.inf)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    def _scale_in_step(self) -> Tensor:
        """Return the gradients' norm, and leave it to the optimizer's kernel to clip them.

        Fused optimizers divide by a scale while they read the gradients, for the sake of mixed
        precision; a pass over all gradients is saved.
        """
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if self.clip_norm:
            self.optimizer.grad_scale = (norm / self.clip_norm).clamp_(min=1)  # type: ignore[attr-defined]
        return norm


def adam(
    parameters: Sequence[nn.Parameter],
    *,
    rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
) -> torch.optim.Optimizer:
    """Return Adam over parameters that lie on one device."""
    device = parameters[0].device
    return torch.optim.Adam(
        parameters,
        lr=_rate(rate, device),
        betas=betas,
        fused=_has_fused(device),
        capturable=device.type == "cuda",
    )


def sgd(parameters: Sequence[nn.Parameter], *, rate: float) -> torch.optim.Optimizer:
    """Return plain stochastic gradient descent over parameters that lie on one device."""
    device = parameters[0].device
    return torch.optim.SGD(parameters, lr=_rate(rate, device), fused=_has_fused(device))


def _rate(rate: float, device: torch.device) -> float | Tensor:
    return torch.tensor(rate, device=device) if device.type == "cuda" else rate


def _has_fused(device: torch.device) -> bool:
    """Return whether torch has fused optimizers for a device; on a CPU since version 2.4."""
    major, minor = (int(part) for part in torch.__version__.split(".")[:2])
    return device.type == "cuda" or (major, minor) >= (2, 4)


def _clip_gradients(parameters: Sequence[nn.Parameter], limit: float) -> Tensor:
    """Scale gradients down to a norm of at most ``limit``; return their norm before."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if gradients[0].device.type != "cpu":
        return torch.nn.utils.clip_grad_norm_(parameters, limit)
    # torch multiplies by 1 where nothing is to be clipped, so as not to wait for the device.
    norm: Tensor = torch.linalg.vector_norm(
        torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients])
    )
    if norm > limit:
        for gradient in gradients:
            gradient.mul_(limit / norm)
    return norm
