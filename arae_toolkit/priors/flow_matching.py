"""Flow matching on codes (Lipman et al., ICLR 2023): its objective and its training."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from arae_toolkit.data.samplers import EpochSampler, reseed
from arae_toolkit.nn.priors import FlowPrior, update_average
from arae_toolkit.nn.priors.flow import LATEST, velocity_errors
from arae_toolkit.optim.schedules import COSINE_FLOOR, iterations, learning_rate
from arae_toolkit.optim.update import Scalars, adam_update
from arae_toolkit.priors.settings import FlowSchedule
from arae_toolkit.training.loop import far_above_guessing

EVALUATION_ROWS = 1024


def nats_gained(errors: Tensor, linear_errors: Tensor, time: Tensor, *, end: float) -> Tensor:
    r"""Return how much nearer to the data the flow is than the Gaussian, in nats per code.

    The Kullback-Leibler divergence of noisy codes from those of a prior grows with the signal by
    half the excess of the squared error (Guo, Shamai and Verdu, 2005; Verdu, 2010). On straight
    paths that makes ``t / (1 - t)`` times the excess of the velocity's, from 0 to the end.

    Args:
        errors: Of the flow, from
            :func:`~arae_toolkit.nn.priors.flow.velocity_errors`. Shape (B,).
        linear_errors: Of the Gaussian. Shape (B,).
        time: Drawn with a density in proportion to t. Shape (B,).
        end: Where the flow ends.
    """
    return ((linear_errors - errors) * end**2 / (2 * (1 - time))).mean()


class FlowMatching:
    """The training of a flow prior, for :func:`~arae_toolkit.training.loop.fit`.

    Args:
        prior: Standardized. It becomes, evaluation by evaluation, the best running mean on dev.
        settings: The schedule.
        codes: Training codes. Shape (N, Z).
        dev: Held-out codes. Shape (M, Z).
    """

    def __init__(
        self, prior: FlowPrior, settings: FlowSchedule, codes: Tensor, dev: Tensor
    ) -> None:
        self.prior, self.intervals, self.device = prior, settings, codes.device
        self.end = min(prior.end, LATEST)
        self.codes, self.dev = prior.to_standard(codes), prior.to_standard(dev)
        self.network, self.average = copy.deepcopy(prior.network), copy.deepcopy(prior.network)
        self.sampler = EpochSampler(
            np.zeros(len(codes)), batch_size=settings.batch_size, seed=settings.seed, pool=1
        )
        self.batches_per_epoch = self.sampler.batches_per_epoch
        self.iterations = iterations(settings, batches_per_epoch=self.batches_per_epoch)
        self.updates = {
            "network": adam_update(
                self.network.parameters(), rate=settings.rate, clip_norm=settings.clip_norm
            )
        }
        self.modules: dict[str, nn.Module] = {
            "prior": prior,
            "network": self.network,
            "average": self.average,
        }
        # The untrained flow is the Gaussian, which gains nothing.
        self.kept = {"best": torch.zeros((), device=self.device)}
        self.random = torch.Generator(self.device)

    def iteration(self, iteration: int) -> Scalars:
        """Run one iteration: a function of (seed, iteration) and the weights before it."""
        settings = self.intervals
        rate = learning_rate(
            settings.rate,
            iteration,
            iterations=self.iterations,
            warmup=settings.warmup,
            floor=COSINE_FLOOR,
        )
        self.updates["network"].set_rate(rate)
        reseed(self.random, seed=settings.seed, iteration=iteration)
        rows = torch.from_numpy(self.sampler.at(iteration)).to(self.device)
        standard = self.codes[rows]
        noise = torch.empty_like(standard).normal_(generator=self.random)
        share = torch.rand(len(standard), generator=self.random, device=self.device)
        time = self.end * share ** (1 / settings.lateness)
        errors, linear = velocity_errors(self.prior, self.network, standard, noise, time)
        norm = self.updates["network"].descend(errors.mean() / standard.shape[1])
        # A mean over the whole run would lag behind for as long as it takes to forget the start.
        decay = min(settings.average, (1 + iteration) / (10 + iteration))
        update_average(self.average, self.network, decay=decay)
        return {
            "velocity_error": errors.detach().mean() / linear.mean(),
            "gradient_norm": norm,
        }

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Measure the running mean on dev, and keep it if no other was as good.

        Every code of dev is on one path, the same at every evaluation, their times spread evenly.
        """
        random = torch.Generator(self.device).manual_seed(self.intervals.seed)
        count = len(self.dev)
        noise = torch.empty_like(self.dev).normal_(generator=random)
        shares = (torch.arange(count, device=self.device) + 0.5) / count
        order = torch.randperm(count, generator=random, device=self.device)
        time = self.end * shares[order].sqrt()
        parts = zip(*(part.split(EVALUATION_ROWS) for part in (self.dev, noise, time)), strict=True)
        both = [velocity_errors(self.prior, self.average, *part) for part in parts]
        errors, linear = (torch.cat(part) for part in zip(*both, strict=True))
        gained = nats_gained(errors, linear, time, end=self.end)
        if gained > self.kept["best"]:
            self.kept["best"] = gained
            self.prior.network.load_state_dict(self.average.state_dict())
        return {
            "nats_gained": float(gained),
            "velocity_error": float(errors.mean() / linear.mean()),
            "best_nats_gained": float(self.kept["best"]),
        }

    def model_weights(self) -> Mapping[str, Tensor]:
        """Return the weights that the prior's folder is to hold."""
        return self.prior.state_dict()

    def problem(self, means: Mapping[str, float]) -> str | None:
        """Return that the velocity is far worse than the Gaussian's, where it is."""
        return far_above_guessing(means, "velocity_error", 1.0)


def evaluate_flow(training: FlowMatching, last: bool) -> Mapping[str, Any]:
    """Return a row of measurements on dev."""
    del last
    return training.evaluate()
