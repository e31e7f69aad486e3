"""One training of a transfer autoencoder from a labelled corpus to a model folder."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import torch

from arae_toolkit.config.schema import Config, check_separate
from arae_toolkit.data.corpus import Corpus, PackedSentences
from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.devices import Precision
from arae_toolkit.distributed.ranks import Ranks
from arae_toolkit.errors import DataError
from arae_toolkit.nn.priors import PriorKind
from arae_toolkit.pretraining.algorithm import Algorithm, separate_encoder_facts
from arae_toolkit.training.experiment import Experiment, RunOptions
from arae_toolkit.training.loop import Evaluate
from arae_toolkit.transfer.autoencoder.attribute_classifier import AttributeAdversary
from arae_toolkit.transfer.autoencoder.back_translation import BackTranslation
from arae_toolkit.transfer.autoencoder.dev_evaluation import TransferEvaluation
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder
from arae_toolkit.transfer.autoencoder.rewriter import LATENT, MASKED_FROM
from arae_toolkit.transfer.labelled_corpus import labelled_part, model_record
from arae_toolkit.transfer.salience import word_salience
from arae_toolkit.transfer.scorer.scorer import SCORER_FOLDER, Scorer
from arae_toolkit.transfer.scorer.training import provide_scorer

TransferKind = Literal["arae", "ae", "aae"]
PRIORS: dict[TransferKind, PriorKind] = {"arae": "generator", "ae": "fitted", "aae": "sphere"}
SALIENCE_SMOOTHING = 1.0
# What is the critic's, or of one decoder for all; and codes lie on the sphere.
_UNUSED = (
    *("critic_sizes", "critic_normalization", "output_map", "tied_embeddings", "code_norm"),
    "encoder_size",
    "generator_noise",
)


def new_model(corpus: Corpus, config: Config, *, kind: TransferKind) -> TransferAutoencoder:
    """Return a model of these settings for a corpus, with its starting weights."""
    training = config.training
    model = TransferAutoencoder(
        len(corpus.vocabulary),
        attributes=corpus.labels,
        max_length=min(corpus.max_length, training.longest_sentence or corpus.max_length),
        **{name: size for name, size in asdict(config.model).items() if name not in _UNUSED},
        prior=PRIORS[kind],
        hides=training.attribute_drop > 0,
    )
    model.initialize(
        generator=torch.Generator().manual_seed(training.seed),
        bound=training.initial_bound,
        forget_bias=training.forget_bias,
        perceptron_deviation=training.perceptron_deviation,
    )
    return model


def pretrain_transfer(
    corpus: Corpus,
    config: Config,
    folder: Path,
    *,
    scorer_folder: Path,
    kind: TransferKind = "arae",
    **options: Unpack[RunOptions],
) -> None:
    """Train a transfer model on a labelled corpus, resuming what the folders hold.

    See :meth:`~arae_toolkit.transfer.systems.TransferSystem.train` for the arguments. The kind is
    ``arae``, Algorithm 2; ``ae``, without critic and prior; or ``aae``, with a fixed prior.

    Raises:
        CheckpointMismatch: If a folder holds another run.
        DataError: If the corpus has no labelled sentences, or none that is short enough.
        TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
        ValueError: If the decoders cannot have tables as the settings want them.
    """
    corpus = labelled_part(corpus)
    check_separate(config)
    facts = {"model": kind, "task": "transfer", "corpus": corpus.sha256}
    if kind != "ae" or config.training.attribute_weight:
        facts |= separate_encoder_facts(config.training)
    experiment = Experiment(folder, config, facts, **options)
    provide_scorer(corpus, scorer_folder, folder, options)
    train = _short_enough(corpus, "train", config)
    model = new_model(corpus, config, kind=kind)
    chances = masking_chances(train, len(corpus.labels), len(corpus.vocabulary), config)
    if chances is not None:
        model.chances.copy_(chances)

    def make() -> tuple[Algorithm, Evaluate[Algorithm]]:
        device = experiment.device
        hidden = training_chances(chances, device)
        store = AttributeStore(train, device=device, chances=hidden)
        dev = _short_enough(corpus, "dev", config)
        algorithm = new_algorithm(model, config, store, experiment.precision, experiment.ranks)

        @cache
        def evaluation() -> TransferEvaluation:
            scorer, _ = Scorer.from_pretrained(folder / SCORER_FOLDER)
            return TransferEvaluation(
                model,
                corpus.vocabulary,
                scorer.to(device),
                TokenStore(train, device=device),
                AttributeStore(dev, device=device, chances=hidden),
                dev,
                config.training,
                algorithm.dtype,
            )

        return algorithm, lambda trained, last: evaluation()(trained, last)

    record = model_record(LATENT, model.arguments, config, corpus)
    experiment.train(model, make, record=record, vocabulary=corpus.vocabulary)


def new_algorithm(
    model: TransferAutoencoder,
    config: Config,
    store: AttributeStore,
    precision: Precision,
    ranks: Ranks,
) -> Algorithm:
    """Return Algorithm 2, and what the settings add to it."""
    training = config.training
    algorithm = Algorithm(model, config, store, precision=precision, extended=True, ranks=ranks)
    common: dict[str, Any] = {
        "iterations": algorithm.iterations,
        "dtype": algorithm.dtype,
        "ranks": ranks,
    }
    algorithm.extend(AttributeAdversary(model, training, store, **common))
    if training.cycle_weight:
        update = algorithm.updates["autoencoder"]
        algorithm.extend(BackTranslation(model, training, store, update=update, **common))
    return algorithm


def masking_chances(
    sentences: PackedSentences, attributes: int, vocab_size: int, config: Config
) -> torch.Tensor | None:
    """Return how strongly words mark each value, as chances to be masked; ``None`` to mask none.

    That is ``attribute_drop`` times 1 - 1/r for a word that is r > 1 times as frequent under the
    value as under the others. Shape (A, V).
    """
    share = config.training.attribute_drop
    if not share:
        return None
    salience = word_salience(sentences, attributes, vocab_size, SALIENCE_SMOOTHING)
    return torch.from_numpy(share * (1 - np.exp(-np.maximum(salience, 0)))).float()


def training_chances(chances: torch.Tensor | None, device: torch.device) -> torch.Tensor | None:
    """Return by what chance words are masked in training: those that mark little, never.

    Nearly every word is a little more frequent under one value: to mask them all by their small
    chances would cost the code most of what it is to carry.
    """
    if chances is None:
        return None
    return chances.where(chances >= MASKED_FROM * chances.max(), 0.0).to(device)


def _short_enough(corpus: Corpus, split: str, config: Config) -> PackedSentences:
    """Return the sentences of a split that are short enough.

    Raises:
        DataError: If there is none.
    """
    longest = config.training.longest_sentence
    sentences = corpus.split(split).of_at_most(longest)
    if not len(sentences):
        raise DataError(f"no sentence of at most {longest} words in {split}", path=corpus.folder)
    return sentences
