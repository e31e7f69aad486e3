"""Priors over codes: learned, fixed and fitted."""

from arae_toolkit.nn.priors.flow import FlowPrior, VelocityNetwork
from arae_toolkit.nn.priors.gaussian import (
    FittedGaussian,
    GaussianPrior,
    NoCodePrior,
    SphericalPrior,
)
from arae_toolkit.nn.priors.generator import Generator, OutputBound, update_average
from arae_toolkit.nn.priors.mixture import MixturePrior
from arae_toolkit.nn.priors.own_prior import (
    DRAWN_TOGETHER,
    AnyPrior,
    Prior,
    PriorKind,
    new_prior,
    without_noise,
)

__all__ = [
    "DRAWN_TOGETHER",
    "AnyPrior",
    "FittedGaussian",
    "FlowPrior",
    "GaussianPrior",
    "Generator",
    "MixturePrior",
    "NoCodePrior",
    "OutputBound",
    "Prior",
    "PriorKind",
    "SphericalPrior",
    "VelocityNetwork",
    "new_prior",
    "update_average",
    "without_noise",
]
