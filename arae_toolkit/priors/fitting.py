"""Fitting of a prior to the codes of a run, from its weights and corpus to the prior's folder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arae_toolkit.config.overrides import to_dict
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import DataError
from arae_toolkit.models.model_folder import CONFIG, check_vacant, read_config, save_model_folder
from arae_toolkit.nn.priors import FittedGaussian, FlowPrior, MixturePrior
from arae_toolkit.nn.priors.gaussian import mean_and_covariance
from arae_toolkit.priors.codes import Model, SplitCodes, decoder_noise, longest_sentence
from arae_toolkit.priors.flow_matching import FlowMatching, evaluate_flow
from arae_toolkit.priors.folder import prior_folder, prior_record, weights_sha256
from arae_toolkit.priors.settings import (
    FlowConfig,
    GaussianConfig,
    MixtureConfig,
    MixtureFit,
    MixtureForm,
    PriorConfig,
)
from arae_toolkit.storage.locks import locked
from arae_toolkit.training.experiment import Experiment, RunOptions
from arae_toolkit.training.loop import Evaluate

SPHERE_TOLERANCE = 1e-3
"""Codes lie on the unit sphere if no norm is further from 1."""
LEAST_VARIANCE = 1e-6
"""Least variance of a whitened direction within a Gaussian of a mixture."""


def fit_prior(
    model: Model,
    corpus: Corpus,
    config: PriorConfig,
    run: Path,
    *,
    folder: Path | None = None,
    **options: Unpack[RunOptions],
) -> Path:
    """Fit a prior to the training codes of a run, and leave it in a folder.

    A flow that was stopped goes on; a prior that is fitted already is left as it is.

    Args:
        model: Loaded from the run's folder.
        corpus: The one that the run was trained on. Its train split is encoded to fit the prior,
            its dev split to judge it.
        config: Settings of the kind of prior that is wanted.
        run: The run's folder.
        folder: Of the prior; ``priors/KIND`` in the run's unless given.
        options: See :class:`~arae_toolkit.training.experiment.RunOptions`; the device is the
            model's.

    Returns:
        The prior's folder.

    Raises:
        CheckpointMismatch: If the folder holds another prior.
        ToolkitError: If it holds a model without its configuration, or a process trains there.
        DataError: If the corpus does not fit the model, or has fewer than two rows.
        TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
    """
    kinds = {GaussianConfig: "gaussian", MixtureConfig: "mixture", FlowConfig: "flow"}
    kind = kinds[type(config)]
    folder = folder or prior_folder(run, kind)
    facts = {"prior": kind, "weights": weights_sha256(model), "corpus": corpus.sha256}
    options["device"] = model.device
    experiment = Experiment(folder, config, facts, **options)
    if not isinstance(config, FlowConfig) and (folder / CONFIG).exists():
        experiment.log.note("this prior is fitted already")
        return folder
    trained = read_config(run)
    longest = longest_sentence(trained)
    train = SplitCodes(model, corpus, "train", longest=longest)
    if len(train) < 2:
        raise DataError("the train split has one row, and a prior needs two", path=corpus.folder)
    dev = SplitCodes(model, corpus, "dev", longest=longest).some(0, seed=0)
    record = {"settings": to_dict(config), "corpus": corpus.record}
    noise = config.training.noise_left * decoder_noise(trained, rows=len(train))
    experiment.log.note(f"encoding {len(train):,} rows; noise left in the codes: {noise:.4g}")
    if isinstance(config, FlowConfig):
        _train_flow(experiment, config, train.some(0, seed=0), dev, noise=noise, record=record)
        return folder
    codes = train.some(config.training.rows, seed=config.training.seed)
    prior: FittedGaussian | MixturePrior
    measures: dict[str, float] = {}
    arguments: dict[str, Any] = {
        "code_size": codes.shape[1],
        "on_sphere": on_sphere(codes),
        "noise": noise,
    }
    if isinstance(config, GaussianConfig):
        prior = FittedGaussian(**arguments).to(model.device)
        prior.fit(codes)
    else:
        form, fitted, measures = _best_mixture(codes, dev, config, note=experiment.log.note)
        arguments |= form
        prior = MixturePrior(**arguments)
        prior.load_state_dict(fitted)
    with locked(folder, "a training"):
        check_vacant(folder, prior.state_dict())
        save_model_folder(
            folder,
            config={
                **prior_record(prior, arguments),
                **record,
                "measures": measures,
                "run": experiment.identity,
            },
            vocabulary=None,
            tensors=prior.state_dict(),
        )
    return folder


def on_sphere(codes: Tensor) -> bool:
    """Return whether codes lie on the unit sphere. Shape (N, Z)."""
    return bool(((codes.norm(dim=1) - 1).abs() < SPHERE_TOLERANCE).all())


def _train_flow(
    experiment: Experiment,
    config: FlowConfig,
    codes: Tensor,
    dev: Tensor,
    *,
    noise: float,
    record: Mapping[str, Any],
) -> None:
    arguments = {
        **asdict(config.model),
        "code_size": codes.shape[1],
        "noise": noise,
        "on_sphere": on_sphere(codes),
    }
    prior = FlowPrior(**arguments)
    prior.network.initialize(torch.Generator().manual_seed(config.training.seed))
    prior.standardize(codes.cpu())

    def make() -> tuple[FlowMatching, Evaluate[FlowMatching]]:
        return FlowMatching(prior, config.training, codes, dev), evaluate_flow

    experiment.train(
        prior, make, record={**prior_record(prior, arguments), **record}, vocabulary=None
    )


def _best_mixture(
    codes: Tensor, dev: Tensor, config: MixtureConfig, *, note: Any
) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, float]]:
    """Return the form, the buffers and the measures of the mixture that is likeliest on dev.

    The rest of the directions is the same Gaussian in each of them and in the plain Gaussian, so
    that likelihoods are compared over the leading ones.
    """
    mean, covariance = mean_and_covariance(codes.cpu())
    variances, basis = (part.flip(-1) for part in torch.linalg.eigh(covariance))
    deviations = variances.clamp(min=1e-12).sqrt()
    dimensions = min(config.model.dimensions, len(mean))

    def whitened(part: Tensor) -> npt.NDArray[np.float64]:
        turned = (part.double().cpu() - mean) @ basis / deviations
        leading: npt.NDArray[np.float64] = turned[:, :dimensions].numpy()
        return leading

    train, held_out = whitened(codes), whitened(dev)
    gaussian = -0.5 * (held_out**2 + np.log(2 * np.pi)).sum(axis=1).mean()
    best: Any = None
    highest = -np.inf
    for components, covariance_type in _forms(config.model, rows=len(train)):
        mixture = _fitted_mixture(train, components, covariance_type, config.training)
        gained = float(mixture.score(held_out) - gaussian)
        note(
            f"{components} Gaussians, {covariance_type}: {gained:.2f} nats a code of dev likelier "
            "than one"
        )
        if gained > highest:
            best, highest = mixture, gained
    diagonal = best.covariance_type == "diag"
    factors = np.sqrt(best.covariances_) if diagonal else np.linalg.cholesky(best.covariances_)
    fitted = {
        "mean": mean,
        "basis": basis,
        "deviations": deviations,
        "weights": torch.from_numpy(best.weights_),
        "means": torch.from_numpy(best.means_),
        "factors": torch.from_numpy(factors),
    }
    form = {"components": len(best.weights_), "dimensions": dimensions, "diagonal": diagonal}
    return form, {name: value.float() for name, value in fitted.items()}, {"nats_gained": highest}


def _forms(model: MixtureForm, *, rows: int) -> list[tuple[int, str]]:
    """Return the numbers of Gaussians, no more than rows, and the forms of their covariances."""
    kinds = {"both": ("diag", "full"), "full": ("full",), "diagonal": ("diag",)}[model.covariance]
    numbers = sorted({max(1, min(number, rows // 2)) for number in model.components})
    return [(number, kind) for number in numbers for kind in kinds]


def _fitted_mixture(
    train: npt.NDArray[np.float64], components: int, covariance_type: str, settings: MixtureFit
) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(
        components,
        covariance_type=covariance_type,
        max_iter=settings.iterations,
        reg_covar=LEAST_VARIANCE,
        random_state=settings.seed,
    )
    with warnings.catch_warnings():
        # That it could go on is no fault: dev says how good it is.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(train)
