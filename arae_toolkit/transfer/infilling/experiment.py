"""One infilling model from a labelled corpus to a model folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.devices import Precision
from arae_toolkit.models.model_folder import CONFIG, save_model_folder
from arae_toolkit.training.checkpoint import STATE
from arae_toolkit.training.loop import Run, fit
from arae_toolkit.training.metrics_log import Listener, RunLog
from arae_toolkit.training.run_identity import check_folder, settings_identity
from arae_toolkit.transfer.infilling.network import INFILLING, new_infilling_network
from arae_toolkit.transfer.infilling.settings import InfillingConfig
from arae_toolkit.transfer.infilling.training import InfillingTraining, evaluate
from arae_toolkit.transfer.salience import log_ratios, word_counts
from arae_toolkit.version import __version__

DEFAULTS = settings_identity(InfillingConfig())


def train_infilling(
    corpus: Corpus,
    config: InfillingConfig,
    folder: Path,
    *,
    device: torch.device,
    precision: Precision = "fp32",
    listeners: Sequence[Listener] = (),
    stop_signal: Callable[[], int] = lambda: 0,
) -> None:
    """Train on a corpus's train split, resuming what the folder holds.

    Args:
        corpus: Text with labels.
        config: Network and schedule.
        folder: Of the model.
        device: Where to train.
        precision: Of the matrix products.
        listeners: Told of every row and note.
        stop_signal: Returns the number of a signal that asks to stop, 0 otherwise.

    Raises:
        CheckpointMismatch: If the folder holds another run.
        ValueError: If the corpus has fewer than two labels, or one without sentences.
        TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
    """
    identity = {"corpus": corpus.sha256, "precision": precision, **settings_identity(config)}
    check_folder(folder / CONFIG, identity, defaults=DEFAULTS)
    vocabulary, labels, train = corpus.vocabulary, corpus.labels, corpus.split("train")
    settings, arguments = config.training, asdict(config.model)
    network = new_infilling_network(arguments, len(vocabulary), len(labels), seed=settings.seed)
    counts = word_counts(train, len(labels), len(vocabulary))
    network.counts.copy_(torch.from_numpy(counts))
    salience = log_ratios(counts, smoothing=settings.smoothing)
    network.salience.copy_(torch.from_numpy(salience))
    network.to(device)
    training = InfillingTraining(network, settings, train, device=device, precision=precision)
    state, log = folder / STATE, RunLog(folder, listeners)
    if not state.exists():
        save_model_folder(
            folder,
            config={
                "kind": INFILLING,
                "model": arguments,
                "labels": labels,
                "run": identity,
                "toolkit": __version__,
            },
            vocabulary=vocabulary,
            tensors=network.state_dict(),
        )
    dev = corpus.split("dev")

    def measure(trained: InfillingTraining, last: bool) -> Mapping[str, Any]:
        del last
        return evaluate(trained, dev)

    fit(
        training,
        Run(folder, identity, log, measure, stop_signal, DEFAULTS),
        resume_from=state if state.exists() else None,
    )
