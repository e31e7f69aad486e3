"""A flow prior: Gaussian noise carried to codes along straight paths (Lipman et al., ICLR 2023).

A path is ``x_t = (1 - t) x_0 + t y`` from noise ``x_0 ~ N(0, I)`` at t = 0 to a code ``y`` at
t = 1; the velocity that carries the noise to the codes is the mean of ``y - x_0`` given ``x_t``.
Codes are centred, divided by one number, the root mean square of their coordinates, and turned to
their principal directions, in which noise stays what it is.

For Gaussian codes the velocity is linear and known; the network learns what the codes have beyond
their mean and covariance. So a flow begins as the fitted Gaussian.

A decoder that was trained on noisy codes never needs clean ones. ``x_t / t = y + x_0 (1 - t) / t``
is a code with noise of deviation (1 - t) / t, and in the codes' own units of ``scale (1 - t) / t``.
That is the decoder's sigma at ``t = scale / (scale + sigma)``, where the flow ends: what it draws
is distributed as codes with the noise that the decoder knows, unbounded as those are.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.nn import initialization
from arae_toolkit.nn.priors.gaussian import mean_and_covariance

FLATTEST = 1e-6
"""Least variance of a principal direction, as a share of the mean variance."""
LATEST = 0.99
"""Paths to clean codes are followed up to this time: what is left is a hundredth of the noise, and
nothing says at which finer grain a sample of codes is a distribution."""
TIME_FEATURES, TIME_SIZE = 32, 128


class VelocityNetwork(nn.Module):
    """A residual perceptron over noisy codes, its layer normalizations steered by the time.

    Its last layer starts at zero, and with it the network; its blocks do not, for then it would
    take a thousand iterations to leave the Gaussian behind.

    Args:
        code_size: Z.
        width: Units between the blocks; within them there are twice as many.
        blocks: How many.
    """

    frequencies: Tensor

    def __init__(self, code_size: int, *, width: int, blocks: int) -> None:
        super().__init__()
        octaves = torch.linspace(-2, 5, TIME_FEATURES)
        self.register_buffer("frequencies", 2 * math.pi * 2**octaves, persistent=False)
        self.time = nn.Sequential(
            nn.Linear(2 * TIME_FEATURES, TIME_SIZE),
            nn.SiLU(),
            nn.Linear(TIME_SIZE, TIME_SIZE),
            nn.SiLU(),
        )
        self.first = nn.Linear(code_size, width)
        self.normalizations = nn.ModuleList(
            nn.LayerNorm(width, elementwise_affine=False) for _ in range(blocks + 1)
        )
        self.steering = nn.ModuleList(nn.Linear(TIME_SIZE, 3 * width) for _ in range(blocks))
        self.perceptrons = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
            for _ in range(blocks)
        )
        self.last = nn.Linear(width, code_size)

    @torch.no_grad()
    def initialize(self, generator: torch.Generator) -> None:
        """Draw starting weights; the source of randomness is on their device."""
        initialization.perceptron(self, deviation=0.0, generator=generator)
        for layer in (*self.steering, self.last):
            assert isinstance(layer, nn.Linear)
            layer.weight.zero_()

    def forward(self, state: Tensor, time: Tensor) -> Tensor:
        """Return a correction of the linear velocity. Shapes (B, Z) and (B,) to (B, Z)."""
        angles = time[:, None] * self.frequencies
        moment = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        hidden = self.first(state)
        *befores, last = self.normalizations
        for before, steering, perceptron in zip(
            befores, self.steering, self.perceptrons, strict=True
        ):
            scale, shift, gate = steering(moment).chunk(3, dim=1)
            hidden = hidden + (1 + gate) * perceptron(before(hidden) * (1 + scale) + shift)
        correction: Tensor = self.last(functional.silu(last(hidden)))
        return correction


class FlowPrior(nn.Module):
    """A prior that carries Gaussian noise to codes; see the module for the mathematics.

    Args:
        code_size: Z.
        width: See :class:`VelocityNetwork`.
        blocks: See :class:`VelocityNetwork`.
        noise: Deviation of the noise that is left in what is drawn, in the codes' units; 0 goes on
            to clean codes.
        steps: Of Heun's method from noise to code.
        on_sphere: Scale clean codes to the unit sphere, where the encoder's lie. Codes with noise
            are left as they are, for the decoder was fed such ones.

    Attributes:
        start_scale: Deviation of the starting noise, set by whoever draws. Below 1 codes are
            likelier and less varied; at 0 all are one.
    """

    mean: Tensor
    basis: Tensor
    variances: Tensor
    scale: Tensor

    def __init__(
        self,
        *,
        code_size: int,
        width: int = 512,
        blocks: int = 4,
        noise: float = 0.0,
        steps: int = 8,
        on_sphere: bool = True,
    ) -> None:
        """Start as the standard Gaussian; :meth:`standardize` makes it the fitted one."""
        super().__init__()
        if noise < 0 or steps < 1:
            raise ValueError(f"noise must be >= 0 and steps >= 1, got {noise} and {steps}")
        self.noise, self.steps, self.on_sphere, self.start_scale = noise, steps, on_sphere, 1.0
        self.register_buffer("mean", torch.zeros(code_size))
        self.register_buffer("basis", torch.eye(code_size))
        self.register_buffer("variances", torch.ones(code_size))
        self.register_buffer("scale", torch.ones(()))
        self.network = VelocityNetwork(code_size, width=width, blocks=blocks)

    @property
    def end(self) -> float:
        """The time at which the flow ends, in (0, 1]."""
        scale = float(self.scale)
        return scale / (scale + self.noise)

    @torch.no_grad()
    def standardize(self, codes: Tensor) -> None:
        """Take mean, scale and principal directions of codes. Shape (N, Z), N > 1."""
        mean, covariance = mean_and_covariance(codes)
        scale = covariance.diagonal().mean().clamp(min=1e-12).sqrt()
        variances, basis = torch.linalg.eigh(covariance / scale**2)
        self.mean.copy_(mean)
        self.scale.copy_(scale)
        self.variances.copy_(variances.clamp(min=FLATTEST))
        self.basis.copy_(basis)

    def to_standard(self, codes: Tensor) -> Tensor:
        """Return codes centred, scaled and turned to their principal directions. Shape (N, Z)."""
        return (codes - self.mean) / self.scale @ self.basis

    def from_standard(self, standard: Tensor) -> Tensor:
        """Return the codes that :meth:`to_standard` makes these of. Shape (N, Z)."""
        return self.mean + self.scale * (standard @ self.basis.t())

    def spread(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """Return the variance of ``x_t``, and of the velocity given it, if codes were Gaussian.

        Both by principal direction. Shape (B,) to (B, Z).
        """
        later = time[:, None]
        variance = (1 - later) ** 2 + later**2 * self.variances
        return variance, self.variances / variance

    def linear_velocity(self, state: Tensor, time: Tensor) -> Tensor:
        """Return the velocity if codes were Gaussian. Shapes (B, Z) and (B,) to (B, Z)."""
        later = time[:, None]
        variance, _ = self.spread(time)
        return (later * self.variances - (1 - later)) / variance * state

    def velocity(self, state: Tensor, time: Tensor, *, network: nn.Module | None = None) -> Tensor:
        """Return the velocity in standard coordinates.

        Args:
            state: x_t. Shape (B, Z).
            time: t, in [0, 1]. Shape (B,).
            network: In place of the prior's own.

        Returns:
            Shape (B, Z).
        """
        _, given_state = self.spread(time)
        # One scale for all directions: each by its own would make the flat ones, which are nearly
        # noise, as loud as the others, and the flow learns several times slower.
        size = ((1 - time) ** 2 + time**2).sqrt()[:, None]
        correction: Tensor = (network or self.network)(state / size, time)
        return self.linear_velocity(state, time) + given_state.sqrt() * correction

    @torch.no_grad()
    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes drawn from the prior. Shape (count, Z)."""
        size, device = len(self.mean), generator.device
        state = self.start_scale * torch.randn(count, size, generator=generator, device=device)
        times = torch.linspace(0, self.end, self.steps + 1, device=device)
        for now, then in itertools.pairwise(times):
            length = then - now
            slope = self.velocity(state, now.expand(count))
            ahead = self.velocity(state + length * slope, then.expand(count))
            state = state + length / 2 * (slope + ahead)
        codes = self.from_standard(state / self.end)
        return functional.normalize(codes, dim=1) if self.on_sphere and not self.noise else codes


def velocity_errors(
    prior: FlowPrior, network: nn.Module, standard: Tensor, noise: Tensor, time: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the squared errors of the velocity, the network's and the linear one's.

    Args:
        prior: Gives the linear velocity.
        network: Corrects it.
        standard: Codes in the prior's standard coordinates, y. Shape (B, Z).
        noise: Starts of the paths, x_0. Shape (B, Z).
        time: t. Shape (B,).

    Returns:
        Sums over the coordinates. Both of shape (B,).
    """
    state = (1 - time[:, None]) * noise + time[:, None] * standard
    wanted = standard - noise
    linear = prior.linear_velocity(state, time)
    found = prior.velocity(state, time, network=network)
    return (found - wanted).square().sum(dim=1), (linear - wanted).square().sum(dim=1)
