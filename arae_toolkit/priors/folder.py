"""The folders of fitted priors, in the folder of their run, and every prior by its name.

A prior's folder is a model folder of its own: ``config.json``, ``model.safetensors``. It keeps the
fingerprint of the encoder and decoder that it was fitted for, and is refused beside others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import CheckpointMismatch, NotFound
from arae_toolkit.models.folder_schema import network_of
from arae_toolkit.models.model_folder import CONFIG, load_model_folder, parts_of, read_config
from arae_toolkit.nn.priors import (
    FittedGaussian,
    FlowPrior,
    GaussianPrior,
    Generator,
    MixturePrior,
    NoCodePrior,
    Prior,
    SphericalPrior,
)
from arae_toolkit.priors.codes import (
    CodesPrior,
    Model,
    SplitCodes,
    decoder_noise,
    longest_sentence,
)
from arae_toolkit.priors.neighbours import NeighboursPrior
from arae_toolkit.priors.settings import CODES, OF_CORPUS, OWN, FittedKind
from arae_toolkit.storage.safetensors_file import tensors_sha256

FOLDER, KIND = "priors", "prior"
AnyFittedPrior = FittedGaussian | MixturePrior | FlowPrior

_CLASSES: dict[FittedKind, type[AnyFittedPrior]] = {
    "gaussian": FittedGaussian,
    "mixture": MixturePrior,
    "flow": FlowPrior,
}


def prior_folder(run: Path, name: str) -> Path:
    """Return where a run's prior of this name lies."""
    return run / FOLDER / name


def own_prior_name(model: Model) -> str:
    """Return what the prior that a model was trained with is called."""
    names = {
        Generator: "generator",
        SphericalPrior: "sphere",
        GaussianPrior: "standard",  # a Gaussian fitted later is called gaussian
        FittedGaussian: "fitted",
        NoCodePrior: "none",
    }
    return names[type(model.prior)]


def weights_sha256(model: Model) -> str:
    """Return the fingerprint of the encoder and decoder: what makes codes, and what reads them."""
    parts = {"encoder": model.encoder, "decoder": model.decoder}
    return tensors_sha256(
        {
            f"{name}.{key}": tensor.detach().cpu()
            for name, part in parts.items()
            for key, tensor in part.state_dict().items()
        }
    )


def prior_record(prior: AnyFittedPrior, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``config.json`` says of a prior's class and its arguments."""
    kind = next(name for name, cls in _CLASSES.items() if type(prior) is cls)
    return {"kind": KIND, "prior": {"kind": kind, **arguments}}


def load_prior(folder: Path, model: Model) -> AnyFittedPrior:
    """Return the prior of a folder, on the device of its model.

    Raises:
        CheckpointMismatch: If the folder holds no prior, its parts do not fit together, or it was
            fitted to the codes of other weights.
    """
    content = load_model_folder(folder, device=model.device)
    config = content.config
    if config.get("kind") != KIND:
        raise CheckpointMismatch(f"{folder}: no prior, but a model")
    if config.get("run", {}).get("weights") != weights_sha256(model):
        raise CheckpointMismatch(
            f"{folder}: a prior of other weights than this model's, whose codes it does not know; "
            "fit it again with 'arae-toolkit prior fit', into another folder by --out or with "
            "this one removed"
        )
    with parts_of(folder):
        arguments = dict(config["prior"])
        kind = _CLASSES[arguments.pop("kind")]
        made = network_of(kind, arguments=arguments, tensors=content.tensors)
        prior = cast(AnyFittedPrior, made)
    loaded: AnyFittedPrior = prior.to(model.device).eval()
    return loaded


def fitted_names(run: Path) -> list[str]:
    """Return the names of the priors that lie in a run's folder."""
    return sorted(path.parent.name for path in (run / FOLDER).glob(f"*/{CONFIG}"))


def prior_named(
    name: str,
    run: Path,
    model: Model,
    corpus: Corpus | None = None,
    *,
    start_scale: float | None = None,
) -> Prior:
    """Return a prior of a run by its name.

    Args:
        name: ``own``, or what the model's own is called (``generator``, ``sphere``, ``standard`` or
            ``fitted``); ``codes``, the training codes themselves, or ``neighbours``, what lies
            between them; a prior in the run's folder, such as ``flow``; or the path of a prior's
            folder.
        run: The run's folder.
        model: Loaded from it.
        corpus: The one that it was trained on; ``codes`` and ``neighbours`` need it.
        start_scale: Deviation of the noise that a flow starts from, 1 unless given.

    Raises:
        NotFound: If there is no such prior; the message names those that there are.
        CheckpointMismatch: See :func:`load_prior`.
        ValueError: If a prior of the corpus's codes has no corpus, or ``start_scale`` is given for
            what is no flow.
    """
    prior = _unscaled(name, run, model, corpus)
    if start_scale is not None:
        if not isinstance(prior, FlowPrior):
            raise ValueError(f"the prior {name!r} is no flow, and has no start to scale")
        if start_scale < 0:
            raise ValueError(f"start_scale must not be negative, got {start_scale}")
        prior.start_scale = start_scale
    return prior


def _unscaled(name: str, run: Path, model: Model, corpus: Corpus | None) -> Prior:
    own = own_prior_name(model)
    if name in (OWN, own):
        return model.prior
    if name in OF_CORPUS:
        if corpus is None:
            raise ValueError(f"the prior {name!r} needs the corpus that the run was trained on")
        config = read_config(run)
        codes = SplitCodes(model, corpus, "train", longest=longest_sentence(config))
        noise = decoder_noise(config, rows=len(codes))
        if name == CODES:
            return CodesPrior(codes, noise=noise)
        return NeighboursPrior(codes, noise=noise)
    is_path = Path(name).name != name
    folder = Path(name) if is_path else prior_folder(run, name)
    if not (folder / CONFIG).is_file():
        there = ", ".join([own, *fitted_names(run), *OF_CORPUS])
        advice = f"; fit one with 'arae-toolkit prior fit {run} --kind {name}'"
        raise NotFound(
            f"no prior {name!r} for {run}: there are {there}" + advice * (name in _CLASSES)
        )
    return load_prior(folder, model)
