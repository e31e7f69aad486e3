"""One parameter update: an optimizer in the form that is quickest on its device.

On a CUDA device the learning rate and the step count lie on the device as well, so that a captured
graph reads the current ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from arae_toolkit.distributed.ranks import ALONE, Ranks

PIECE, PIECES_UP_TO = 4096, 2**20


class Update:
    """Parameters with the optimizer that moves them.

    Args:
        parameters: What this update moves, and nothing else.
        optimizer: An optimizer over exactly these parameters.
        clip_norm: Largest gradient norm; 0 does not clip.
        ranks: Processes that each have a part of the gradients, which are added up before they
            are clipped. By default this one has all of them.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        *,
        clip_norm: float = 0.0,
        ranks: Ranks = ALONE,
    ) -> None:
        self.parameters = list(parameters)
        self.optimizer, self.clip_norm, self.ranks = optimizer, clip_norm, ranks

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
        for parameter in self.parameters:
            if parameter.grad is not None and parameter.grad.is_sparse:
                # Rows of a table that nothing else gave a gradient.
                parameter.grad = parameter.grad.to_dense()
        self.ranks.sum_gradients(self.parameters)
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
    few = sum(parameter.numel() for parameter in parameters) <= PIECES_UP_TO
    kind = PiecewiseAdam if device.type == "cuda" and few else torch.optim.Adam
    return kind(
        parameters,
        lr=_rate(rate, device),
        betas=betas,
        fused=_has_fused(device),
        capturable=device.type == "cuda",
    )


def adam_update(
    parameters: Iterable[nn.Parameter],
    *,
    rate: float,
    clip_norm: float = 0.0,
    ranks: Ranks = ALONE,
) -> Update:
    """Return the update of parameters by Adam; see :class:`Update` and :func:`adam`."""
    own = list(parameters)
    return Update(own, adam(own, rate=rate), clip_norm=clip_norm, ranks=ranks)


class PiecewiseAdam(torch.optim.Adam):
    """Fused Adam for networks of few weights, which it hands to the kernel in small pieces.

    The kernel gives 65,536 weights to each of the GPU's processors: a critic keeps three of them
    busy, for ten times as long as many would take. State and results are Adam's.
    """

    grad_scale: Tensor | None = None
    """What gradients are divided by."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step with the gradients in place; there is no weight decay."""
        assert closure is None, "gradients are computed before"
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            states = [self._state_of(parameter) for parameter in parameters]
            steps = [state["step"] for state in states]
            torch._foreach_add_(steps, 1)
            counts = [-(-parameter.numel() // PIECE) for parameter in parameters]
            beta1, beta2 = group["betas"]
            torch._fused_adam_(
                _pieces(parameters),
                _pieces([p.grad for p in parameters if p.grad is not None]),
                _pieces([state["exp_avg"] for state in states]),
                _pieces([state["exp_avg_sq"] for state in states]),
                [],
                [step for step, count in zip(steps, counts, strict=True) for _ in range(count)],
                lr=group["lr"],
                beta1=beta1,
                beta2=beta2,
                weight_decay=0.0,
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
                grad_scale=self.grad_scale,
                found_inf=None,
            )

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state


def _pieces(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [piece for tensor in tensors for piece in tensor.view(-1).split(PIECE)]


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


Scalars = dict[str, Tensor]
