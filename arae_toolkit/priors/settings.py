"""Settings of fitted priors, by kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from arae_toolkit.config.ranges import (
    Amount,
    OptionalSize,
    OptionalTimes,
    PartialShare,
    Positive,
    Rows,
    Seed,
    Size,
    SomeSizes,
    Times,
)

FittedKind = Literal["gaussian", "mixture", "flow"]
OWN, CODES, NEIGHBOURS = "own", "codes", "neighbours"
OF_CORPUS = (CODES, NEIGHBOURS)
"""Names of the priors that nothing is fitted for: they draw from the codes of the corpus."""


@dataclass(frozen=True)
class GaussianForm:
    """The form of a Gaussian, which leaves no choice."""


@dataclass(frozen=True)
class GaussianFit:
    """What a Gaussian is fitted to."""

    rows: OptionalTimes = 0
    """It is fitted to the codes of so many random training rows; 0 takes all."""
    noise_left: Amount = 1.0
    """So many times the decoder's training noise are added to what is drawn; 0 adds none."""
    seed: Seed = 0
    """It fixes which."""


@dataclass(frozen=True)
class GaussianConfig:
    """All settings of a Gaussian prior."""

    model: GaussianForm = field(default_factory=GaussianForm)
    """Its form is set here."""
    training: GaussianFit = field(default_factory=GaussianFit)
    """Its data are set here."""


@dataclass(frozen=True)
class MixtureForm:
    """The forms of a mixture that are tried. The likeliest on dev is kept."""

    components: SomeSizes = (16, 32, 64)
    """Each of these numbers of Gaussians is tried."""
    covariance: Literal["both", "full", "diagonal"] = "full"
    """Gaussians have a covariance, ``full``, or a variance by principal direction, ``diagonal``."""
    dimensions: Size = 48
    """So many leading principal directions are a mixture; the rest is one Gaussian."""

    def __post_init__(self) -> None:
        """Refuse a mixture of nothing."""
        if not self.components or not all(self.components) or not self.dimensions:
            raise ValueError("a mixture needs at least one component and one dimension")


@dataclass(frozen=True)
class MixtureFit:
    """How a mixture is fitted: by expectation maximization, from k-means on."""

    rows: OptionalTimes = 40_000
    """It is fitted to the codes of so many random training rows; 0 takes all."""
    iterations: Times = 50
    """Expectation maximization ends after so many iterations at the latest."""
    noise_left: Amount = 1.0
    """So many times the decoder's training noise are added to what is drawn; 0 adds none."""
    seed: Seed = 0
    """It fixes the rows and the start."""


@dataclass(frozen=True)
class MixtureConfig:
    """All settings of a mixture prior."""

    model: MixtureForm = field(default_factory=MixtureForm)
    """Its form is set here."""
    training: MixtureFit = field(default_factory=MixtureFit)
    """Its fit is set here."""


@dataclass(frozen=True)
class FlowSizes:
    """Sizes of a flow's network, and how it is followed."""

    width: Size = 512
    """The velocity network has so many units between its blocks, and twice as many within."""
    blocks: OptionalSize = 4
    """It has so many residual blocks."""
    steps: Size = 8
    """A code is drawn in so many steps of Heun's method, two passes of the network each."""

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        if not self.width or not self.steps:
            raise ValueError("width and steps of a flow must be at least 1")


@dataclass(frozen=True)
class FlowSchedule:
    """The schedule of flow matching. An iteration is one step of Adam."""

    batch_size: Rows = 256
    """A step takes so many codes."""
    epochs: Times = 10
    """Training passes so often over the codes."""
    iterations: OptionalTimes = 0
    """The run has so many iterations, whatever ``epochs`` says; 0 trains for ``epochs``."""
    rate: Amount = 1e-3
    """Adam learns at this rate, which falls by half a cosine."""
    warmup: OptionalTimes = 100
    """The rate rises from 0 over so many iterations."""
    clip_norm: Amount = 1.0
    """No step has a larger gradient norm; 0 does not clip."""
    average: PartialShare = 0.999
    """The prior is a running mean of the weights that decays by this."""
    lateness: Positive = 4.0
    """Times are drawn in proportion to this power of themselves, less one: 1 draws them uniformly,
    2 in proportion to themselves. A path that is nearly noise has little to teach, and what it
    teaches drowns in the noise of its gradient."""
    noise_left: Amount = 1.0
    """The flow ends where so many times the decoder's training noise are left in the codes; 0 goes
    on to clean codes."""
    seed: Seed = 0
    """It fixes weights, batches and noise."""
    log_every: Times = 100
    """The log has a line every so many iterations."""
    save_every: Times = 500
    """A checkpoint is written every so many iterations."""
    evaluate_every: OptionalTimes = 0
    """The flow is evaluated on dev every so many iterations; 0 evaluates after each epoch."""

    def __post_init__(self) -> None:
        """Refuse a schedule that cannot be followed."""
        if not self.batch_size or not self.lateness or self.average >= 1:
            raise ValueError("batch_size and lateness must be above 0, average below 1")


@dataclass(frozen=True)
class FlowConfig:
    """All settings of a flow prior."""

    model: FlowSizes = field(default_factory=FlowSizes)
    """The network's sizes are set here."""
    training: FlowSchedule = field(default_factory=FlowSchedule)
    """The schedule is set here."""


PriorConfig = GaussianConfig | MixtureConfig | FlowConfig
SETTINGS: dict[FittedKind, PriorConfig] = {
    "gaussian": GaussianConfig(),
    "mixture": MixtureConfig(),
    "flow": FlowConfig(),
}
"""The default settings of each kind."""
