"""Pretraining: from a prepared corpus and settings to a trained model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Unpack

import torch

from arae_toolkit.config.model_kinds import KINDS, check_settings, code_space
from arae_toolkit.config.overrides import to_dict
from arae_toolkit.config.schema import Config
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.image_batches import PixelStore
from arae_toolkit.data.token_batches import Store, TokenStore
from arae_toolkit.devices import has_bfloat16
from arae_toolkit.errors import DataError, NotFound, ToolkitError
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.models.model_folder import holds_weights, save_model_folder
from arae_toolkit.pretraining.algorithm import Algorithm, separate_encoder_facts
from arae_toolkit.pretraining.dev_evaluation import (
    SamplePictures,
    image_evaluation,
    text_evaluation,
)
from arae_toolkit.training.checkpoint import STATE
from arae_toolkit.training.experiment import Experiment, RunOptions
from arae_toolkit.training.loop import Evaluate
from arae_toolkit.version import __version__

LAST = "last"
"""Folder, in that of a run, of the model of its last weights, where others are selected."""
ModelName = Literal["arae", "ae", "aae", "vae", "wae", "language-model"]
"""One of :data:`~arae_toolkit.config.model_kinds.KINDS`."""

_SHARED_SETTINGS = (
    *("code_size", "noise_size", "generator_sizes"),
    *("generator_normalization", "generator_output", "generator_noise"),
)
_TEXT_SETTINGS = (
    *("encoder", "encoder_size", "embedding_size", "hidden_size"),
    *("code_gain", "output_map", "tied_embeddings"),
)


def new_model(corpus: Corpus, config: Config, *, kind: ModelName) -> ARAE | ImageARAE:
    """Return a model of these settings for a corpus, with its starting weights.

    One setting sizes all hidden layers of an image model: at ``hidden_size`` 800 they are those of
    the published code, 800-400 in the encoder and 400-800-1000 in the decoder.

    Raises:
        ValueError: If the settings cannot go together, or there is no such model of images.
    """
    training, width = config.training, config.model.hidden_size
    check_settings(kind, config, images=corpus.kind == "image")
    code_norm, prior = code_space(kind, config.model)
    generator = torch.Generator().manual_seed(training.seed)
    settings = vars(config.model)
    shared: dict[str, Any] = {name: settings[name] for name in _SHARED_SETTINGS}
    shared |= {"prior": prior, "code_norm": code_norm, "variational": kind == "vae"}
    if corpus.kind == "image":
        images = ImageARAE(
            corpus.manifest["image_shape"],
            encoder_sizes=(width, width // 2),
            decoder_sizes=(width // 2, width, width + width // 4),
            **shared,
        )
        images.initialize(generator=generator, perceptron_deviation=training.perceptron_deviation)
        return images
    own = {name: settings[name] for name in _TEXT_SETTINGS}
    if code_norm == "none":
        own["code_gain"] = 1.0  # it makes up for the norm of 1
    text = ARAE(
        corpus.vocabulary,
        max_length=min(corpus.max_length, training.longest_sentence or corpus.max_length),
        **own,
        **shared,
    )
    text.initialize(
        generator=generator,
        bound=training.initial_bound,
        forget_bias=training.forget_bias,
        perceptron_deviation=training.perceptron_deviation,
    )
    return text


def pretrain(
    corpus: Corpus,
    config: Config,
    folder: Path,
    *,
    kind: ModelName = "arae",
    cuda_graphs: bool = True,
    resume: Literal["auto", "never"] | Path = "auto",
    **options: Unpack[RunOptions],
) -> None:
    """Train a model on a corpus's train split, evaluating on dev, and leave a model folder.

    Args:
        corpus: Text or images, prepared.
        config: Settings.
        folder: The run's folder; other files in it are left alone.
        kind: ``arae``; ``ae``, the plain autoencoder; ``aae``, ``vae`` and ``wae``, with a fixed
            prior; ``language-model``, a decoder alone. See
            :mod:`~arae_toolkit.config.model_kinds`.
        cuda_graphs: See :class:`~arae_toolkit.pretraining.algorithm.Algorithm`.
        resume: ``auto`` goes on from the folder's training state if there is one, ``never``
            refuses to touch a folder that has one, a path names a state to start from.
        options: See :class:`~arae_toolkit.training.experiment.RunOptions`.

    Raises:
        CheckpointMismatch: If the folder holds another run.
        ValueError: If settings cannot go together.
        DataError: If the train or dev split has no sentence, or none that is short enough.
        TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
    """
    if corpus.rows("dev") == 0:
        raise DataError("the dev split is empty", path=corpus.folder)
    longest = config.training.longest_sentence
    if corpus.kind == "text":
        for split in ("train", "dev"):
            if not len(corpus.split(split).of_at_most(longest)):
                problem = f"no sentence of at most {longest} words in {split}"
                raise DataError(problem, path=corpus.folder)
    state = _state_to_resume(folder, resume)
    facts = {"model": kind, "corpus": corpus.sha256}
    if kind != "ae":
        facts |= separate_encoder_facts(config.training)
    experiment = Experiment(folder, config, facts, **options)
    device, precision, log = experiment.device, experiment.precision, experiment.log
    model = new_model(corpus, config, kind=kind)

    def make() -> tuple[Algorithm, Evaluate[Algorithm]]:
        store: Store
        evaluate: Evaluate[Algorithm]
        if isinstance(model, ARAE):
            store = TokenStore(corpus.split("train").of_at_most(longest), device=device)
            evaluate = text_evaluation(model, store, corpus, config, note=log.note)
        else:
            store = PixelStore(corpus.pixels("train"), device=device)
            dev = PixelStore(corpus.pixels("dev"), device=device)
            evaluate = image_evaluation(model, store, dev, corpus, config, note=log.note)
            log.listeners.append(
                SamplePictures(folder, model, dev, seed=config.training.seed, log=log.note)
            )
        algorithm = Algorithm(
            model,
            config,
            store,
            precision=precision,
            cuda_graphs=cuda_graphs,
            note=log.note,
            regularizer=KINDS[kind].regularizer,
            ranks=experiment.ranks,
        )
        if precision == "bf16" and not has_bfloat16(device):
            log.note("this processor has no bfloat16 instructions: --precision fp32 is faster here")
        return algorithm, evaluate

    record = {
        "kind": corpus.kind,
        "model": model.arguments,
        "settings": to_dict(config),
        "corpus": corpus.record,
    }
    vocabulary = model.vocabulary if isinstance(model, ARAE) else None
    experiment.train(model, make, record=record, vocabulary=vocabulary, resume_from=state)
    weights = model.state_dict()
    if config.training.select == "last" or experiment.rehearsal is not None:
        return
    if not holds_weights(folder / LAST, weights):
        about = {**record, "run": experiment.identity, "toolkit": __version__, "weights": LAST}
        save_model_folder(folder / LAST, config=about, vocabulary=vocabulary, tensors=weights)
        log.note(f"its last weights, beside the selected ones: {folder / LAST}")


def _state_to_resume(folder: Path, resume: Literal["auto", "never"] | Path) -> Path | None:
    """Return the training state to go on from, or ``None`` to start afresh."""
    own = folder / STATE
    if isinstance(resume, Path):
        state = resume / STATE if resume.is_dir() else resume
        if not state.exists():
            raise NotFound("no training state here to go on from", path=state)
        return state
    if resume == "auto":
        return own if own.exists() else None
    if own.exists():
        raise ToolkitError(
            f"{folder}: holds a run already; name another folder with --out, or go on with it "
            "by --resume auto"
        )
    return None
