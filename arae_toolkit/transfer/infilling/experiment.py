"""One training of an infilling model from a labelled corpus to a model folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Unpack

import torch

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.training.experiment import Experiment, RunOptions
from arae_toolkit.training.loop import Evaluate
from arae_toolkit.transfer.infilling.network import INFILLING, new_infilling_network
from arae_toolkit.transfer.infilling.settings import InfillingConfig
from arae_toolkit.transfer.infilling.training import InfillingTraining, evaluate
from arae_toolkit.transfer.salience import log_ratios, word_counts
from arae_toolkit.transfer.scorer.training import provide_scorer


def train_infilling(
    corpus: Corpus,
    config: InfillingConfig,
    folder: Path,
    *,
    scorer_folder: Path | None = None,
    **options: Unpack[RunOptions],
) -> None:
    """Train on a corpus's train split, resuming what the folder holds.

    See :meth:`~arae_toolkit.transfer.systems.TransferSystem.train` for the arguments. Without a
    scorer the model's folder holds no complete transfer model.

    Raises:
        CheckpointMismatch: If the folder holds another run.
        ValueError: If the corpus has fewer than two labels, or one without sentences.
        TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
    """
    experiment = Experiment(folder, config, {"corpus": corpus.sha256}, **options)
    if scorer_folder is not None:
        provide_scorer(corpus, scorer_folder, folder, options)
    vocabulary, labels, train = corpus.vocabulary, corpus.labels, corpus.split("train")
    settings, arguments = config.training, asdict(config.model)
    network = new_infilling_network(arguments, len(vocabulary), len(labels), seed=settings.seed)
    counts = word_counts(train, len(labels), len(vocabulary))
    network.counts.copy_(torch.from_numpy(counts))
    salience = log_ratios(counts, smoothing=settings.smoothing)
    network.salience.copy_(torch.from_numpy(salience))
    dev = corpus.split("dev")

    def make() -> tuple[InfillingTraining, Evaluate[InfillingTraining]]:
        training = InfillingTraining(
            network, settings, train, device=experiment.device, precision=experiment.precision
        )
        return training, lambda trained, last: evaluate(trained, dev)

    experiment.train(
        network,
        make,
        record={"kind": INFILLING, "model": arguments, "labels": labels},
        vocabulary=vocabulary,
    )
