"""From a prepared corpus and settings to a trained model folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

import arae_toolkit
from arae_toolkit.algorithm import Algorithm, Precision
from arae_toolkit.batching import TokenStore
from arae_toolkit.checkpoint import STATE
from arae_toolkit.configs import Config, to_dict
from arae_toolkit.corpus import Corpus
from arae_toolkit.errors import CheckpointMismatch, DataError, ToolkitError
from arae_toolkit.evaluation.monitors import collapse_warning, edit_neighbours, measure_codes
from arae_toolkit.evaluation.reconstruction import codes_of, measure_reconstruction
from arae_toolkit.model_folder import CONFIG, save_model_folder
from arae_toolkit.models.arae import ARAE, PriorKind
from arae_toolkit.models.latent import FittedGaussian
from arae_toolkit.run_log import Listener, RunLog
from arae_toolkit.training import Run, fit

ModelKind = Literal["arae", "ae", "aae"]
PRIORS: dict[ModelKind, PriorKind] = {"arae": "generator", "ae": "fitted", "aae": "sphere"}
SAMPLES_SHOWN = 10
FITTED_SENTENCES = 20_000


def new_model(corpus: Corpus, config: Config, *, kind: ModelKind) -> ARAE:
    """Return a model of these settings for a text corpus, with its starting weights."""
    model = config.model
    arae = ARAE(
        corpus.vocabulary,
        max_length=corpus.max_length,
        embedding_size=model.embedding_size,
        code_size=model.code_size,
        hidden_size=model.hidden_size,
        noise_size=model.noise_size,
        generator_sizes=model.generator_sizes,
        generator_normalization=model.generator_normalization,
        generator_output=model.generator_output,
        code_gain=model.code_gain,
        prior=PRIORS[kind],
    )
    arae.initialize(
        generator=torch.Generator().manual_seed(config.training.seed),
        bound=config.training.initial_bound,
        forget_bias=config.training.forget_bias,
        perceptron_deviation=config.training.perceptron_deviation,
    )
    return arae


def pretrain(
    corpus: Corpus,
    config: Config,
    folder: Path,
    *,
    kind: ModelKind = "arae",
    device: torch.device | None = None,
    precision: Precision = "fp32",
    resume: Literal["auto", "never"] | Path = "auto",
    listeners: Sequence[Listener] = (),
    stop_signal: Callable[[], int] = lambda: 0,
) -> None:
    """Train a model on a corpus's train split, evaluating on dev, and leave a model folder.

    Args:
        corpus: Text, prepared.
        config: Settings.
        folder: The run's folder; other files in it are left alone.
        kind: ``arae``; ``ae``, the plain autoencoder; ``aae``, with a fixed spherical prior.
        device: Where to compute; the CPU unless given.
        precision: See :class:`~arae_toolkit.algorithm.Algorithm`.
        resume: ``auto`` goes on from the folder's training state if there is one, ``never``
            refuses to touch a folder that has one, a path names a state to start from.
        listeners: Told of rows and notes.
        stop_signal: Returns the number of a signal that asks to stop, 0 otherwise.

    Raises:
        CheckpointMismatch: If the folder holds another run.
        DataError: If the corpus has no text or no dev split.
        TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.fit`.
    """
    if corpus.kind != "text":
        raise DataError("an image corpus, where text is needed", path=corpus.folder)
    device = device or torch.device("cpu")
    identity = _identity(corpus, config, kind=kind, precision=precision)
    state = _state_to_resume(folder, resume)
    _check_folder(folder, identity)
    model = new_model(corpus, config, kind=kind)
    if state is None:
        save_model_folder(
            folder,
            config={
                "kind": "text",
                "model": model.arguments,
                "run": identity,
                "settings": to_dict(config),
                "corpus": {"name": corpus.name, "sha256": corpus.sha256, "labels": corpus.labels},
                "toolkit": arae_toolkit.__version__,
            },
            vocabulary=corpus.vocabulary,
            tensors=model.state_dict(),
        )
    model.to(device)
    # One shape for all batches is what a captured graph will need; on a CPU it would be waste.
    static_length = corpus.max_length + 1 if device.type == "cuda" else None
    store = TokenStore(corpus.split("train"), device=device, static_length=static_length)
    algorithm = Algorithm(model, config, store, precision=precision)
    log = RunLog(folder, listeners)
    run = Run(
        folder=folder,
        identity=identity,
        log=log,
        evaluate=DevEvaluation(corpus, config, device=device, note=log.note),
        stop_signal=stop_signal,
    )
    fit(algorithm, run, resume_from=state)


class DevEvaluation:
    """Measures a model in training on the dev split.

    Args:
        corpus: Its dev split is used.
        config: How many sentences.
        device: Where to compute.
        note: Told of a collapse.
    """

    def __init__(
        self, corpus: Corpus, config: Config, *, device: torch.device, note: Callable[[str], None]
    ) -> None:
        """Choose the sentences and look up their edit neighbours, once for all evaluations."""
        dev = corpus.split("dev")
        if len(dev) == 0:
            raise DataError("the dev split has no sentences", path=corpus.folder)
        self.store = TokenStore(dev, device=device)
        seed = config.training.seed
        self.seed, self.note = seed, note
        chosen = np.random.default_rng(seed).permutation(len(dev))
        self.rows = chosen[: config.training.evaluation_sentences]
        self.neighbours = edit_neighbours(dev, seed=seed)

    def __call__(self, algorithm: Algorithm, last: bool) -> Mapping[str, Any]:
        """Return a row of measurements; the last one is over all of dev."""
        model = algorithm.model
        if isinstance(model.prior, FittedGaussian):
            count = min(FITTED_SENTENCES, len(algorithm.store))
            rows = np.random.default_rng(self.seed).permutation(len(algorithm.store))[:count]
            model.prior.fit(codes_of(model, algorithm.store, rows))
        reconstruction = measure_reconstruction(model, self.store, rows=None if last else self.rows)
        monitors = measure_codes(
            model,
            self.store,
            rows=self.rows,
            neighbours=self.neighbours,
            critic=algorithm.critic,
            seed=self.seed,
        )
        warning = collapse_warning(monitors)
        if warning:
            self.note(warning)
        return {
            **asdict(reconstruction),
            **monitors.values(),
            "warning": warning,
            "samples": model.sample(SAMPLES_SHOWN, seed=self.seed),
        }


def _identity(
    corpus: Corpus, config: Config, *, kind: ModelKind, precision: Precision
) -> dict[str, str]:
    """Return what two runs must share for one to go on from the other, by name."""
    settings = {
        f"{section}.{key}": json.dumps(value)
        for section, part in to_dict(config).items()
        for key, value in part.items()
    }
    return {"model": kind, "corpus": corpus.sha256, "precision": precision, **settings}


def _state_to_resume(folder: Path, resume: Literal["auto", "never"] | Path) -> Path | None:
    """Return the training state to go on from, or ``None`` to start afresh."""
    own = folder / STATE
    if isinstance(resume, Path):
        state = resume / STATE if resume.is_dir() else resume
        if not state.exists():
            raise CheckpointMismatch(f"{state}: no training state here to go on from")
        return state
    if resume == "auto":
        return own if own.exists() else None
    if own.exists():
        raise ToolkitError(
            f"{folder}: holds a run already; name another folder with --out, or go on with it "
            "by --resume auto"
        )
    return None


def _check_folder(folder: Path, identity: Mapping[str, str]) -> None:
    """Refuse a folder that holds a model of another run.

    Raises:
        CheckpointMismatch: Naming the settings that differ.
    """
    path = folder / CONFIG
    if not path.exists():
        return
    try:
        there = json.loads(path.read_text(encoding="utf-8"))["run"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointMismatch(
            f"{path}: not the configuration of a run; name another folder with --out"
        ) from error
    different = [
        f"{name} {there.get(name, 'unset')} there, {value} here"
        for name, value in identity.items()
        if there.get(name) != value
    ]
    if different:
        raise CheckpointMismatch(
            f"{folder}: holds a run with other settings ({'; '.join(different[:3])}); name "
            "another folder with --out, or use those settings"
        )
